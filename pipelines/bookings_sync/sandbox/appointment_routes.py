"""Handlers for `/appointments/…`: appointments and slots.

Input:  `endpoint.Call`, with the world's lock held.
Output: replies, or RefusedError.
"""

from __future__ import annotations

import orjson
from starlette.responses import Response

from bookings_sync.sandbox import error_replies, listing, tellings, validation
from bookings_sync.sandbox.appointment_json import shown_contact
from bookings_sync.sandbox.calendar_routes import done
from bookings_sync.sandbox.endpoint import Call, json_response
from bookings_sync.sandbox.error_replies import JSON_TYPE
from bookings_sync.sandbox.model import Appointment, Json, Service
from bookings_sync.sandbox.slots import free_slots
from bookings_sync.sandbox.times import DAY_MS, days_between, local_iso
from bookings_sync.sandbox.world import SlotTakenError


def list_appointments(call: Call) -> Response:
    switches, query = call.world.switches, call.query
    errors = validation.FieldErrors()
    errors.require(dict(query), ("startDate", "endDate"))
    if not (query.get("userId") or query.get("calendarId") or query.get("teamId")):
        errors.missing("userId or calendarProviderId", "requiredWithout")
    errors.check()
    asked = listing.ListQuery(
        _epoch_ms(query["startDate"]),
        _epoch_ms(query["endDate"]),
        user_id=query.get("userId") or None,
        calendar_id=query.get("calendarId") or None,
        team_id=query.get("teamId") or None,
    )
    rows = listing.list_appointments(call.world, call.location_id, asked)
    contact = query.get("includeAll") == "true" or switches.contact_without_include_all
    body = tellings.list_json(call.world, rows, asked, contact=contact)
    return Response(b'{"appointments":' + body + b"}", media_type=JSON_TYPE)


def get_appointment(call: Call) -> Response:
    switches, data = call.world.switches, call.world.data[call.location_id]
    row = data.appointments.get(call.path["appointment_id"])
    if row is None:
        raise error_replies.unknown_id(switches.unknown_id)
    if row.deleted and switches.deleted_id not in ("plain", "flag", "status"):
        raise error_replies.unknown_id(switches.unknown_id if switches.deleted_id == "same" else switches.deleted_id)
    return Response(tellings.one_json(call.world, data, row), media_type=JSON_TYPE)


def book(call: Call) -> Response:
    booking = validation.booking_from_body(call.body())
    service = _services(call, booking.calendar_id)[0]
    if booking.user_id is not None and booking.user_id not in service.user_ids():
        raise error_replies.invalid("userId")
    if booking.end is not None:
        row = call.world.block(call.location_id, service.id, booking.start, booking.end, user_id=booking.user_id)
        return _booked(call, row)
    data = call.world.data[call.location_id]
    email, phone = booking.contact.get("emailLowerCase"), booking.contact.get("phone")
    known = data.contact_by_address.get(email or "") or data.contact_by_address.get(phone or "")
    if known is not None and known.id not in data.contacts:
        known = None
    try:
        row = call.world.book(
            call.location_id,
            service.id,
            booking.start,
            contact=known.id if known else booking.contact,
            user_id=booking.user_id,
            timezone=booking.timezone,
            only_if_free=True,
        )
    except SlotTakenError:
        raise _slot_taken() from None
    if known is not None:
        call.world.update_contact(call.location_id, known.id, booking.contact)
    return _booked(call, row)


def reschedule(call: Call) -> Response:
    row = _appointment(call)
    start, timezone = validation.reschedule_from_body(call.body())
    if row.service_id not in call.world.data[call.location_id].services:
        raise error_replies.invalid("id")
    try:
        row = call.world.reschedule(call.location_id, row.id, start, timezone=timezone, only_if_free=True)
    except SlotTakenError:
        raise _slot_taken() from None
    return _booked(call, row)


def set_status(call: Call) -> Response:
    row, body, errors = _appointment(call), call.body(), validation.FieldErrors()
    errors.require(body, ("status",))
    if body.get("status") not in validation.STATUSES:
        errors.invalid("status")
    errors.check()
    call.world.mark(call.location_id, row.id, body["status"])
    return done(call)


def delete_appointment(call: Call) -> Response:
    call.world.delete(call.location_id, _appointment(call).id)
    return done(call)


def list_slots(call: Call) -> Response:
    query, switches, errors = call.query, call.world.switches, validation.FieldErrors()
    errors.require(dict(query), ("calendarId", "startDate", "endDate"))
    if query.get("timezone") and not validation.is_zone(query["timezone"]):
        errors.invalid("timezone")
    errors.check()
    start_ms, end_ms = _epoch_ms(query["startDate"]), _epoch_ms(query["endDate"])
    too_long = switches.max_slot_days is not None and end_ms - start_ms > switches.max_slot_days * DAY_MS
    if end_ms <= start_ms or too_long:
        raise error_replies.invalid("endDate")
    data, user_id = call.world.data[call.location_id], query.get("userId") or None
    zone = listing.slot_zone(call.world, call.location_id, query.get("timezone"))
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
    return json_response(days | {"traceId": "0b1c2d3e-sandbox"} if switches.slots_trace_id else days)


def _services(call: Call, calendar_id: str) -> list[Service]:
    """The services that a calendarId refers to (UNK, see `Switches.calendar_id_means`). None gets 422."""
    data, means = call.world.data[call.location_id], call.world.switches.calendar_id_means
    found: list[Service] = []
    if means != "team" and calendar_id in data.services:
        found = [data.services[calendar_id]]
    elif means != "service":
        found = [service for service in data.services.values() if service.team_id == calendar_id]
    if not found:
        raise error_replies.invalid("calendarId")
    return found


def _appointment(call: Call) -> Appointment:
    try:
        return call.world.get_appointment(call.location_id, call.path["appointment_id"])
    except KeyError:
        raise error_replies.invalid("id") from None


def _slot_taken() -> error_replies.RefusedError:
    return error_replies.invalid("selectedSlot", "The slot is no longer available.")


def _booked(call: Call, row: Appointment) -> Response:
    switches = call.world.switches
    contact: Json | None = shown_contact(row.contact, switches) if row.contact else None
    contact_id = row.contact.id if row.contact and contact else None
    if contact and switches.booked_contact_id == "fingerprint":
        contact_id = contact["fingerprint"]
    return Response(orjson.dumps({"id": row.id, "contactId": contact_id, "contact": contact}), media_type=JSON_TYPE)


def _epoch_ms(text: str) -> int:
    """Epoch milliseconds. Anything else gets 400."""
    if not text.lstrip("-").isascii() or not text.lstrip("-").isdigit() or len(text) > 15:
        raise error_replies.bad_request()
    return int(text)
