"""Validates the bodies of write requests.

Input:  JSON bodies of POST and PUT. Their names and types differ from those of the replies.
Output: values for `world`, or RefusedError: a 422 that lists every missing or invalid field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bookings_sync.sandbox.calendar_json import service_json
from bookings_sync.sandbox.error_replies import RefusedError
from bookings_sync.sandbox.model import Json, LocationData
from bookings_sync.sandbox.times import zone

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
STATUSES = ("confirmed", "cancelled", "showed", "noshow", "invalid")
WORKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")

_TEAM_REQUIRED = (
    "name",
    "userIds",
    "calendarConfig.calendarName",
    "calendarConfig.description",
    "calendarConfig.slug",
)
_NOTIFICATIONS = {
    "autoConfirm": "hasAutoConfirm",
    "shouldSendAlertEmailsToAssignedMember": "hasSendEmailToAssignedMember",
    "googleInvitationEmails": "hasGoogleSendInvitationEmail",
    "allowReschedule": "hasAllowReschedule",
    "allowCancellation": "hasAllowCancellation",
}
_SERVICE_REQUIRED = (
    "teamId",
    "name",
    "description",
    "eventType",
    "teamMembers",
    "slug",
    "appointmentTitle",
    "eventColor",
    "availability.eventTiming.slotDuration",
    "availability.eventTiming.slotInterval",
    "availability.officeHours",
    *(f"confirmation.notificationAndOther.{name}" for name in _NOTIFICATIONS),
    "confirmation.formSubmission.type",
    "confirmation.formSubmission.content",
)
_SERVICE_OPTIONS: dict[str, tuple[object, ...]] = {
    "eventType": EVENT_TYPES,
    "eventColor": tuple(COLOURS),
    "syncOption": ("oneway", "twoway"),
    "availability.eventTiming.slotDuration": SLOT_MINUTES,
    "availability.eventTiming.slotInterval": SLOT_MINUTES,
    "availability.schedule.allowBookingAfterUnit": UNITS,
    "availability.schedule.allowBookingForUnit": UNITS,
    "confirmation.formSubmission.type": FORM_TYPES,
}


class FieldErrors:
    """Collects the fields of a 422."""

    def __init__(self) -> None:
        self.fields: dict[str, dict[str, str]] = {}

    def require(self, body: Json, paths: Iterable[str]) -> None:
        """Adds the missing fields. Null, an empty string and an empty list count as missing."""
        for path in paths:
            if at(body, path) in (None, "", [], {}):
                self.missing(path)

    def missing(self, path: str, rule: str = "required") -> None:
        self.fields[path] = {"message": f"The {_words(path)} field is mandatory.", "rule": rule}

    def invalid(self, path: str) -> None:
        self.fields.setdefault(path, {"message": f"The {_words(path)} is invalid.", "rule": "invalid"})

    def check(self) -> None:
        """Raises RefusedError if there is any error."""
        if self.fields:
            raise RefusedError(422, fields=self.fields)


def at(body: Any, path: str) -> Any:
    """The value at a dotted path, or None."""
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _words(path: str) -> str:
    """The field's name in messages: `startDate` becomes "start date" (DOC)."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", path).lower()


def check_team(body: Json, data: LocationData) -> None:
    """Checks the body of a team."""
    errors = FieldErrors()
    errors.require(body, _TEAM_REQUIRED)
    users = body.get("userIds")
    if users and not (isinstance(users, list) and all(isinstance(u, str) and u in data.members for u in users)):
        errors.invalid("userIds")
    errors.check()


def service_from_body(body: Json, data: LocationData, service_id: str) -> Json:
    """Checks the body of a service. Returns the JSON of the reply."""
    errors = FieldErrors()
    errors.require(body, _SERVICE_REQUIRED)
    for path, options in _SERVICE_OPTIONS.items():
        value = at(body, path)
        if value is not None and (isinstance(value, bool) or value not in options):
            errors.invalid(path)
    if body.get("teamId") and body["teamId"] not in data.teams:
        errors.invalid("teamId")
    _check_members(errors, body.get("teamMembers"), data)
    hours = at(body, "availability.officeHours")
    if hours and not _is_office_hours(hours):
        errors.invalid("availability.officeHours")
    errors.check()
    return _service_reply(body, service_id)


def _check_members(errors: FieldErrors, members: Any, data: LocationData) -> None:
    if not members:
        return
    if not isinstance(members, list) or not all(
        isinstance(m, dict) and m.get("userId") in data.members for m in members
    ):
        errors.invalid("teamMembers")
    elif any(member.get("priority", "Medium") not in PRIORITIES for member in members):
        errors.invalid("teamMembers.priority")


def _is_office_hours(hours: Any) -> bool:
    """Monday to Friday are required. Each is a list of openings; an empty list means closed."""
    return (
        isinstance(hours, dict)
        and all(day in hours for day in WORKDAYS)
        and all(isinstance(openings, list) and all(_is_opening(o) for o in openings) for openings in hours.values())
    )


def _is_opening(opening: Any) -> bool:
    return isinstance(opening, dict) and all(
        isinstance(opening.get(f"{edge}{unit}"), int)
        and 0 <= opening[f"{edge}{unit}"] <= (24 if unit == "Hour" else 59)
        for edge in ("open", "close")
        for unit in ("Hour", "Minute")
    )


def _service_reply(body: Json, service_id: str) -> Json:
    members = body["teamMembers"]
    reply = service_json(service_id, body["teamId"], body["name"], [member["userId"] for member in members])
    for shown, given in zip(reply["teamMembers"], members, strict=True):
        shown["priority"] = PRIORITIES[given.get("priority", "Medium")]
        shown["meetingLocation"] = given.get("meetingLocation", "")
        shown["selected"] = given.get("selected", True)
    availability, confirmation = reply["availability"], reply["confirmation"]
    given_availability, given_confirmation = body["availability"], body["confirmation"]
    reply |= {name: body[name] for name in ("description", "appointmentTitle")}
    reply |= {"eventColor": COLOURS[body["eventColor"]], "syncOption": body.get("syncOption", "oneway")}
    availability["eventTiming"] |= given_availability["eventTiming"]
    availability["officeHours"] = given_availability["officeHours"]
    availability["appointmentInfo"] |= given_availability.get("appointmentInfo") or {}
    availability["schedule"] |= {
        name: value.capitalize() if isinstance(value, str) else value
        for name, value in (given_availability.get("schedule") or {}).items()
    }
    given_notes = given_confirmation["notificationAndOther"]
    confirmation["notificationAndOther"] |= {
        _NOTIFICATIONS.get(name, name): value for name, value in given_notes.items()
    }
    confirmation["formSubmission"] |= given_confirmation["formSubmission"]
    confirmation["form"] |= given_confirmation.get("form") or {}
    return reply


@dataclass(frozen=True, slots=True)
class Booking:
    """The body of POST /appointments/: an appointment with a contact, or blocked-off time if `end` is set."""

    calendar_id: str
    start: datetime
    end: datetime | None
    timezone: str | None
    user_id: str | None
    contact: Json


_NOT_CONTACT = frozenset({"calendarId", "selectedTimezone", "selectedSlot", "endAt", "userId", "name"})


def booking_from_body(body: Json) -> Booking:
    errors = FieldErrors()
    block = bool(body.get("endAt")) and not (body.get("email") or body.get("phone"))
    errors.require(
        body, ("calendarId", "selectedSlot") if block else ("calendarId", "selectedTimezone", "selectedSlot")
    )
    if not block and not (body.get("email") or body.get("phone")):
        errors.missing("email or phone", "requiredWithout")
    timezone = _zone(errors, body)
    start = _instant(errors, body, "selectedSlot", timezone)
    end = _instant(errors, body, "endAt", timezone) if block else None
    if start and end and end <= start:
        errors.invalid("endAt")
    errors.check()
    contact = {name: value for name, value in body.items() if name not in _NOT_CONTACT}
    if isinstance(body.get("name"), str):
        contact["firstName"], _, contact["lastName"] = body["name"].partition(" ")
    if isinstance(contact.get("email"), str):
        contact["emailLowerCase"] = contact["email"].lower()
    assert start is not None  # noqa: S101 -- required above
    return Booking(body["calendarId"], start, end, timezone, body.get("userId"), contact)


def reschedule_from_body(body: Json) -> tuple[datetime, str]:
    """The body of PUT /appointments/:id: the new start, and the time zone it was chosen in."""
    errors = FieldErrors()
    errors.require(body, ("selectedTimezone", "selectedSlot"))
    timezone = _zone(errors, body)
    start = _instant(errors, body, "selectedSlot", timezone)
    errors.check()
    assert start is not None and timezone is not None  # noqa: PT018, S101 -- required above
    return start, timezone


def is_zone(name: object) -> bool:
    if not isinstance(name, str) or not name:
        return False
    try:
        zone(name)
    except (
        KeyError,
        ValueError,
        OSError,
    ):  # KeyError for unknown names, OSError for names of folders
        return False
    return True


def _zone(errors: FieldErrors, body: Json) -> str | None:
    name = body.get("selectedTimezone")
    if not name:
        return None
    if not is_zone(name):
        errors.invalid("selectedTimezone")
        return None
    return str(name)


def _instant(errors: FieldErrors, body: Json, field: str, timezone: str | None) -> datetime | None:
    """An ISO 8601 time. Without an offset, it is a local time in the given zone."""
    value = body.get(field)
    if value in (None, ""):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        errors.invalid(field)
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=zone(timezone or "UTC"))
