"""Handlers that read events: lists, and one by its id.

Input:  `endpoint.Call`, with the world's lock held.
Output: replies, or RefusedError. Selection by window and scope is that of v1, in `listing`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import orjson
from starlette.responses import Response

from bookings_sync.sandbox import listing
from bookings_sync.sandbox.appointment_json import picked
from bookings_sync.sandbox.endpoint import Call
from bookings_sync.sandbox.listing import ListQuery
from bookings_sync.sandbox.model import Appointment, Json, LocationData
from bookings_sync.sandbox.switches import Switches
from bookings_sync.sandbox.times import local_iso
from bookings_sync.sandbox.v2.event_json import event_id, event_json, shown_date
from bookings_sync.sandbox.v2.transport import V2, check_location, epoch_ms, reply
from bookings_sync.sandbox.variants import new_link
from bookings_sync.sandbox.world import World

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def list_events(call: Call) -> Response:
    return _list(call, blocks=False)


def list_blocked_slots(call: Call) -> Response:
    return _list(call, blocks=True)


def get_event(call: Call) -> Response:
    """GET /calendars/events/appointments/:id. Unknown and deleted events are UNK: see `Switches`."""
    world = call.world
    row = find_event(world, call.location_id, call.path["event_id"])
    if row is None:
        raise V2().unknown_id(world.switches.unknown_id)
    deleted_id = world.switches.deleted_id
    if row.deleted and deleted_id not in ("plain", "flag", "status"):
        raise V2().unknown_id(world.switches.unknown_id if deleted_id == "same" else deleted_id)
    return reply(call, {"event": orjson.dumps(_one(call, row))}, traced=True)


def find_event(world: World, location_id: str, asked_id: str) -> Appointment | None:
    """The event with this id in v2, even if it was deleted."""
    rows, switches = world.data[location_id].appointments, world.switches
    if switches.series_ids == "same" or asked_id in rows:
        row = rows.get(asked_id)
        return row if row is None or event_id(row, switches) == asked_id else None
    return next((row for row in rows.values() if row.series and event_id(row, switches) == asked_id), None)


def _list(call: Call, *, blocks: bool) -> Response:
    world, data, fields = call.world, call.world.data[call.location_id], call.query_fields()
    check_location(call, fields)
    user_id, calendar_id, group_id = (fields.optional_text(name) for name in ("userId", "calendarId", "groupId"))
    if not (user_id or calendar_id or group_id):
        fields.missing("calendarId or userId or groupId")
    switches = world.switches
    is_iso = any(_ISO.match(fields.optional_text(name) or "") for name in ("startTime", "endTime"))
    if is_iso and switches.iso_window == "empty":
        return reply(call, {"events": []}, traced=True)
    query = ListQuery(epoch_ms(fields, "startTime"), epoch_ms(fields, "endTime"), user_id, calendar_id, group_id)
    fields.check()
    hidden = (user_id and switches.lists_by_user == "empty") or (group_id and switches.lists_by_group == "empty")
    rows = [] if hidden else _selected(data, switches, query, blocks=blocks)
    return reply(call, {"events": _events_json(call, rows, query)}, traced=True)


def _selected(data: LocationData, switches: Switches, query: ListQuery, *, blocks: bool) -> list[Appointment]:
    # In v2, a calendarId is always that of a service.
    rows = listing.in_window(data, replace(switches, calendar_id_means="service"), query)
    if switches.deleted_listed:
        rows = sorted([*rows, *_deleted(data, switches, query)], key=lambda row: row.start_ms)
    if blocks or not switches.events_contain_blocked:
        rows = [row for row in rows if row.block == blocks]
    return listing.capped(rows, switches)


def _deleted(data: LocationData, switches: Switches, query: ListQuery) -> list[Appointment]:
    """The deleted events that match the query."""

    def within(row: Appointment) -> bool:
        if switches.ignores_window is not None:
            return True
        if switches.window_on == "overlap" and not row.end_ms > query.start_ms:
            return False
        first = row.start_ms if switches.window_on == "start" else query.start_ms
        return query.start_ms <= first and row.start_ms < query.end_ms + switches.end_inclusive

    return [
        row
        for row in data.deleted
        if within(row)
        and query.calendar_id in (None, row.service_id)
        and query.team_id in (None, row.team_id)
        and query.user_id in (None, row.user_id)
    ]


def _events_json(call: Call, rows: Sequence[Appointment], query: ListQuery) -> bytes:
    switches, zone = call.world.switches, call.world.data[call.location_id].location.timezone
    shows_deleted_alike = not switches.deleted_listed and switches.deleted_needs_version == "any"
    if switches.tells_events_plainly and shows_deleted_alike:
        return b"[" + b",".join([event_json(row, switches, zone) for row in rows]) + b"]"
    told: list[Json] = []
    copies: list[Json] = []
    for row in rows:
        body = _told(call, row)
        if switches.two_services and query.calendar_id not in (None, row.service_id):
            body["calendarId"] = query.calendar_id
        told.append(body)
        copy = _copy(row, body, switches)
        if copy is not None:
            copies.append(copy)
    return orjson.dumps(copies + told if switches.repeated_rows == "stale" else told + copies)


def _told(call: Call, row: Appointment) -> Json:
    """The event with the fields that depend on the request."""
    switches = call.world.switches
    body: Json = orjson.loads(event_json(row, switches, call.world.data[call.location_id].location.timezone))
    if row.deleted:
        body["deleted"] = True
    if switches.deleted_needs_version not in ("any", call.version):
        body.pop("deleted", None)
    if switches.moving_field in ("appointment", "all"):
        body["joinLink"] = new_link(call.world)
    return body


def _copy(row: Appointment, body: Json, switches: Switches) -> Json | None:
    """The second copy of an event that `Switches.repeated_rows` picks: the same, or as it was booked."""
    if switches.repeated_rows == "none" or not picked(row.id, 4):
        return None
    if switches.repeated_rows == "same":
        return body
    if row.updated_ms <= row.created_ms or not body.get("dateUpdated"):
        return None
    statuses = {name: "new" for name in ("appointmentStatus", "appoinmentStatus") if name in body}
    return body | statuses | {"title": "New booking", "dateUpdated": shown_date(row.created_ms, switches)}


def _one(call: Call, row: Appointment) -> Json:
    """The event of a reply by id, which may be deleted."""
    data, switches, body = call.world.data[call.location_id], call.world.switches, _told(call, row)
    if row.deleted and switches.deleted_id != "flag":
        body.pop("deleted", None)
    if row.deleted and switches.deleted_id == "status":
        body["appointmentStatus"] = "deleted"
    if row.series is not None and switches.instance_reply == "master":
        base = row.series[0]
        instances = [each for each in data.appointments.values() if each.series and each.series[0] == base]
        first = min(instances, key=lambda each: (each.start_ms, each.id))
        zone = data.location.timezone
        body |= {"id": base, "startTime": local_iso(first.start_ms, zone), "endTime": local_iso(first.end_ms, zone)}
    if switches.id_case == "lower":
        body["id"] = body["id"].lower()
    return body
