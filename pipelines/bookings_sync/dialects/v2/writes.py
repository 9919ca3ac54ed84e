"""The bodies and paths by which v2 changes a calendar.

A change of an event is read back: under an older version, a PUT was answered with 200 and changed nothing (CODE).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pendulum
from pendulum import DateTime

from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects.dialect import ApiCall, Send, path_segment
from bookings_sync.dialects.replies import OtherAnswer, one_under, saved_under
from bookings_sync.dialects.v2.calendars import service as as_service
from bookings_sync.dialects.v2.calendars import team as as_team
from bookings_sync.dialects.v2.requests import calendar_body, event_fields, group_body
from bookings_sync.dialects.v2.versions import CALENDARS_VERSION, VERSION, get
from bookings_sync.dialects.writes import (
    AttendanceStatus,
    BlockOffRequest,
    Booked,
    BookingRequest,
    Saved,
    ServiceRequest,
    TeamRequest,
    record_of,
    without_none,
)
from bookings_sync.errors import Unsupported
from bookings_sync.records.instants import instant_ms
from bookings_sync.records.json_text import Record, Unreadable, decode

EVENTS_VERSION = "2023-02-21"
"""Under this version a PUT of an event works; under 2021-07-28 it changed nothing (CODE)."""

_EVENT_KEYS = ("event", "appointment")


class V2Writes:
    """The changes of one location."""

    def __init__(self, location: Location, settings: Settings, send: Send) -> None:
        self._location = location
        self._location_id = location.location_id or ""
        self._sunday = settings.v2_sunday
        self._send = send

    def create_team(self, team: TeamRequest) -> Saved:
        body = {"locationId": self._location_id, **self._group(team)}
        return self._save_team(_write("POST", "/calendars/groups", body), None)

    def update_team(self, team_id: str, team: TeamRequest) -> Saved:
        call = _write("PUT", f"/calendars/groups/{path_segment(team_id)}", self._group(team))
        return self._save_team(call, team_id)

    def delete_team(self, team_id: str) -> None:
        self._send(_write("DELETE", f"/calendars/groups/{path_segment(team_id)}"), _decode_done)

    def create_service(self, service: ServiceRequest) -> Saved:
        body = {"locationId": self._location_id, **self._calendar(service)}
        return self._save_service(_write("POST", "/calendars/", body), None)

    def update_service(self, service_id: str, service: ServiceRequest) -> Saved:
        call = _write("PUT", f"/calendars/{path_segment(service_id)}", self._calendar(service))
        return self._save_service(call, service_id)

    def delete_service(self, service_id: str) -> None:
        self._send(_write("DELETE", f"/calendars/{path_segment(service_id)}"), _decode_done)

    def book(self, booking: BookingRequest) -> Booked:
        """Books for `contact_id`, or for the contact with the email or phone, who is created if need be (DOC). If only
        the second request fails, the contact stays."""
        of_contact, of_event = event_fields(booking.fields)
        of_contact = without_none(email=booking.email, phone=booking.phone, **of_contact)
        if booking.contact_id is not None and of_contact:
            names = ", ".join(of_contact)
            raise self._unsupported(f"book for contact_id and set {names}", "Give contact_id or the contact's fields.")
        if booking.contact_id is None and not (booking.email or booking.phone):
            raise self._unsupported("book without a contact", "Give contact_id, email or phone.")
        contact = self._contact(of_contact) if booking.contact_id is None else None
        body = {
            **of_event,
            "locationId": self._location_id,
            "calendarId": booking.calendar_id,
            "contactId": booking.contact_id or (contact or {})["id"],
            "startTime": _local(booking.selected_slot, booking.selected_timezone),
            **without_none(endTime=booking.end_at and _local(booking.end_at, booking.selected_timezone)),
        }
        call = _write("POST", "/calendars/events/appointments", body, EVENTS_VERSION)
        record = record_of(self._send(call, saved_under(_EVENT_KEYS, None)))
        return Booked(record["id"], record.get("contactId") or body["contactId"], contact)

    def block_off(self, time: BlockOffRequest) -> Booked:
        body = {"locationId": self._location_id, **self._block(time)}
        call = _write("POST", "/calendars/events/block-slots", body, EVENTS_VERSION)
        return Booked(record_of(self._send(call, saved_under(_EVENT_KEYS, None)))["id"], None, None)

    def move_block_off(self, appointment_id: str, time: BlockOffRequest) -> Booked:
        path = f"/calendars/events/block-slots/{path_segment(appointment_id)}"
        call = _write("PUT", path, self._block(time), EVENTS_VERSION)
        return Booked(record_of(self._send(call, saved_under(_EVENT_KEYS, appointment_id)))["id"], None, None)

    def reschedule(self, appointment_id: str, selected_slot: DateTime, selected_timezone: str) -> Booked:
        """Moves an appointment, which keeps its duration."""
        before = self._read(appointment_id)
        start, end = instant_ms(before.get("startTime")), instant_ms(before.get("endTime"))
        body = {"startTime": _local(selected_slot, selected_timezone)}
        if start is not None and end is not None:
            body["endTime"] = _local(selected_slot.add(microseconds=(end - start) * 1000), selected_timezone)
        wanted = instant_ms(body["startTime"])
        self._change(appointment_id, body)
        after = self._read(appointment_id, "the time", lambda event: instant_ms(event.get("startTime")) == wanted)
        return Booked(after["id"], after.get("contactId"), None)

    def set_status(self, appointment_id: str, status: AttendanceStatus) -> None:
        self._change(appointment_id, {"appointmentStatus": status})
        self._read(appointment_id, "the status", lambda event: _status(event) == status)

    def delete_appointment(self, appointment_id: str) -> None:
        self._send(
            _write("DELETE", f"/calendars/events/{path_segment(appointment_id)}", version=EVENTS_VERSION), _decode_done
        )

    def _change(self, appointment_id: str, body: Record) -> None:
        path = f"/calendars/events/appointments/{path_segment(appointment_id)}"
        self._send(_write("PUT", path, body, EVENTS_VERSION), saved_under(_EVENT_KEYS, appointment_id))

    def _read(self, appointment_id: str, what: str = "", fits: Callable[[Record], bool] = lambda _: True) -> Record:
        """The event. Raises OtherReply if it does not show `what` was to be changed."""
        decode_one = one_under(_EVENT_KEYS, appointment_id)

        def decode_event(body: bytes) -> Record:
            found = decode_one(body)
            if not found:
                raise Unreadable("the JSON object has no id")
            if not fits(found[0]):
                raise OtherAnswer(f"the API accepted the change and did not take {what}")
            return found[0]

        path = f"/calendars/events/appointments/{path_segment(appointment_id)}"
        return record_of(self._send(get(path), decode_event))

    def _contact(self, fields: Mapping[str, Any]) -> Record:
        body = {"locationId": self._location_id, **fields}
        return record_of(self._send(_write("POST", "/contacts/upsert", body, VERSION), saved_under(("contact",), None)))

    def _block(self, time: BlockOffRequest) -> Record:
        if (time.calendar_id is None) == (time.user_id is None):
            raise self._unsupported(
                "block time off for both or neither of calendar_id and user_id", "Give one of them."
            )
        zone = time.selected_timezone
        return without_none(
            calendarId=time.calendar_id,
            assignedUserId=time.user_id,
            startTime=_local(time.selected_slot, zone),
            endTime=_local(time.end_at, zone),
        )

    def _group(self, team: TeamRequest) -> Record:
        flags = team.should_assign_contact_to_team_member, team.should_skip_assigning_contact_for_existing
        if team.user_ids:
            raise self._unsupported("give a team members", "Name them in its services, and leave user_ids empty.")
        if team.calendar_name not in {"", team.name}:
            raise self._unsupported("give a team's page a name of its own", "Write the team's name as calendar_name.")
        if any(flag is not None for flag in flags):
            raise self._unsupported("say how a team assigns contacts", "Leave both should_ fields None.")
        return group_body(team)

    def _calendar(self, service: ServiceRequest) -> Record:
        if service.sync_option is not None:
            raise self._unsupported("set sync_option", "Leave it None.")
        return calendar_body(service, sunday=self._sunday)

    def _save_team(self, call: ApiCall, team_id: str | None) -> Saved:
        record = record_of(self._send(call, saved_under(("group",), team_id)))
        shown = {name: value for name, value in as_team(record, [], {}).items() if name != "members"}
        return Saved(record["id"], shown)

    def _save_service(self, call: ApiCall, service_id: str | None) -> Saved:
        record = record_of(self._send(call, saved_under(("calendar",), service_id)))
        return Saved(record["id"], as_service(record, sunday=self._sunday))

    def _unsupported(self, what: str, instead: str) -> Unsupported:
        return Unsupported(what, instead, api="v2", location=self._location.name)


def _write(method: str, path: str, body: Record | None = None, version: str = CALENDARS_VERSION) -> ApiCall:
    return ApiCall(method, path, headers={"Version": version}, body=body)


def _local(instant: DateTime, zone: str | None) -> str:
    """ISO 8601 with the offset of `zone` (DOC)."""
    return (instant.in_timezone(pendulum.timezone(zone)) if zone else instant).isoformat()


def _status(event: Record) -> Any:
    return event.get("appointmentStatus", event.get("appoinmentStatus"))


def _decode_done(body: bytes) -> None:
    """Reads `{"succeeded": true}` or `{"success": true}` (DOC)."""
    value = decode(body) if body.strip() else {}
    if isinstance(value, dict) and value.get("succeeded", value.get("success", True)) is not True:
        raise OtherAnswer("the API says that it did not delete the record")
