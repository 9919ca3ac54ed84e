"""A location moves from v1 to v2 or back: its key is replaced, its history stays, and nothing seems to have changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from bookings_sync.models.access import open_client
from bookings_sync.models.destination import Datasets
from bookings_sync.models.transform import transform
from bookings_sync.observe.drift import new_fields
from bookings_sync.sandbox import sample_data
from bookings_sync.sync.pipeline import SyncResult
from support.apis import BOTH, Api
from support.oracle import flaws
from support.victims import Death, Victims

from .conftest import Site, Tally, Torn, small

CHAOS = bool(os.environ.get("CHAOS"))
CHANGES = ("new", "changed", "moved", "deleted", "restored", "rejected")
MONTH = (96, 120, 75, 168, 99, 150)
"""Hours between the syncs under v1."""

UNTOLD: dict[str, dict[str, str]] = {
    "fct_appointments": {"booking_state": "v2 has no status beside the attendance"},
    "dim_team": {"members": "members of a group that has no calendar"},
    "dim_member": {"teams": "the same"},
    "dim_location": {"timezone_source": "v2 reports the zone that v1 leaves to a guess"},
}
"""Columns of the marts that v2 cannot tell, each with the reason."""

OF_EXTRA = {"rpt_schema_drift": "lists the fields that no column holds, and v2 has others"}


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    """Runs in separate processes."""
    with Victims() as each:
        yield each


@pytest.fixture(autouse=True)
def complete_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """v1 may omit fields of single appointments. v2 then tells more (when an appointment was booked), which these tests
    leave out."""
    monkeypatch.setattr(sample_data, "appointment_shape", lambda _: None)


def after_a_month(open_site: Callable[..., Site], *, compared: bool = True, **knobs: Any) -> Site:
    """A location that v1 served for a month. An hour has passed since the last sync."""
    site = open_site(small(appointments=140, future_days=30), **knobs)
    for hours in MONTH:
        assert site.sync().outcome == "ok"
        site.world.advance(timedelta(hours=hours))
    assert site.sync().outcome == "ok"
    assert not compared or site.differences() == []
    site.world.now_ms += 3_600_000
    return site


Marts = dict[str, list[dict[str, Any]]]


def sync(site: Site, api: Api, **knobs: Any) -> tuple[SyncResult, dict[str, int]]:
    """A sync of the location by this API, and what it counts as changes. Free slots come and go by themselves."""
    site.apis = api
    result = site.sync(**knobs)
    assert result.row["errors"] == "[]"
    of_table = json.loads(result.row["tables"])
    counts = {kind: sum(of_table[name][kind] for name in of_table if name != "slots") for kind in CHANGES}
    return result, {kind: count for kind, count in counts.items() if count}


def build(site: Site) -> Marts:
    """Each mart and report after a transform, in a fixed order. Sums of fractions depend on the order of rows."""
    with open_client(site.settings, writes=True) as client:
        transform(client, Datasets(), now=site.clock())
    with duckdb.connect(str(site.database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        names = connection.sql(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'bookings_marts'"
            " AND NOT ends_with(table_name, '__next') AND NOT starts_with(table_name, '_') ORDER BY ALL"
        ).fetchall()
        found = {
            name: connection.execute(f"SELECT * FROM bookings_marts.{name}").to_arrow_table().to_pylist()
            for (name,) in names
        }
    assert len(found) > 40
    return {
        name: sorted(({key: _rounded(value) for key, value in row.items()} for row in rows), key=str)
        for name, rows in found.items()
    }


def _rounded(value: Any) -> Any:
    return round(value, 9) if isinstance(value, float) else value


def told_by_v2(marts: Marts) -> Marts:
    """The marts without what v2 cannot tell."""
    return {
        name: sorted(
            ({key: value for key, value in row.items() if key not in UNTOLD.get(name, {})} for row in rows), key=str
        )
        for name, rows in told_by_both(marts).items()
        if name not in OF_EXTRA
    }


def told_by_both(marts: Marts) -> Marts:
    """The marts without the coverage of contacts, which only v2 lists apart."""
    coverage = [row for row in marts["rpt_coverage"] if row["endpoint"] != "contacts"]
    return marts | {"rpt_coverage": coverage}


def other_marts(before: Marts, after: Marts) -> dict[str, set[str]]:
    """The marts that differ, with their columns."""
    return {
        name: {
            column
            for column in {key for row in (*rows, *after[name]) for key in row}
            if sorted(str(row[column]) for row in rows) != sorted(str(row[column]) for row in after[name])
        }
        for name, rows in before.items()
        if rows != after[name]
    }


def events(marts: Marts) -> list[dict[str, Any]]:
    return marts["fct_appointment_events"]


@pytest.mark.parametrize("zones_named", [True, False], ids=["with-zone", "without-zone"])
def test_a_move_changes_no_mart(open_site: Callable[..., Site], zones_named: bool) -> None:
    """There and back again. A copy of the warehouse that stays with v1 says what the marts must be."""
    site = after_a_month(open_site, zones_named=zones_named)
    copy = shutil.copy(site.database, site.database.with_name("copy.duckdb"))
    assert sync(site, "v1")[1] == {}
    stayed = build(site)
    shutil.copy(copy, site.database)

    moved, counted = sync(site, "v2")
    assert (moved.outcome, counted, moved.warnings) == ("ok", {}, {})
    assert moved.row["rows_rewritten"] > 100
    assert site.differences() == []
    with open_client(site.settings) as client:
        assert new_fields(client, since=moved.row["started_at"]) == [], "no notice of drift"
    marts = build(site)
    assert other_marts(told_by_v2(stayed), told_by_v2(marts)) == {}
    expected = UNTOLD.keys() | OF_EXTRA.keys() | {"rpt_coverage"}
    assert other_marts(stayed, marts).keys() == expected - ({"dim_location"} if zones_named else set())
    assert events(marts) == events(stayed)

    again, counted = sync(site, "v2")
    assert (counted, again.row["rows_rewritten"]) == ({}, 0)
    back, counted = sync(site, "v1")
    assert (back.outcome, counted) == ("ok", {})
    assert site.differences() == []
    assert other_marts(stayed, told_by_both(build(site))) == {}


def test_real_changes_are_one_event_each(open_site: Callable[..., Site]) -> None:
    """They happen between the last sync of v1 and the first one of v2."""
    site = after_a_month(open_site)
    before = events(build(site))
    world, location_id = site.world, site.location_id
    rows = [row for row in world.data[location_id].by_start.all() if row.contact and row.active]
    rows = [row for row in rows if row.service_id in world.data[location_id].services]
    marked, moved, gone = rows[3], rows[-1], rows[-2]
    status = "noshow" if marked.attendance == "showed" else "showed"
    world.mark(location_id, marked.id, status)
    world.reschedule(location_id, moved.id, world.now + timedelta(days=9))
    world.delete(location_id, gone.id)
    new = world.book(location_id, moved.service_id or "", world.now + timedelta(days=3), contact=moved.contact.id)
    world.rename_service(location_id, marked.service_id or "", "Another name")
    _, counted = sync(site, "v2")
    assert counted == {"new": 1, "changed": 2, "moved": 1, "deleted": 1}
    assert site.differences() == []
    after = [each for each in events(build(site)) if each not in before]
    assert sorted((each["appointment_id"], each["event"]) for each in after) == sorted(
        [(marked.id, "status changed"), (moved.id, "rescheduled"), (gone.id, "deleted"), (new.id, "booked")]
    )


def test_a_move_that_is_killed(open_site: Callable[..., Site], victims: Victims, tally: Tally) -> None:
    """At several moments. The run is repeated, by v2 or by v1 again."""
    deaths = [Death("a table merged", 3), Death("answer", 3), Death("statement", 60), Death("all merged"),
              Death("completed"), Death("a table staged", 2), Death("a staging copied", 2)]  # fmt: skip
    site = after_a_month(open_site)
    copy = shutil.copy(site.database, site.database.with_name("copy.duckdb"))
    before = events(build(site))
    for number, death in enumerate(deaths if CHAOS else deaths[:2]):
        shutil.copy(copy, site.database)
        site.apis = "v2"
        assert victims.order("sync", str(site.database), site.world.now, death, site.settings), death
        tally("kills on DuckDB", 1)
        assert flaws(str(site.database)) == []
        site.world.now_ms += 60_000
        for api in ("v2",) if number % 2 == 0 else BOTH:
            result, counted = sync(site, api)
            assert (result.outcome, counted) == ("ok", {}), (death, api)
        assert site.differences() == []
        assert flaws(str(site.database)) == []
        assert events(build(site)) == before


@pytest.mark.parametrize("table", ["reads", "appointments", "contacts"])
def test_a_move_whose_load_is_torn_and_that_is_given_up(open_site: Callable[..., Site], torn: Torn, table: str) -> None:
    """Some tables have v2's rows. Without the table `reads`, no entry says so."""
    site = after_a_month(open_site)
    before = events(build(site))
    with torn(table):
        sync(site, "v2")
    site.world.now_ms += 60_000
    for api in BOTH:
        result, counted = sync(site, api)
        assert (result.outcome, counted) == ("ok", {}), api
        assert site.differences() == []
        site.world.now_ms += 60_000
    assert events(build(site)) == before


def test_a_move_within_a_small_budget(open_site: Callable[..., Site]) -> None:
    """Thirty requests a run: it takes many runs, and none of them counts a change."""
    spread = {"max_window_days": 32, "lookback_days": 10, "horizon_days": 120, "history_start": date(2026, 7, 1)}
    site = after_a_month(open_site, compared=False, **spread)
    site.sync(full=True)  # finds what changed in cold windows
    before, runs = events(build(site)), 0
    while runs < 60:
        runs += 1
        result, counted = sync(site, "v2", request_budget=30)
        assert result.row["requests"] <= 30
        assert counted == {}
        site.world.now_ms += 60_000
        if site.differences() == []:
            break
    assert 1 < runs < 60
    assert [each for each in events(build(site)) if each not in before] == []


def test_a_move_of_hashed_data(open_site: Callable[..., Site]) -> None:
    """Hashes are equal if the values are, so changes are found and nothing else."""
    site = after_a_month(open_site, pii="hash", pii_key="a secret that is long enough", compared=False)
    before = events(build(site))
    hashed = {row["id"]: row["title"] for row in site.live("appointments")}
    _, counted = sync(site, "v2")
    assert counted == {}
    assert {row["id"]: row["title"] for row in site.live("appointments")} == hashed
    assert events(build(site)) == before
