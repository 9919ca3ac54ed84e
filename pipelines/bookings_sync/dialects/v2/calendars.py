"""v2's calendars and groups as services and teams.

Input:  records of `GET /calendars/`, `GET /calendars/groups` and the list of users.
Output: the same facts in the form of the first API, which `records.tables` reads. What has no place there keeps its
        name and goes to the column `extra`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bookings_sync.dialects.v2.fields import of_v2
from bookings_sync.records.json_text import Record, Records
from bookings_sync.records.listed import objects
from bookings_sync.records.tables import SERVICE_HOURS, SERVICE_MEMBERS, SERVICES, SLOTS, TEAM_MEMBERS, TEAMS
from bookings_sync.records.values import usable_id

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")

_MINUTES = {"min": 1, "mins": 1, "minute": 1, "minutes": 1, "hour": 60, "hours": 60}
"""Minutes per unit of a slot's length (DOC: mins, hours). Without a unit, a length is in minutes."""

_PLACES: Mapping[str, tuple[str, ...]] = {
    "groupId": ("teamId",),
    "eventTitle": ("appointmentTitle",),
    "appoinmentPerSlot": ("availability", "appointmentInfo", "perSlot"),
    "appoinmentPerDay": ("availability", "appointmentInfo", "perDay"),
    "allowBookingAfter": ("availability", "schedule", "allowBookingAfter"),
    "allowBookingAfterUnit": ("availability", "schedule", "allowBookingAfterUnit"),
    "allowBookingFor": ("availability", "schedule", "allowBookingFor"),
    "allowBookingForUnit": ("availability", "schedule", "allowBookingForUnit"),
    "formId": ("confirmation", "form", "customFormId"),
    "stickyContact": ("confirmation", "form", "stickyContact"),
    "alertEmail": ("confirmation", "notificationAndOther", "alertEmail"),
    "autoConfirm": ("confirmation", "notificationAndOther", "hasAutoConfirm"),
    "googleInvitationEmails": ("confirmation", "notificationAndOther", "hasGoogleSendInvitationEmail"),
    "allowReschedule": ("confirmation", "notificationAndOther", "hasAllowReschedule"),
    "allowCancellation": ("confirmation", "notificationAndOther", "hasAllowCancellation"),
    "shouldSendAlertEmailsToAssignedMember": ("confirmation", "notificationAndOther", "hasSendEmailToAssignedMember"),
    "notes": ("confirmation", "notificationAndOther", "notes"),
    "pixelId": ("confirmation", "notificationAndOther", "facebookPixelId"),
    "formSubmitType": ("confirmation", "formSubmission", "type"),
}
"""Where the first API has a field of a calendar (DOC, by the mapping of both references)."""

_LENGTHS = ("slotDuration", "slotInterval", "slotBuffer")

_HOUR_FIELDS = ("openHour", "openMinute", "closeHour", "closeMinute")

COLUMNS: dict[str, str] = {
    **of_v2(TEAMS, {"description": "description", "slug": "slug"}, alike=("name",)),
    **of_v2(TEAM_MEMBERS, {"name": "user.name", "email": "user.email"}, alike=()),
    # A group has no members of its own: memberships may come and go when a location moves.
    "team_members.user_id": "v2 calendar.teamMembers.userId",
    **of_v2(
        SERVICES,
        {
            "team_id": "groupId",
            "appointment_title": "eventTitle",
            "meeting_location": "meetingLocation or locationConfigurations.location",
            "slot_duration": "slotDuration, slotDurationUnit",
            "slot_interval": "slotInterval, slotIntervalUnit",
            "slot_buffer": "slotBuffer, slotBufferUnit",
            "appointments_per_slot": "appoinmentPerSlot",
            "appointments_per_day": "appoinmentPerDay",
            "allow_booking_after": "allowBookingAfter",
            "allow_booking_after_unit": "allowBookingAfterUnit",
            "allow_booking_for": "allowBookingFor",
            "allow_booking_for_unit": "allowBookingForUnit",
            "custom_form_id": "formId",
            "sticky_contact": "stickyContact",
            "alert_email": "alertEmail",
            "has_auto_confirm": "autoConfirm",
            "has_google_send_invitation_email": "googleInvitationEmails",
            "has_allow_reschedule": "allowReschedule",
            "has_allow_cancellation": "allowCancellation",
            "has_send_email_to_assigned_member": "shouldSendAlertEmailsToAssignedMember",
            "notes": "notes",
            "facebook_pixel_id": "pixelId",
            "form_submission_type": "formSubmitType",
            "form_submission_content": "formSubmitThanksMessage, formSubmitRedirectURL",
        },
        alike=("name",),
    ),
    **of_v2(SERVICE_MEMBERS, {}, alike=()),
    **of_v2(SERVICE_HOURS, {}, alike=("open_hour", "open_minute", "close_hour", "close_minute")),
    **of_v2(SLOTS, {}, alike=()),
}
"""What v2 fills the columns of these tables with."""


def service(calendar: Any, *, sunday: int) -> Any:
    """A calendar as a service. `sunday` is the number of Sunday in `daysOfTheWeek` (UNK)."""
    if not isinstance(calendar, dict):
        return calendar
    found: Record = {}
    left = dict(calendar)
    for name, path in _PLACES.items():
        if name in left:
            _put(found, path, left.pop(name))
    for name in _LENGTHS:
        unit = left.pop(f"{name}Unit", None)
        if name in left:
            _put(found, ("availability", "eventTiming", name), _minutes(left.pop(name), unit))
    shown = "formSubmitRedirectURL" if calendar.get("formSubmitType") == "RedirectURL" else "formSubmitThanksMessage"
    if shown in left:
        _put(found, ("confirmation", "formSubmission", "content"), left.pop(shown))
    if isinstance(hours := left.get("openHours"), list):
        _put(found, ("availability", "officeHours"), _office_hours(hours, sunday))
        del left["openHours"]
    if isinstance(members := left.pop("teamMembers", None), list):
        found["teamMembers"] = [_member(each) for each in members]
        if "meetingLocation" not in left:
            places = (each.get("meetingLocation") for each in objects(found["teamMembers"]))
            left["meetingLocation"] = next(filter(None, places), None)
    elif members is not None:
        found["teamMembers"] = members  # `decoding` rejects it
    return {**_with_meeting_location(left), **found}


def team(group: Any, calendars: Records, users: Mapping[str, Record]) -> Any:
    """A group as a team. Its members are those of its calendars; v2 names them in its list of users."""
    if not isinstance(group, dict):
        return group
    left = dict(group)
    page = {name: left.pop(name) for name in ("description", "slug") if name in left}
    own = [each for each in objects(calendars) if each.get("groupId") == group.get("id")]
    members = members_of(own)
    return {**left, "calendarConfig": page, "members": [_user(each, users.get(each, {})) for each in members]}


def members_of(calendars: Records) -> list[str]:
    """The ids of all members, each once."""
    listed = (each for calendar in calendars for each in objects(calendar.get("teamMembers")))
    return list(dict.fromkeys(filter(None, (usable_id(each.get("userId")) for each in listed))))


def _user(user_id: str, user: Record) -> Record:
    name = user.get("name") or " ".join(filter(None, (user.get("firstName"), user.get("lastName")))) or None
    return {"id": user_id, "name": name, "email": user.get("email")}


def _member(member: Any) -> Any:
    return _with_meeting_location(member) if isinstance(member, dict) else member


def _with_meeting_location(record: Record) -> Record:
    """The record with the place of its appointments: the older field, else the first configuration.

    Which one is true if they differ is UNK. Then neither is taken: both are kept in `extra`.
    """
    place = record.get("meetingLocation")
    configured = [each["location"] for each in objects(record.get("locationConfigurations")) if each.get("location")]
    if place and configured and place not in configured:
        return {**record, "meetingLocation": None, "otherMeetingLocation": place}
    return {**record, "meetingLocation": place or configured[0]} if configured else record


def _minutes(length: Any, unit: Any) -> Any:
    """A length in minutes. A unit that is not known leaves no number that could be wrong."""
    if isinstance(length, bool) or not isinstance(length, int | float):
        return length
    factor = 1 if unit is None else _MINUTES.get(unit.lower()) if isinstance(unit, str) else None
    return f"{length} {unit}" if factor is None else length * factor


def _office_hours(open_hours: list[Any], sunday: int) -> Record:
    """Openings by weekday, in the order of the day."""
    by_day: dict[str, list[Record]] = {}
    for entry in objects(open_hours):
        days = entry.get("daysOfTheWeek")
        for day in days if isinstance(days, list) else []:
            name = WEEKDAYS[(day - sunday) % 7] if type(day) is int else str(day)
            by_day.setdefault(name, []).extend(objects(entry.get("hours")))
    return {day: sorted(hours, key=_start) for day, hours in by_day.items()}


def _start(opening: Record) -> tuple[int, ...]:
    return tuple(value if type(value := opening.get(name)) is int else 0 for name in _HOUR_FIELDS)


def _put(record: Record, path: tuple[str, ...], value: Any) -> None:
    *parents, leaf = path
    for parent in parents:
        record = record.setdefault(parent, {})
    record[leaf] = value
