"""The bodies of v2's calendars and groups, and which fields of a booking belong to its contact. Pure.

Input:  requests of `dialects.writes`.
Output: JSON objects in the form of v2 (DOC).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bookings_sync.dialects.v2.calendars import WEEKDAYS
from bookings_sync.dialects.writes import (
    ServiceMember,
    ServiceRequest,
    TeamRequest,
    opening_body,
    schedule_body,
    without_none,
)
from bookings_sync.records.json_text import Record

_PRIORITIES = {"High": 1, "Medium": 0.5, "Low": 0}

_COLOURS = {
    "Banana": "#f6bf26",
    "Basil": "#0b8043",
    "Blueberry": "#3f51b5",
    "Flamingo": "#e67c73",
    "Grape": "#8e24aa",
    "Graphite": "#616161",
    "Lavender": "#7986cb",
    "Peacock": "#039be5",
    "Sage": "#33b679",
    "Tangerine": "#f4511e",
    "Tomato": "#d50000",
}
"""Colours in hexadecimal, as v2's examples have them (DOC). Whether it takes the names of the first API is UNK."""

_OF_CONTACT = frozenset(
    (
        "firstName",
        "lastName",
        "name",
        "companyName",
        "address1",
        "city",
        "state",
        "postalCode",
        "country",
        "website",
        "source",
        "tags",
        "customFields",
        "dateOfBirth",
        "timezone",
        "gender",
        "dnd",
    )
)
"""Fields that POST /contacts/upsert takes (DOC). All other fields of a booking go to the event."""


def event_fields(fields: Mapping[str, Any]) -> tuple[Record, Record]:
    """The fields of a booking's contact, and those of its event."""
    return (
        {name: value for name, value in fields.items() if name in _OF_CONTACT},
        {name: value for name, value in fields.items() if name not in _OF_CONTACT},
    )


def group_body(team: TeamRequest) -> Record:
    return {"name": team.name, "description": team.description, "slug": team.slug}


def calendar_body(service: ServiceRequest, *, sunday: int) -> Record:
    """`sunday` is the number of Sunday in `daysOfTheWeek` (UNK)."""
    is_address = service.form_submission_type == "RedirectURL"
    return without_none(
        groupId=service.team_id,
        name=service.name,
        description=service.description,
        slug=service.slug,
        calendarType="round_robin",
        eventType=service.event_type,
        eventTitle=service.appointment_title,
        eventColor=_COLOURS[service.event_color],
        isActive=service.is_active,
        teamMembers=[_member(each) for each in service.team_members],
        **_length("slotDuration", service.slot_duration),
        **_length("slotInterval", service.slot_interval),
        **_length("slotBuffer", service.slot_buffer),
        appoinmentPerSlot=service.per_slot,
        appoinmentPerDay=service.per_day,
        openHours=[
            {"daysOfTheWeek": [_day(day, sunday)], "hours": [opening_body(span) for span in spans]}
            for day, spans in service.office_hours.items()
            if spans
        ],
        **(schedule_body(service.schedule) if service.schedule else {}),
        formId=service.custom_form_id,
        stickyContact=service.sticky_contact,
        autoConfirm=service.auto_confirm,
        alertEmail=service.alert_email,
        googleInvitationEmails=service.google_invitation_emails,
        allowReschedule=service.allow_reschedule,
        allowCancellation=service.allow_cancellation,
        shouldSendAlertEmailsToAssignedMember=service.should_send_alert_emails_to_assigned_member,
        notes=service.notes,
        pixelId=service.facebook_pixel_id,
        formSubmitType=service.form_submission_type,
        formSubmitRedirectURL=service.form_submission_content if is_address else None,
        formSubmitThanksMessage=None if is_address else service.form_submission_content,
    )


def _member(member: ServiceMember) -> Record:
    return without_none(
        userId=member.user_id, priority=_PRIORITIES[member.priority], meetingLocation=member.meeting_location
    )


def _length(name: str, minutes: int | None) -> Record:
    return {} if minutes is None else {name: minutes, f"{name}Unit": "mins"}


def _day(name: str, sunday: int) -> int:
    """The number of a weekday, the inverse of `calendars.service`: from 0 to 6, or from 1 to 7 if Sunday is 1."""
    number = (WEEKDAYS.index(name) + sunday) % 7
    return 7 if sunday == 1 and number == 0 else number
