"""Reads the bodies of write requests. Their names and types differ from those of the replies (DOC).

Input:  `fields.Fields` of POST and PUT bodies.
Output: values for `world`, or RefusedError: a 422 that lists every missing or invalid field.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bookings_sync.sandbox.calendar_json import Hours, service_json
from bookings_sync.sandbox.fields import Fields
from bookings_sync.sandbox.model import Attendance, Json, LocationData

COLOURS = {
    "Banana": "#F6BF26", "Basil": "#0B8043", "Blueberry": "#3F51B5", "Flamingo": "#E67C73", "Grape": "#8E24AA",
    "Graphite": "#616161", "Lavender": "#7986CB", "Peacock": "#039BE5", "Sage": "#33B679", "Tangerine": "#F4511E",
    "Tomato": "#D50000",
}  # fmt: skip
PRIORITIES = {"High": 2, "Medium": 1, "Low": 0}
EVENT_TYPES = ("RoundRobin_OptimizeForAvailability", "RoundRobin_OptimizeForEqualDistribution")
SLOT_MINUTES = (10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 360, 420, 480)
UNITS = ("hours", "days", "weeks", "months")
FORM_TYPES = ("ThankYouMessage", "RedirectURL")
STATUSES: tuple[Attendance, ...] = ("confirmed", "cancelled", "showed", "noshow", "invalid")
WORKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
WEEKDAYS = (*WORKDAYS, "saturday", "sunday")

_NOTIFICATIONS = {
    "autoConfirm": "hasAutoConfirm",
    "shouldSendAlertEmailsToAssignedMember": "hasSendEmailToAssignedMember",
    "googleInvitationEmails": "hasGoogleSendInvitationEmail",
    "allowReschedule": "hasAllowReschedule",
    "allowCancellation": "hasAllowCancellation",
}
"""The required flags of a service, and their names in replies."""


@dataclass(frozen=True, slots=True)
class TeamForm:
    """The body of a team. `config` are the fields of calendarConfig."""

    name: str
    user_ids: list[str]
    config: Json


def team_from_body(fields: Fields, data: LocationData) -> TeamForm:
    name, user_ids = fields.text("name"), fields.ids("userIds", data.members)
    config: Json = {each: fields.text(f"calendarConfig.{each}") for each in ("calendarName", "description")}
    config["slug"] = fields.slug("calendarConfig.slug")
    for each in ("shouldAssignContactToTeamMember", "shouldSkipAssigningContactForExisting"):
        config[each] = fields.flag(f"calendarConfig.{each}")
    fields.check()
    return TeamForm(name, user_ids, _without_none(config))


def service_from_body(fields: Fields, data: LocationData, service_id: str) -> tuple[str, str, Json]:
    """The body of a service: its team's id, its slug, and the JSON of the reply."""
    team_id, name, slug = fields.text("teamId"), fields.text("name"), fields.slug("slug")
    if team_id and team_id not in data.teams:
        fields.invalid("teamId")
    texts = {each: fields.text(each) for each in ("description", "appointmentTitle")}
    fields.require("eventType", "eventColor")
    fields.option("eventType", EVENT_TYPES)
    colour = fields.option("eventColor", COLOURS)
    sync_option = fields.option("syncOption", ("oneway", "twoway"))
    fields.flag("isActive")
    members = _members(fields, data.members)
    availability, confirmation = _availability(fields), _confirmation(fields)
    fields.check()
    reply = service_json(service_id, team_id, name, [member["userId"] for member in members])
    reply |= texts | {"eventColor": COLOURS[colour or "Peacock"], "syncOption": sync_option or "oneway"}
    for shown, given in zip(reply["teamMembers"], members, strict=True):
        shown |= given
    for part, given_parts in (("availability", availability), ("confirmation", confirmation)):
        for each, given in given_parts.items():
            reply[part][each] = reply[part][each] | given if each != "officeHours" else given
    return team_id, slug, reply


def _members(fields: Fields, known: Collection[str]) -> list[Json]:
    fields.require("teamMembers")
    members = []
    for member in fields.each("teamMembers"):
        user_id, priority = member.optional_text("userId"), member.option("priority", PRIORITIES)
        if user_id not in known:
            fields.invalid("teamMembers")
        shown = {
            "userId": user_id,
            "priority": PRIORITIES[priority or "Medium"],
            "selected": member.flag("selected"),
            "meetingLocation": member.optional_text("meetingLocation"),
        }
        members.append(_without_none(shown))
    return members


def _availability(fields: Fields) -> dict[str, Any]:
    timing, schedule = "availability.eventTiming", "availability.schedule"
    fields.require(f"{timing}.slotDuration", f"{timing}.slotInterval", "availability.officeHours")
    units = {
        each: fields.option(f"{schedule}.{each}", UNITS) for each in ("allowBookingAfterUnit", "allowBookingForUnit")
    }
    return {
        "eventTiming": _without_none(
            {
                "slotDuration": fields.option(f"{timing}.slotDuration", SLOT_MINUTES),
                "slotInterval": fields.option(f"{timing}.slotInterval", SLOT_MINUTES),
                "slotBuffer": fields.number(f"{timing}.slotBuffer", most=1440),
            }
        ),
        "appointmentInfo": _without_none(
            {each: fields.number(f"availability.appointmentInfo.{each}", least=1) for each in ("perSlot", "perDay")}
        ),
        "schedule": _without_none(
            {each: fields.number(f"{schedule}.{each}", most=1000) for each in ("allowBookingAfter", "allowBookingFor")}
            | {each: unit and unit.capitalize() for each, unit in units.items()}
        ),
        "officeHours": _office_hours(fields),
    }


def _office_hours(fields: Fields) -> Hours:
    """Monday to Friday are required. Each is a list of openings; an empty list means closed."""
    given = fields.given("availability.officeHours")
    if given is None or _are_office_hours(given):
        return given or {}
    fields.invalid("availability.officeHours")
    return {}


def _are_office_hours(hours: Any) -> bool:
    return (
        isinstance(hours, dict)
        and set(WORKDAYS) <= hours.keys() <= set(WEEKDAYS)
        and all(
            isinstance(openings, list) and all(_is_opening(each) for each in openings) for openings in hours.values()
        )
    )


def _is_opening(opening: Any) -> bool:
    limits = {"openHour": 24, "openMinute": 59, "closeHour": 24, "closeMinute": 59}
    return (
        isinstance(opening, dict)
        and opening.keys() == limits.keys()
        and all(type(value) is int and 0 <= value <= limits[name] for name, value in opening.items())
    )


def _confirmation(fields: Fields) -> dict[str, Any]:
    notes, submission = "confirmation.notificationAndOther", "confirmation.formSubmission"
    fields.require(*(f"{notes}.{each}" for each in _NOTIFICATIONS), f"{submission}.type", f"{submission}.content")
    return {
        "notificationAndOther": _without_none(
            {shown: fields.flag(f"{notes}.{each}") for each, shown in _NOTIFICATIONS.items()}
            | {
                each: fields.optional_text(f"{notes}.{each}")
                for each in ("alertEmail", "notes", "facebookPixelId", "customCode")
            }
        ),
        "formSubmission": _without_none(
            {
                "type": fields.option(f"{submission}.type", FORM_TYPES),
                "content": fields.optional_text(f"{submission}.content"),
            }
        ),
        "form": _without_none(
            {
                "customFormId": fields.optional_text("confirmation.form.customFormId"),
                "stickyContact": fields.flag("confirmation.form.stickyContact"),
            }
        ),
    }


@dataclass(frozen=True, slots=True)
class Booking:
    """The body of POST /appointments/: an appointment with a contact, or blocked-off time if `end` is set.

    `calendar_id` is None for blocked-off time of one user in all calendars.
    """

    calendar_id: str | None
    start: datetime
    end: datetime | None
    timezone: str | None
    user_id: str | None
    title: str | None
    contact: Json


_CONTACT_TEXTS = (
    "email", "phone", "firstName", "lastName", "timezone", "country", "source", "type", "postalCode", "address1",
    "city", "state", "companyName", "website", "dateOfBirth",
)  # fmt: skip


def booking_from_body(fields: Fields) -> Booking:
    block = fields.given("endAt") is not None and fields.given("email") is None and fields.given("phone") is None
    if not block:
        fields.require("calendarId", "selectedTimezone")
        if fields.given("email") is None and fields.given("phone") is None:
            fields.missing("email or phone", "requiredWithout")
    elif fields.given("calendarId") is None and fields.given("userId") is None:
        fields.missing("calendarId or userId", "requiredWithout")
    fields.require("selectedSlot")
    timezone = fields.zone("selectedTimezone")
    start, end = fields.instant("selectedSlot", timezone), fields.instant("endAt", timezone)
    if block and start and end and end <= start:
        fields.invalid("endAt")
    calendar_id, user_id = fields.optional_text("calendarId"), fields.optional_text("userId")
    title, contact = fields.optional_text("title"), _contact(fields)
    fields.check()
    assert start is not None  # noqa: S101 -- required above
    return Booking(calendar_id, start, end if block else None, timezone, user_id, title, contact)


def _contact(fields: Fields) -> Json:
    """The contact's fields in a booking."""
    contact: Json = {each: fields.optional_text(each) for each in _CONTACT_TEXTS}
    name, email = fields.optional_text("name"), contact["email"]
    if name:
        contact["firstName"], _, contact["lastName"] = name.partition(" ")
    contact["emailLowerCase"] = email.lower() if email else None
    contact |= {"tags": fields.texts("tags"), "customField": _custom_fields(fields)}
    return _without_none(contact)


def _custom_fields(fields: Fields) -> list[Json] | None:
    """A list of `{"id", "value"}`, or an object with the values by id. Replies have the list. A value is a text or a
    list of texts (DOC)."""
    given = fields.given("customField")
    if isinstance(given, dict):
        given = [{"id": field_id, "value": value} for field_id, value in given.items()]
    if given is None or (isinstance(given, list) and all(_is_custom_field(each) for each in given)):
        return given
    fields.invalid("customField")
    return None


def _is_custom_field(field: Any) -> bool:
    if not isinstance(field, dict) or field.keys() != {"id", "value"} or not isinstance(field["id"], str):
        return False
    values = field["value"] if isinstance(field["value"], list) else [field["value"]]
    return all(isinstance(value, str) for value in values)


def reschedule_from_body(fields: Fields) -> tuple[datetime, str]:
    """The body of PUT /appointments/:id: the new start, and the time zone it was chosen in."""
    fields.require("selectedTimezone", "selectedSlot")
    timezone = fields.zone("selectedTimezone")
    start = fields.instant("selectedSlot", timezone)
    fields.check()
    assert start is not None and timezone is not None  # noqa: PT018, S101 -- required above
    return start, timezone


def _without_none(values: Json) -> Json:
    return {name: value for name, value in values.items() if value is not None}
