"""Every unknown of the API, in each variant: the warehouse equals the truth under every switch of the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bookings_sync.sandbox import Switches

from .conftest import Site, both_apis, small, sync_until_nothing_is_held

EDGES = (datetime(2026, 10, 10, tzinfo=UTC), datetime(2026, 11, 11, tzinfo=UTC))
"""The boundary of two windows of 32 days."""

CASES: dict[str, tuple[Switches, dict[str, Any]]] = {
    "by-overlap-end-exclusive, unknown-id-400": (
        Switches(window_on="overlap", end_inclusive=False, empty_days="empty", unknown_id="400"),
        {},
    ),
    "by-overlap-end-inclusive, unknown-id-422": (
        Switches(window_on="overlap", slots_trace_id=False, deleted_id="422", attendance_spelling="sic"),
        {},
    ),
    "by-start-end-exclusive, unknown-id-empty": (
        Switches(end_inclusive=False, slots_timezone="utc", unknown_id="empty", attendance_spelling="right"),
        {"zones_named": False},
    ),
    "capped-and-told": (Switches(max_rows=7), {"reply_cap": 7}),
    "capped-keeping-any": (Switches(max_rows=11, cap_keeps="scattered"), {"reply_cap": 11}),
    "capped-untold": (Switches(max_rows=20, cap_keeps="latest"), {}),
    "calendar-id-is-a-team's": (Switches(calendar_id_means="team"), {"scopes": ("team",), "slots": False}),
    "calendar-id-is-either": (Switches(calendar_id_means="either"), {"scopes": ("team", "user")}),
    "three-scopes": (Switches(unknown_scope="422"), {"scopes": ("service", "team", "user")}),
    "contact-unasked": (Switches(contact_without_include_all=True), {"include_contacts": False}),
    "no-contact-by-id, short-slot-ranges-only": (
        Switches(contact_in_get=False, max_slot_days=3, recurring_ids="epoch_duration"),
        {"slots_days_per_call": 3, "slots_horizon_days": 7},
    ),
    "blocked-off-unlisted, short-windows-only": (
        Switches(blocked_listed=False, max_window_days=20, recurring_ids="plain"),
        {"max_window_days": 512, "window_days": 512},
    ),
    "vanished-service-refused": (Switches(vanished_service="422", attendance_spelling="both"), {}),
    "vanished-service-empty": (Switches(vanished_service="empty"), {}),
}


@pytest.mark.parametrize(("switches", "knobs"), CASES.values(), ids=CASES)
def test_the_warehouse_equals_the_truth(
    open_site: Callable[..., Site], switches: Switches, knobs: dict[str, Any]
) -> None:
    spec = small(appointments=150, services_per_location=3, past_days=60, future_days=30)
    site = open_site(
        spec, switches=switches, **{"rows_per_reply": 20, "max_window_days": 32, "lookback_days": 70, **knobs}
    )
    book_at_edges(site)
    assert site.sync().row["errors"] == "[]"
    assert _differences(site) == []
    live_on(site)
    sync_until_nothing_is_held(site)
    assert _differences(site) == []


def test_an_appointment_reveals_a_service_that_disappeared(open_site: Callable[..., Site]) -> None:
    """No list names the service, because it disappeared before the first sync. A user's list shows one of its
    appointments, and so leads to its blocked-off time, which no other list shows."""
    site = open_site(small(services_per_location=2), scopes=("user", "service"))
    service_id = next(iter(site.world.data[site.location_id].services))
    start = site.world.now + timedelta(days=3)
    blocked = site.world.block(site.location_id, service_id, start, start + timedelta(hours=1))
    site.world.delete_service(site.location_id, service_id)
    site.sync()
    assert site.live("appointments", "id = ?", blocked.id)
    assert _differences(site) == []


@both_apis
def test_an_appointment_moves_to_a_service_that_disappeared(open_site: Callable[..., Site]) -> None:
    """No list names the service. The appointment's own reply does, so the same run reads the service's list."""
    site = open_site(small(services_per_location=2), contacts_changed_filter=True)
    world, location_id = site.world, site.location_id
    gone, stays = world.data[location_id].services
    world.delete_service(location_id, gone)
    site.sync()
    row = next(row for row in world.data[location_id].by_service[stays].all() if row.contact)
    world.reassign(location_id, row.id, service_id=gone, team_id=row.team_id, user_id=row.user_id)
    assert site.sync().outcome == "ok"
    assert (
        len(site.live("appointments", "service_id = ?", gone))
        == len(world.data[location_id].by_service[gone].all())
        > 1
    )
    assert site.differences() == []


def _differences(site: Site) -> list[str]:
    """Leaves out slots if the settings do not read them."""
    found = site.differences()
    return found if site.settings.slots else [line for line in found if not line.startswith("slots")]


def book_at_edges(site: Site) -> None:
    """Appointments that start at, end at and span the boundary of two windows."""
    for service_id in site.world.data[site.location_id].services:
        for edge in EDGES:
            site.world.book(site.location_id, service_id, edge, contact={"firstName": "Edge"})
            site.world.book(site.location_id, service_id, edge - timedelta(minutes=1), contact={"firstName": "Across"})
        site.world.block(site.location_id, service_id, EDGES[0] - timedelta(hours=2), EDGES[0] + timedelta(hours=6))


def live_on(site: Site) -> None:
    """Each kind of change once. A service disappears, then one of its appointments changes and one is deleted."""
    world, location_id = site.world, site.location_id
    data = world.data[location_id]
    first, second, third = data.services
    rows = [row for row in data.by_service[first].all() if row.contact is not None]
    world.mark(location_id, rows[0].id, "noshow")
    world.delete(location_id, rows[1].id)
    world.reschedule(location_id, rows[2].id, world.now + timedelta(days=25))
    world.reschedule(location_id, rows[-1].id, EDGES[0])
    world.book(location_id, second, world.now - timedelta(days=40), contact={"firstName": "Late"})
    world.update_contact(location_id, rows[3].contact.id, {"tags": ["seen"], "loyalty": {"points": 3}})
    going = [row for row in data.by_service[third].all() if row.contact is not None]
    world.delete_service(location_id, third)
    world.mark(location_id, going[0].id, "showed")
    world.delete(location_id, going[1].id)
    world.now_ms += 3_600_000
