"""Every unknown of v2, in each variant: the warehouse equals the truth, or the run says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bookings_sync.sandbox import ALL_SCOPES, Switches
from bookings_sync.sync.pipeline import SyncResult

from .conftest import Site, small, sync_until_nothing_is_held
from .test_switches import book_at_edges, live_on

CASES: dict[str, tuple[Switches, dict[str, Any]]] = {
    "trace-ids-everywhere, blocked-time-in-both-lists": (
        Switches(trace_id="all", events_contain_blocked=True, error_messages="text", unknown_route="401"),
        {},
    ),
    "deleted-events-stay-listed": (Switches(deleted_listed=True, deleted_id="flag"), {}),
    "deleted-events-are-marked-by-one-version": (
        Switches(deleted_listed=True, deleted_id="flag", deleted_needs_version="v3"),
        {"v2_events_version": "v3"},
    ),
    "deleted-by-status, no-dates": (Switches(deleted_id="status", date_updated="absent", unknown_id="400"), {}),
    "epoch-dates, utc-offsets": (
        Switches(date_format="epoch", event_zone="utc", unknown_id="422", end_inclusive=False),
        {},
    ),
    "offset-dates, booked-offsets, both-spellings": (
        Switches(date_format="offset", event_zone="booked", event_status_spelling="both", window_on="overlap"),
        {},
    ),
    "misspelt, own-ids-of-series, dates-that-stay": (
        Switches(event_status_spelling="sic", series_ids="own", date_updated="some_changes", unknown_id="empty"),
        {},
    ),
    "capped-untold": (Switches(max_rows=20, cap_keeps="latest"), {}),
    "capped-and-told, blocked-time-in-both-lists": (
        Switches(max_rows=11, cap_keeps="scattered", events_contain_blocked=True),
        {"reply_cap": 11},
    ),
    "windows-are-ignored": (Switches(ignores_window=10_000), {}),
    "short-windows-only, vanished-service-refused": (
        Switches(max_window_days=20, vanished_service="422", max_slot_days=3),
        {"max_window_days": 512, "window_days": 512, "slots_days_per_call": 3},
    ),
    "vanished-service-empty, fractions": (
        Switches(vanished_service="empty", fractional_numbers=True, empty_days="empty"),
        {},
    ),
    "lists-by-group-and-user": (Switches(unknown_scope="422"), {"scopes": ("team", "user")}),
    "lists-by-user-are-empty": (Switches(lists_by_user="empty"), {"scopes": ("user", "service")}),
    "lists-by-group-are-empty": (Switches(lists_by_group="empty"), {"scopes": ("service", "team")}),
    "no-zone, slots-in-utc": (Switches(slots_timezone="utc", unknown_id="object"), {"zones_named": False}),
    "sunday-is-1": (Switches(days_of_week="sunday_1"), {"v2_sunday": 1}),
    "monday-is-0": (Switches(days_of_week="monday_0"), {"v2_sunday": 6}),
    "changed-contacts-are-asked-for": (Switches(), {"contacts_changed_filter": True}),
    "the-filter-of-contacts-is-ignored": (
        Switches(contacts_updated_filter="ignored"),
        {"contacts_changed_filter": True, "cold_reread_days": 1},
    ),
}


@pytest.mark.parametrize(("switches", "knobs"), CASES.values(), ids=CASES)
def test_the_warehouse_equals_the_truth(
    open_site: Callable[..., Site], switches: Switches, knobs: dict[str, Any]
) -> None:
    spec = small(appointments=150, services_per_location=3, past_days=60, future_days=30)
    plain = {"rows_per_reply": 20, "max_window_days": 32, "lookback_days": 70}
    site = open_site(spec, switches=switches, apis="v2", **plain | knobs)
    book_at_edges(site)
    assert site.sync().row["errors"] == "[]"
    assert site.differences() == []
    live_on(site)
    sync_until_nothing_is_held(site)
    if site.settings.contacts_changed_filter or site.settings.cold_reread_days == 1:
        assert site.differences() == []
        return
    found = site.differences()
    assert [each for each in found if not each.startswith("contact")] == []
    site.world.now_ms += site.settings.cold_reread_days * 86_400_000  # contacts are read again in turn
    site.sync()
    assert [each for each in site.differences() if not each.startswith("slots")] == []


@pytest.mark.parametrize("days", ["sunday_1", "monday_0"])
def test_weekdays_that_are_off_by_one_are_noticed(open_site: Callable[..., Site], days: Any) -> None:
    site = open_site(small(appointments=30), switches=Switches(days_of_week=days), apis="v2", slots_horizon_days=14)
    said = " ".join(site.sync().warnings)
    assert "v2_sunday may be wrong" in said
    site.world.switches = Switches()
    assert not site.sync().warnings


@pytest.mark.parametrize("true", ["field", "configuration"])
def test_a_place_that_is_told_in_two_ways_is_not_chosen(open_site: Callable[..., Site], true: Any) -> None:
    site = open_site(small(appointments=10), switches=Switches(meeting_location=true), apis="v2")
    for service in site.world.data[site.location_id].services.values():
        for record in (service.body, *service.body["teamMembers"]):
            record["meetingLocation"] = "Room 1"
    site.sync()
    for table in ("services", "service_members"):
        rows = site.live(table)
        assert {row["meeting_location"] for row in rows} == {None}
        assert all("Room 1" in row["extra"] for row in rows), "both are kept"


def deletions(result: SyncResult, table: str) -> int:
    count: int = json.loads(result.row["tables"]).get(table, {}).get("deleted", 0)
    return count


def test_refusals_are_named_and_delete_nothing(open_site: Callable[..., Site]) -> None:
    """A scope that was removed, another location's token or id, a revoked token: each after a first sync."""
    site = open_site(small(appointments=40, services_per_location=1, locations=2), apis="v2")
    world, (first, second) = site.world, site.world.locations
    assert site.sync().outcome == "ok"

    def refused(*named: str, **knobs: Any) -> None:
        result = site.sync(**knobs)
        assert result.outcome in ("partial", "failed"), named
        assert all(each in result.row["errors"] for each in named), (named, result.row["errors"])
        assert not [table for table in ("teams", "services", "appointments", "slots") if deletions(result, table)]
        assert site.differences(second.id) == []

    world.now_ms += 3_600_000
    for scope in sorted(each for each in ALL_SCOPES if each.endswith(".readonly")):
        world.set_scopes(first.id, ALL_SCOPES - {scope})
        asked = scope != "contacts.readonly" or [
            world.book(first.id, next(iter(world.data[first.id].services)), world.now, contact={"firstName": "New"})
        ]
        assert asked
        refused("scope", scope)
    world.set_scopes(first.id, ALL_SCOPES)
    keys = {each.name: each for each in site.settings.locations.values()}
    own, other = keys[first.name], keys[second.name]
    swapped = {own.name: replace(own, api_key=other.api_key), other.name: replace(other, api_key=own.api_key)}
    refused("another location", locations=swapped)
    refused("another location", locations={**keys, own.name: replace(own, location_id="another-id")})
    assert site.sync().outcome == "ok"
    assert site.differences() == []
    world.revoke_pit(first.id)
    refused("token")
