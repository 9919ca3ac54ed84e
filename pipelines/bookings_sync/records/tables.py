"""The raw tables: the one declaration of every column the connector writes.

Input:  nothing.
Output: `TABLES`, from which `records` takes its Arrow schemas, `source` its dlt hints (types, keys, descriptions)
        and the contract tests what the staging models may read.

Two kinds of table stand in the raw dataset:

- *history* tables hold one row per version of a record (slowly changing dimension, type 2). dlt adds `_dlt_valid_from`,
  `_dlt_valid_to` (null: the current version) and `_dlt_load_id`. A record that is gone keeps its values in one last
  version with `deleted_at` set: a tombstone.
- *merged* tables hold one row per key: the ledger `reads`, `runs` and `rejected_records`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import pyarrow as pa

DataType = Literal["text", "bigint", "double", "bool", "timestamp", "json", "binary"]
"""`json` is JSON text in a text column: it means the same in every warehouse. `timestamp` is UTC, in microseconds."""

_ARROW: dict[DataType, pa.DataType] = {
    "text": pa.string(),
    "json": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "binary": pa.binary(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `source` is its dotted path in the API's record, None where the connector makes the value."""

    name: str
    type: DataType
    description: str
    source: str | None = None

    @property
    def arrow(self) -> pa.DataType:
        return _ARROW[self.type]


@dataclass(frozen=True)
class Table:
    """One raw table. `key` makes a record unique; with `history`, a row is one version of it."""

    name: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    history: bool = True

    @cached_property
    def schema(self) -> pa.Schema:
        return pa.schema(
            [pa.field(column.name, column.arrow, nullable=self.nullable(column)) for column in self.columns]
        )

    def nullable(self, column: Column) -> bool:
        return column.name not in (*self.key, "row_digest")

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def _text(name: str, description: str, source: str | None = None) -> Column:
    return Column(name, "text", description, source)


def _history(name: str, description: str, key: tuple[str, ...], *columns: Column, extra: bool = True) -> Table:
    location = _text("location_id", "The location (tenant) the record belongs to; part of every key.")
    tail = [
        Column("deleted_at", "timestamp", "When the record was found to be gone; null while it lives."),
        _text("row_digest", "Digest of the key and the whole record: one per version, the same for equal content."),
    ]
    if extra:
        tail.insert(
            0, Column("extra", "json", "What the API sent beyond the typed columns, as a JSON object; or null.")
        )
    return Table(name, description, ("location_id", *key), (location, *columns, *tail))


LOCATIONS = _history(
    "locations",
    "The configured locations. One row per version of a location's configuration.",
    (),
    _text("name", "The location's name in the configuration."),
    _text("id_source", "Where its id was learnt: config (location_id), key (the JWT's claims) or data (locationId)."),
    _text("timezone", "IANA zone of the location, where the configuration names one."),
    extra=False,
)

TEAMS = _history(
    "teams",
    "Teams of each location. One row per version of a team.",
    ("id",),
    _text("id", "The team's id; opaque.", "id"),
    _text("name", "The team's name.", "name"),
    _text("calendar_name", "Name shown on the team's booking page.", "calendarConfig.calendarName"),
    _text("description", "Description shown on the team's booking page.", "calendarConfig.description"),
    _text("slug", "The booking page's unique slug.", "calendarConfig.slug"),
    _text("link", "Path of the booking page.", "calendarConfig.link"),
    Column(
        "should_assign_contact_to_team_member",
        "bool",
        "Whether a booking assigns the contact to the member.",
        "calendarConfig.shouldAssignContactToTeamMember",
    ),
    Column(
        "should_skip_assigning_contact_for_existing",
        "bool",
        "Whether a contact who already has a member keeps that member.",
        "calendarConfig.shouldSkipAssigningContactForExisting",
    ),
)

TEAM_MEMBERS = _history(
    "team_members",
    "Members of each team. One row per version of a membership.",
    ("team_id", "user_id"),
    _text("team_id", "The team's id."),
    _text("user_id", "The member's user id.", "id"),
    _text("name", "The member's name.", "name"),
    _text("email", "The member's email address.", "email"),
)

_AVAILABILITY = "availability."
_NOTICE = "confirmation.notificationAndOther."

SERVICES = _history(
    "services",
    "Services (bookable calendars) of each location. One row per version of a service.",
    ("id",),
    _text("id", "The service's id; opaque.", "id"),
    _text("name", "The service's name.", "name"),
    _text("description", "The service's description.", "description"),
    _text("appointment_title", "Template of the title of its appointments.", "appointmentTitle"),
    _text("meeting_location", "Where its appointments take place.", "meetingLocation"),
    _text("event_color", "Colour in the calendar, as hex.", "eventColor"),
    _text("team_id", "The team it belongs to.", "teamId"),
    _text("sync_option", "How it is synced with linked calendars: oneway or twoway.", "syncOption"),
    _text("google_calendar_id", "Id of the linked Google calendar.", "linkedCalendars.google.id"),
    _text("google_calendar_name", "Name of the linked Google calendar.", "linkedCalendars.google.name"),
    _text("clio_calendar_id", "Id of the linked Clio calendar.", "linkedCalendars.clio.id"),
    _text("clio_calendar_name", "Name of the linked Clio calendar.", "linkedCalendars.clio.name"),
    _text("drchrono_calendar_id", "Id of the linked DrChrono calendar.", "linkedCalendars.drchrono.id"),
    _text("drchrono_calendar_name", "Name of the linked DrChrono calendar.", "linkedCalendars.drchrono.name"),
    Column(
        "slot_duration", "bigint", "Length of an appointment, in minutes.", _AVAILABILITY + "eventTiming.slotDuration"
    ),
    Column(
        "slot_interval",
        "bigint",
        "Time from one slot's start to the next, in minutes.",
        _AVAILABILITY + "eventTiming.slotInterval",
    ),
    Column(
        "slot_buffer",
        "bigint",
        "Time kept free after an appointment, in minutes.",
        _AVAILABILITY + "eventTiming.slotBuffer",
    ),
    Column(
        "appointments_per_slot", "bigint", "How many may book the same slot.", _AVAILABILITY + "appointmentInfo.perSlot"
    ),
    Column(
        "appointments_per_day", "bigint", "How many may be booked in a day.", _AVAILABILITY + "appointmentInfo.perDay"
    ),
    Column(
        "allow_booking_after",
        "bigint",
        "Least notice before a slot's start.",
        _AVAILABILITY + "schedule.allowBookingAfter",
    ),
    _text("allow_booking_after_unit", "Unit of the least notice.", _AVAILABILITY + "schedule.allowBookingAfterUnit"),
    Column(
        "allow_booking_for", "bigint", "How far ahead slots are offered.", _AVAILABILITY + "schedule.allowBookingFor"
    ),
    _text(
        "allow_booking_for_unit",
        "Unit of how far ahead slots are offered.",
        _AVAILABILITY + "schedule.allowBookingForUnit",
    ),
    _text("custom_form_id", "Form filled in on booking.", "confirmation.form.customFormId"),
    Column("sticky_contact", "bool", "Whether the form remembers the contact.", "confirmation.form.stickyContact"),
    _text("alert_email", "Address alerted of bookings.", _NOTICE + "alertEmail"),
    Column("has_auto_confirm", "bool", "Whether bookings are confirmed by themselves.", _NOTICE + "hasAutoConfirm"),
    Column(
        "has_google_send_invitation_email",
        "bool",
        "Whether Google sends invitations.",
        _NOTICE + "hasGoogleSendInvitationEmail",
    ),
    Column("has_allow_reschedule", "bool", "Whether contacts may reschedule.", _NOTICE + "hasAllowReschedule"),
    Column("has_allow_cancellation", "bool", "Whether contacts may cancel.", _NOTICE + "hasAllowCancellation"),
    Column(
        "has_send_email_to_assigned_member",
        "bool",
        "Whether the member is emailed.",
        _NOTICE + "hasSendEmailToAssignedMember",
    ),
    _text("notes", "Notes added to each appointment.", _NOTICE + "notes"),
    _text("facebook_pixel_id", "Facebook pixel of the booking page.", _NOTICE + "facebookPixelId"),
    _text("custom_code", "Custom code of the booking page.", _NOTICE + "customCode"),
    _text(
        "form_submission_type",
        "What follows a booking: ThankYouMessage or RedirectURL.",
        "confirmation.formSubmission.type",
    ),
    _text("form_submission_content", "The message, or the address.", "confirmation.formSubmission.content"),
)

SERVICE_MEMBERS = _history(
    "service_members",
    "Members who take a service's appointments. One row per version of an assignment.",
    ("service_id", "user_id"),
    _text("service_id", "The service's id."),
    _text("user_id", "The member's user id.", "userId"),
    Column("priority", "bigint", "The member's priority in the round robin.", "priority"),
    Column("selected", "bool", "Whether the member takes appointments now.", "selected"),
    _text("meeting_location", "Where this member's appointments take place.", "meetingLocation"),
)

SERVICE_HOURS = _history(
    "service_hours",
    "Office hours of each service, in the location's local time. One row per version of an opening.",
    ("service_id", "weekday", "position"),
    _text("service_id", "The service's id."),
    _text("weekday", "monday to sunday."),
    Column("position", "bigint", "Which opening of that day: 0 is the first."),
    Column("open_hour", "bigint", "Hour it opens, 0 to 23.", "openHour"),
    Column("open_minute", "bigint", "Minute it opens, 0 to 59.", "openMinute"),
    Column("close_hour", "bigint", "Hour it closes, 0 to 24.", "closeHour"),
    Column("close_minute", "bigint", "Minute it closes, 0 to 59.", "closeMinute"),
)

APPOINTMENTS = _history(
    "appointments",
    "Appointments and blocked-off time. One row per version of an appointment.",
    ("id",),
    _text("id", "The appointment's id; opaque.", "id"),
    _text("service_id", "The service booked.", "calendarServiceId"),
    _text("team_id", "The team booked.", "calendarProviderId"),
    _text("calendar_id", "A member's own calendar.", "calendarId"),
    _text("user_id", "The member who takes it.", "userId"),
    _text("assigned_user_id", "The member it is assigned to, where the API says so apart.", "assignedUserId"),
    _text("user_calendar_id", "The member's calendar, where the API says so apart.", "userCalendarId"),
    _text("contact_id", "Who booked; null for blocked-off time.", "contactId"),
    _text("api_location_id", "The location as the record itself names it.", "locationId"),
    _text("status", "The booking's state (booked, cancelled, …): often stale, not attendance.", "status"),
    _text(
        "appoinment_status",
        "Attendance, as the API misspells it: confirmed, cancelled, showed, noshow, invalid, new.",
        "appoinmentStatus",
    ),
    _text("appointment_status", "Attendance, spelt right: either spelling or both may come.", "appointmentStatus"),
    _text("title", "The title.", "title"),
    _text("notes", "Notes.", "notes"),
    _text("address", "Where it takes place.", "address"),
    Column("start_time", "timestamp", "Start, UTC.", "startTime"),
    Column("end_time", "timestamp", "End, UTC.", "endTime"),
    _text("start_time_raw", "Start as the API wrote it, with its offset.", "startTime"),
    _text("end_time_raw", "End as the API wrote it, with its offset.", "endTime"),
    _text("selected_timezone", "Zone the contact chose, as the API wrote it.", "selectedTimezone"),
    _text("timezone", "The same where it is a known IANA zone; else null."),
    Column("is_recurring", "bool", "Whether it recurs.", "isRecurring"),
    Column("is_free", "bool", "Whether it leaves its time free.", "isFree"),
    Column("created_at", "timestamp", "When it was booked, UTC, where the API says so.", "createdAt"),
    Column("updated_at", "timestamp", "When it was last changed, UTC, where the API says so.", "updatedAt"),
)

CONTACTS = _history(
    "contacts",
    "Contacts, as embedded in appointments. One row per version of a contact.",
    ("id",),
    _text("id", "The contact's id; opaque.", "id"),
    _text("api_location_id", "The location as the record itself names it.", "locationId"),
    _text("email", "Email address.", "email"),
    _text("email_lower_case", "Email address in lower case.", "emailLowerCase"),
    _text("first_name", "First name.", "firstName"),
    _text("last_name", "Last name.", "lastName"),
    _text("phone", "Telephone number.", "phone"),
    _text("fingerprint", "The browser's fingerprint: a UUID.", "fingerprint"),
    _text("timezone", "The contact's zone, as the API wrote it.", "timezone"),
    _text("country", "Country code.", "country"),
    _text("source", "Where the contact came from.", "source"),
    Column("date_added", "timestamp", "When the contact was added, UTC.", "dateAdded"),
    _text("type", "Kind of contact, such as lead or customer.", "type"),
    _text("postal_code", "Postal code.", "postalCode"),
    Column("tags", "json", "Tags, as a JSON array.", "tags"),
    _text("custom_fields_digest", "Digest of all its custom fields: a new version where only they changed."),
)

CONTACT_CUSTOM_FIELDS = _history(
    "contact_custom_fields",
    "Custom fields of contacts. One row per version of one contact's one field.",
    ("contact_id", "custom_field_id"),
    _text("contact_id", "The contact's id."),
    _text("custom_field_id", "The custom field's id.", "id"),
    Column("value", "json", "The value as the API sent it: a JSON string, or an array of strings.", "value"),
)

SLOTS = _history(
    "slots",
    "Free slots of each service. A slot that was still free when its time came stays live; one taken or withdrawn "
    "before is a tombstone. One row per version of a slot.",
    ("service_id", "start_time"),
    _text("service_id", "The service the slot can be booked for."),
    Column("start_time", "timestamp", "Start of the slot, UTC."),
    _text("start_time_raw", "Start as the API wrote it, with its offset."),
    _text("slot_date", "Local date the API listed it under, YYYY-MM-DD."),
    extra=False,
)

READS = Table(
    "reads",
    "The ledger: the newest complete read of each location, endpoint, scope and window. A read counts only if its "
    "_dlt_load_id stands in _dlt_loads with status 0.",
    ("read_id",),
    (
        _text("read_id", "Digest of location, endpoint, scope and window."),
        _text("location_id", "The location read."),
        _text("endpoint", "What was read: teams, services, appointments or slots."),
        _text("scope", "What it was asked by: location, service, team or user."),
        _text("scope_id", "Id of the service, team or user; the location's for scope location."),
        Column("window_start", "timestamp", "Start of the window, UTC, inclusive; null for teams and services."),
        Column("window_end", "timestamp", "End of the window, UTC, exclusive; null for teams and services."),
        Column("read_at", "timestamp", "When the request was sent, UTC."),
        _text("run_id", "The run that read it."),
        _text(
            "rules",
            "Fingerprint of the privacy rules in force, and of slots the service's notice in milliseconds: under other "
            "rules the reply must be looked at again.",
        ),
        _text("reply_digest", "Digest of the reply's bytes: an equal reply need not be looked at again."),
        Column(
            "record_digests",
            "binary",
            "For each record of a reply for the hot range, 8 bytes that digest its id and 8 that digest its bytes: of "
            "the next reply only the records that differ are looked at. Null where there is no reply_digest.",
        ),
        Column("reply_bytes", "bigint", "Size of the reply, in bytes."),
        Column("reply_rows", "bigint", "Records in the reply."),
        Column(
            "seconds", "double", "Time from request to whole reply, in seconds, waiting for the rate limit not counted."
        ),
    ),
    history=False,
)

RUNS = Table(
    "runs",
    "One row per run.",
    ("run_id",),
    (
        _text("run_id", "The run's id."),
        Column("started_at", "timestamp", "When the run began, UTC."),
        Column("ended_at", "timestamp", "When its last load was handed over, UTC."),
        _text("outcome", "ok, partial (some location failed) or failed."),
        _text("version", "The connector's version."),
        Column("loads", "bigint", "How many loads it made."),
        Column("requests", "bigint", "Requests sent, retries and verifications among them."),
        Column("reads_planned", "bigint", "List calls the plan named."),
        Column("reads_done", "bigint", "List calls answered in full."),
        Column("reads_unchanged", "bigint", "List calls whose reply was the same as last time."),
        Column("verifications", "bigint", "Appointments asked for by id because a list no longer had them."),
        Column("rows_new", "bigint", "Records seen for the first time."),
        Column("rows_changed", "bigint", "Records whose content changed; moved ones not counted."),
        Column("rows_moved", "bigint", "Appointments whose start changed."),
        Column("rows_deleted", "bigint", "Records found to be gone."),
        Column("rows_restored", "bigint", "Records found again after they had gone."),
        Column("rows_rejected", "bigint", "Records that went to rejected_records."),
        Column("tables", "json", "The same counts for each table."),
        Column("locations", "json", "Outcome, requests, reads and error of each location."),
        Column("errors", "json", "Errors, as a JSON array of messages: no key and no personal data."),
    ),
    history=False,
)

REJECTED_RECORDS = Table(
    "rejected_records",
    "Records that do not fit their table, kept whole. One row per distinct record.",
    ("rejection_id",),
    (
        _text("rejection_id", "Digest of location, table, reason and record."),
        _text("location_id", "The location it came from."),
        _text("table_name", "The table it would have stood in."),
        _text("reason", "Why it could not be loaded."),
        Column("record", "json", "The record as it came."),
        Column("rejected_at", "timestamp", "When it was last rejected, UTC."),
        _text("run_id", "The run that last rejected it."),
    ),
    history=False,
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        LOCATIONS,
        TEAMS,
        TEAM_MEMBERS,
        SERVICES,
        SERVICE_MEMBERS,
        SERVICE_HOURS,
        APPOINTMENTS,
        CONTACTS,
        CONTACT_CUSTOM_FIELDS,
        SLOTS,
        READS,
        RUNS,
        REJECTED_RECORDS,
    )
}
"""Every raw table by name."""
