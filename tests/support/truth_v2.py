"""The rows that a warehouse must hold of a location that is read by v2.

Input:  `truth_v2` of the sandbox.
Output: `expected_rows`, which `truth.differences` compares with the warehouse.

Like `truth`, it imports nothing of the connector, and writes out every column and path a second time. Fields without a
column are expected in `extra`. Columns that v2 has no source for are expected to be null.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from support.shapes import Expected, Json, Shape, slot_rows

SUNDAY_FIRST = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
"""The days of `daysOfTheWeek` with the sandbox's defaults."""
LENGTHS = {"slotDuration": "slot_duration", "slotInterval": "slot_interval", "slotBuffer": "slot_buffer"}
MINUTES = {"mins": 1, "hours": 60}

DAYS = {
    "sunday_0": SUNDAY_FIRST,
    "sunday_1": ("", *SUNDAY_FIRST),
    "monday_0": (*SUNDAY_FIRST[1:], "sunday"),
}
"""The same by the sandbox's switch `days_of_week`."""

_SHAPES = {
    "teams": Shape(("id",), "id=id name=name description=description slug=slug"),
    "team_members": Shape(("team_id", "user_id"), "user_id=id name=name email=email", extra=False),
    "services": Shape(
        ("id",),
        """
        id=id name=name description=description team_id=groupId appointment_title=eventTitle event_color=eventColor
        meeting_location=meetingLocation
        appointments_per_slot=appoinmentPerSlot appointments_per_day=appoinmentPerDay
        allow_booking_after=allowBookingAfter allow_booking_after_unit=allowBookingAfterUnit
        allow_booking_for=allowBookingFor allow_booking_for_unit=allowBookingForUnit
        custom_form_id=formId sticky_contact=stickyContact alert_email=alertEmail has_auto_confirm=autoConfirm
        has_google_send_invitation_email=googleInvitationEmails has_allow_reschedule=allowReschedule
        has_allow_cancellation=allowCancellation
        has_send_email_to_assigned_member=shouldSendAlertEmailsToAssignedMember
        notes=notes facebook_pixel_id=pixelId form_submission_type=formSubmitType
        """,
        elsewhere=(
            *LENGTHS, *(f"{name}Unit" for name in LENGTHS), "teamMembers", "openHours", "formSubmitRedirectURL",
            "formSubmitThanksMessage",
        ),
    ),
    "service_members": Shape(
        ("service_id", "user_id"),
        "user_id=userId priority=priority selected=selected meeting_location=meetingLocation",
    ),
    "service_hours": Shape(
        ("service_id", "weekday", "position"),
        "open_hour=openHour open_minute=openMinute close_hour=closeHour close_minute=closeMinute",
    ),
    "appointments": Shape(
        ("id",),
        """
        id=id service_id=calendarId team_id=groupId user_id=assignedUserId assigned_user_id=assignedUserId
        contact_id=contactId api_location_id=locationId appoinment_status=appoinmentStatus
        appointment_status=appointmentStatus title=title notes=notes address=address start_time_raw=startTime
        end_time_raw=endTime is_recurring=isRecurring
        """,
        instants="start_time=startTime end_time=endTime created_at=dateAdded updated_at=dateUpdated",
    ),
    "contacts": Shape(
        ("id",),
        """
        id=id api_location_id=locationId email=email email_lower_case=emailLowerCase first_name=firstName
        last_name=lastName phone=phone timezone=timezone country=country source=source type=type
        postal_code=postalCode tags=tags
        """,
        instants="date_added=dateAdded",
        elsewhere=("customFields",),
    ),
    "contact_custom_fields": Shape(("contact_id", "custom_field_id"), "custom_field_id=id value=value"),
    "slots": Shape(("service_id", "start_time"), extra=False),
}  # fmt: skip

_NULL: dict[str, tuple[str, ...]] = {
    "teams": (
        "calendar_name", "link", "should_assign_contact_to_team_member", "should_skip_assigning_contact_for_existing",
    ),
    "services": (
        "sync_option", "google_calendar_id", "google_calendar_name", "clio_calendar_id", "clio_calendar_name",
        "drchrono_calendar_id", "drchrono_calendar_name", "custom_code",
    ),
    "appointments": ("calendar_id", "status", "selected_timezone", "timezone", "user_calendar_id", "is_free"),
    "contacts": ("fingerprint",),
}  # fmt: skip
"""Columns without a source in v2."""


def expected_rows(truth: Json, slot_days: int) -> dict[str, Expected]:
    """By table, the rows of one location. `truth["days"]` names the numbers of `daysOfTheWeek`, if they differ."""
    rows: dict[str, Expected] = {name: {} for name in _SHAPES}

    def put(table: str, record: Json, *owner: Any, **more: Any) -> None:
        shape = _SHAPES[table]
        row = shape.row(record) | dict.fromkeys(_NULL.get(table, ())) | more
        rows[table][(*owner, row[shape.key[-1]]) if len(owner) < len(shape.key) else owner] = row

    for group in truth["groups"]:
        put("teams", group)
    users = {user["id"]: user for user in truth["users"]}
    for calendar in truth["calendars"]:
        put("services", calendar, **_minutes(calendar), **_texts(calendar))
        for member in calendar["teamMembers"]:
            put("service_members", member, calendar["id"])
            if calendar["groupId"] in {group["id"] for group in truth["groups"]}:
                put("team_members", users.get(member["userId"], {"id": member["userId"]}), calendar["groupId"])
        for weekday, position, opening in _openings(calendar, truth.get("days", SUNDAY_FIRST)):
            put("service_hours", opening, calendar["id"], weekday, position)
    for status, events in ((None, truth["events"]), ("booked", truth["blockedSlots"])):
        for event in events:
            put("appointments", event, **_attendance(event) | {"status": status})
    for contact in truth["contacts"]:
        put("contacts", contact)
        for custom in contact["customFields"] or ():
            put("contact_custom_fields", custom, contact["id"])
    rows["slots"] = slot_rows(truth, slot_days)
    return rows


def mentioned_contacts(truth: Json) -> set[str]:
    """The contacts of the location's events."""
    return {event["contactId"] for event in truth["events"] if event.get("contactId")}


def notices(truth: Json) -> dict[str, timedelta]:
    """The notice of each calendar."""
    return {
        each["id"]: timedelta(**{each["allowBookingAfterUnit"]: each["allowBookingAfter"]})
        for each in truth["calendars"]
    }


def same_in_both(table: str) -> Iterable[str]:
    """The columns of a table that v1 and v2 fill with the same values, for a location that moves."""
    shape = _SHAPES[table]
    differing = {"start_time_raw", "end_time_raw", "appoinment_status", "appointment_status", "priority", "extra"}
    differing |= {"allow_booking_after_unit", "allow_booking_for_unit", *_NULL.get(table, ())}
    return {*shape.paths, *shape.instant_paths, *(LENGTHS.values() if table == "services" else ())} - differing


def _openings(calendar: Json, days: tuple[str, ...]) -> Iterator[tuple[str, int, Json]]:
    for entry in calendar["openHours"]:
        for number in entry["daysOfTheWeek"]:
            for position, opening in enumerate(entry["hours"]):
                yield days[number], position, opening


def _minutes(calendar: Json) -> Json:
    """The lengths in minutes."""
    return {
        column: None if calendar[name] is None else calendar[name] * MINUTES[calendar[f"{name}Unit"]]
        for name, column in LENGTHS.items()
    }


def _texts(calendar: Json) -> Json:
    """The columns with two sources each."""
    content = "formSubmitRedirectURL" if calendar["formSubmitType"] == "RedirectURL" else "formSubmitThanksMessage"
    places = [each["location"] for each in calendar["locationConfigurations"]]
    place = calendar["meetingLocation"] or next(iter(places), calendar["meetingLocation"])
    return {"form_submission_content": calendar[content], "meeting_location": place}


def _attendance(event: Json) -> Json:
    """Each column of the attendance is filled from the other spelling if its own is missing."""
    sic, right = event.get("appoinmentStatus"), event.get("appointmentStatus")
    return {"appoinment_status": sic or right, "appointment_status": right or sic}
