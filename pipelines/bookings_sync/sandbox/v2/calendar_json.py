"""Builds the JSON of groups and calendars.

Input:  teams and services of a world, whose bodies have the form of v1; the switches.
Output: JSON objects with the documented fields, two of them misspelt as in the reference (appoinmentPerSlot,
        appoinmentPerDay).
"""

from __future__ import annotations

from typing import Any

from bookings_sync.sandbox.model import Json, Service, Team
from bookings_sync.sandbox.slots import WEEKDAYS
from bookings_sync.sandbox.switches import Switches

PRIORITIES = {0: 0, 1: 0.5, 2: 1}
"""By the priority in v1: low, medium, high. The default is 0.5 (DOC)."""
OUTDATED = "An address from before the move"
"""The meeting location that is not true, if `Switches.meeting_location` says so."""

_TEAM_FIELDS = {"id", "name", "members", "calendarConfig"}
_SERVICE_FIELDS = {
    "id", "name", "description", "appointmentTitle", "meetingLocation", "eventColor", "teamId", "syncOption",
    "linkedCalendars", "teamMembers", "availability", "confirmation",
}  # fmt: skip


def group_json(location_id: str, team: Team) -> Json:
    """A group. It has no members (DOC). Undocumented fields of the team are kept."""
    config = team.body["calendarConfig"]
    return {
        "id": team.id,
        "locationId": location_id,
        "name": team.body["name"],
        "description": config["description"],
        "slug": config["slug"],
        "isActive": True,
        **{name: value for name, value in team.body.items() if name not in _TEAM_FIELDS},
    }


def calendar_json(location_id: str, service: Service, team: Team | None, switches: Switches) -> Json:
    """A calendar. `team` is None if the group no longer exists."""
    body = service.body
    availability, confirmation = body["availability"], body["confirmation"]
    timing, schedule = availability["eventTiming"], availability.get("schedule") or {}
    limits = availability.get("appointmentInfo") or {}
    notes, form = confirmation["notificationAndOther"], confirmation.get("form") or {}
    config = team.body["calendarConfig"] if team else {}
    submission = confirmation["formSubmission"]
    redirects = submission.get("type") == "RedirectURL"
    place, places = _meeting_place(body.get("meetingLocation"), switches)
    interval, buffer = timing.get("slotInterval"), timing.get("slotBuffer")
    if switches.fractional_numbers:
        interval, buffer = 7.5, 2.5
    return {
        "id": service.id,
        "locationId": location_id,
        "groupId": service.team_id,
        "name": body["name"],
        "description": body.get("description"),
        "slug": service.slug,
        "widgetSlug": service.slug,
        "widgetType": "default",
        "calendarType": "round_robin",
        "eventType": "RoundRobin_OptimizeForAvailability",
        "eventTitle": body.get("appointmentTitle"),
        "eventColor": body.get("eventColor"),
        "meetingLocation": place,
        "locationConfigurations": places,
        "isActive": service.active,
        "teamMembers": [_member_json(member, number == 0, switches) for number, member in enumerate(_members(body))],
        **_with_unit("slotDuration", timing["slotDuration"]),
        **_with_unit("slotInterval", interval),
        **_with_unit("slotBuffer", buffer),
        **_with_unit("preBuffer", 0),
        "appoinmentPerSlot": limits.get("perSlot"),
        "appoinmentPerDay": limits.get("perDay"),
        "allowBookingAfter": schedule.get("allowBookingAfter"),
        "allowBookingAfterUnit": _lower(schedule.get("allowBookingAfterUnit")),
        "allowBookingFor": schedule.get("allowBookingFor"),
        "allowBookingForUnit": _lower(schedule.get("allowBookingForUnit")),
        "openHours": _open_hours(availability.get("officeHours") or {}, switches),
        "availabilities": [],
        "availabilityType": 0,
        "enableRecurring": False,
        "recurring": {},
        "lookBusyConfig": {"enabled": False, "LookBusyPercentage": 0},
        "formId": form.get("customFormId"),
        "stickyContact": form.get("stickyContact"),
        "autoConfirm": notes.get("hasAutoConfirm"),
        "alertEmail": notes.get("alertEmail"),
        "googleInvitationEmails": notes.get("hasGoogleSendInvitationEmail"),
        "allowReschedule": notes.get("hasAllowReschedule"),
        "allowCancellation": notes.get("hasAllowCancellation"),
        "shouldSendAlertEmailsToAssignedMember": notes.get("hasSendEmailToAssignedMember"),
        "shouldAssignContactToTeamMember": config.get("shouldAssignContactToTeamMember", False),
        "shouldSkipAssigningContactForExisting": config.get("shouldSkipAssigningContactForExisting", False),
        "notes": notes.get("notes"),
        "pixelId": notes.get("facebookPixelId"),
        "formSubmitType": submission.get("type"),
        "formSubmitRedirectURL": submission.get("content") if redirects else None,
        "formSubmitThanksMessage": None if redirects else submission.get("content"),
        **{name: value for name, value in body.items() if name not in _SERVICE_FIELDS},
    }


def _members(body: Json) -> list[Json]:
    return body.get("teamMembers") or []


def _member_json(member: Json, first: bool, switches: Switches) -> Json:
    priority = member.get("priority")
    place, places = _meeting_place(member.get("meetingLocation"), switches)
    shown: Json = {
        "userId": member["userId"],
        "priority": 0.5 if switches.fractional_numbers or priority is None else PRIORITIES[priority],
        "isPrimary": first,
        "meetingLocation": place,
        "locationConfigurations": places,
    }
    return shown | ({"selected": member["selected"]} if "selected" in member else {})  # not documented (CODE)


def _meeting_place(true: str | None, switches: Switches) -> tuple[str | None, list[Json]]:
    """The deprecated field and the list that replaces it. Which one is true is UNK."""
    in_field = OUTDATED if switches.meeting_location == "configuration" else true
    in_list = OUTDATED if switches.meeting_location == "field" else true
    return in_field, [{"kind": "custom", "location": in_list}] if in_list else []


def _with_unit(name: str, minutes: float | None) -> Json:
    """A length with its unit: hours if it is a whole number of them, else minutes."""
    if minutes is not None and minutes > 0 and minutes % 60 == 0:
        return {name: minutes // 60, f"{name}Unit": "hours"}
    return {name: minutes, f"{name}Unit": "mins"}


def _lower(unit: str | None) -> str | None:
    return unit.lower() if unit else unit


def _open_hours(hours: dict[str, list[dict[str, int]]], switches: Switches) -> list[dict[str, Any]]:
    """An entry for each series of openings, with the days that have it. Days without openings have no entry."""
    entries: list[dict[str, Any]] = []
    for number, weekday in enumerate(WEEKDAYS):
        openings = hours.get(weekday)
        if not openings:
            continue
        day = {"monday_0": number, "sunday_0": (number + 1) % 7, "sunday_1": (number + 1) % 7 + 1}[
            switches.days_of_week
        ]
        same = next((entry for entry in entries if entry["hours"] == openings), None)
        if same is None:
            entries.append({"daysOfTheWeek": [day], "hours": openings})
        else:
            same["daysOfTheWeek"].append(day)
    return entries
