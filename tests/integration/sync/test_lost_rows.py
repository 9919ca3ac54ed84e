"""The warehouse changes behind our back: the next sync notices, warns and heals it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import dlt
import duckdb
import pytest

from bookings_sync.planning.windows import Window
from bookings_sync.records.tables import TABLES

from .conftest import Site, small

WORLD = small(locations=2, appointments=120, services_per_location=2, teams_per_location=1)
HISTORIES = [table.name for table in TABLES.values() if table.history]


@pytest.fixture
def site(open_site: Callable[..., Site]) -> Site:
    """Two locations, a warehouse that is in sync, and a part of the calendar that not every run reads."""
    site = open_site(
        WORLD, history_start=date(2026, 7, 1), lookback_days=10, horizon_days=120, max_window_days=16, window_days=16
    )
    site.sync()
    site.world.rename_service(site.location_id, next(iter(site.world.data[site.location_id].services)), "Renamed")
    site.sync()
    return site


@contextmanager
def opened(site: Site) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(site.database)) as connection:
        connection.execute("SET TimeZone = 'UTC'; USE bookings_raw")
        yield connection


def damage(site: Site, *statements: str) -> None:
    with opened(site) as connection:
        for statement in statements:
            connection.execute(statement)


def heals(site: Site, *, warns: bool = True) -> None:
    """One sync makes the warehouse equal to the truth, and the next one finds nothing to do."""
    healed = site.sync()
    assert site.differences() == []
    assert any("other rows" in warning for warning in healed.warnings) == warns
    again = site.sync()
    assert (again.changes.total, again.warnings) == (0, {})


@pytest.mark.parametrize("table", HISTORIES)
def test_a_table_that_was_emptied(site: Site, table: str) -> None:
    damage(site, f"DELETE FROM {table}")
    heals(site)


@pytest.mark.parametrize("table", [*TABLES, "_dlt_loads", "_dlt_version", "_dlt_pipeline_state"])
def test_a_table_that_was_dropped(site: Site, table: str) -> None:
    damage(site, f"DROP TABLE {table}")
    heals(site, warns=table in HISTORIES)


def test_all_tables_that_were_emptied(site: Site) -> None:
    damage(site, *(f"DELETE FROM {table}" for table in HISTORIES))
    heals(site)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM appointments WHERE start_time < '2026-10-01'",
        "DELETE FROM appointments WHERE location_id = (SELECT max(location_id) FROM locations)",
        "DELETE FROM contact_custom_fields WHERE contact_id = (SELECT min(contact_id) FROM contact_custom_fields)",
        "UPDATE appointments SET location_id = (SELECT min(location_id) FROM locations)",
        "UPDATE contacts SET _dlt_valid_to = '2026-11-01'",
        "DELETE FROM slots WHERE start_time > '2026-11-03'",
    ],
)
def test_rows_that_were_lost(site: Site, statement: str) -> None:
    damage(site, statement)
    site.sync()
    if "SET location_id" in statement:
        damage(site, "DELETE FROM appointments WHERE location_id = (SELECT min(location_id) FROM locations)")
    heals(site, warns="SET location_id" in statement)


def test_a_table_that_was_restored_from_an_older_copy(site: Site) -> None:
    damage(site, "CREATE TABLE main.copy AS FROM appointments", "CREATE TABLE main.reads AS FROM reads")
    data = site.world.data[site.location_id]
    row = next(row for row in data.by_start.all() if row.start_ms > site.world.now_ms)
    site.world.mark(site.location_id, row.id, "showed")
    site.sync()
    damage(site, "DELETE FROM appointments", "INSERT INTO appointments FROM main.copy")
    heals(site)
    damage(site, "DELETE FROM reads", "INSERT INTO reads BY NAME FROM main.reads")
    heals(site)


def test_full_compares_with_the_held_values(site: Site) -> None:
    """`--full` relies on no digest, neither of replies nor of rows."""
    damage(
        site,
        "UPDATE appointments SET title = 'edited' WHERE start_time < '2026-10-01'",
        "UPDATE appointments SET deleted_at = now() WHERE start_time > '2026-11-01'",
        "UPDATE service_members SET deleted_at = now()",
        "UPDATE contacts SET country = 'XX'",
        "UPDATE services SET name = 'edited'",
        "UPDATE locations SET name = 'edited'",
        "UPDATE contact_custom_fields SET value = '\"edited\"'",
    )
    assert site.differences() != []
    site.sync(full=True)
    assert site.differences() == []
    assert site.sync(full=True).changes.total == 0


def test_a_run_for_a_range_leaves_the_rest_to_the_next_run(site: Site) -> None:
    damage(site, "DELETE FROM appointments")
    now = site.world.now_ms
    site.sync(asked=Window(now, now + 86_400_000))
    assert site.differences() != []
    heals(site, warns=False)


def test_a_small_budget_heals_over_several_runs(site: Site) -> None:
    damage(site, "DELETE FROM appointments")
    for _ in range(10):
        site.sync(request_budget=28)
        if not site.differences():
            return
    raise AssertionError(site.differences()[:3])


def test_tables_that_somebody_empties_during_a_load(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run has compared the calendar with these rows already."""
    normalize = dlt.Pipeline.normalize

    def empty_and_normalize(pipeline: dlt.Pipeline) -> Any:
        with pipeline.sql_client() as client:
            for table in HISTORIES:
                client.execute_sql(f"DELETE FROM {table}")
        return normalize(pipeline)

    with monkeypatch.context() as patch:
        patch.setattr(dlt.Pipeline, "normalize", empty_and_normalize)
        site.sync()
    heals(site)
