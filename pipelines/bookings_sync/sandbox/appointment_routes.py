"""Appointments and slots over HTTP: `/appointments/…` of api.md.

Input:  `gate.Call`, with the world's lock held.
Output: replies, or `replies.RefusedError`.
"""

from __future__ import annotations

import orjson
from starlette.responses import Response

from bookings_sync.sandbox import forms, reading, replies
from bookings_sync.sandbox.calendar_routes import done
from bookings_sync.sandbox.gate import Call, as_json
from bookings_sync.sandbox.model import Appointment, Contact, Json, Service
from bookings_sync.sandbox.render import appointment_json, appointments_json
from bookings_sync.sandbox.replies import JSON_TYPE
from bookings_sync.sandbox.slots import free_slots
from bookings_sync.sandbox.times import DAY_MS, days_between, local_iso
from bookings_sync.sandbox.world import SlotTakenError


def list_appointments(call: Call) -> Response:
    switches, query = call.world.switches, call.query
    problems = forms.Problems()
    problems.require(dict(query), ("startDate", "endDate"))
    if not (query.get("userId") or query.get("calendarId") or query.get("teamId")):
        problems.missing("userId or calendarProviderId", "requiredWithout")
    problems.check()
    rows = reading.listed(
        call.world,
        call.location_id,
        reading.ListQuery(
            _epoch_ms(query["startDate"]),
            _epoch_ms(query["endDate"]),
            user_id=query.get("userId") or None,
            calendar_id=query.get("calendarId") or None,
            team_id=query.get("teamId") or None,
        ),
    )
    contact = query.get("includeAll") == "true" or switches.contact_without_include_all
    body = appointments_json(rows, switches.attendance_spelling, contact=contact)
    return Response(b'{"appointments":' + body + b"}", media_type=JSON_TYPE)


def get_appointment(call: Call) -> Response:
    switches = call.world.switches
    row = call.world.data[call.location_id].appointments.get(call.path["appointment_id"])
    if row is None:
        raise replies.unknown_id(switches.unknown_id)
    if row.deleted:
        raise replies.unknown_id(switches.unknown_id if switches.deleted_id == "same" else switches.deleted_id)
    body = appointment_json(row, switches.attendance_spelling, contact=switches.contact_in_get)
    return Response(body, media_type=JSON_TYPE)


def book(call: Call) -> Response:
    form = forms.booking_form(call.body())
    service = _services(call, form.calendar_id)[0]
    if form.user_id is not None and form.user_id not in service.user_ids():
        raise replies.invalid("userId")
    if form.end is not None:
        row = call.world.block(call.location_id, service.id, form.start, form.end, user_id=form.user_id)
        return _booked(call, row)
    data = call.world.data[call.location_id]
    known = data.reach.get(form.contact.get("emailLowerCase") or "") or data.reach.get(form.contact.get("phone") or "")
    if known is not None and known.id not in data.contacts:
        known = None
    try:
        row = call.world.book(
            call.location_id,
            service.id,
            form.start,
            contact=known.id if known else form.contact,
            user_id=form.user_id,
            timezone=form.timezone,
            only_if_free=True,
        )
    except SlotTakenError:
        raise _slot_taken() from None
    if known is not None:
        call.world.update_contact(call.location_id, known.id, form.contact)
    return _booked(call, row)


def reschedule(call: Call) -> Response:
    row = _standing(call)
    start, timezone = forms.reschedule_form(call.body())
    if row.service_id not in call.world.data[call.location_id].services:
        raise replies.invalid("id")
    try:
        row = call.world.reschedule(call.location_id, row.id, start, timezone=timezone, only_if_free=True)
    except SlotTakenError:
        raise _slot_taken() from None
    return _booked(call, row)


def set_status(call: Call) -> Response:
    row, body, problems = _standing(call), call.body(), forms.Problems()
    problems.require(body, ("status",))
    if body.get("status") not in forms.STATUSES:
        problems.invalid("status")
    problems.check()
    call.world.mark(call.location_id, row.id, body["status"])
    return done(call)


def delete_appointment(call: Call) -> Response:
    call.world.delete(call.location_id, _standing(call).id)
    return done(call)


def list_slots(call: Call) -> Response:
    query, switches, problems = call.query, call.world.switches, forms.Problems()
    problems.require(dict(query), ("calendarId", "startDate", "endDate"))
    if query.get("timezone") and not forms.is_zone(query["timezone"]):
        problems.invalid("timezone")
    problems.check()
    start_ms, end_ms = _epoch_ms(query["startDate"]), _epoch_ms(query["endDate"])
    too_long = switches.max_slot_days is not None and end_ms - start_ms > switches.max_slot_days * DAY_MS
    if end_ms <= start_ms or too_long:
        raise replies.invalid("endDate")
    data, user_id = call.world.data[call.location_id], query.get("userId") or None
    zone = reading.slot_zone(call.world, call.location_id, query.get("timezone"))
    days: dict[str, dict[str, list[str]]] = {}
    if switches.empty_days == "empty":
        days = {day.isoformat(): {"slots": []} for day in days_between(start_ms, end_ms, zone)}
    free = {
        at
        for service in _services(call, query["calendarId"])
        for at in free_slots(data, service, start_ms, end_ms, call.world.now_ms, user_id=user_id)
    }
    for text in (local_iso(at, zone) for at in sorted(free)):
        days.setdefault(text[:10], {"slots": []})["slots"].append(text)
    return as_json(days | {"traceId": "0b1c2d3e-sandbox"} if switches.slots_trace_id else days)


def _services(call: Call, calendar_id: str) -> list[Service]:
    """The services a calendarId names (UNK: `Switches.calendar_id_means`); 422 where there is none."""
    data, means = call.world.data[call.location_id], call.world.switches.calendar_id_means
    found: list[Service] = []
    if means != "team" and calendar_id in data.services:
        found = [data.services[calendar_id]]
    elif means != "service":
        found = [service for service in data.services.values() if service.team_id == calendar_id]
    if not found:
        raise replies.invalid("calendarId")
    return found


def _standing(call: Call) -> Appointment:
    try:
        return call.world.standing(call.location_id, call.path["appointment_id"])
    except KeyError:
        raise replies.invalid("id") from None


def _slot_taken() -> replies.RefusedError:
    return replies.invalid("selectedSlot", "The slot is no longer available.")


def _booked(call: Call, row: Appointment) -> Response:
    contact: Json | None = row.contact.body() if isinstance(row.contact, Contact) else None
    contact_id = contact["id"] if contact else None
    if contact and call.world.switches.booked_contact_id == "fingerprint":
        contact_id = contact["fingerprint"]
    return Response(orjson.dumps({"id": row.id, "contactId": contact_id, "contact": contact}), media_type=JSON_TYPE)


def _epoch_ms(text: str) -> int:
    """Epoch milliseconds; anything else gets 400."""
    if not text.lstrip("-").isascii() or not text.lstrip("-").isdigit() or len(text) > 15:
        raise replies.bad_request()
    return int(text)
