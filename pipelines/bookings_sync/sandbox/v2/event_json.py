"""Builds the JSON of events: appointments, and blocked-off time.

Input:  `model.Appointment`, the world's switches, and the location's time zone.
Output: JSON bytes, cached in `Appointment.event`. An event has neither the contact nor a time zone of its own (DOC).
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

import orjson

from bookings_sync.sandbox.appointment_json import appointment_head, remove_ids
from bookings_sync.sandbox.model import Appointment, Json
from bookings_sync.sandbox.switches import Switches
from bookings_sync.sandbox.times import local_iso, utc_iso

_ALWAYS = frozenset({"assignedUserId", "contactId", "locationId"})
"""Fields that some appointments of v1 lack. In v2 nothing else tells the user, the contact and the location."""
_SOURCES = ("booking_widget", "calendar_page", "api", "workflow")


def event_json(row: Appointment, switches: Switches, zone: str) -> bytes:
    """The event. Cached until the appointment or a switch changes."""
    head = appointment_head(row, switches)
    cached = row.event
    if cached is not None and cached[0] is head and cached[1] is switches:
        return cached[2]
    body = orjson.dumps(event_fields(row, switches, zone))
    row.event = head, switches, body
    return body


def event_fields(row: Appointment, switches: Switches, zone: str) -> Json:
    shown_zone = {"location": zone, "booked": row.zone, "utc": "UTC"}[switches.event_zone]
    fields: Json = {
        "id": event_id(row, switches),
        "calendarId": row.service_id,
        "groupId": row.team_id,
        "locationId": row.location_id,
        "contactId": row.contact.id if row.contact else None,
        "assignedUserId": row.user_id,
        "users": [row.user_id] if row.user_id else [],
        "title": row.title,
        "address": row.address,
        "notes": row.notes,
        "description": "",
        **_status(row, switches),
        "isRecurring": row.series is not None,
        "startTime": local_iso(row.start_ms, shown_zone),
        "endTime": local_iso(row.end_ms, shown_zone),
        "dateAdded": shown_date(row.created_ms, switches),
        "assignedResources": [],
        "createdBy": _created_by(row),
    }
    if row.block:
        del fields["contactId"]
    if row.series is not None:
        fields |= {"rrule": "RRULE:FREQ=WEEKLY;INTERVAL=1", "masterEventId": row.series[0]}
    if switches.date_updated != "absent":
        moved = row.created_ms if row.moved_ms is None else row.moved_ms
        fields["dateUpdated"] = shown_date(
            row.updated_ms if switches.date_updated == "every_change" else moved, switches
        )
    if row.shape is not None:
        fields.update(row.shape.more)
        fields |= {name: None for name in row.shape.null if name in fields}
        for name in {*row.shape.absent} - _ALWAYS:
            fields.pop(name, None)
    if switches.missing_service_ids:
        remove_ids(fields, row.id, "calendarId", "groupId", "assignedUserId")
    return fields


def event_id(row: Appointment, switches: Switches) -> str:
    """The id, which is that of v1 unless `Switches.series_ids` says otherwise."""
    if row.series is None or switches.series_ids == "same":
        return row.id
    base, first_ms, _ = row.series
    return f"{base}_{first_ms}_{(row.end_ms - row.start_ms) // 1000}"


def shown_date(ms: int, switches: Switches) -> str | int:
    """dateAdded and dateUpdated in the form that the switches choose (UNK)."""
    if switches.date_format == "epoch":
        return ms
    if switches.date_format == "offset":
        return datetime.fromtimestamp(ms // 1000, UTC).isoformat()
    return utc_iso(ms)


def _status(row: Appointment, switches: Switches) -> Json:
    names = {"right": ("appointmentStatus",), "sic": ("appoinmentStatus",)}
    return dict.fromkeys(
        names.get(switches.event_status_spelling, ("appointmentStatus", "appoinmentStatus")), row.attendance
    )


def _created_by(row: Appointment) -> Json:
    source = _SOURCES[zlib.crc32(row.id.encode()) % len(_SOURCES)]
    return {"userId": row.user_id if source == "calendar_page" else None, "source": source}
