"""Writes: every call of the calendar's API that changes something, typed.

Input:  request dataclasses, with the names and types of the POST and PUT bodies (api.md, DOC), which are not those of
        the replies.
Output: what the API made, or None where it answers with an empty or a plain-text body.

The sync never writes: this is for tests, for tools and for the demo. A POST is sent once and never again by itself, as
nothing tells whether a failed one arrived; PUT and DELETE are retried like reads, so a DELETE whose reply was lost may
end in a RequestRefused. Every call raises ApiError; a 422 is a RequestRefused that names the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pendulum import DateTime

from bookings_sync.api.client import Client, segment
from bookings_sync.api.replies import decode_object
from bookings_sync.api.transport import Call
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
    """A team to create, or what one is to become."""

    name: str
    user_ids: tuple[str, ...]
    calendar_name: str
    description: str
    slug: str
    should_assign_contact_to_team_member: bool | None = None
    should_skip_assigning_contact_for_existing: bool | None = None

    def body(self) -> Record:
        calendar = _given(
            calendarName=self.calendar_name,
            description=self.description,
            slug=self.slug,
            shouldAssignContactToTeamMember=self.should_assign_contact_to_team_member,
            shouldSkipAssigningContactForExisting=self.should_skip_assigning_contact_for_existing,
        )
        return {"name": self.name, "userIds": list(self.user_ids), "calendarConfig": calendar}


@dataclass(frozen=True, slots=True)
class ServiceMember:
    """A member who takes a service's appointments. (The reply has the priority as an integer.)"""

    user_id: str
    priority: Literal["High", "Medium", "Low"] = "Medium"
    meeting_location: str | None = None

    def body(self) -> Record:
        return _given(userId=self.user_id, priority=self.priority, meetingLocation=self.meeting_location)


@dataclass(frozen=True, slots=True)
class Opening:
    """A span of office hours on one day, by the location's clock."""

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
    """How much notice a booking needs, and how far ahead one may be made."""

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
    """A service to create, or what one is to become. Monday to Friday must stand in `office_hours`.

    Where `slot_buffer` (minutes), `alert_email`, `notes` and `facebook_pixel_id` belong in the body is inferred from
    the reply's shape (UNK).
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
        return _given(
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
        return _given(
            eventTiming=_given(
                slotDuration=self.slot_duration, slotInterval=self.slot_interval, slotBuffer=self.slot_buffer
            ),
            appointmentInfo=_given(perSlot=self.per_slot, perDay=self.per_day) or None,
            schedule=None if self.schedule is None else self.schedule.body(),
            officeHours={day: [opening.body() for opening in spans] for day, spans in self.office_hours.items()},
        )

    def _confirmation(self) -> Record:
        return _given(
            form=_given(customFormId=self.custom_form_id, stickyContact=self.sticky_contact) or None,
            notificationAndOther=_given(
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
    """An appointment to book at a free slot. The contact is found or made by email or phone: one is needed (DOC).

    Which id `calendar_id` takes is UNK: live clients pass the service's. `fields` are further fields of the body, such
    as `firstName`, by the API's names.
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
            **_given(
                calendarId=self.calendar_id,
                selectedSlot=self.selected_slot.isoformat(),
                selectedTimezone=self.selected_timezone,
                email=self.email,
                phone=self.phone,
            ),
        }


@dataclass(frozen=True, slots=True)
class BlockOffRequest:
    """Time to block off in a calendar, of one member or of whoever is free: nobody can book it. It has no contact."""

    calendar_id: str
    selected_slot: DateTime
    end_at: DateTime
    selected_timezone: str | None = None
    user_id: str | None = None

    def body(self) -> Record:
        return _given(
            calendarId=self.calendar_id,
            selectedSlot=self.selected_slot.isoformat(),
            endAt=self.end_at.isoformat(),
            selectedTimezone=self.selected_timezone,
            userId=self.user_id,
        )


@dataclass(frozen=True, slots=True)
class Saved:
    """A team or service as the API now has it, in the reply's names."""

    id: str
    record: Record = field(repr=False)


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking, a reschedule or blocked-off time. `contact_id` can be a fingerprint rather than an id (OBS)."""

    id: str
    contact_id: str | None
    contact: Record | None = field(repr=False)


class Writer:
    """Writes to one location's calendar, through its client's rate limit and counter."""

    def __init__(self, client: Client) -> None:
        self._transport = client.transport

    def create_team(self, team: TeamRequest) -> Saved:
        return self._save(Call("POST", "/calendars/teams/", body=team.body()))

    def update_team(self, team_id: str, team: TeamRequest) -> Saved:
        return self._save(Call("PUT", f"/calendars/teams/{segment(team_id)}", body=team.body()))

    def delete_team(self, team_id: str) -> None:
        self._do(Call("DELETE", f"/calendars/teams/{segment(team_id)}"))

    def create_service(self, service: ServiceRequest) -> Saved:
        return self._save(Call("POST", "/calendars/services/", body=service.body()))

    def update_service(self, service_id: str, service: ServiceRequest) -> Saved:
        return self._save(Call("PUT", f"/calendars/services/{segment(service_id)}", body=service.body()))

    def delete_service(self, service_id: str) -> None:
        self._do(Call("DELETE", f"/calendars/services/{segment(service_id)}"))

    def book(self, booking: BookingRequest) -> Booked:
        return self._book(Call("POST", "/appointments/", body=booking.body()))

    def block_off(self, time: BlockOffRequest) -> Booked:
        return self._book(Call("POST", "/appointments/", body=time.body()))

    def reschedule(self, appointment_id: str, selected_slot: DateTime, selected_timezone: str) -> Booked:
        body = {"selectedSlot": selected_slot.isoformat(), "selectedTimezone": selected_timezone}
        return self._book(Call("PUT", f"/appointments/{segment(appointment_id)}", body=body))

    def set_status(self, appointment_id: str, status: AttendanceStatus) -> None:
        self._do(Call("PUT", f"/appointments/{segment(appointment_id)}/status", body={"status": status}))

    def delete_appointment(self, appointment_id: str) -> None:
        self._do(Call("DELETE", f"/appointments/{segment(appointment_id)}"))

    def _save(self, call: Call) -> Saved:
        record = self._transport.call(call, _with_id).records
        assert record is not None  # noqa: S101 - only a known digest leaves a reply unread
        return Saved(record["id"], record)

    def _book(self, call: Call) -> Booked:
        record = self._transport.call(call, _with_id).records
        assert record is not None  # noqa: S101 - as above
        return Booked(record["id"], record.get("contactId"), record.get("contact"))

    def _do(self, call: Call) -> None:
        """A call that is answered by its status alone: its body is empty or plain text (DOC)."""
        self._transport.call(call, _no_page)


def _no_page(body: bytes) -> None:
    if body.lstrip().startswith(b"<"):
        raise Unreadable("a page of a proxy, not the API's answer")


def _with_id(body: bytes) -> Record:
    record = decode_object(body)
    if not isinstance(record.get("id"), str):
        raise Unreadable("the JSON object has no id")
    return record


def _given(**fields: Any) -> Record:
    """The fields that are given: one that is left out of a body keeps the API's default."""
    return {name: value for name, value in fields.items() if value is not None}
