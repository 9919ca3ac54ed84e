"""Raw tables at a past moment and after later changes, to check that `as_of` restores the past."""

from __future__ import annotations

from typing import Any

import pendulum

from bookings_sync.models.project import Project

from .model_warehouse import Datasets, Warehouse

THEN = pendulum.datetime(2025, 3, 6, 12)
LATER = "2025-03-06T12:00:00.000001Z"
NOW = pendulum.datetime(2025, 3, 20, 12)
_VERSION = {"service_id": "S1", "team_id": "T1", "created_at": "2025-03-01T05:00:00Z"}


def appointment(key: str, start: str, since: str, until: str | None = None, **more: Any) -> dict[str, Any]:
    plain = {"id": key, "contact_id": f"C{key}", "start_time": start, "_dlt_valid_from": since, "_dlt_valid_to": until}
    return {**_VERSION, **plain, **more}


def fill_until_then(warehouse: Warehouse) -> None:
    """Inserts what syncs had loaded by THEN, 6 March."""
    first, moment = "2025-03-01T06:00:00Z", "2025-03-06T12:00:00Z"
    warehouse.insert("locations", {"name": "Main", "timezone": "America/New_York"})
    warehouse.insert("teams", {"id": "T1", "name": "Sales"})
    warehouse.insert("team_members", {"team_id": "T1", "user_id": "U1", "name": "Ann"})
    warehouse.insert("services", {"id": "S1", "name": "Advice", "slot_duration": 30, "slot_buffer": -5})
    warehouse.insert("service_members", {"service_id": "S1", "user_id": "U1", "selected": True})
    hours = {"open_hour": 9, "open_minute": 0, "close_hour": 17, "close_minute": 0}
    warehouse.insert("service_hours", {"service_id": "S1", "weekday": "monday", "position": 0, **hours})
    warehouse.insert("contacts", {"id": "Ca", "source": "referral", "date_added": first, "extra": '{"dnd":true}'})
    warehouse.insert("contact_custom_fields", {"contact_id": "Ca", "custom_field_id": "F", "value": '["x"]'})
    warehouse.insert("slots", {"service_id": "S1", "start_time": "2025-03-08T15:00:00Z"})
    warehouse.insert("rejected_records", {"rejection_id": "X", "table_name": "teams", "reason": "no id",
                                          "rejected_at": "2025-03-02T06:00:00Z"})  # fmt: skip
    warehouse.insert("runs", {"run_id": "R1", "started_at": "2025-03-05T20:00:00Z", "ended_at": "2025-03-05T20:01:00Z",
                              "locations": '[{"location_id":"L1","outcome":"ok"}]'})  # fmt: skip
    warehouse.insert("look_ups", {"id": "b", "scope": "service", "scope_id": "S1", "answer": "found",
                                  "asked_at": "2025-03-06T06:00:00Z"})  # fmt: skip
    warehouse.insert("held_deletions", {"hold_id": "H", "table_name": "appointments", "record_key": '["c"]',
                                        "why": "no control", "first_seen_at": "2025-03-06T06:00:00Z"})  # fmt: skip
    window = {"window_start": "2025-01-01T00:00:00Z", "window_end": "2025-06-01T00:00:00Z"}
    read = {"endpoint": "appointments", "scope": "service", "scope_id": "S1", **window}
    warehouse.insert("reads", {"read_id": "D1", "read_at": "2025-03-06T06:00:00Z", **read})
    # A version that ends exactly at THEN is no longer current at THEN.
    warehouse.insert(
        "appointments",
        appointment("a", "2025-03-03T15:00:00Z", first, moment, user_id="U1", appoinment_status="new"),
        appointment("a", "2025-03-03T15:00:00Z", moment, user_id="U1", appoinment_status="showed"),
        appointment("b", "2025-03-08T15:00:00Z", first, appoinment_status="new"),
        appointment("c", "2025-03-04T15:00:00Z", first, appoinment_status="noshow"),
        appointment("lost", "2025-01-20T15:00:00Z", first, appoinment_status="noshow"),
        appointment("unmarked", "2025-03-05T15:00:00Z", first, user_id="U1", appoinment_status="new"),
        appointment("overlap", "2025-03-05T15:10:00Z", first, user_id="U1", appoinment_status="new"),
        appointment("series_1741597200000", "2025-03-05T18:00:00Z", first, appoinment_status="new"),
        appointment("off", "2025-03-07T15:00:00Z", first, "2025-03-04T06:00:00Z", appoinment_status="new"),
        appointment("off", "2025-03-07T15:00:00Z", "2025-03-04T06:00:00Z", appoinment_status="cancelled"),
        # March can be predicted from ten marked bookings before.
        *(appointment(f"feb{n}", f"2025-02-{n:02}T15:00:00Z", first, appoinment_status="showed") for n in range(1, 10)),
    )


def fill_since_then(warehouse: Warehouse) -> None:
    """Inserts changes after THEN: each kind of change, in each kind of table."""
    for table in ("appointments", "services", "teams", "team_members", "service_members", "service_hours", "slots",
                  "contacts", "contact_custom_fields"):  # fmt: skip
        warehouse.client.execute_sql(
            f"UPDATE raw_data.{table} SET _dlt_valid_to = '{LATER}' WHERE _dlt_valid_to IS NULL"
        )
    warehouse.insert(
        "appointments",
        appointment("a", "2025-03-09T15:00:00Z", LATER, user_id="U2", appoinment_status="noshow"),
        appointment("b", "2025-03-08T15:00:00Z", LATER, appoinment_status="new", deleted_at=LATER),
        appointment("d", "2025-03-02T15:00:00Z", LATER, appoinment_status="showed", team_id="T9"),
    )
    warehouse.insert("services", {"id": "S1", "name": "Other", "slot_duration": 60, "_dlt_valid_from": LATER})
    warehouse.insert("slots", {"service_id": "S1", "start_time": "2025-03-08T15:00:00Z", "deleted_at": LATER,
                               "_dlt_valid_from": LATER})  # fmt: skip
    warehouse.insert("contacts", {"id": "Ca", "source": "phone", "_dlt_valid_from": LATER})
    warehouse.insert("runs", {"run_id": "R2", "started_at": LATER})
    warehouse.insert("rejected_records", {"rejection_id": "Y", "table_name": "teams", "reason": "no id",
                                          "rejected_at": LATER})  # fmt: skip
    warehouse.insert("reads", {"read_id": "D2", "endpoint": "teams", "scope": "location", "scope_id": "L1",
                               "read_at": LATER})  # fmt: skip


def check_past(warehouse: Warehouse, project: Project) -> None:
    """Asserts that every model as of THEN equals the model built at THEN, and that the live tables do not change."""
    fill_until_then(warehouse)
    warehouse.transform(now=THEN)
    then = {name: warehouse.rows(model.layer, name) for name, model in project.models.items()}
    assert all(then.values()), f"empty, so the test proves nothing: {[name for name, rows in then.items() if not rows]}"
    fill_since_then(warehouse)
    warehouse.transform(now=NOW)
    live = {name: warehouse.rows(model.layer, name) for name, model in project.models.items()}

    result = warehouse.transform(now=NOW, as_of=THEN)

    assert result.datasets == Datasets("raw_data", "staging_data_as_of", "marts_data_as_of")
    past = Warehouse(warehouse.path, warehouse.client, project, result.datasets)
    for name, model in project.models.items():
        key = model.header.key
        found, wanted = (
            sorted(rows, key=lambda row, key=key: str([row[part] for part in key]))
            for rows in (past.rows(model.layer, name), then[name])
        )
        assert found == wanted, name
    assert {name for name in then if live[name] != then[name]} >= {"fct_appointments", "rpt_show_rate", "dim_service"}
    assert live == {name: warehouse.rows(model.layer, name) for name, model in project.models.items()}
