"""A→B→A: what changed and changed back is seen to be back, however it was read in between.

An equal reply is passed over, for the warehouse holds what it says. Each of these is a way for that to have become
untrue: B came by another way than the list that says A again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import duckdb
import pendulum
import pytest

from bookings_sync.planning.windows import DAY_MS, Window
from bookings_sync.sandbox import Appointment
from bookings_sync.sync import pipeline

from .conftest import NOW, Site, Torn, small

WORLD = small(appointments=60, services_per_location=1, teams_per_location=1)


@pytest.fixture
def site(open_site: Callable[..., Site]) -> Site:
    return open_site(WORLD, slots=False, max_window_days=64, window_days=64)


def turn(row: Appointment, title: str) -> None:
    """Changes a row, and leaves no trace of it but the change: turned back, its bytes are as they were."""
    row.title, row.head = title, None


def place(site: Site, row: Appointment, start_ms: int) -> None:
    """Moves a row, and leaves no trace of it but the move."""
    data = site.world.data[site.location_id]
    data.lift(row)
    row.start_ms, row.end_ms, row.head = start_ms, start_ms + row.end_ms - row.start_ms, None
    data.stand(row)


def row_of(site: Site) -> Appointment:
    """One within the hot range."""
    rows = site.world.data[site.location_id].by_start.all()
    return next(row for row in rows if row.start_ms > site.world.now_ms and row.contact is not None)


def titles(site: Site, row: Appointment) -> list[str]:
    return [version["title"] for version in site.versions("appointments", row.id)]


def unequal(site: Site) -> list[str]:
    """What differs from the truth, slots apart: none are asked for."""
    return [each for each in site.differences() if not each.startswith("slots")]


def rename_service(site: Site, name: str) -> None:
    site.world.rename_service(site.location_id, next(iter(site.world.data[site.location_id].services)), name)


def test_moved_away_seen_only_where_it_went(site: Site) -> None:
    """A range is asked for that a row has moved into; then it moves back, and its first window says what it said."""
    row = row_of(site)
    site.sync()
    at_first, beyond = row.start_ms, row.start_ms + timedelta(days=500) // timedelta(milliseconds=1)
    place(site, row, beyond)
    assert site.sync(asked=Window(beyond - DAY_MS, beyond + DAY_MS)).changes.moved == 1
    place(site, row, at_first)
    assert site.sync().changes.moved == 1
    assert unequal(site) == []


def test_a_clock_that_was_ahead(site: Site) -> None:
    """A window read by a clock that ran ahead seems newer than its halves, read since."""
    row = row_of(site)
    turn(row, "A")
    ahead = pendulum.instance(site.world.now).add(days=20)
    pipeline.sync(site.settings, clock=lambda: ahead)
    turn(row, "B")
    site.sync(window_days=8, max_window_days=8)
    turn(row, "A")
    site.sync()
    assert titles(site, row) == ["A", "B", "A"]
    assert unequal(site) == []


def test_a_clock_that_was_ahead_of_a_contact(site: Site) -> None:
    row = row_of(site)
    assert row.contact is not None
    ahead = pendulum.instance(site.world.now).add(days=20)
    site.world.update_contact(site.location_id, row.contact.id, {"tags": ["A"]})
    pipeline.sync(site.settings, clock=lambda: ahead)
    for tag, days in (("B", 8), ("A", 64)):
        site.world.update_contact(site.location_id, row.contact.id, {"tags": [tag]})
        site.sync(window_days=days, max_window_days=days)
    assert unequal(site) == []


def test_a_load_killed_after_its_reads(site: Site) -> None:
    """The halves' reads belong to a load that never was complete: the whole window's read shows through."""
    row = row_of(site)
    turn(row, "A")
    site.sync()
    turn(row, "B")
    site.sync(window_days=8, max_window_days=8)
    last = site.sync(window_days=8, max_window_days=8)
    assert last.row["loads"] == 1
    forget_load(site)
    turn(row, "A")
    site.sync()
    assert titles(site, row) == ["A", "B", "A"]
    assert unequal(site) == []


def test_a_load_torn_before_its_reads(site: Site, torn: Torn) -> None:
    """B is in the warehouse, and the ledger still says A."""
    row = row_of(site)
    turn(row, "A")
    rename_service(site, "A")
    site.sync()
    turn(row, "B")
    rename_service(site, "B")
    with torn("reads"):
        site.sync()
    turn(row, "A")
    rename_service(site, "A")
    site.sync()
    assert titles(site, row) == ["A", "B", "A"]
    assert [each["name"] for each in site.query("SELECT name FROM services ORDER BY _dlt_valid_from")] == [
        "A",
        "B",
        "A",
    ]
    assert unequal(site) == []


def forget_load(site: Site) -> None:
    """What a kill leaves just before the last load would have been complete."""
    with duckdb.connect(str(site.database)) as connection:
        loads = "bookings_raw._dlt_loads"
        connection.execute(f"DELETE FROM {loads} WHERE load_id = (SELECT max(load_id) FROM {loads})")


def test_scopes_that_were_other_ones_in_between(site: Site) -> None:
    row = row_of(site)
    turn(row, "A")
    site.sync(scopes=("service", "user"))
    turn(row, "B")
    site.sync(scopes=("service",))
    turn(row, "A")
    site.sync(scopes=("user",))
    assert titles(site, row) == ["A", "B", "A"]


def test_a_row_that_was_gone_in_between(site: Site) -> None:
    """Deleted, seen so by service, restored, and asked for by user."""
    row = row_of(site)
    updated = row.updated_ms
    site.sync(scopes=("service", "user"))
    site.world.delete(site.location_id, row.id)
    assert site.sync(scopes=("service",)).changes.deleted == 1
    site.world.restore(site.location_id, row.id)
    row.updated_ms, row.head = updated, None
    assert site.sync(scopes=("user",)).changes.restored == 1
    assert unequal(site) == []


def test_a_contact_that_was_another_in_another_list(site: Site) -> None:
    """It is seen to change in the list of an appointment that then goes; its other's list says what it always said."""
    service_id = next(iter(site.world.data[site.location_id].services))
    far = site.world.book(site.location_id, service_id, NOW - timedelta(days=200), contact={"firstName": "Ana"})
    assert far.contact is not None
    near = site.world.book(site.location_id, service_id, NOW + timedelta(days=3), contact=far.contact.id)
    knobs: dict[str, Any] = {"lookback_days": 20, "history_start": (NOW - timedelta(days=300)).date()}
    site.sync(full=True, **knobs)
    site.world.update_contact(site.location_id, far.contact.id, {"firstName": "Eve"})
    assert site.sync(**knobs).changes.changed == 1
    site.world.update_contact(site.location_id, far.contact.id, {"firstName": "Ana"})
    site.world.delete(site.location_id, near.id)
    site.sync(full=True, **knobs)
    assert [each["first_name"] for each in site.versions("contacts", far.contact.id)] == ["Ana", "Eve", "Ana"]
    assert unequal(site) == []
