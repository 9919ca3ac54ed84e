"""The changes that programs can make to a calendar: one request per kind, the same for all APIs.

Input:  what a program wants to change.
Output: `Writes`, which a dialect carries out: it knows the bodies and paths. A sync never writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pendulum import DateTime

from bookings_sync.dialects.replies import Reply
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
    """A team to create, or what it shall be.

    API v2 has neither members, a page name of its own nor the two `should_` fields in a group: there, `user_ids` is
    empty, `calendar_name` is the name, and the fields are None.
    """

    name: str
    user_ids: tuple[str, ...]
    calendar_name: str
    description: str
    slug: str
    should_assign_contact_to_team_member: bool | None = None
    should_skip_assigning_contact_for_existing: bool | None = None


@dataclass(frozen=True, slots=True)
class ServiceMember:
    """A member who takes a service's appointments. Replies have `priority` as a number."""

    user_id: str
    priority: Literal["High", "Medium", "Low"] = "Medium"
    meeting_location: str | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """A span of office hours on one day, in the location's time zone."""

    open_hour: int
    open_minute: int
    close_hour: int
    close_minute: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """How much notice a booking needs, and how far ahead customers may book."""

    allow_booking_after: int
    allow_booking_after_unit: Unit
    allow_booking_for: int
    allow_booking_for_unit: Unit


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """A service to create, or what it shall be. In API v1, `office_hours` must include Monday to Friday (DOC).

    `slot_duration`, `slot_interval` and `slot_buffer` are in minutes. `sync_option` is None in API v2.
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


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """An appointment to book at a free slot.

    The contact is found or created by email or phone, so one of them is required (DOC), or in API v2 the `contact_id`.
    `calendar_id` is a service's id; API v1 may want another one (UNK). `fields` holds more body fields by their API
    names, such as `firstName`. `end_at` is for API v2 only; without it, the service's duration counts (DOC).
    """

    calendar_id: str
    selected_slot: DateTime
    selected_timezone: str
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    contact_id: str | None = None
    end_at: DateTime | None = None


@dataclass(frozen=True, slots=True)
class BlockOffRequest:
    """Time that customers cannot book, in the calendar of one member or of any free member. Has no contact.

    API v1 needs `calendar_id`. API v2 takes either `calendar_id` or `user_id`.
    """

    calendar_id: str | None
    selected_slot: DateTime
    end_at: DateTime
    selected_timezone: str | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved team or service, with the field names of lists. A team of API v2 comes without its members."""

    id: str
    record: Record = field(repr=False)


@dataclass(frozen=True, slots=True)
class Booked:
    """A booked, rescheduled or blocked-off appointment. In API v1, `contact_id` can be the contact's fingerprint
    (OBS)."""

    id: str
    contact_id: str | None
    contact: Record | None = field(repr=False)


class Writes(Protocol):
    """The changes of one location. Each raises ApiError, and Unsupported before anything is sent if this API cannot
    carry it out."""

    def create_team(self, team: TeamRequest) -> Saved: ...

    def update_team(self, team_id: str, team: TeamRequest) -> Saved: ...

    def delete_team(self, team_id: str) -> None: ...

    def create_service(self, service: ServiceRequest) -> Saved: ...

    def update_service(self, service_id: str, service: ServiceRequest) -> Saved: ...

    def delete_service(self, service_id: str) -> None: ...

    def book(self, booking: BookingRequest) -> Booked: ...

    def block_off(self, time: BlockOffRequest) -> Booked: ...

    def move_block_off(self, appointment_id: str, time: BlockOffRequest) -> Booked: ...

    def reschedule(self, appointment_id: str, selected_slot: DateTime, selected_timezone: str) -> Booked: ...

    def set_status(self, appointment_id: str, status: AttendanceStatus) -> None: ...

    def delete_appointment(self, appointment_id: str) -> None: ...


def without_none(**fields: Any) -> Record:
    """The fields that are not None. An API uses its default for a field that the body omits."""
    return {name: value for name, value in fields.items() if value is not None}


def opening_body(span: Opening) -> Record:
    """A span of opening hours, which all APIs write alike."""
    return {
        "openHour": span.open_hour,
        "openMinute": span.open_minute,
        "closeHour": span.close_hour,
        "closeMinute": span.close_minute,
    }


def schedule_body(schedule: Schedule) -> Record:
    """The notice and the reach of bookings, which all APIs write alike."""
    return {
        "allowBookingAfter": schedule.allow_booking_after,
        "allowBookingAfterUnit": schedule.allow_booking_after_unit,
        "allowBookingFor": schedule.allow_booking_for,
        "allowBookingForUnit": schedule.allow_booking_for_unit,
    }


def record_of(reply: Reply[Record]) -> Record:
    """The record of a reply."""
    assert reply.records is not None  # noqa: S101 - missing only for a known digest, and writes know none
    return reply.records


def reject_html(body: bytes) -> None:
    """Reads a reply without a record: empty, plain text, or JSON."""
    if body.lstrip().startswith(b"<"):
        raise Unreadable("expected an empty or plain-text body, got HTML")
