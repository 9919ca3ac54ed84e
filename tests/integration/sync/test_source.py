"""`bookings_source` in a user's own dlt pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from bookings_sync.records.tables import TABLES
from bookings_sync.sync.source import bookings_source
from bookings_sync.warehouse.held_rows import HeldRows

from .conftest import Site


@pytest.fixture
def user_pipeline(site: Site, tmp_path: Path) -> dlt.Pipeline:
    """A pipeline with a permanent working directory."""
    return dlt.pipeline(
        "calendar",
        destination=dlt.destinations.duckdb(str(site.database)),
        dataset_name="bookings_raw",
        pipelines_dir=str(tmp_path / "pipelines"),
    )


def source(site: Site, **more: Any) -> Any:
    return bookings_source(settings=site.settings, clock=site.clock, **more)


def test_a_pipeline_can_run_twice(site: Site, user_pipeline: dlt.Pipeline) -> None:
    user_pipeline.run(source(site)).raise_on_failed_jobs()
    assert site.differences() == []
    site.world.advance(site.world.now - site.world.now.replace(hour=1))
    user_pipeline.run(source(site)).raise_on_failed_jobs()
    assert site.differences() == []
    assert [row["outcome"] for row in site.query("SELECT outcome FROM runs")] == ["ok", "ok"]


def test_every_table_and_column_is_described(site: Site, user_pipeline: dlt.Pipeline) -> None:
    """The first load creates all tables, even without rows, and dlt's schema describes every column."""
    user_pipeline.run(source(site))
    for name, table in TABLES.items():
        known = user_pipeline.default_schema.get_table(name)["columns"]
        described = {column.name: known[column.name].get("description") for column in table.columns}
        assert described == {column.name: column.description for column in table.columns}
        types = {column.name: known[column.name]["data_type"] for column in table.columns}
        assert types == {column.name: "text" if column.type == "json" else column.type for column in table.columns}
        site.query(f"SELECT {', '.join(table.names)} FROM {name}")


@pytest.mark.parametrize(
    ("chosen", "filled"),
    [
        (("teams", "services"), {"teams", "team_members", "services", "service_members", "service_hours", "reads"}),
        (("appointments",), {"appointments", "contacts", "contact_custom_fields", "reads"}),
        (("slots",), {"slots", "reads"}),
    ],
)
def test_selected_resources_fill_their_tables_and_no_others(
    site: Site, user_pipeline: dlt.Pipeline, chosen: tuple[str, ...], filled: set[str]
) -> None:
    user_pipeline.run(source(site).with_resources(*chosen)).raise_on_failed_jobs()
    tables = {row["name"] for row in site.query("SELECT table_name AS name FROM information_schema.tables")}
    with_rows = {name for name in tables & TABLES.keys() if site.query(f"SELECT * FROM {name} LIMIT 1")}
    assert with_rows == filled
    user_pipeline.run(source(site)).raise_on_failed_jobs()
    assert site.differences() == []


def test_rows_of_a_killed_load_are_not_inserted_twice(site: Site, user_pipeline: dlt.Pipeline) -> None:
    """A first sync does not query the warehouse for teams, unless a killed load has left some."""
    listed = ["teams", "team_members", "services", "service_members", "service_hours"]

    def counts() -> list[int]:
        return [site.query(f"SELECT count(*) AS n FROM {name}")[0]["n"] for name in listed]

    user_pipeline.run(source(site).with_resources("teams", "services")).raise_on_failed_jobs()
    before = counts()
    assert all(before)
    with duckdb.connect(str(site.database)) as connection:
        connection.execute("DELETE FROM bookings_raw.reads")  # the table that a killed load had not reached
    user_pipeline.run(source(site)).raise_on_failed_jobs()
    assert counts() == before
    assert site.differences() == []


def test_a_first_sync_does_not_query_held_teams(
    site: Site, user_pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a thousand locations, a query for each would take longer than their rows."""
    monkeypatch.delattr(HeldRows, "of_location")
    user_pipeline.run(source(site)).raise_on_failed_jobs()
    assert site.differences() == []


def test_a_range_is_read_alone(site: Site, user_pipeline: dlt.Pipeline) -> None:
    """An orchestrator passes its interval as a range. An empty range is an error."""
    now = site.clock()
    user_pipeline.run(
        source(site, start=now.subtract(days=20), end=now.subtract(days=10)).with_resources("appointments")
    )
    starts = [row["start_time"] for row in site.live("appointments")]
    assert starts
    assert all(now.subtract(days=20) <= start <= now.subtract(days=10) for start in starts)
    with pytest.raises(ValueError, match="empty"):
        source(site, start=now, end=now)


def test_the_source_is_named_bookings() -> None:
    assert bookings_source.name == "bookings"


def test_settings_come_from_dlts_configuration(
    site: Site, user_pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = site.world.locations[0]
    monkeypatch.setenv("SOURCES__BOOKINGS__BASE_URL", site.server.base_url)
    monkeypatch.setenv(f"SOURCES__BOOKINGS__LOCATIONS__{location.name.upper()}__API_KEY", location.key)
    monkeypatch.setenv("SOURCES__BOOKINGS__SLOTS_HORIZON_DAYS", "3")
    user_pipeline.run(bookings_source(clock=site.clock).with_resources("teams")).raise_on_failed_jobs()
    assert {row["id"] for row in site.live("teams")} == set(site.world.data[location.id].teams)
