"""Changes one location's calendar: a typed method per write endpoint of the API.

Input:  request dataclasses, with the names and types of the POST and PUT bodies (DOC), which differ from the replies'.
Output: the record that the API saved, or None if the API replies with an empty or plain-text body.

A sync never writes; tests and tools do. A POST is sent once and never retried, since a failed POST may have arrived.
PUT and DELETE are retried like reads, so a DELETE that arrived but lost its reply can end in a RequestRefused.
All calls raise ApiError. A 422 is a RequestRefused that names the fields. An update that the API answers with another
record is an OtherReply, although it may have been carried out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pendulum import DateTime

from bookings_sync.api.client import Client
from bookings_sync.dialects.dialect import ApiCall, path_segment
from bookings_sync.dialects.replies import saved_with
from bookings_sync.records.json_text import Record, Unreadable

AttendanceStatus = Literal["confirmed", "cancelled", "showed", "noshow", "invalid"]
EventType = Literal["RoundRobin_OptimizeForAvailability", "RoundRobin_OptimizeForEqualDistribution"]
EventColour = Literal[
    "Banana",
    "Basil",
    "Blueberry",
    "Flamingo",
    "Grape",
    "Graphite",
    "Lavender",
    "Peacock",
    "Sage",
    "Tangerine",
    "Tomato",
]
Minutes = Literal[10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 360, 420, 480]
Unit = Literal["hours", "days", "weeks", "months"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


@dataclass(frozen=True, slots=True)
class TeamRequest:
    """The body that creates or updates a team."""

    name: str
    user_ids: tuple[str, ...]
    calendar_name: str
    description: str
    slug: str
    should_assign_contact_to_team_member: bool | None = None
    should_skip_assigning_contact_for_existing: bool | None = None

    def body(self) -> Record:
        calendar = _without_none(
            calendarName=self.calendar_name,
            description=self.description,
            slug=self.slug,
            shouldAssignContactToTeamMember=self.should_assign_contact_to_team_member,
            shouldSkipAssigningContactForExisting=self.should_skip_assigning_contact_for_existing,
        )
        return {"name": self.name, "userIds": list(self.user_ids), "calendarConfig": calendar}


@dataclass(frozen=True, slots=True)
class ServiceMember:
    """A member who takes a service's appointments. Replies have `priority` as a number."""

    user_id: str
    priority: Literal["High", "Medium", "Low"] = "Medium"
    meeting_location: str | None = None

    def body(self) -> Record:
        return _without_none(userId=self.user_id, priority=self.priority, meetingLocation=self.meeting_location)


@dataclass(frozen=True, slots=True)
class Opening:
    """A span of office hours on one day, in the location's time zone."""

    open_hour: int
    open_minute: int
    close_hour: int
    close_minute: int

    def body(self) -> Record:
        return {
            "openHour": self.open_hour,
            "openMinute": self.open_minute,
            "closeHour": self.close_hour,
            "closeMinute": self.close_minute,
        }


@dataclass(frozen=True, slots=True)
class Schedule:
    """How much notice a booking needs, and how far ahead customers may book."""

    allow_booking_after: int
    allow_booking_after_unit: Unit
    allow_booking_for: int
    allow_booking_for_unit: Unit

    def body(self) -> Record:
        return {
            "allowBookingAfter": self.allow_booking_after,
            "allowBookingAfterUnit": self.allow_booking_after_unit,
            "allowBookingFor": self.allow_booking_for,
            "allowBookingForUnit": self.allow_booking_for_unit,
        }


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """The body that creates or updates a service. `office_hours` must include Monday to Friday.

    `slot_duration`, `slot_interval` and `slot_buffer` are in minutes. The places of `slot_buffer`, `alert_email`,
    `notes` and `facebook_pixel_id` in the body are inferred from the reply (UNK).
    """

    team_id: str
    name: str
    description: str
    team_members: tuple[ServiceMember, ...]
    slug: str
    appointment_title: str
    event_color: EventColour
    slot_duration: Minutes
    slot_interval: Minutes
    office_hours: Mapping[Weekday, tuple[Opening, ...]]
    auto_confirm: bool
    should_send_alert_emails_to_assigned_member: bool
    google_invitation_emails: bool
    allow_reschedule: bool
    allow_cancellation: bool
    form_submission_type: Literal["ThankYouMessage", "RedirectURL"]
    form_submission_content: str
    event_type: EventType = "RoundRobin_OptimizeForAvailability"
    is_active: bool | None = None
    sync_option: Literal["oneway", "twoway"] | None = None
    slot_buffer: int | None = None
    per_slot: int | None = None
    per_day: int | None = None
    schedule: Schedule | None = None
    custom_form_id: str | None = None
    sticky_contact: bool | None = None
    alert_email: str | None = None
    notes: str | None = None
    facebook_pixel_id: str | None = None

    def body(self) -> Record:
        return _without_none(
            teamId=self.team_id,
            name=self.name,
            description=self.description,
            eventType=self.event_type,
            teamMembers=[member.body() for member in self.team_members],
            slug=self.slug,
            appointmentTitle=self.appointment_title,
            eventColor=self.event_color,
            isActive=self.is_active,
            syncOption=self.sync_option,
            availability=self._availability(),
            confirmation=self._confirmation(),
        )

    def _availability(self) -> Record:
        return _without_none(
            eventTiming=_without_none(
                slotDuration=self.slot_duration, slotInterval=self.slot_interval, slotBuffer=self.slot_buffer
            ),
            appointmentInfo=_without_none(perSlot=self.per_slot, perDay=self.per_day) or None,
            schedule=None if self.schedule is None else self.schedule.body(),
            officeHours={day: [opening.body() for opening in spans] for day, spans in self.office_hours.items()},
        )

    def _confirmation(self) -> Record:
        return _without_none(
            form=_without_none(customFormId=self.custom_form_id, stickyContact=self.sticky_contact) or None,
            notificationAndOther=_without_none(
                autoConfirm=self.auto_confirm,
                shouldSendAlertEmailsToAssignedMember=self.should_send_alert_emails_to_assigned_member,
                googleInvitationEmails=self.google_invitation_emails,
                allowReschedule=self.allow_reschedule,
                allowCancellation=self.allow_cancellation,
                alertEmail=self.alert_email,
                notes=self.notes,
                facebookPixelId=self.facebook_pixel_id,
            ),
            formSubmission={"type": self.form_submission_type, "content": self.form_submission_content},
        )


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """An appointment to book at a free slot.

    The API finds or creates the contact by email or phone, so one of them is required (DOC). Which id `calendar_id`
    takes is UNK: live clients pass the service's. `fields` holds more body fields by their API names, such as
    `firstName`.
    """

    calendar_id: str
    selected_slot: DateTime
    selected_timezone: str
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def body(self) -> Record:
        return {
            **self.fields,
            **_without_none(
                calendarId=self.calendar_id,
                selectedSlot=self.selected_slot.isoformat(),
                selectedTimezone=self.selected_timezone,
                email=self.email,
                phone=self.phone,
            ),
        }


@dataclass(frozen=True, slots=True)
class BlockOffRequest:
    """Time that customers cannot book, in the calendar of one member or of any free member. Has no contact."""

    calendar_id: str
    selected_slot: DateTime
    end_at: DateTime
    selected_timezone: str | None = None
    user_id: str | None = None

    def body(self) -> Record:
        return _without_none(
            calendarId=self.calendar_id,
            selectedSlot=self.selected_slot.isoformat(),
            endAt=self.end_at.isoformat(),
            selectedTimezone=self.selected_timezone,
            userId=self.user_id,
        )


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved team or service, with the field names of replies."""

    id: str
    record: Record = field(repr=False)


@dataclass(frozen=True, slots=True)
class Booked:
    """A booked, rescheduled or blocked-off appointment. `contact_id` can be the contact's fingerprint (OBS)."""

    id: str
    contact_id: str | None
    contact: Record | None = field(repr=False)


class Writer:
    """Writes to one location's calendar. Shares the rate limit and the request count of `client`."""

    def __init__(self, client: Client) -> None:
        self._sender = client.sender

    def create_team(self, team: TeamRequest) -> Saved:
        return self._save(ApiCall("POST", "/calendars/teams/", body=team.body()))

    def update_team(self, team_id: str, team: TeamRequest) -> Saved:
        return self._save(ApiCall("PUT", f"/calendars/teams/{path_segment(team_id)}", body=team.body()), team_id)

    def delete_team(self, team_id: str) -> None:
        self._send(ApiCall("DELETE", f"/calendars/teams/{path_segment(team_id)}"))

    def create_service(self, service: ServiceRequest) -> Saved:
        return self._save(ApiCall("POST", "/calendars/services/", body=service.body()))

    def update_service(self, service_id: str, service: ServiceRequest) -> Saved:
        call = ApiCall("PUT", f"/calendars/services/{path_segment(service_id)}", body=service.body())
        return self._save(call, service_id)

    def delete_service(self, service_id: str) -> None:
        self._send(ApiCall("DELETE", f"/calendars/services/{path_segment(service_id)}"))

    def book(self, booking: BookingRequest) -> Booked:
        return self._book(ApiCall("POST", "/appointments/", body=booking.body()))

    def block_off(self, time: BlockOffRequest) -> Booked:
        return self._book(ApiCall("POST", "/appointments/", body=time.body()))

    def reschedule(self, appointment_id: str, selected_slot: DateTime, selected_timezone: str) -> Booked:
        body = {"selectedSlot": selected_slot.isoformat(), "selectedTimezone": selected_timezone}
        return self._book(ApiCall("PUT", f"/appointments/{path_segment(appointment_id)}", body=body), appointment_id)

    def set_status(self, appointment_id: str, status: AttendanceStatus) -> None:
        self._send(ApiCall("PUT", f"/appointments/{path_segment(appointment_id)}/status", body={"status": status}))

    def delete_appointment(self, appointment_id: str) -> None:
        self._send(ApiCall("DELETE", f"/appointments/{path_segment(appointment_id)}"))

    def _save(self, call: ApiCall, record_id: str | None = None) -> Saved:
        record = self._sender.send(call, saved_with(record_id)).records
        assert record is not None  # noqa: S101 - records are None only for a known digest
        return Saved(record["id"], record)

    def _book(self, call: ApiCall, record_id: str | None = None) -> Booked:
        record = self._sender.send(call, saved_with(record_id)).records
        assert record is not None  # noqa: S101 - as above
        return Booked(record["id"], record.get("contactId"), record.get("contact"))

    def _send(self, call: ApiCall) -> None:
        """Sends a call that returns no record: the reply's body is empty or plain text (DOC)."""
        self._sender.send(call, _reject_html)


def _reject_html(body: bytes) -> None:
    if body.lstrip().startswith(b"<"):
        raise Unreadable("expected an empty or plain-text body, got HTML")


def _without_none(**fields: Any) -> Record:
    """The fields that are not None. The API uses its default for a field that the body omits."""
    return {name: value for name, value in fields.items() if value is not None}
