"""Selects the appointments of a list call, and all data of a location.

Input:  a world, and the query of a call.
Output: appointments, or JSON bytes. Raises RefusedError for a query that the API refuses.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import orjson

from bookings_sync.sandbox import error_replies
from bookings_sync.sandbox.appointment_json import appointments_json
from bookings_sync.sandbox.index import StartIndex
from bookings_sync.sandbox.model import Appointment, LocationData
from bookings_sync.sandbox.slots import free_slots
from bookings_sync.sandbox.switches import Switches
from bookings_sync.sandbox.times import DAY_MS, local_iso, to_ms, utc_iso
from bookings_sync.sandbox.variants import second_service_rows, shown_service

if TYPE_CHECKING:
    from bookings_sync.sandbox.world import World

_EMPTY = StartIndex()


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The query of a list of appointments: a window in epoch milliseconds, and at least one scope.

    With several scopes, an appointment must match all of them.
    """

    start_ms: int
    end_ms: int
    user_id: str | None = None
    calendar_id: str | None = None
    team_id: str | None = None


def list_appointments(world: World, location_id: str, query: ListQuery) -> list[Appointment]:
    """The appointments of one list call of v1, by start."""
    rows = in_window(world.data[location_id], world.switches, query)
    if not world.switches.blocked_listed:
        rows = [row for row in rows if not row.block]
    return capped(rows, world.switches)


def in_window(data: LocationData, switches: Switches, query: ListQuery) -> list[Appointment]:
    """The appointments in the window that match all scopes, by start, without a cap."""
    if query.end_ms < query.start_ms:
        raise error_replies.invalid("endDate")
    if switches.max_window_days is not None and query.end_ms - query.start_ms > switches.max_window_days * DAY_MS:
        raise error_replies.invalid("endDate", "The date range is too long.")
    first, *others = _scopes(data, switches, query)
    rows = _within(first, switches, query)
    if switches.two_services and query.calendar_id in data.services:
        rows += second_service_rows(data, query.calendar_id, _within(data.by_start, switches, query))
        rows.sort(key=lambda row: row.start_ms)
    for other in others:
        within = set(map(id, other.all()))
        rows = [row for row in rows if id(row) in within]
    return rows


def _within(index: StartIndex, switches: Switches, query: ListQuery) -> list[Appointment]:
    """The appointments in the window, or all if lists ignore it."""
    end_ms = query.end_ms + switches.end_inclusive
    if switches.ignores_window is not None:
        return index.all()
    if switches.window_on == "overlap":
        return index.overlapping(query.start_ms, end_ms)
    return index.starting(query.start_ms, end_ms)


def _scopes(data: LocationData, switches: Switches, query: ListQuery) -> list[StartIndex]:
    scopes = []
    if query.calendar_id is not None:
        scopes.append(_calendar_scope(data, switches, query.calendar_id))
    if query.team_id is not None:
        scopes.append(_scope(data.by_team, query.team_id, query.team_id in data.teams, "teamId", switches))
    if query.user_id is not None:
        scopes.append(_scope(data.by_user, query.user_id, query.user_id in data.members, "userId", switches))
    return scopes


def _calendar_scope(data: LocationData, switches: Switches, calendar_id: str) -> StartIndex:
    if switches.calendar_id_means != "service" and (calendar_id in data.teams or calendar_id in data.by_team):
        return data.by_team.get(calendar_id, _EMPTY)
    if switches.calendar_id_means == "team":
        return _scope(data.by_team, calendar_id, False, "calendarId", switches)
    if calendar_id in data.deleted_services and switches.vanished_service != "listed":
        if switches.vanished_service == "422":
            raise error_replies.invalid("calendarId")
        return _EMPTY
    known = calendar_id in data.services or calendar_id in data.deleted_services
    return _scope(data.by_service, calendar_id, known, "calendarId", switches)


def _scope(indexes: dict[str, StartIndex], key: str, known: bool, parameter: str, switches: Switches) -> StartIndex:
    if not known and key not in indexes and switches.unknown_scope == "422":
        raise error_replies.invalid(parameter)
    return indexes.get(key, _EMPTY)


def capped(rows: list[Appointment], switches: Switches) -> list[Appointment]:
    """The appointments that fit into a reply."""
    cap = switches.ignores_window or switches.max_rows
    if cap is None or len(rows) <= cap:
        return rows
    if switches.cap_keeps == "earliest":
        return rows[:cap]
    if switches.cap_keeps == "latest":
        return rows[-cap:]
    kept = set(sorted((zlib.crc32(row.id.encode()), row.id) for row in rows)[:cap])
    return [row for row in rows if (zlib.crc32(row.id.encode()), row.id) in kept]


def recurring_id(row: Appointment, switches: Switches) -> str:
    """The id of an appointment. The switches decide the form for instances of recurring appointments."""
    if row.series is None:
        return row.id
    base, first_ms, plain = row.series
    if switches.recurring_ids == "plain":
        return plain
    if switches.recurring_ids == "epoch":
        return f"{base}_{first_ms}"
    return f"{base}_{first_ms}_{(row.end_ms - row.start_ms) // 1000}"


def slot_zone(world: World, location_id: str, asked: str | None) -> str:
    """The time zone of a slots reply. `asked` is the zone in the request."""
    if asked:
        return asked
    return "UTC" if world.switches.slots_timezone == "utc" else world.data[location_id].location.timezone


def truth_json(world: World, location_id: str, start: datetime, end: datetime) -> bytes:
    """The data of a location as JSON. See `World.truth`."""
    data, zone = world.data[location_id], slot_zone(world, location_id, None)
    rows = [row for row in data.by_start.all() if world.switches.blocked_listed or not row.block]
    slots = {
        service.id: [local_iso(at, zone) for at in free_slots(data, service, to_ms(start), to_ms(end), world.now_ms)]
        for service in data.services.values()
    }
    rest = orjson.dumps(
        {
            "now": utc_iso(world.now_ms),
            "location": data.location._asdict(),
            "teams": [team.body for team in data.teams.values()],
            "services": [shown_service(world, service.body) for service in data.services.values()],
            "vanishedServiceIds": list(data.deleted_services),
            "slots": slots,
        }
    )
    return rest[:-1] + b',"appointments":' + appointments_json(rows, world.switches, contact=True) + b"}"
