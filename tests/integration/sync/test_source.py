"""The dlt user's view: `bookings_source` in a pipeline of their own, by dlt's conventions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from bookings_sync.records.tables import TABLES
from bookings_sync.sync.source import bookings_source
from bookings_sync.warehouse.queries import Warehouse

from .conftest import Site


@pytest.fixture
def own(site: Site, tmp_path: Path) -> dlt.Pipeline:
    """A pipeline that lasts, in a folder that lasts."""
    return dlt.pipeline(
        "calendar",
        destination=dlt.destinations.duckdb(str(site.database)),
        dataset_name="bookings_raw",
        pipelines_dir=str(tmp_path / "pipelines"),
    )


def source(site: Site, **more: Any) -> Any:
    return bookings_source(settings=site.settings, clock=site.clock, **more)


def test_run_twice(site: Site, own: dlt.Pipeline) -> None:
    """One run is one load; the pipeline's own state needs no care."""
    own.run(source(site)).raise_on_failed_jobs()
    assert site.differences() == []
    site.world.advance(site.world.now - site.world.now.replace(hour=1))
    own.run(source(site)).raise_on_failed_jobs()
    assert site.differences() == []
    assert [row["outcome"] for row in site.query("SELECT outcome FROM runs")] == ["ok", "ok"]


def test_every_table_and_column_is_described(site: Site, own: dlt.Pipeline) -> None:
    """All tables stand from the first load on, even those with no rows, and dlt knows what each column means."""
    own.run(source(site))
    for name, table in TABLES.items():
        known = own.default_schema.get_table(name)["columns"]
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
def test_with_resources(site: Site, own: dlt.Pipeline, chosen: tuple[str, ...], filled: set[str]) -> None:
    """A choice of resources fills their tables and no other."""
    own.run(source(site).with_resources(*chosen)).raise_on_failed_jobs()
    tables = {row["name"] for row in site.query("SELECT table_name AS name FROM information_schema.tables")}
    with_rows = {name for name in tables & TABLES.keys() if site.query(f"SELECT * FROM {name} LIMIT 1")}
    assert with_rows == filled
    own.run(source(site)).raise_on_failed_jobs()
    assert site.differences() == []


def test_what_a_killed_load_left_is_not_taken_twice(site: Site, own: dlt.Pipeline) -> None:
    """Of a location that holds nothing the warehouse is not asked; but for one killed load's teams, it holds some."""
    listed = ["teams", "team_members", "services", "service_members", "service_hours"]

    def counts() -> list[int]:
        return [site.query(f"SELECT count(*) AS n FROM {name}")[0]["n"] for name in listed]

    own.run(source(site).with_resources("teams", "services")).raise_on_failed_jobs()
    before = counts()
    assert all(before)
    with duckdb.connect(str(site.database)) as connection:
        connection.execute("DELETE FROM bookings_raw.reads")  # their tables are loaded one after another
    own.run(source(site)).raise_on_failed_jobs()
    assert counts() == before
    assert site.differences() == []


def test_a_first_sync_asks_the_warehouse_for_no_teams(
    site: Site, own: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question takes longer than the few rows of one location; there may be a thousand of them."""
    monkeypatch.delattr(Warehouse, "held_of_location")
    own.run(source(site)).raise_on_failed_jobs()
    assert site.differences() == []


def test_a_range(site: Site, own: dlt.Pipeline) -> None:
    """An orchestrator's interval is a range to read; an empty one is an error, not a silent nothing."""
    now = site.clock()
    own.run(source(site, start=now.subtract(days=20), end=now.subtract(days=10)).with_resources("appointments"))
    starts = [row["start_time"] for row in site.live("appointments")]
    assert starts
    assert all(now.subtract(days=20) <= start <= now.subtract(days=10) for start in starts)
    with pytest.raises(ValueError, match="empty"):
        source(site, start=now, end=now)


def test_its_name_and_resources() -> None:
    assert bookings_source.name == "bookings"


def test_settings_from_dlts_configuration(site: Site, own: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing passed, dlt's providers say which calendar."""
    location = site.world.locations[0]
    monkeypatch.setenv("SOURCES__BOOKINGS__BASE_URL", site.server.base_url)
    monkeypatch.setenv(f"SOURCES__BOOKINGS__LOCATIONS__{location.name.upper()}__API_KEY", location.key)
    monkeypatch.setenv("SOURCES__BOOKINGS__SLOTS_HORIZON_DAYS", "3")
    own.run(bookings_source(clock=site.clock).with_resources("teams")).raise_on_failed_jobs()
    assert {row["id"] for row in site.live("teams")} == set(site.world.data[location.id].teams)
