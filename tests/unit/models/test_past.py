"""As of: the models read at a moment of the past must be what a transform made at that moment."""

from __future__ import annotations

from typing import Any

import pendulum
import pytest

from bookings_sync.models.project import Project
from bookings_sync.models.transform import Datasets, ModelError

from .conftest import Warehouse

THEN = pendulum.datetime(2025, 3, 6, 12)
NOW = pendulum.datetime(2025, 3, 20, 12)
LATER = "2025-03-06T12:00:00.000001Z"
_VERSION = {"service_id": "S1", "team_id": "T1", "created_at": "2025-03-01T05:00:00Z"}


def appointment(key: str, start: str, since: str, until: str | None = None, **more: Any) -> dict[str, Any]:
    plain = {"id": key, "contact_id": f"C{key}", "start_time": start, "_dlt_valid_from": since, "_dlt_valid_to": until}
    return {**_VERSION, **plain, **more}


def by_then(warehouse: Warehouse) -> None:
    """What the syncs up to the 6th of March had loaded."""
    warehouse.insert("locations", {"name": "Main", "timezone": "America/New_York"})
    warehouse.insert("teams", {"id": "T1", "name": "Sales"})
    warehouse.insert("team_members", {"team_id": "T1", "user_id": "U1", "name": "Ann"})
    warehouse.insert("services", {"id": "S1", "name": "Advice", "slot_duration": 30})
    warehouse.insert("service_members", {"service_id": "S1", "user_id": "U1", "selected": True})
    hours = {"open_hour": 9, "open_minute": 0, "close_hour": 17, "close_minute": 0}
    warehouse.insert("service_hours", {"service_id": "S1", "weekday": "monday", "position": 0, **hours})
    warehouse.insert("contacts", {"id": "Ca", "source": "referral", "extra": '{"dnd":true}'})
    warehouse.insert("contact_custom_fields", {"contact_id": "Ca", "custom_field_id": "F", "value": '["x"]'})
    warehouse.insert("slots", {"service_id": "S1", "start_time": "2025-03-08T15:00:00Z"})
    warehouse.insert("rejected_records", {"rejection_id": "X", "table_name": "teams", "reason": "no id",
                                          "rejected_at": "2025-03-02T06:00:00Z"})  # fmt: skip
    warehouse.insert("runs", {"run_id": "R1", "started_at": "2025-03-01T06:00:00Z"})
    window = {"window_start": "2025-01-01T00:00:00Z", "window_end": "2025-06-01T00:00:00Z"}
    read = {"endpoint": "appointments", "scope": "service", "scope_id": "S1", **window}
    warehouse.insert("reads", {"read_id": "D1", "read_at": "2025-03-06T06:00:00Z", **read})
    # The version that ends at the very moment is the current one no longer.
    first, moment = "2025-03-01T06:00:00Z", "2025-03-06T12:00:00Z"
    warehouse.insert("appointments",
                     appointment("a", "2025-03-03T15:00:00Z", first, moment, user_id="U1", appoinment_status="new"),
                     appointment("a", "2025-03-03T15:00:00Z", moment, user_id="U1", appoinment_status="showed"),
                     appointment("b", "2025-03-08T15:00:00Z", first, appoinment_status="new"),
                     appointment("c", "2025-03-04T15:00:00Z", first, appoinment_status="noshow"))  # fmt: skip


def late(key: str, start: str, **more: Any) -> dict[str, Any]:
    return appointment(key, start, LATER, **more)


def since_then(warehouse: Warehouse) -> None:
    """What came later: each kind of change in each kind of table."""
    for table in ("appointments", "services", "teams", "team_members", "service_members", "service_hours", "slots",
                  "contacts", "contact_custom_fields"):  # fmt: skip
        warehouse.client.execute_sql(
            f"UPDATE raw_data.{table} SET _dlt_valid_to = '{LATER}' WHERE _dlt_valid_to IS NULL"
        )
    warehouse.insert(
        "appointments",
        late("a", "2025-03-09T15:00:00Z", user_id="U2", appoinment_status="noshow"),
        late("b", "2025-03-08T15:00:00Z", appoinment_status="new", deleted_at=LATER),
        late("d", "2025-03-02T15:00:00Z", appoinment_status="showed", team_id="T9"),
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


def test_every_model_is_what_it_was(warehouse: Warehouse, project: Project) -> None:
    by_then(warehouse)
    warehouse.transform(now=THEN)
    were = {name: warehouse.rows(model.layer, name) for name, model in project.models.items()}
    assert all(were.values()), f"empty, so nothing is proved of {[name for name, rows in were.items() if not rows]}"
    since_then(warehouse)
    warehouse.transform(now=NOW)
    live = {name: warehouse.rows(model.layer, name) for name, model in project.models.items()}

    result = warehouse.transform(now=NOW, as_of=THEN)

    assert result.datasets == Datasets("raw_data", "staging_data_as_of", "marts_data_as_of")
    past = Warehouse(warehouse.path, warehouse.client, project, result.datasets)
    for name, model in project.models.items():
        found = past.rows(model.layer, name)
        key = model.header.key
        assert sorted(found, key=lambda row, key=key: str([row[part] for part in key])) == sorted(
            were[name], key=lambda row, key=key: str([row[part] for part in key])
        ), name
    assert {name for name in were if live[name] != were[name]} >= {"fct_appointments", "rpt_show_rate", "dim_service"}
    assert live == {name: warehouse.rows(model.layer, name) for name, model in project.models.items()}


def test_before_the_first_sync(warehouse: Warehouse) -> None:
    by_then(warehouse)
    with pytest.raises(
        ModelError, match=r"synced by 2025-03-01 05:59:59 UTC: the first sync was at 2025-03-01 06:00:00"
    ):
        warehouse.transform(as_of=pendulum.datetime(2025, 3, 1, 5, 59, 59))


def test_the_past_is_never_mixed_with_the_present(warehouse: Warehouse) -> None:
    by_then(warehouse)
    warehouse.transform(now=NOW, select=["+rpt_show_rate"])
    with pytest.raises(ModelError, match=r"never built: .*marts\.fct_appointments"):
        warehouse.transform(now=NOW, as_of=THEN, select=["rpt_show_rate"])
