"""Serializes appointments.

Input:  `model.Appointment`, and the switch for the spelling of appointmentStatus.
Output: JSON bytes. An appointment is its head, `{"id":…,"isFree":false`, followed by its contact's tail or a brace.
        Head and tail are cached, so a list only joins bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import orjson

from bookings_sync.sandbox.model import Appointment, Json, Spelling
from bookings_sync.sandbox.times import local_iso, utc_iso


def appointment_head(row: Appointment, spelling: Literal["sic", "right", "both", "mixed"]) -> bytes:
    """The JSON up to the contact, without the closing brace. Cached in `row.head`."""
    if row.head is None:
        row.head = orjson.dumps(_fields(row, row.spelling if spelling == "mixed" else spelling))[:-1]
    return row.head


def appointment_json(row: Appointment, spelling: Literal["sic", "right", "both", "mixed"], *, contact: bool) -> bytes:
    head = appointment_head(row, spelling)
    return head + row.contact.tail if contact and row.contact is not None else head + b"}"


def appointments_json(
    rows: Iterable[Appointment], spelling: Literal["sic", "right", "both", "mixed"], *, contact: bool
) -> bytes:
    """A JSON array of appointments. Blocked-off time has no contact.

    A single join over all pieces is much faster than a join per appointment.
    """
    parts = [
        part
        for row in rows
        for part in (
            b",",
            row.head or appointment_head(row, spelling),
            row.contact.tail if contact and row.contact is not None else b"}",
        )
    ]
    return b"[" + b"".join(parts[1:]) + b"]"


def _fields(row: Appointment, spelling: Spelling) -> Json:
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
    return fields
