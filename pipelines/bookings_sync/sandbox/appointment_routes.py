"""Handlers for `/appointments/…`: appointments and slots.

Input:  `endpoint.Call`, with the world's lock held.
Output: replies, or RefusedError.
"""

from __future__ import annotations

from datetime import timedelta

import orjson
from starlette.responses import Response

from bookings_sync.sandbox import error_replies, listing, validation, variants
from bookings_sync.sandbox.appointment_json import appointments_json, shown_contact
from bookings_sync.sandbox.calendar_routes import done
from bookings_sync.sandbox.endpoint import Call, json_response
from bookings_sync.sandbox.error_replies import JSON_TYPE
from bookings_sync.sandbox.model import Appointment, Json, Service
from bookings_sync.sandbox.slots import free_slots
from bookings_sync.sandbox.times import DAY_MS, day_start_ms, days_between, local_day, local_iso
from bookings_sync.sandbox.world import SlotTakenError


def list_appointments(call: Call) -> Response:
    fields = call.query_fields()
    asked = listing.ListQuery(
        fields.epoch_ms("startDate"),
        fields.epoch_ms("endDate"),
        user_id=fields.optional_text("userId"),
        calendar_id=fields.optional_text("calendarId"),
        team_id=fields.optional_text("teamId"),
    )
    if not (asked.user_id or asked.calendar_id or asked.team_id):
        fields.missing("userId or calendarProviderId", "requiredWithout")
    include_all = (fields.optional_text("includeAll") or "").lower() == "true"  # clients send "True", too (CODE)
    fields.check()
    rows = listing.list_appointments(call.world, call.location_id, asked)
    contact = include_all or call.world.switches.contact_without_include_all
    body = variants.list_json(call.world, rows, asked, contact=contact)
    return Response(b'{"appointments":' + body + b"}", media_type=JSON_TYPE)


def get_appointment(call: Call) -> Response:
    switches, data = call.world.switches, call.world.data[call.location_id]
    row = data.appointments.get(call.path["appointment_id"])
    if row is None:
        raise error_replies.unknown_id(switches.unknown_id)
    if row.deleted and switches.deleted_id not in ("plain", "flag", "status"):
        raise error_replies.unknown_id(switches.unknown_id if switches.deleted_id == "same" else switches.deleted_id)
    return Response(variants.one_json(call.world, data, row), media_type=JSON_TYPE)


def contact_appointments(call: Call) -> Response:
    """GET /contacts/:id/appointments/ (DOC). The form of the reply is UNK; it is that of a list."""
    data = call.world.data[call.location_id]
    if call.path["contact_id"] not in data.contacts:
        raise error_replies.unknown_id(call.world.switches.unknown_id)
    rows = [row for row in data.by_start.all() if row.contact and row.contact.id == call.path["contact_id"]]
    return Response(
        b'{"appointments":' + appointments_json(rows, call.world.switches, contact=False) + b"}", media_type=JSON_TYPE
    )


def book(call: Call) -> Response:
    booking, data = validation.booking_from_body(call.body_fields()), call.world.data[call.location_id]
    service = _services(call, booking.calendar_id)[0] if booking.calendar_id is not None else None
    users = data.members if service is None else service.user_ids()
    if booking.user_id is not None and booking.user_id not in users:
        raise error_replies.invalid("userId")
    if booking.end is not None or service is None:
        row = call.world.block(
            call.location_id,
            service.id if service else None,
            booking.start,
            booking.end or booking.start,
            user_id=booking.user_id,
            title=booking.title,
        )
        return _booked(call, row)
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
            title=booking.title,
            only_if_free=True,
        )
    except SlotTakenError:
        raise _slot_taken() from None
    if known is not None:
        call.world.update_contact(call.location_id, known.id, booking.contact)
    return _booked(call, row)


def reschedule(call: Call) -> Response:
    row = _appointment(call)
    start, timezone = validation.reschedule_from_body(call.body_fields())
    if row.service_id is not None and row.service_id not in call.world.data[call.location_id].services:
        raise error_replies.invalid("id")
    try:
        row = call.world.reschedule(call.location_id, row.id, start, timezone=timezone, only_if_free=True)
    except SlotTakenError:
        raise _slot_taken() from None
    return _booked(call, row)


def set_status(call: Call) -> Response:
    row, fields = _appointment(call), call.body_fields()
    fields.require("status")
    status = fields.option("status", validation.STATUSES)
    fields.check()
    call.world.mark(call.location_id, row.id, status or "confirmed")
    return done(call)


def delete_appointment(call: Call) -> Response:
    call.world.delete(call.location_id, _appointment(call).id)
    return done(call)


def list_slots(call: Call) -> Response:
    fields, switches = call.query_fields(), call.world.switches
    calendar_id, user_id = fields.text("calendarId"), fields.optional_text("userId")
    start_ms, end_ms = fields.epoch_ms("startDate"), fields.epoch_ms("endDate")
    zone = listing.slot_zone(call.world, call.location_id, fields.zone("timezone"))
    fields.check()
    too_long = switches.max_slot_days is not None and end_ms - start_ms > switches.max_slot_days * DAY_MS
    if end_ms < start_ms or too_long:
        raise error_replies.invalid("endDate")
    if end_ms == start_ms:  # clients ask for one day this way (CODE)
        day = local_day(start_ms, zone)
        start_ms, end_ms = day_start_ms(day, zone), day_start_ms(day + timedelta(days=1), zone)
    data = call.world.data[call.location_id]
    days: dict[str, dict[str, list[str]]] = {}
    if switches.empty_days == "empty":
        days = {day.isoformat(): {"slots": []} for day in days_between(start_ms, end_ms, zone)}
    free = {
        at
        for service in _services(call, calendar_id)
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
