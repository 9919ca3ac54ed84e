"""The declarations in `tables` are enough: every declared column is decoded, and every personal field has a rule."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from bookings_sync.config.privacy import FIELDS
from bookings_sync.config.settings import Settings
from bookings_sync.records.decoding import appointment_rows, custom_field_rows, listed_rows
from bookings_sync.records.privacy import Privacy
from bookings_sync.records.rows import Batch, Rows
from bookings_sync.records.tables import APPOINTMENTS, CONTACTS, SERVICES, TABLES, TEAMS, Resource, Table, nested_tables

VALUES = {"text": "some text", "bigint": 7, "double": 0.5, "bool": True, "json": ["a"]}

KEPT_OF_APPOINTMENTS = {
    "id",
    "calendarServiceId",
    "calendarProviderId",
    "calendarId",
    "userId",
    "assignedUserId",
    "userCalendarId",
    "contactId",
    "locationId",
    "status",
    "appoinmentStatus",
    "appointmentStatus",
    "startTime",
    "endTime",
    "selectedTimezone",
    "isRecurring",
    "isFree",
    "createdAt",
    "updatedAt",
    "contact",
}
KEPT_OF_CONTACTS = {"id", "locationId", "type"}
KEPT_OF_TEAMS = {
    "id",
    "name",
    "calendarConfig.shouldAssignContactToTeamMember",
    "calendarConfig.shouldSkipAssigningContactForExisting",
    "members.id",
}
KEPT_OF_SERVICES = {
    "id",
    "name",
    "eventColor",
    "teamId",
    "syncOption",
    *(f"availability.eventTiming.slot{each}" for each in ("Duration", "Interval", "Buffer")),
    *(f"availability.appointmentInfo.per{each}" for each in ("Slot", "Day")),
    *(f"availability.schedule.allowBooking{each}" for each in ("After", "AfterUnit", "For", "ForUnit")),
    "confirmation.form.customFormId",
    "confirmation.form.stickyContact",
    *(
        f"confirmation.notificationAndOther.{each}"
        for each in (
            "hasAutoConfirm",
            "hasGoogleSendInvitationEmail",
            "hasAllowReschedule",
            "hasAllowCancellation",
            "hasSendEmailToAssignedMember",
            "facebookPixelId",
        )
    ),
    "confirmation.formSubmission.type",
    "teamMembers.userId",
    "teamMembers.priority",
    "teamMembers.selected",
    *(f"availability.officeHours.monday.{each}" for each in ("openHour", "openMinute", "closeHour", "closeMinute")),
}
"""Fields that say nothing about a person. Add a new one only if that is true; else declare it with `personal`."""


def sample(table: Table) -> dict[str, Any]:
    """A record as the API would send it, with a value for every declared column and nested table."""
    record: dict[str, Any] = {}
    for column in table.columns:
        if column.source or column.derived:
            source = column.source or (column.derived.source if column.derived else "")
            put(record, source, "Europe/Berlin" if source == "selectedTimezone" else VALUES.get(column.type))
    for column in table.columns:
        if column.type == "timestamp" and column.source:
            put(record, column.source, "2026-11-02T09:00:00Z")
    for child, nested in nested_tables(table):
        item = sample(child)
        put(record, nested.path, {"object": item, "list": [item], "lists by name": {"monday": [item]}}[nested.form])
    return record


def put(record: dict[str, Any], path: str, value: Any) -> None:
    *parents, leaf = path.split(".")
    for parent in parents:
        record = record.setdefault(parent, {})
    record[leaf] = value


MADE_BY_THE_CONNECTOR = {"locations", "slots", "reads", "look_ups", "held_deletions", "runs", "rejected_records"}
"""Tables without records of the API. Slots come as bare times."""


def decoded() -> dict[str, Rows]:
    """The rows of one sample of every list call's records."""
    appointments = appointment_rows("L", [sample(APPOINTMENTS)])
    listed_completely = [
        table
        for table in TABLES.values()
        if not table.nested and table is not APPOINTMENTS and table.name not in MADE_BY_THE_CONNECTOR
    ]
    batches: list[Batch] = [
        appointments,
        custom_field_rows("L", appointments.rows["contacts"]),
        *(listed_rows(table, "L", [sample(table)]) for table in listed_completely),
    ]
    assert [each for batch in batches for each in batch.rejected] == []
    return {name: rows for batch in batches for name, rows in batch.rows.items()}


def test_every_declared_column_is_decoded() -> None:
    """A list inside appointments or contacts needs code in `decoding`. Without it, the declaration fails here."""
    found = decoded()
    assert found.keys() == TABLES.keys() - MADE_BY_THE_CONNECTOR
    for name, rows in found.items():
        (row,) = rows.arrow().to_pylist()
        empty = {column for column, value in row.items() if value is None}
        assert empty - {"listed_by"} == {"extra", "deleted_at", "unchanged_since"}, name


def test_every_resource_fills_a_table() -> None:
    assert {table.resource for table in TABLES.values()} == set(get_args(Resource))


def test_personal_fields_are_declared_and_configurable() -> None:
    columns = {column.personal for table in TABLES.values() for column in table.columns if column.personal}
    nested = {table.nested.personal for table in TABLES.values() if table.nested and table.nested.personal}
    assert columns | nested == set(FIELDS) - {"other", "member_other"}


def test_only_impersonal_fields_survive_dropping() -> None:
    record = {**sample(APPOINTMENTS), "unknownField": "Ada"}
    record["contact"] = {**sample(CONTACTS), "unknownField": "Ada"}
    dropped = Privacy.of(Settings(pii="drop")).appointment(record)
    assert dropped.keys() == KEPT_OF_APPOINTMENTS
    assert dropped["contact"].keys() == KEPT_OF_CONTACTS


def paths(value: Any, path: str = "") -> set[str]:
    """The dotted paths of a record's values."""
    if isinstance(value, dict):
        return {each for name, inner in value.items() for each in paths(inner, f"{path}.{name}")}
    return {each for inner in value for each in paths(inner, path)} if isinstance(value, list) else {path[1:]}


@pytest.mark.parametrize(("table", "kept"), [(TEAMS, KEPT_OF_TEAMS), (SERVICES, KEPT_OF_SERVICES)])
def test_only_impersonal_fields_of_teams_and_services_survive_dropping(table: Table, kept: set[str]) -> None:
    record = {**sample(table), "unknownField": "Ada"}
    assert paths(Privacy.of(Settings(pii="drop")).record(table, record)) == kept
    assert Privacy.of(Settings(pii="drop", pii_members="keep")).record(table, record) == record
    assert paths(Privacy.of(Settings(pii_members="drop")).record(table, record)) == kept
