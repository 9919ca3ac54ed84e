"""Compares a synced warehouse with the sandbox's truth, without any code of the connector.

Input:  `World.truth` of each location, and the warehouse's live rows.
Output: `differences`: one short line for each row or field that is not as the API would show it.

It is an oracle: nothing of the connector is imported, and every column and path is written out here a second time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb

Json = dict[str, Any]
Expected = dict[tuple[Any, ...], Json]
"""Rows by key (without the location): column to value."""

_SHOWN = 4
"""Differences shown per table."""


def differences(
    database: str, truths: Iterable[Json], *, dataset: str = "bookings_raw", slot_days: int = 31
) -> list[str]:
    """The differences of these locations; empty if the warehouse equals the truth.

    `slot_days` is how far ahead slots were read; each truth must reach as far.
    """
    found: list[str] = []
    with duckdb.connect(database, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        live = {name: _live_rows(connection, f"{dataset}.{name}") for name in _SHAPES}
    for truth in truths:
        expected = _expected(truth, slot_days)
        for name, shape in _SHAPES.items():
            rows = live[name].get(truth["location"]["id"], [])
            actual = {tuple(row[key] for key in shape.key): row for row in rows}
            if len(actual) < len(rows):
                found.append(f"{name}: {len(rows) - len(actual)} keys have several live rows")
            if name in ("contacts", "contact_custom_fields"):  # a contact without appointments may remain
                contacts = {key[0] for key in expected["contacts"]}
                actual = {key: row for key, row in actual.items() if key[0] in contacts}
            if name == "slots":
                actual = _still_open(actual, truth)
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


@dataclass(frozen=True)
class _Shape:
    """How a record becomes a row: columns by path, columns with instants, fields with their own tables."""

    key: tuple[str, ...]
    texts: str = ""
    """`column=path` pairs: values that are kept as they came."""
    instants: str = ""
    elsewhere: tuple[str, ...] = ()
    extra: bool = True

    @property
    def paths(self) -> dict[str, str]:
        return dict(pair.split("=") for pair in self.texts.split())

    @property
    def instant_paths(self) -> dict[str, str]:
        return dict(pair.split("=") for pair in self.instants.split())

    def row(self, record: Json) -> Json:
        row = {column: _at(record, path) for column, path in self.paths.items()}
        row |= {column: _utc(_at(record, path)) for column, path in self.instant_paths.items()}
        if self.extra:
            named = {*self.paths.values(), *self.instant_paths.values(), *self.elsewhere}
            row["extra"] = _beyond(record, named) or None
        return row


_SHAPES = {
    "teams": _Shape(
        ("id",),
        """
        id=id name=name calendar_name=calendarConfig.calendarName description=calendarConfig.description
        slug=calendarConfig.slug link=calendarConfig.link
        should_assign_contact_to_team_member=calendarConfig.shouldAssignContactToTeamMember
        should_skip_assigning_contact_for_existing=calendarConfig.shouldSkipAssigningContactForExisting
        """,
        elsewhere=("members",),
    ),
    "team_members": _Shape(("team_id", "user_id"), "user_id=id name=name email=email"),
    "services": _Shape(
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
    "service_members": _Shape(
        ("service_id", "user_id"),
        "user_id=userId priority=priority selected=selected meeting_location=meetingLocation",
    ),
    "service_hours": _Shape(
        ("service_id", "weekday", "position"),
        "open_hour=openHour open_minute=openMinute close_hour=closeHour close_minute=closeMinute",
    ),
    "appointments": _Shape(
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
    "contacts": _Shape(
        ("id",),
        """
        id=id api_location_id=locationId email=email email_lower_case=emailLowerCase first_name=firstName
        last_name=lastName phone=phone fingerprint=fingerprint timezone=timezone country=country source=source
        type=type postal_code=postalCode tags=tags
        """,
        instants="date_added=dateAdded",
        elsewhere=("customField",),
    ),
    "contact_custom_fields": _Shape(("contact_id", "custom_field_id"), "custom_field_id=id value=value"),
    "slots": _Shape(("service_id", "start_time"), extra=False),
}


def _expected(truth: Json, slot_days: int) -> dict[str, Expected]:
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
        put("appointments", appointment, timezone=_known_zone(appointment.get("selectedTimezone")))
        if contact := appointment.get("contact"):
            put("contacts", contact)
            for custom in contact.get("customField") or ():
                put("contact_custom_fields", custom, contact["id"])
    rows["slots"] = _slots(truth, slot_days)
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


def _slots(truth: Json, days: int) -> Expected:
    until = _instant(truth["now"]) + timedelta(days=days)
    return {
        (service_id, _instant(start)): {"start_time_raw": start, "slot_date": start[:10]}
        for service_id, starts in truth["slots"].items()
        for start in starts
        if _instant(start) < until
    }


def _still_open(actual: Expected, truth: Json) -> Expected:
    """The slots after now plus the service's notice. A nearer slot was free to the end and stays live."""
    now = _instant(truth["now"])
    notice = {service["id"]: _notice(service) for service in truth["services"]}
    return {key: row for key, row in actual.items() if key[1] >= now + notice.get(key[0], timedelta(0))}


def _notice(service: Json) -> timedelta:
    schedule = service["availability"]["schedule"]
    return timedelta(**{schedule["allowBookingAfterUnit"].lower(): schedule["allowBookingAfter"]})


# -- values ------------------------------------------------------------------------------------------------------------


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _utc(text: str | None) -> datetime | None:
    return None if text is None else _instant(text)


def _known_zone(name: str | None) -> str | None:
    try:
        return str(ZoneInfo(name)) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _at(record: Json, path: str) -> Any:
    value: Any = record
    for name in path.split("."):
        value = (value or {}).get(name)
    return value


def _beyond(record: Json, named: Iterable[str], prefix: str = "") -> Json:
    """The fields without a column. Null counts as missing, and empty branches are left out."""
    named = set(named)
    rest: Json = {}
    for name, value in record.items():
        path = prefix + name
        if value is None or path in named:
            continue
        if any(each.startswith(path + ".") for each in named):
            value = _beyond(value, named, path + ".")
            if not value:
                continue
        rest[name] = value
    return rest
