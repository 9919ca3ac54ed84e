"""If a few appointments of a window change, only these are decoded, and every change is found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from bookings_sync.api.listing import Listing
from bookings_sync.planning.plan import PlannedRead
from bookings_sync.records.fast_path import Plain
from bookings_sync.records.rows import Batch
from bookings_sync.sandbox import Appointment
from bookings_sync.sync.lists import AppointmentLists

from .conftest import Site, small
from .test_there_and_back import place, unequal

WORLD = small(appointments=300, services_per_location=2, teams_per_location=1)
MONTH_MS = timedelta(days=31) // timedelta(milliseconds=1)


@pytest.fixture
def site(open_site: Callable[..., Site]) -> Site:
    """A synced site with stable windows."""
    site = open_site(WORLD, slots=False)
    for _ in range(3):
        site.sync()
    return site


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of records decoded from each list."""
    counts: list[int] = []
    decode = AppointmentLists.rows

    def counting(lists: AppointmentLists, read: PlannedRead, listing: Listing) -> Batch:
        counts.append(sum(len(each.ids) if isinstance(each, Plain) else 1 for each in listing.records))
        return decode(lists, read, listing)

    monkeypatch.setattr(AppointmentLists, "rows", counting)
    return counts


def hot_rows(site: Site) -> list[Appointment]:
    now = site.world.now_ms
    rows = site.world.data[site.location_id].by_start.all()
    return [row for row in rows if now < row.start_ms < now + MONTH_MS and row.contact is not None]


def changes(site: Site) -> dict[str, int]:
    found = site.sync().changes
    return {name: count for name in ("changed", "moved", "deleted", "new") if (count := getattr(found, name))}


def test_only_changed_records_are_decoded(site: Site, decoded: list[int]) -> None:
    for status in ("showed", "noshow"):
        for row in hot_rows(site)[:3]:
            site.world.mark(site.location_id, row.id, status)
        decoded.clear()
        assert changes(site) == {"changed": 3}
        assert sum(decoded) == 3
    assert unequal(site) == []


def test_one_is_deleted_where_another_is_marked(site: Site, decoded: list[int]) -> None:
    first, second, *_ = hot_rows(site)
    site.world.mark(site.location_id, first.id, "showed")
    site.world.delete(site.location_id, second.id)
    assert changes(site) == {"changed": 1, "deleted": 1}
    assert sum(decoded) == 1
    assert unequal(site) == []


def test_one_moves_to_another_window_and_back(site: Site, decoded: list[int]) -> None:
    row = hot_rows(site)[0]
    at_first, other = row.start_ms, row.start_ms + 2 * MONTH_MS
    for start_ms in (other, at_first):
        place(site, row, start_ms)
        assert changes(site) == {"moved": 1}
        assert unequal(site) == []
    assert sum(decoded) < len(hot_rows(site)) / 2


def test_a_contact_of_many_changes(site: Site, decoded: list[int]) -> None:
    row = hot_rows(site)[0]
    assert row.contact is not None
    site.world.update_contact(site.location_id, row.contact.id, {"firstName": "Another"})
    site.sync()
    assert unequal(site) == []
    assert sum(decoded) < len(hot_rows(site)) / 2
