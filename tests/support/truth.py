"""Compares a synced warehouse with the sandbox's truth, without any code of the connector.

Input:  `World.truth` or `truth_v2` of each location, and the warehouse's live rows.
Output: `differences`: one short line for each row or field that is not as the API would show it.

It is an oracle: nothing of the connector is imported, and every column and path is written out here a second time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import duckdb

from support import truth_v2
from support.shapes import Expected, Json, Shape, instant, known_zone, slot_rows

_SHOWN = 4
"""Differences shown per table."""


def differences(
    database: str, truths: Iterable[Json], *, dataset: str = "bookings_raw", slot_days: int = 31
) -> list[str]:
    """The differences of these locations; empty if the warehouse equals the truth.

    Each truth has the form of the API that its location was read by: `World.truth` for v1, `truth_v2` for v2.
    `slot_days` is how far ahead slots were read; each truth must reach as far.
    """
    found: list[str] = []
    with duckdb.connect(database, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        live = {name: _live_rows(connection, f"{dataset}.{name}") for name in _SHAPES}
    for truth in truths:
        is_v2 = "calendars" in truth
        expected = (truth_v2.expected_rows if is_v2 else expected_rows)(truth, slot_days)
        held = {row["id"] for row in live["contacts"].get(truth["location"]["id"], [])}
        for name, shape in _SHAPES.items():
            rows = live[name].get(truth["location"]["id"], [])
            actual = {tuple(row[key] for key in shape.key): row for row in rows}
            if len(actual) < len(rows):
                found.append(f"{name}: {len(rows) - len(actual)} keys have several live rows")
            if name in ("contacts", "contact_custom_fields"):  # a contact without appointments may remain
                contacts = {key[0] for key in expected["contacts"]}
                actual = {key: row for key, row in actual.items() if key[0] in contacts}
                if is_v2:  # the list of v2 has every contact, but a sync need not know those without appointments
                    known = held | truth_v2.mentioned_contacts(truth)
                    expected[name] = {key: row for key, row in expected[name].items() if key[0] in known}
            if name == "slots":
                notices = (truth_v2.notices if is_v2 else _notices)(truth)
                actual = _still_open(actual, truth, notices)
            found += _compare(name, actual, expected[name])
    return found


def _live_rows(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, list[Json]]:
    """The live rows, by location."""
    answer = connection.execute(f"SELECT * FROM {table} WHERE _dlt_valid_to IS NULL AND deleted_at IS NULL")
    rows: dict[str, list[Json]] = {}
    for row in answer.to_arrow_table().to_pylist():
        rows.setdefault(row["location_id"], []).append(row)
    return rows


def _compare(table: str, actual: Mapping[tuple[Any, ...], Json], expected: Expected) -> list[str]:
    lines = [f"{table} {key}: missing" for key in expected.keys() - actual.keys()]
    lines += [f"{table} {key}: should not be live" for key in actual.keys() - expected.keys()]
    for key, row in expected.items():
        if key in actual:
            have = {name: _parsed(name, actual[key][name]) for name in row}
            wrong = [f"{name} is {have[name]!r}, not {row[name]!r}" for name in row if have[name] != row[name]]
            lines += [f"{table} {key}: {'; '.join(wrong)}"] if wrong else []
    more = [f"{table}: … and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return lines[:_SHOWN] + more


def _parsed(column: str, value: Any) -> Any:
    return json.loads(value) if value is not None and column in {"extra", "tags", "value"} else value


# -- what each table must hold -----------------------------------------------------------------------------------------


_SHAPES = {
    "teams": Shape(
        ("id",),
        """
        id=id name=name calendar_name=calendarConfig.calendarName description=calendarConfig.description
        slug=calendarConfig.slug link=calendarConfig.link
        should_assign_contact_to_team_member=calendarConfig.shouldAssignContactToTeamMember
        should_skip_assigning_contact_for_existing=calendarConfig.shouldSkipAssigningContactForExisting
        """,
        elsewhere=("members",),
    ),
    "team_members": Shape(("team_id", "user_id"), "user_id=id name=name email=email"),
    "services": Shape(
        ("id",),
        """
        id=id name=name description=description appointment_title=appointmentTitle meeting_location=meetingLocation
        event_color=eventColor team_id=teamId sync_option=syncOption
        google_calendar_id=linkedCalendars.google.id google_calendar_name=linkedCalendars.google.name
        clio_calendar_id=linkedCalendars.clio.id clio_calendar_name=linkedCalendars.clio.name
        drchrono_calendar_id=linkedCalendars.drchrono.id drchrono_calendar_name=linkedCalendars.drchrono.name
        slot_duration=availability.eventTiming.slotDuration slot_interval=availability.eventTiming.slotInterval
        slot_buffer=availability.eventTiming.slotBuffer
        appointments_per_slot=availability.appointmentInfo.perSlot
        appointments_per_day=availability.appointmentInfo.perDay
        allow_booking_after=availability.schedule.allowBookingAfter
        allow_booking_after_unit=availability.schedule.allowBookingAfterUnit
        allow_booking_for=availability.schedule.allowBookingFor
        allow_booking_for_unit=availability.schedule.allowBookingForUnit
        custom_form_id=confirmation.form.customFormId sticky_contact=confirmation.form.stickyContact
        alert_email=confirmation.notificationAndOther.alertEmail
        has_auto_confirm=confirmation.notificationAndOther.hasAutoConfirm
        has_google_send_invitation_email=confirmation.notificationAndOther.hasGoogleSendInvitationEmail
        has_allow_reschedule=confirmation.notificationAndOther.hasAllowReschedule
        has_allow_cancellation=confirmation.notificationAndOther.hasAllowCancellation
        has_send_email_to_assigned_member=confirmation.notificationAndOther.hasSendEmailToAssignedMember
        notes=confirmation.notificationAndOther.notes
        facebook_pixel_id=confirmation.notificationAndOther.facebookPixelId
        custom_code=confirmation.notificationAndOther.customCode
        form_submission_type=confirmation.formSubmission.type
        form_submission_content=confirmation.formSubmission.content
        """,
        elsewhere=("teamMembers", "availability.officeHours"),
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
        id=id service_id=calendarServiceId team_id=calendarProviderId calendar_id=calendarId user_id=userId
        assigned_user_id=assignedUserId user_calendar_id=userCalendarId contact_id=contactId
        api_location_id=locationId status=status appoinment_status=appoinmentStatus
        appointment_status=appointmentStatus title=title notes=notes address=address
        start_time_raw=startTime end_time_raw=endTime selected_timezone=selectedTimezone
        is_recurring=isRecurring is_free=isFree
        """,
        instants="start_time=startTime end_time=endTime created_at=createdAt updated_at=updatedAt",
        elsewhere=("contact",),
    ),
    "contacts": Shape(
        ("id",),
        """
        id=id api_location_id=locationId email=email email_lower_case=emailLowerCase first_name=firstName
        last_name=lastName phone=phone fingerprint=fingerprint timezone=timezone country=country source=source
        type=type postal_code=postalCode tags=tags
        """,
        instants="date_added=dateAdded",
        elsewhere=("customField",),
    ),
    "contact_custom_fields": Shape(("contact_id", "custom_field_id"), "custom_field_id=id value=value"),
    "slots": Shape(("service_id", "start_time"), extra=False),
}


def expected_rows(truth: Json, slot_days: int) -> dict[str, Expected]:
    """By table, the rows of one location that is read by v1."""
    rows: dict[str, Expected] = {name: {} for name in _SHAPES}

    def put(table: str, record: Json, *owner: Any, **more: Any) -> None:
        row = _SHAPES[table].row(record) | more
        rows[table][(*owner, row[_SHAPES[table].key[-1]]) if len(owner) < len(_SHAPES[table].key) else owner] = row

    for team in truth["teams"]:
        put("teams", team)
        for member in team.get("members") or ():
            put("team_members", member, team["id"])
    for service in truth["services"]:
        put("services", service)
        for member in service.get("teamMembers") or ():
            put("service_members", member, service["id"])
        for weekday, position, opening in _openings(service):
            put("service_hours", opening, service["id"], weekday, position)
    for appointment in map(_with_both_ids, truth["appointments"]):
        put("appointments", appointment, timezone=known_zone(appointment.get("selectedTimezone")))
        if contact := appointment.get("contact"):
            put("contacts", contact)
            for custom in contact.get("customField") or ():
                put("contact_custom_fields", custom, contact["id"])
    rows["slots"] = slot_rows(truth, slot_days)
    return rows


def _with_both_ids(appointment: Json) -> Json:
    """The appointment, with contactId and the contact's own id each filled from the other."""
    contact = appointment.get("contact")
    if not contact:
        return appointment
    contact = {"id": appointment.get("contactId")} | contact
    return appointment | {"contact": contact, "contactId": contact["id"]}


def _openings(service: Json) -> Iterator[tuple[str, int, Json]]:
    for weekday, openings in (service["availability"].get("officeHours") or {}).items():
        for position, opening in enumerate(openings):
            yield weekday, position, opening


def _still_open(actual: Expected, truth: Json, notices: Mapping[str, timedelta]) -> Expected:
    """The slots after now plus the service's notice. A nearer slot was free to the end and stays live."""
    now = instant(truth["now"])
    return {key: row for key, row in actual.items() if key[1] >= now + notices.get(key[0], timedelta(0))}


def _notices(truth: Json) -> dict[str, timedelta]:
    """The notice of each service."""
    schedules = {service["id"]: service["availability"]["schedule"] for service in truth["services"]}
    return {
        service_id: timedelta(**{schedule["allowBookingAfterUnit"].lower(): schedule["allowBookingAfter"]})
        for service_id, schedule in schedules.items()
    }
