"""Handlers that create, change and delete events.

Input:  `endpoint.Call`, with the world's lock held.
Output: replies, or RefusedError. The replies have neither dates nor times nor locationId, and spell appoinmentStatus
        as in the reply that was observed (CODE).
"""

from __future__ import annotations

from datetime import datetime

from starlette.responses import Response

from bookings_sync.sandbox import error_replies
from bookings_sync.sandbox.endpoint import Call
from bookings_sync.sandbox.error_replies import RefusedError
from bookings_sync.sandbox.fields import Fields
from bookings_sync.sandbox.model import Appointment, Attendance, Json
from bookings_sync.sandbox.times import from_ms, local_iso, to_ms
from bookings_sync.sandbox.v2.event_json import event_id
from bookings_sync.sandbox.v2.events import find_event
from bookings_sync.sandbox.v2.transport import V2, check_location, reply
from bookings_sync.sandbox.world import SlotTakenError

STATUSES: tuple[Attendance, ...] = ("new", "confirmed", "cancelled", "showed", "noshow", "invalid")


def create_appointment(call: Call) -> Response:
    """POST: calendarId, locationId, contactId and startTime are required. 201."""
    fields, world, data = call.body_fields(), call.world, call.world.data[call.location_id]
    check_location(call, fields)
    fields.require("startTime")
    calendar_id, contact_id = fields.text("calendarId"), fields.text("contactId")
    if calendar_id and calendar_id not in data.services:
        fields.invalid("calendarId")
    if contact_id and contact_id not in data.contacts:
        fields.invalid("contactId")
    changes = _Changes(call, fields, None)
    fields.check()
    try:
        row = world.book(
            call.location_id,
            calendar_id,
            changes.start or world.now,
            contact=contact_id,
            user_id=changes.user_id,
            title=changes.title,
            status=changes.status or "confirmed",
            only_if_free=not changes.is_forced,
        )
    except SlotTakenError:
        raise _slot_taken() from None
    changes.edit(row)
    return reply(call, _saved(call, row) | {"status": "booked"}, status=201)


def update_appointment(call: Call) -> Response:
    """PUT: any of calendarId, assignedUserId, startTime, endTime, appointmentStatus, title, address, notes."""
    row, fields, world = _event(call, block=False), call.body_fields(), call.world
    data = world.data[call.location_id]
    calendar_id = fields.optional_text("calendarId")
    if calendar_id is not None and calendar_id not in data.services:
        fields.invalid("calendarId")
    changes = _Changes(call, fields, row)
    if changes.start is not None and (calendar_id or row.service_id) not in (None, *data.services):
        fields.invalid("calendarId")
    fields.check()
    if call.version == world.switches.ignored_put_version:
        return reply(call, _saved(call, row))
    if calendar_id is not None or changes.user_id is not None:
        service = data.services.get(calendar_id or row.service_id or "")
        world.reassign(
            call.location_id,
            row.id,
            service_id=service.id if service else row.service_id,
            team_id=service.team_id if service else row.team_id,
            user_id=changes.user_id or row.user_id,
        )
    if changes.start is not None:
        _move(call, row, changes.start, only_if_free=not changes.is_forced)
    if changes.status is not None:
        world.mark(call.location_id, row.id, changes.status)
    changes.edit(row)
    return reply(call, _saved(call, row))


def create_block(call: Call) -> Response:
    """POST: locationId, startTime, endTime, and either calendarId or assignedUserId. Both get 422. 201."""
    fields, data = call.body_fields(), call.world.data[call.location_id]
    check_location(call, fields)
    fields.require("startTime", "endTime")
    calendar_id = fields.optional_text("calendarId")
    changes = _Changes(call, fields, None)
    if (calendar_id is None) == (changes.user_id is None):
        fields.invalid("calendarId or assignedUserId")
    if calendar_id is not None and calendar_id not in data.services:
        fields.invalid("calendarId")
    fields.check()
    start, end = changes.start or call.world.now, changes.end or call.world.now
    row = call.world.block(call.location_id, calendar_id, start, end, user_id=changes.user_id, title=changes.title)
    return reply(call, _blocked(call, row), status=201)


def update_block(call: Call) -> Response:
    """PUT: startTime, endTime, title."""
    row, fields = _event(call, block=True), call.body_fields()
    changes = _Changes(call, fields, row)
    fields.check()
    if changes.start is not None:
        _move(call, row, changes.start, only_if_free=False)
    changes.edit(row)
    return reply(call, _blocked(call, row))


def delete_event(call: Call) -> Response:
    """DELETE: an appointment or blocked-off time. 201 (DOC)."""
    call.world.delete(call.location_id, _event(call, block=None).id)
    return reply(call, {"succeeded": True}, status=201)


class _Changes:
    """The fields that POST and PUT have in common. Reading them adds their errors to `fields`."""

    def __init__(self, call: Call, fields: Fields, row: Appointment | None) -> None:
        data = call.world.data[call.location_id]
        self._call, zone = call, data.location.timezone
        self.start, self.end = fields.instant("startTime", zone), fields.instant("endTime", zone)
        self.status = fields.option("appointmentStatus", STATUSES)
        self.title, self.address, self.notes = (fields.optional_text(name) for name in ("title", "address", "notes"))
        self.user_id = fields.optional_text("assignedUserId")
        self.is_forced = fields.flag("ignoreFreeSlotValidation") is True
        if self.user_id is not None and self.user_id not in data.members:
            fields.invalid("assignedUserId")
        start = self.start or (from_ms(row.start_ms) if row else None)
        if start is not None and self.end is not None and self.end <= start:
            fields.invalid("endTime")

    def edit(self, row: Appointment) -> None:
        """Saves the end and the texts, if any is given."""
        if not (self.end is None and self.title is None and self.address is None and self.notes is None):
            self._call.world.edit(
                row.location_id, row.id, end=self.end, title=self.title, address=self.address, notes=self.notes
            )


def _move(call: Call, row: Appointment, start: datetime, *, only_if_free: bool) -> None:
    if to_ms(start) == row.start_ms:
        return
    try:
        call.world.reschedule(call.location_id, row.id, start, only_if_free=only_if_free)
    except SlotTakenError:
        raise _slot_taken() from None


def _event(call: Call, *, block: bool | None) -> Appointment:
    """The event of the path: an appointment, blocked-off time, or either (None). Any other id is unknown."""
    row = find_event(call.world, call.location_id, call.path["event_id"])
    if row is None or row.deleted or block not in (None, row.block):
        raise V2().unknown_id(call.world.switches.unknown_id)
    return row


def _slot_taken() -> error_replies.RefusedError:
    return RefusedError(400, "The slot you have selected is no longer available.")


def _saved(call: Call, row: Appointment) -> Json:
    return {
        "id": event_id(row, call.world.switches),
        "calendarId": row.service_id,
        "contactId": row.contact.id if row.contact else None,
        "title": row.title,
        "appoinmentStatus": row.attendance,
        "assignedUserId": row.user_id,
        "address": row.address,
        "isRecurring": row.series is not None,
    }


def _blocked(call: Call, row: Appointment) -> Json:
    zone = call.world.data[call.location_id].location.timezone
    return {
        "id": row.id,
        "locationId": row.location_id,
        "title": row.title,
        "startTime": local_iso(row.start_ms, zone),
        "endTime": local_iso(row.end_ms, zone),
        "calendarId": row.service_id,
        "assignedUserId": row.user_id,
    }
