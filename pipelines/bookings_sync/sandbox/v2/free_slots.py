"""The handler for free slots.

Input:  `endpoint.Call`, with the world's lock held.
Output: `{"YYYY-MM-DD": {"slots": [...]}, "traceId": "..."}`, by local days of the requested time zone.
"""

from __future__ import annotations

from starlette.responses import Response

from bookings_sync.sandbox import error_replies, listing
from bookings_sync.sandbox.endpoint import Call
from bookings_sync.sandbox.slots import free_slots
from bookings_sync.sandbox.times import DAY_MS, days_between, local_iso
from bookings_sync.sandbox.v2.transport import epoch_ms, reply

MAX_DAYS = 31
"""The longest range of a request (DOC)."""


def list_free_slots(call: Call) -> Response:
    """`startDate` and `endDate` are epoch milliseconds. `userIds` is a list separated by commas, or a repeated name."""
    fields, switches = call.query_fields(), call.world.switches
    start_ms, end_ms = epoch_ms(fields, "startDate"), epoch_ms(fields, "endDate")
    zone = listing.slot_zone(call.world, call.location_id, fields.zone("timezone"))
    user_ids: list[str | None] = [
        user_id
        for text in (*call.query.getlist("userId"), *call.query.getlist("userIds"))
        for user_id in text.split(",")
    ]
    data = call.world.data[call.location_id]
    service = data.services.get(call.path["calendar_id"])
    if service is None:
        fields.invalid("calendarId")
    if end_ms < start_ms or end_ms - start_ms > min(switches.max_slot_days or MAX_DAYS, MAX_DAYS) * DAY_MS:
        fields.invalid("endDate")
    fields.check()
    if service is None:
        raise error_replies.invalid("calendarId")
    days: dict[str, dict[str, list[str]]] = {}
    if switches.empty_days == "empty":
        days = {day.isoformat(): {"slots": []} for day in days_between(start_ms, end_ms, zone)}
    free = {
        at
        for user_id in user_ids or [None]
        for at in free_slots(data, service, start_ms, end_ms, call.world.now_ms, user_id=user_id)
    }
    for text in (local_iso(at, zone) for at in sorted(free)):
        days.setdefault(text[:10], {"slots": []})["slots"].append(text)
    return reply(call, days, traced=True)
