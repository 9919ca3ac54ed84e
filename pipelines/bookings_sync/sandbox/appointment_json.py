"""Serializes appointments.

Input:  `model.Appointment`, and the switches for its fields.
Output: JSON bytes. An appointment is its head, `{"id":…,"isFree":false`, followed by its contact's tail or a brace.
        Head and tail are cached, so a list only joins bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import orjson

from bookings_sync.sandbox.model import CONTACT_PREFIX, Appointment, Contact, Json, Spelling
from bookings_sync.sandbox.switches import Switches
from bookings_sync.sandbox.times import local_iso, utc_iso


def appointment_head(row: Appointment, switches: Switches) -> bytes:
    """The JSON up to the contact, without the closing brace. Cached in `row.head`."""
    if row.head is None:
        row.head = orjson.dumps(_fields(row, switches))[:-1]
    return row.head


def appointment_json(row: Appointment, switches: Switches, *, contact: bool) -> bytes:
    head = appointment_head(row, switches)
    return head + _tail(row.contact, switches) if contact and row.contact is not None else head + b"}"


def appointments_json(rows: Iterable[Appointment], switches: Switches, *, contact: bool) -> bytes:
    """A JSON array of appointments. Blocked-off time has no contact.

    A single join over all pieces is much faster than a join per appointment.
    """
    cached_tails = not switches.client_field_names
    parts = [
        part
        for row in rows
        for part in (
            b",",
            row.head or appointment_head(row, switches),
            (row.contact.tail if cached_tails else _tail(row.contact, switches))
            if contact and row.contact is not None
            else b"}",
        )
    ]
    return b"[" + b"".join(parts[1:]) + b"]"


def picked(record_id: str, one_in: int) -> bool:
    """Whether a switch concerns this record. The same ids are picked in every reply and every run."""
    return zlib.crc32(record_id.encode()) % one_in == 0


def shown_contact(contact: Contact, switches: Switches) -> Json | None:
    """The contact's JSON. None after the contact was deleted."""
    body: Json | None = contact.body()
    if body is not None and switches.client_field_names:
        body.pop("id", None)
    return body


def _tail(contact: Contact, switches: Switches) -> bytes:
    if not switches.client_field_names:
        return contact.tail
    return CONTACT_PREFIX + orjson.dumps(shown_contact(contact, switches)) + b"}"


def _fields(row: Appointment, switches: Switches) -> Json:
    spelling: Spelling = row.spelling if switches.attendance_spelling == "mixed" else switches.attendance_spelling
    cancelled = row.attendance == "cancelled" and not row.stale
    fields: Json = {
        "id": row.id,
        "userId": row.user_id,
        "contactId": row.contact.id if row.contact else None,
        "locationId": row.location_id,
        "calendarProviderId": row.team_id,
        "calendarServiceId": row.service_id,
        "calendarId": row.calendar_id,
        "status": "cancelled" if cancelled else "booked",
    }
    if spelling != "right":
        fields["appoinmentStatus"] = row.attendance
    if spelling == "disagree":
        fields["appointmentStatus"] = "new" if row.attendance != "new" else "confirmed"
    elif spelling != "sic":
        fields["appointmentStatus"] = row.attendance
    created = utc_iso(row.created_ms)
    fields |= {
        "title": row.title,
        "notes": row.notes,
        "address": row.address,
        "startTime": local_iso(row.start_ms, row.zone),
        "endTime": local_iso(row.end_ms, row.zone),
        "selectedTimezone": row.zone,
        "isRecurring": row.series is not None,
        "assignedUserId": row.user_id,
        "userCalendarId": row.calendar_id,
        "isFree": False,
        "createdAt": created,
        "updatedAt": created if row.updated_ms == row.created_ms else utc_iso(row.updated_ms),
    }
    if row.shape is not None:
        fields.update(row.shape.more)
        fields.update(dict.fromkeys(row.shape.null))
        for name in row.shape.absent:
            fields.pop(name, None)
    if switches.client_field_names:
        contact_id = row.contact.id if row.contact else None
        fields |= {"calendarId": row.service_id, "assignedUserId": row.user_id, "contactId": contact_id}
        del fields["calendarServiceId"], fields["userId"]
    if switches.missing_service_ids:
        remove_ids(fields, row.id, "calendarServiceId", "calendarProviderId", "userId", "assignedUserId")
    return fields


def remove_ids(fields: Json, row_id: str, service: str, *others: str) -> None:
    """Removes the service from some appointments, and service, team and user from others: no key, or null."""
    names: tuple[str, ...] = ()
    if picked(row_id, 5):
        names = (service,)
    elif picked(row_id[::-1], 8):
        names = (service, *others)
    for name in names:
        if picked(row_id, 2):
            fields[name] = None
        else:
            fields.pop(name, None)
