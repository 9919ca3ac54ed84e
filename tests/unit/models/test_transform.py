"""Build, audit, publish: whatever goes wrong, the live tables keep their old state."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from bookings_sync.errors import AuditError
from bookings_sync.models.destination import NEXT
from bookings_sync.models.project import Project, find_models
from bookings_sync.models.selection import select
from bookings_sync.models.transform import AuditsFailedError, Datasets, ModelError, NothingSyncedError
from bookings_sync.records.tables import TABLES
from support.killed_transform import EXIT_CODE, killed_transform
from support.model_warehouse import NOW, Warehouse, open_warehouse

SOME = ["+fct_appointments"]
LOCAL = ("fct_appointments", "fct_slots", "rpt_utilisation", "rpt_hourly_utilisation", "dim_date")


def appointment(number: int, **changed: Any) -> dict[str, Any]:
    return {"id": f"A{number}", "contact_id": "C1", "appoinment_status": "new", **changed}


def ids(warehouse: Warehouse) -> set[str]:
    return {row["appointment_id"] for row in warehouse.rows("marts", "fct_appointments")}


def unpublished(warehouse: Warehouse) -> set[str]:
    return {name for name in warehouse.tables() if name.endswith(NEXT)}


def test_builds_audits_and_publishes_every_model(warehouse: Warehouse, project: Project) -> None:
    warehouse.insert("appointments", appointment(1), appointment(2))
    steps: list[tuple[str, str]] = []

    result = warehouse.transform(progress=lambda step, model: steps.append((step, model)))

    assert result.published
    assert [model.name for model in result.models] == list(project.models)
    assert {model.name: model.rows for model in result.models}["fct_appointments"] == 2
    assert all(model.audits > 0 for model in result.models)
    assert steps == [(step, name) for step in ("build", "audit") for name in project.models]
    assert unpublished(warehouse) == set()
    comments = warehouse.client.execute_sql(
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'fct_appointments' AND column_name = 'local_date'"
    )
    assert comments == [("Local day of the start.",)]


def test_a_later_run_replaces_the_tables(warehouse: Warehouse) -> None:
    for number in range(3):
        warehouse.insert("appointments", appointment(number))
        warehouse.transform(select=SOME)
        assert ids(warehouse) == {f"A{one}" for one in range(number + 1)}


def test_a_failed_audit_leaves_the_live_tables_unchanged(warehouse: Warehouse) -> None:
    warehouse.insert("appointments", appointment(1))
    warehouse.transform(select=SOME)
    # Two current versions of one team, as a broken load would leave them.
    duplicate = {"id": "T1", "name": "Dr Secret"}
    warehouse.insert("teams", duplicate, duplicate, {"id": "T2", "name": "Fine"})
    warehouse.insert("appointments", appointment(2))

    with pytest.raises(AuditsFailedError) as caught:
        warehouse.transform(select=SOME)

    assert isinstance(caught.value, AuditError)
    assert caught.value.models == ("stg_teams",)
    assert "stg_teams: unique location_id, team_id: 1 failing row(s), such as location_id=L1, team_id=T1" in str(
        caught.value
    )
    assert "Secret" not in str(caught.value)
    assert ids(warehouse) == {"A1"}
    assert unpublished(warehouse) == set()


def test_every_audit_runs_and_every_failure_is_reported(warehouse: Warehouse) -> None:
    warehouse.insert("teams", {"id": None}, {"id": "T1"}, {"id": "T1"})
    warehouse.insert("runs", {"run_id": "R"}, {"run_id": "R"})

    with pytest.raises(AuditsFailedError) as caught:
        warehouse.transform(select=["stg_teams", "stg_runs"])

    assert {(failure.model, failure.audit, failure.failing_rows) for failure in caught.value.failures} == {
        ("stg_teams", "not null team_id", 1),
        ("stg_teams", "unique location_id, team_id", 1),
        ("stg_runs", "unique run_id", 1),
    }


# (model, text to replace, replacement, the audit that must fail)
BROKEN = [
    ("fct_appointments", "LEFT JOIN marts.dim_service", "JOIN marts.dim_service", "no_appointment_missing"),
    ("fct_appointments", "THEN 'first_seen' ELSE", "THEN 'guessed' ELSE", "accepted booked_at_source"),
    ("fct_appointments", "FROM fact.local_start) AS", "FROM fact.local_start) + 24 AS", "range local_hour"),
    (
        "fct_appointments",
        "    local_starts.local_start,",
        "    local_starts.local_start + INTERVAL 2 DAY AS local_start,",
        "local_day_near",
    ),
    ("dim_member", "WHERE member_id IS NOT NULL", "WHERE FALSE", "references marts.dim_member"),
    ("fct_appointment_events", "IS NULL THEN kinds.event = 'booked'", "IS NULL THEN FALSE", "booked_first_and_once"),
    ("rpt_daily_bookings", "COUNT_IF(is_booking) AS", "COUNT_IF(TRUE) AS", "equals_appointments"),
    ("fct_slot_seats", "JOIN local_starts ON", "JOIN local_starts ON FALSE AND", "no_slot_missing"),
]


@pytest.mark.parametrize(("model", "good", "bad", "audit"), BROKEN, ids=[f"{one[0]}: {one[3]}" for one in BROKEN])
def test_audits_find_a_broken_model(
    warehouse: Warehouse, tmp_path: Path, model: str, good: str, bad: str, audit: str
) -> None:
    audited = {"dim_member": "fct_appointments", "fct_slot_seats": "fct_slots"}.get(model, model)
    folder = shutil.copytree(find_models(), tmp_path / "sql")
    path = next(folder.rglob(f"{model}.sql"))
    text = path.read_text(encoding="utf-8")
    assert good in text
    path.write_text(text.replace(good, bad), encoding="utf-8")
    warehouse.insert(
        "appointments",
        appointment(1, user_id="U1", start_time="2025-03-05T09:00:00Z"),
        appointment(2, user_id="U2", start_time="2025-03-05T09:00:00Z", deleted_at="2025-03-02T00:00:00Z"),
    )
    warehouse.insert("slots", {"service_id": "S1", "start_time": "2025-03-05T09:00:00Z"})

    with pytest.raises(AuditsFailedError) as caught:
        warehouse.transform(project=Project.load(folder), select=[f"+{audited}"])

    assert audit in str(caught.value)


@pytest.mark.parametrize("moment", ["audit fct_appointments", "before 10 RENAME TO"], ids=["audit", "publish"])
def test_a_kill_leaves_the_live_tables_unchanged(tmp_path: Path, project: Project, moment: str) -> None:
    with open_warehouse(tmp_path, project) as warehouse:
        warehouse.create_raw()
        warehouse.insert("appointments", appointment(1))
        warehouse.transform(select=SOME)
        before = warehouse.tables()
        warehouse.insert("appointments", appointment(2))

    assert killed_transform(warehouse.path, NOW, moment, *SOME) == EXIT_CODE

    with open_warehouse(tmp_path, project) as warehouse:
        assert ids(warehouse) == {"A1"}
        assert unpublished(warehouse), "killed too late to prove anything"
        assert warehouse.tables() - unpublished(warehouse) == before
        warehouse.transform(select=SOME)
        assert ids(warehouse) == {"A1", "A2"}
        assert warehouse.tables() == before


def test_an_interrupt_drops_unpublished_tables(warehouse: Warehouse) -> None:
    def interrupt(step: str, model: str) -> None:
        if (step, model) == ("audit", "dim_team"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        warehouse.transform(progress=interrupt)

    assert unpublished(warehouse) == set()


def test_publishes_without_ddl_transactions(warehouse: Warehouse) -> None:
    warehouse.client.capabilities.supports_ddl_transactions = False
    for number in range(2):
        warehouse.insert("appointments", appointment(number))
        warehouse.transform(select=SOME)

    assert ids(warehouse) == {"A0", "A1"}
    assert unpublished(warehouse) == set()


def test_a_transform_before_the_first_sync_is_an_error(empty_warehouse: Warehouse) -> None:
    with pytest.raises(NothingSyncedError, match="raw_data"):
        empty_warehouse.transform()


def test_reads_of_incomplete_loads_do_not_count(warehouse: Warehouse) -> None:
    warehouse.insert("teams", {"id": "T1"})
    window = {"window_start": "2025-01-01T00:00:00Z", "window_end": "2025-06-01T00:00:00Z"}
    for number in (1, 2):
        read = {"read_id": f"R{number}", "endpoint": "appointments", "scope": "service", "scope_id": "S1", **window}
        warehouse.insert("reads", {**read, "read_at": f"2025-03-0{number}T06:00:00Z"})
    warehouse.client.execute_sql("UPDATE raw_data.reads SET _dlt_load_id = read_id")
    warehouse.client.execute_sql("CREATE TABLE raw_data._dlt_loads AS SELECT 'R1' AS load_id, 0 AS status")

    for as_of in (None, NOW):
        result = warehouse.transform(select=["+rpt_coverage"], as_of=as_of)
        seen = Warehouse(warehouse.path, warehouse.client, warehouse.project, result.datasets)
        assert [row["read_id"] for row in seen.rows("staging", "stg_reads")] == ["R1"]
        assert [row["windows"] for row in seen.rows("marts", "rpt_coverage")] == [1]


@pytest.mark.parametrize("table", ["appointments", "slots"])
def test_missing_raw_tables_count_as_empty(empty_warehouse: Warehouse, project: Project, table: str) -> None:
    empty_warehouse.create_raw([table])

    result = empty_warehouse.transform()

    assert len(result.models) == len(project.models)


def test_a_selection_reads_other_models_from_the_live_tables(warehouse: Warehouse) -> None:
    warehouse.insert("appointments", appointment(1, start_time="2025-03-05T09:00:00Z"))
    warehouse.transform(select=["+rpt_daily_bookings"])
    warehouse.insert("appointments", appointment(2, start_time="2025-03-05T09:00:00Z"))

    result = warehouse.transform(select=["rpt_daily_*"])
    assert [model.name for model in result.models] == ["rpt_daily_bookings"]
    assert [row["bookings"] for row in warehouse.rows("marts", "rpt_daily_bookings")] == [1]

    warehouse.transform(select=["stg_appointment*", "fct_appointment*", "rpt_daily_*"])
    assert [row["bookings"] for row in warehouse.rows("marts", "rpt_daily_bookings")] == [2]


def test_a_selection_with_upstream_models_never_built_is_an_error(warehouse: Warehouse) -> None:
    with pytest.raises(ModelError, match=r"never built: .*marts\.fct_appointments.* Select them too"):
        warehouse.transform(select=["rpt_show_rate"])


def test_a_misspelt_selection_suggests_similar_names(warehouse: Warehouse) -> None:
    with pytest.raises(ModelError, match=r"no model is called xyz\. `bookings docs` writes a page of all"):
        warehouse.transform(select=["xyz"])
    with pytest.raises(ModelError, match=r"no model is called rpt_shows\. Did you mean rpt_.*rpt_show_rate"):
        warehouse.transform(select=["rpt_shows"])


@pytest.mark.parametrize(
    ("pattern", "is_in", "is_out"),
    [
        ("+dim_team", {"dim_team", "stg_teams", "stg_services", "dim_location"}, {"dim_service", "fct_slots"}),
        ("dim_team+", {"dim_team", "dim_service", "fct_appointments", "rpt_show_rate"}, {"stg_teams", "dim_date"}),
        ("+rpt_coverage+", {"stg_reads", "rpt_coverage", "rpt_freshness"}, {"dim_service"}),
        ("rpt_*load*", {"rpt_member_load"}, {"fct_appointments"}),
        # Its audits read rpt_daily_bookings.
        ("+rpt_bookings", {"rpt_daily_bookings"}, {"rpt_show_rate"}),
    ],
)
def test_plus_selects_up_and_downstream(project: Project, pattern: str, is_in: set[str], is_out: set[str]) -> None:
    names = [model.name for model in select(project, [pattern])]

    assert is_in <= set(names)
    assert not is_out & set(names)
    assert names == [name for name in project.models if name in names], "in build order"


def test_dev_datasets_leave_the_live_ones_unchanged(warehouse: Warehouse) -> None:
    warehouse.insert("appointments", appointment(1))
    warehouse.transform(select=["+rpt_first_change"])
    warehouse.insert("appointments", appointment(2))
    live = warehouse.tables()

    result = warehouse.transform(dev="ann", select=["+fct_appointments"])
    # Reads fct_appointments from the dev datasets, and everything else from the live ones.
    warehouse.transform(dev="ann", select=["rpt_first_change"])

    assert result.datasets == Datasets("raw_data", "staging_data_ann", "marts_data_ann")
    assert ids(warehouse) == {"A1"}
    dev = warehouse.tables() - live
    assert all(name.startswith(("staging_data_ann.", "marts_data_ann.")) for name in dev)
    assert {"marts_data_ann.fct_appointments", "marts_data_ann.rpt_first_change"} <= dev
    assert "marts_data_ann.dim_time_span" in dev, "audits of fct_appointments read dim_time_span"
    counted = warehouse.client.execute_sql("SELECT SUM(bookings) FROM marts_data_ann.rpt_first_change")
    assert counted == [(2,)]
    warehouse.client.execute_sql("INSERT INTO marts_data_ann.dim_team (location_id, team_id) VALUES ('L1', 'T')")
    with pytest.raises(AuditsFailedError, match="dim_team: not null is_deleted: 1 failing"):
        warehouse.transform(dev="ann", select=["dim_team"], audit_only=True)


def test_audit_only_audits_the_live_tables_and_builds_nothing(warehouse: Warehouse) -> None:
    with pytest.raises(ModelError, match="never built"):
        warehouse.transform(audit_only=True)
    warehouse.transform()
    assert not warehouse.transform(audit_only=True).published
    warehouse.client.execute_sql("INSERT INTO marts_data.dim_date (date) VALUES ('2020-01-01')")

    with pytest.raises(AuditsFailedError, match="dim_date: not null week: 1 failing"):
        warehouse.transform(audit_only=True)

    assert unpublished(warehouse) == set()


def test_a_rejected_query_names_the_file_and_quotes_no_value(warehouse: Warehouse) -> None:
    warehouse.client.execute_sql("ALTER TABLE raw_data.appointments ALTER start_time TYPE VARCHAR")
    warehouse.insert("appointments", appointment(1, start_time="Jane Roe"))

    with pytest.raises(ModelError) as caught:
        warehouse.transform()

    assert ".sql: the warehouse rejected" in str(caught.value)
    assert "Jane" not in str(caught.value)
    assert unpublished(warehouse) == set()


def test_the_session_time_zone_does_not_matter(warehouse: Warehouse) -> None:
    warehouse.insert("locations", {"name": "One", "timezone": "America/New_York"})
    warehouse.insert("services", {"id": "S1", "slot_duration": 30})
    warehouse.insert("appointments", appointment(1, start_time="2025-03-10T02:00:00Z", service_id="S1"))
    warehouse.insert("slots", {"service_id": "S1", "start_time": "2025-03-10T03:00:00Z"})
    seen = []
    for zone in ("UTC", "Pacific/Auckland"):
        warehouse.client.execute_sql(f"SET TimeZone = '{zone}'")
        warehouse.transform(select=[f"+{name}" for name in LOCAL])
        seen.append([sorted(warehouse.rows("marts", name), key=str) for name in LOCAL])

    assert seen[0] == seen[1]


def test_the_test_warehouse_has_every_raw_table(warehouse: Warehouse) -> None:
    assert {f"raw_data.{name}" for name in TABLES} <= warehouse.tables()
