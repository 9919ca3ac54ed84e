"""Replies that may not be all of their window, or not of their window at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bookings_sync.sandbox import Switches
from bookings_sync.sync.pipeline import SyncResult

from .conftest import Site, small

LIST = "GET /appointments/"


def busy(**settings: Any) -> Any:
    return small(appointments=900, **settings)


def lists(site: Site) -> int:
    return Counter(each.endpoint for each in site.world.requests.records)[LIST]


def synced(site: Site, **knobs: Any) -> tuple[SyncResult, str]:
    site.world.now_ms += 60_000
    site.world.requests.reset()
    result = site.sync(**knobs)
    assert result.row["errors"] == "[]"
    return result, " ".join(result.warnings)


@pytest.mark.parametrize("keeps", ["earliest", "latest", "scattered"])
@pytest.mark.parametrize("cap", [73, 100])
def test_a_cap_is_found_and_nothing_is_lost(open_site: Callable[..., Site], cap: int, keeps: Any) -> None:
    site = open_site(busy(), switches=Switches(max_rows=cap, cap_keeps=keeps))
    _, warnings = synced(site)
    assert f"cut off at {cap} appointments" in warnings
    assert site.differences() == []
    first = lists(site)
    result, warnings = synced(site)
    assert (result.changes.total, warnings) == (0, "")
    assert lists(site) < first, "the cap is remembered"
    assert site.differences() == []


@pytest.mark.parametrize("cap", [3, 73])
def test_a_cap_that_one_window_reaches_is_found_by_the_first_sync(open_site: Callable[..., Site], cap: int) -> None:
    """No other reply has the same size, and the size is no usual limit."""
    world = small(services_per_location=1, appointments=cap + 40, past_days=20, future_days=20)
    site = open_site(world, switches=Switches(max_rows=cap), lookback_days=30, horizon_days=30, slots=False)
    _, warnings = synced(site)
    assert f"cut off at {cap} appointments" in warnings
    assert [each for each in site.differences() if not each.startswith("slots")] == []


def test_the_first_sync_of_a_whole_calendar_tries_one_reply(open_site: Callable[..., Site]) -> None:
    site = open_site(small(appointments=90, services_per_location=1), slots=False)
    _, warnings = synced(site)
    first = lists(site)
    synced(site)
    assert warnings == ""
    assert first - lists(site) <= 3, "two parts of one window, and an empty year before the first appointment"


def test_a_cap_that_the_calendar_reaches_later_is_found(open_site: Callable[..., Site]) -> None:
    site = open_site(small(appointments=150), switches=Switches(max_rows=73))
    synced(site)
    location_id = site.location_id
    for service_id in site.world.data[location_id].services:
        for day in range(60):
            start = site.world.now.replace(hour=3, minute=day) - timedelta(days=day)
            site.world.book(location_id, service_id, start, contact={"firstName": "More"})
    _, warnings = synced(site)
    assert "cut off at 73 appointments" in warnings
    assert site.differences() == []


def test_a_cap_that_one_new_appointment_reaches_is_found(open_site: Callable[..., Site]) -> None:
    """The reply differs from the last one by one record, and the records behind the cap are the newest."""
    site = open_site(small(appointments=1, services_per_location=1), window_days=512, switches=Switches(max_rows=25))
    data = site.world.data[site.location_id]
    (service_id,) = data.services

    def book(count: int) -> None:
        for _ in range(count):
            start = site.world.now + timedelta(minutes=30 * len(data.by_start.all()))
            site.world.book(site.location_id, service_id, start, contact={"firstName": "One"})

    book(24 - len(data.by_start.all()))
    synced(site)
    book(2)
    _, warnings = synced(site)
    assert "cut off at 25 appointments" in warnings
    assert site.differences() == []


def test_lists_by_several_scopes_are_capped_at_different_sizes(open_site: Callable[..., Site]) -> None:
    site = open_site(busy(), scopes=("service", "team"), switches=Switches(max_rows=61))
    synced(site)
    assert site.differences() == []


@pytest.mark.parametrize("rows", [20, 73, 5_000])
def test_an_api_that_ignores_windows_is_read_once_per_service(open_site: Callable[..., Site], rows: int) -> None:
    site = open_site(small(appointments=60), switches=Switches(ignores_window=rows), request_budget=100)
    _, warnings = synced(site)
    assert "ignore their window" in warnings
    assert lists(site) < 20
    listed = {row["id"] for row in site.live("appointments")}
    _, warnings = synced(site)
    assert lists(site) == 3
    assert {row["id"] for row in site.live("appointments")} == listed
    if rows == 5_000:
        assert site.differences() == []


def test_changes_of_a_calendar_whose_lists_ignore_windows(open_site: Callable[..., Site]) -> None:
    site = open_site(small(appointments=90), switches=Switches(ignores_window=5_000))
    synced(site)
    rows = site.world.data[site.location_id].by_start.all()
    site.world.delete(site.location_id, rows[3].id)
    site.world.mark(site.location_id, rows[5].id, "noshow")
    site.world.reschedule(site.location_id, rows[7].id, site.world.now)
    result, _ = synced(site)
    assert lists(site) <= 3 + 2
    assert result.changes.deleted == 1
    assert site.differences() == []


def test_an_api_that_begins_to_heed_windows_is_read_by_windows_again(open_site: Callable[..., Site]) -> None:
    site = open_site(small(appointments=90), switches=Switches(ignores_window=5_000))
    synced(site)
    site.world.switches = Switches()
    result, warnings = synced(site)
    assert (result.changes.total, warnings) == (0, "")
    site.world.delete(site.location_id, site.world.data[site.location_id].by_start.all()[0].id)
    synced(site)
    assert site.differences() == []


def test_many_replies_of_a_usual_size_are_tried_once(open_site: Callable[..., Site]) -> None:
    """Six windows of exactly 20 appointments cost one pair of halves, not one pair each."""
    site = open_site(small(appointments=1, services_per_location=6), window_days=512)
    data = site.world.data[site.location_id]
    for service_id in data.services:
        while len(data.by_service[service_id].all()) < 20 if service_id in data.by_service else True:
            start = site.world.now + timedelta(minutes=30 * len(data.by_start.all()))
            site.world.book(site.location_id, service_id, start, contact={"firstName": "One"})
    _, warnings = synced(site)
    assert warnings == ""
    assert lists(site) == 6 + 2
    assert site.differences() == []
