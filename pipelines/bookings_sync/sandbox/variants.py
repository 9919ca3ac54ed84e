"""Tells records differently from the truth, as the switches demand.

Input:  the records of a reply, and a world with its switches.
Output: the JSON of the reply. With the default switches, lists are joined from cached bytes and never come here.

Some records are concerned, chosen by their ids: `appointment_json.picked`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import orjson

from bookings_sync.sandbox.appointment_json import appointment_json, appointments_json, picked
from bookings_sync.sandbox.model import Appointment, Json, LocationData
from bookings_sync.sandbox.times import local_iso, utc_iso

if TYPE_CHECKING:
    from bookings_sync.sandbox.listing import ListQuery
    from bookings_sync.sandbox.world import World


def list_json(world: World, rows: Sequence[Appointment], query: ListQuery, *, contact: bool) -> bytes:
    """A JSON array of appointments, as the list call of `query` shows them."""
    switches = world.switches
    if switches.tells_lists_plainly:
        return appointments_json(rows, switches, contact=contact)
    told: list[Json] = []
    for row in rows:
        body: Json = orjson.loads(appointment_json(row, switches, contact=contact))
        if switches.two_services and query.calendar_id not in (None, row.service_id, row.team_id):
            body["calendarId" if switches.client_field_names else "calendarServiceId"] = query.calendar_id
        if (
            switches.contact_variants == "by_scope"
            and body.get("contact")
            and picked(row.contact.id if row.contact else "", 2)
        ):
            body["contact"]["source"] = f"list of {query.calendar_id or query.team_id or query.user_id}"
        told.append(_moving(world, body))
    return orjson.dumps(_repeated(world, rows, told))


def one_json(world: World, data: LocationData, row: Appointment) -> bytes:
    """The reply of GET /appointments/:id, which may be for a deleted appointment."""
    switches = world.switches
    body: Json = orjson.loads(appointment_json(row, switches, contact=switches.contact_in_get))
    if row.deleted and switches.deleted_id == "flag":
        body["deleted"] = True
    if row.deleted and switches.deleted_id == "status":
        body["status"] = "deleted"
    if row.series is not None and switches.instance_reply == "master":
        base = row.series[0]
        instances = [each for each in data.appointments.values() if each.series and each.series[0] == base]
        first = min(instances, key=lambda each: (each.start_ms, each.id))
        body |= {"id": base, "startTime": local_iso(first.start_ms, row.zone)}
        body["endTime"] = local_iso(first.end_ms, row.zone)
    if switches.id_case == "lower":
        body["id"] = body["id"].lower()
    return orjson.dumps(_moving(world, body))


def calendars_json(world: World, name: str, records: Iterable[Json]) -> bytes:
    """The reply of a list of teams or services."""
    told = [shown_service(world, record) if name == "services" else record for record in records]
    if world.switches.moving_field in ("calendar", "all"):
        told = [record | {"previewLink": new_link(world)} for record in told]
    return orjson.dumps({name: told})


def shown_service(world: World, body: Json) -> Json:
    """A service's JSON. `Switches.fractional_numbers` changes it."""
    if not world.switches.fractional_numbers:
        return body
    shown: Json = orjson.loads(orjson.dumps(body))
    shown["availability"]["eventTiming"] |= {"slotInterval": 7.5, "slotBuffer": 2.5}
    for member in shown.get("teamMembers") or []:
        member["priority"] = 0.5
    return shown


def second_service_rows(data: LocationData, service_id: str, rows: Iterable[Appointment]) -> list[Appointment]:
    """The appointments among `rows` that are listed under this service, too (`Switches.two_services`).

    Each service lists some appointments of the service before it.
    """
    services = list(data.services)
    before = services[services.index(service_id) - 1]
    return [row for row in rows if row.service_id == before != service_id and picked(row.id, 3)]


def _repeated(world: World, rows: Sequence[Appointment], told: list[Json]) -> list[Json]:
    kind = world.switches.repeated_rows
    if kind == "none":
        return told
    copies = [
        body if kind == "same" else _as_booked(row, body)
        for row, body in zip(rows, told, strict=True)
        if picked(row.id, 4) and (kind == "same" or _was_changed(row, body))
    ]
    return copies + told if kind == "stale" else told + copies


def _was_changed(row: Appointment, body: Json) -> bool:
    return row.updated_ms > row.created_ms and bool(body.get("updatedAt"))


def _as_booked(row: Appointment, body: Json) -> Json:
    """The appointment as it was when it was booked: not yet marked, with another title."""
    spellings = {name: "new" for name in ("appoinmentStatus", "appointmentStatus") if name in body}
    return body | spellings | {"title": "New booking", "status": "booked", "updatedAt": utc_iso(row.created_ms)}


def _moving(world: World, body: Json) -> Json:
    moving = world.switches.moving_field
    if moving in ("appointment", "all"):
        body["joinLink"] = new_link(world)
    if moving in ("contact", "all") and body.get("contact"):
        body["contact"]["portalLink"] = new_link(world)
    return body


def new_link(world: World) -> str:
    """A link that is different in every reply."""
    world.links += 1
    return f"https://booking.example.com/join?token={world.links:08x}"
