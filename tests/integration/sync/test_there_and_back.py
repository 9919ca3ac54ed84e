"""A→B→A: a change that is reversed is seen as reversed, whatever was read in between.

An equal reply is not decoded, because the warehouse holds what it said. In each of these tests this is no longer true:
B was loaded in another way than by the list that now shows A again.
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
    """Changes a row without touching `updatedAt`, so that a reversal gives the same bytes."""
    row.title, row.head = title, None


def place(site: Site, row: Appointment, start_ms: int) -> None:
    """Moves a row without touching `updatedAt`."""
    data = site.world.data[site.location_id]
    data.remove_from_indexes(row)
    row.start_ms, row.end_ms, row.head = start_ms, start_ms + row.end_ms - row.start_ms, None
    data.add_to_indexes(row)


def row_of(site: Site) -> Appointment:
    """A row in the hot range."""
    rows = site.world.data[site.location_id].by_start.all()
    return next(row for row in rows if row.start_ms > site.world.now_ms and row.contact is not None)


def titles(site: Site, row: Appointment) -> list[str]:
    return [version["title"] for version in site.versions("appointments", row.id)]


def unequal(site: Site) -> list[str]:
    """The differences from the truth, without slots, which are not read."""
    return [each for each in site.differences() if not each.startswith("slots")]


def rename_service(site: Site, name: str) -> None:
    site.world.rename_service(site.location_id, next(iter(site.world.data[site.location_id].services)), name)


def test_a_move_that_only_the_new_window_shows(site: Site) -> None:
    """A requested range shows the row in its new window. The row moves back, and the old window's reply is as
    before."""
    row = row_of(site)
    site.sync()
    at_first, beyond = row.start_ms, row.start_ms + timedelta(days=500) // timedelta(milliseconds=1)
    place(site, row, beyond)
    assert site.sync(asked=Window(beyond - DAY_MS, beyond + DAY_MS)).changes.moved == 1
    place(site, row, at_first)
    assert site.sync().changes.moved == 1
    assert unequal(site) == []


def test_a_clock_that_was_ahead(site: Site) -> None:
    """A window was read by a clock that ran ahead, so it seems newer than its halves, which were read later."""
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
    """The reads of the halves belong to a load that never completed, so the whole window's older read counts again."""
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
    """The warehouse has B, and the ledger still has the reply with A."""
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
    """The state after a kill just before the last load completed."""
    with duckdb.connect(str(site.database)) as connection:
        loads = "bookings_raw._dlt_loads"
        connection.execute(f"DELETE FROM {loads} WHERE load_id = (SELECT max(load_id) FROM {loads})")


def test_other_scopes_in_between(site: Site) -> None:
    row = row_of(site)
    turn(row, "A")
    site.sync(scopes=("service", "user"))
    turn(row, "B")
    site.sync(scopes=("service",))
    turn(row, "A")
    site.sync(scopes=("user",))
    assert titles(site, row) == ["A", "B", "A"]


def test_a_deletion_in_between(site: Site) -> None:
    """The deletion is seen by service. Then the row is restored and read by user."""
    row = row_of(site)
    updated = row.updated_ms
    site.sync(scopes=("service", "user"))
    site.world.delete(site.location_id, row.id)
    assert site.sync(scopes=("service",)).changes.deleted == 1
    site.world.restore(site.location_id, row.id)
    row.updated_ms, row.head = updated, None
    assert site.sync(scopes=("user",)).changes.restored == 1
    assert unequal(site) == []


def test_a_contact_that_two_lists_show_differently(site: Site) -> None:
    """One list shows the contact changed, and its appointment is deleted. The other list always showed the same."""
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
