"""All data of a location in the form of v2, for tests to compare with.

Input:  a world.
Output: `truth_v2`. `World.truth` is the same data in the form of v1.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import orjson

from bookings_sync.sandbox import listing
from bookings_sync.sandbox.model import Json
from bookings_sync.sandbox.slots import free_slots
from bookings_sync.sandbox.times import local_iso, to_ms, utc_iso
from bookings_sync.sandbox.v2.calendars import calendars_of, groups_of
from bookings_sync.sandbox.v2.contact_json import contact_json, location_json
from bookings_sync.sandbox.v2.event_json import event_json
from bookings_sync.sandbox.v2.people import users_of
from bookings_sync.sandbox.world import World


def truth_v2(world: World, location_id: str, *, start: datetime | None = None, end: datetime | None = None) -> Json:
    """All data of a location, as v2 would show it now without caps, windows and cursors.

    `{"now", "location", "groups", "calendars", "vanishedCalendarIds", "users", "contacts", "events", "blockedSlots",
    "slots": {calendar id: [time]}}`. Deleted events are not among the events. The slots are those in `[start, end)`,
    by default the next 14 days.
    """
    truth: Json = orjson.loads(truth_v2_json(world, location_id, start=start, end=end))
    return truth


def truth_v2_json(
    world: World, location_id: str, *, start: datetime | None = None, end: datetime | None = None
) -> bytes:
    """`truth_v2` as JSON bytes."""
    with world.lock:
        data, switches, begin = world.data[location_id], world.switches, start or world.now
        start_ms, end_ms = to_ms(begin), to_ms(end or begin + timedelta(days=14))
        zone, slot_zone = data.location.timezone, listing.slot_zone(world, location_id, None)
        rows = data.by_start.all()
        rest = orjson.dumps(
            {
                "now": utc_iso(world.now_ms),
                "location": location_json(data.location, world.company_id),
                "groups": groups_of(world, location_id),
                "calendars": calendars_of(world, location_id),
                "vanishedCalendarIds": list(data.deleted_services),
                "users": users_of(world, location_id),
                "slots": {
                    service.id: [
                        local_iso(at, slot_zone) for at in free_slots(data, service, start_ms, end_ms, world.now_ms)
                    ]
                    for service in data.services.values()
                },
            }
        )
        lists = {
            "contacts": [contact_json(contact, switches) for contact in data.contacts.values()],
            "events": [event_json(row, switches, zone) for row in rows if not row.block],
            "blockedSlots": [event_json(row, switches, zone) for row in rows if row.block],
        }
        more = b"".join(b',"%s":[%s]' % (name.encode(), b",".join(bodies)) for name, bodies in lists.items())
        return rest[:-1] + more + b"}"
