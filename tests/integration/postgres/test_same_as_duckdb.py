"""One world synced into DuckDB and PostgreSQL, step by step: the raw tables and all models are equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from bookings_sync.models.project import Project, find_models
from bookings_sync.records.tables import TABLES

from .conftest import Database, Site, small

OF_THE_RUN = {"stg_reads", "stg_runs", "stg_location_runs", "stg_slot_reads", "rpt_coverage", "rpt_freshness"}
"""Models that describe the runs themselves."""
HISTORY = [name for name, table in TABLES.items() if table.history]


def unequal(one: Path, other: Path, tables: dict[str, str]) -> list[str]:
    """The tables with different rows, by the columns compared. Real numbers are compared to nine digits."""
    with duckdb.connect() as connection:
        connection.execute(
            f"SET TimeZone = 'UTC'; ATTACH '{one}' AS one (READ_ONLY); ATTACH '{other}' AS other (READ_ONLY)"
        )
        found = []
        for table, columns in tables.items():
            rows = [
                connection.sql(f"SELECT {columns} FROM {each}.{table} ORDER BY ALL").fetchall()
                for each in ("one", "other")
            ]
            if not _alike(*rows):
                pairs = [(a, b) for a, b in zip(*rows, strict=False) if not _alike([a], [b])]
                found.append(f"{table}: {len(rows[0])} and {len(rows[1])} rows; first {pairs[:1]}")
        return found


def _alike(one: list[tuple[object, ...]], other: list[tuple[object, ...]]) -> bool:
    return len(one) == len(other) and all(
        a == b or (isinstance(a, float) and isinstance(b, float) and a == pytest.approx(b, abs=1e-9, rel=1e-9))
        for row, twin in zip(one, other, strict=True)
        for a, b in zip(row, twin, strict=True)
    )


def test_raw_tables_and_models(site: Site, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duck, copy = tmp_path / "warehouse.duckdb", tmp_path / f"{database.name}.duckdb"
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(duck))
    raw = {f"bookings_raw.{name}": _columns(name) for name in HISTORY}
    models = Project.load(find_models()).models.values()
    marts = {
        f"bookings_{model.layer}.{model.name}": ", ".join(model.header.columns)
        for model in models
        if model.name not in OF_THE_RUN
    }

    def sync() -> list[int]:
        """Syncs both. Gives how many rows changed in each."""
        results = [site.sync(destination=destination) for destination in ("duckdb", "postgres")]
        assert [result.row["errors"] for result in results] == ["[]", "[]"]
        assert site.differences(database, tmp_path) == []
        assert unequal(duck, copy, raw) == []
        return [result.changes.total for result in results]

    def versions() -> list[object]:
        return [database.query(f"SELECT count(*) FROM bookings_raw.{name}") for name in HISTORY]

    assert min(sync()) > 0
    before = versions()
    assert sync() == [0, 0]
    assert versions() == before, "a sync that finds nothing new writes no row"
    site.world.advance(timedelta(days=14))
    assert min(sync()) > 0

    for destination in ("duckdb", "postgres"):
        assert site.transform(destination=destination).published
    for schema in ("bookings_staging", "bookings_marts"):
        database.copy(schema, copy)
    assert unequal(duck, copy, marts) == []


def _columns(table: str) -> str:
    return ", ".join((*TABLES[table].names, "_dlt_valid_from", "_dlt_valid_to"))


@pytest.mark.parametrize("destination", ["duckdb", "postgres"])
def test_keys_that_look_alike_when_joined(
    open_site: Callable[..., Site],
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    destination: str,
) -> None:
    """Record 23 of location 1 is not record 3 of location 12: a change of one leaves the other current."""
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "warehouse.duckdb"))
    site = open_site(small(appointments=20, opaque_key_share=1.0))  # keys that name no location
    one, other = site.world.locations
    teams = [next(iter(site.world.data[location.id].teams.values())) for location in (one, other)]
    teams[0].body["id"], teams[1].body["id"] = "23", "3"
    for location in (one, other):
        for row in site.world.truth(location.id)["appointments"]:  # they would name their location
            site.world.delete(location.id, row["id"])
    ids = {one.name: "1", other.name: "12"}
    locations = {name: replace(each, location_id=ids[name]) for name, each in site.settings.locations.items()}
    knobs = {"destination": destination, "locations": locations, "slots": False}
    site.sync(**knobs)
    teams[0].body["name"] = "renamed"
    assert site.sync(**knobs).changes.total == 1
    sql = "SELECT location_id, id FROM bookings_raw.teams WHERE _dlt_valid_to IS NULL AND id IN ('23', '3')"
    if destination == "postgres":
        current = database.query(sql)
    else:
        with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
            current = connection.sql(sql).fetchall()
    assert sorted(current) == [("1", "23"), ("12", "3")]
