"""The raw tables: the one declaration of every table and column that the connector writes.

Input:  nothing.
Output: `TABLES`. Decoding, Arrow schemas, dlt resources and hints, privacy rules, the README's tables and the data
        dictionary all follow from the declarations.

There are two kinds of raw tables:

- *History* tables hold one row per version of a record (slowly changing dimension, type 2). dlt adds `_dlt_load_id`,
  `_dlt_valid_from` and `_dlt_valid_to`, which is null for the current version. A deleted record keeps its values in a
  last version with `deleted_at` set: a tombstone.
- *Merged* tables hold one row per key: the ledger `reads`, `runs`, `rejected_records` and `held_deletions`.
"""

from __future__ import annotations

from collections.abc import Sequence

from bookings_sync.config.privacy import PersonalField
from bookings_sync.records.derived import digests_of_lists, known_zones
from bookings_sync.records.schema import Column, DataType, Derived, Nested, Resource, Table

__all__ = ["TABLES", "Column", "DataType", "Derived", "Nested", "Resource", "Table", "nested_tables"]

TABLES: dict[str, Table] = {}
"""Every raw table by name, in the order of declaration."""


def nested_tables(table: Table) -> list[tuple[Table, Nested]]:
    """The tables with rows inside the records of `table`."""
    return [(each, each.nested) for each in TABLES.values() if each.nested and each.nested.parent is table]


def _history(
    name: str,
    description: str,
    *,
    resource: Resource,
    key: Sequence[str],
    columns: Sequence[Column],
    nested: Nested | None = None,
    has_extra: bool = True,
) -> Table:
    """Declares a history table: adds the columns that each of them has."""
    extra = Column("extra", "json", "Fields that no column holds, as a JSON object; null if there are none.")
    every_column = (
        _text("location_id", "The location (tenant)."),
        *columns,
        *([extra] if has_extra else []),
        _timestamp("deleted_at", "When the record was found to be deleted, UTC; null while it exists."),
        _timestamp(
            "unchanged_since",
            "Since when the API has shown the record like this, UTC, if this version was written only because the "
            "connector reads records in another way than before; null for a version that the API changed.",
        ),
        _text("row_digest", "Digest of the key and the whole record: equal for equal content."),
    )
    return _add(Table(name, description, resource, ("location_id", *key), every_column, nested))


def _merged(name: str, description: str, *, resource: Resource, key: Sequence[str], columns: Sequence[Column]) -> Table:
    return _add(Table(name, description, resource, tuple(key), tuple(columns), history=False))


def _add(table: Table) -> Table:
    TABLES[table.name] = table
    return table


def _text(
    name: str,
    description: str,
    source: str | None = None,
    *,
    derived: Derived | None = None,
    personal: PersonalField | None = None,
) -> Column:
    return Column(name, "text", description, source, derived, personal)


def _bool(name: str, description: str, source: str | None = None) -> Column:
    return Column(name, "bool", description, source)


def _integer(name: str, description: str, source: str | None = None) -> Column:
    return Column(name, "bigint", description, source)


def _number(name: str, description: str, source: str | None = None) -> Column:
    """A number that may have a fraction, although the API's reference shows integers (OBS: priority 0.5)."""
    return Column(name, "double", description, source)


def _timestamp(
    name: str, description: str, source: str | None = None, *, personal: PersonalField | None = None
) -> Column:
    return Column(name, "timestamp", description, source, None, personal)


# -- locations, teams and services -------------------------------------------------------------------------------------

LOCATIONS = _history(
    "locations",
    "The configured locations. One row per version of a location's configuration and zone.",
    resource="locations",
    key=(),
    columns=[
        _text("name", "The location's name in the configuration."),
        _text(
            "id_source", "Where the id was found: config (location_id), key (the JWT's claims) or data (locationId)."
        ),
        _text("timezone", "IANA zone of the location, if the configuration names one."),
        _text("api_timezone", "IANA zone that the API reports for the location; null if it reports none."),
    ],
    has_extra=False,
)

_PAGE = "calendarConfig."

TEAMS = _history(
    "teams",
    "Teams of each location. One row per version of a team.",
    resource="teams",
    key=("id",),
    columns=[
        _text("id", "The team's id; opaque.", "id"),
        _text("name", "The team's name.", "name"),
        _text(
            "calendar_name", "Name shown on the team's booking page.", _PAGE + "calendarName", personal="booking_page"
        ),
        _text(
            "description",
            "Description shown on the team's booking page.",
            _PAGE + "description",
            personal="descriptions",
        ),
        _text("slug", "The booking page's unique slug.", _PAGE + "slug", personal="booking_page"),
        _text("link", "Path of the booking page.", _PAGE + "link", personal="booking_page"),
        _bool(
            "should_assign_contact_to_team_member",
            "Whether a booking assigns the contact to the member.",
            _PAGE + "shouldAssignContactToTeamMember",
        ),
        _bool(
            "should_skip_assigning_contact_for_existing",
            "Whether a contact who already has a member keeps that member.",
            _PAGE + "shouldSkipAssigningContactForExisting",
        ),
    ],
)

TEAM_MEMBERS = _history(
    "team_members",
    "Members of each team. One row per version of a membership.",
    resource="teams",
    nested=Nested(TEAMS, "members"),
    key=("team_id", "user_id"),
    columns=[
        _text("team_id", "The team's id."),
        _text("user_id", "The member's user id.", "id"),
        _text("name", "The member's name.", "name", personal="member_name"),
        _text("email", "The member's email address.", "email", personal="member_email"),
    ],
)

_GOOGLE = "linkedCalendars.google."
_CLIO = "linkedCalendars.clio."
_DRCHRONO = "linkedCalendars.drchrono."
_TIMING = "availability.eventTiming."
_INFO = "availability.appointmentInfo."
_SCHEDULE = "availability.schedule."
_FORM = "confirmation.form."
_NOTICE = "confirmation.notificationAndOther."
_SUBMISSION = "confirmation.formSubmission."

SERVICES = _history(
    "services",
    "Services (bookable calendars) of each location. One row per version of a service.",
    resource="services",
    key=("id",),
    columns=[
        _text("id", "The service's id; opaque.", "id"),
        _text("name", "The service's name.", "name"),
        _text("description", "The service's description.", "description", personal="descriptions"),
        _text(
            "appointment_title",
            "Template of the title of its appointments.",
            "appointmentTitle",
            personal="appointment_title",
        ),
        _text("meeting_location", "Where its appointments take place.", "meetingLocation", personal="meeting_location"),
        _text("event_color", "Colour in the calendar, as hex.", "eventColor"),
        _text("team_id", "The team it belongs to.", "teamId", personal="calendar_ids"),
        _text("sync_option", "How it is synced with linked calendars: oneway or twoway.", "syncOption"),
        _text("google_calendar_id", "Id of the linked Google calendar.", _GOOGLE + "id", personal="linked_calendars"),
        _text(
            "google_calendar_name", "Name of the linked Google calendar.", _GOOGLE + "name", personal="linked_calendars"
        ),
        _text("clio_calendar_id", "Id of the linked Clio calendar.", _CLIO + "id", personal="linked_calendars"),
        _text("clio_calendar_name", "Name of the linked Clio calendar.", _CLIO + "name", personal="linked_calendars"),
        _text(
            "drchrono_calendar_id", "Id of the linked DrChrono calendar.", _DRCHRONO + "id", personal="linked_calendars"
        ),
        _text(
            "drchrono_calendar_name",
            "Name of the linked DrChrono calendar.",
            _DRCHRONO + "name",
            personal="linked_calendars",
        ),
        _number("slot_duration", "Length of an appointment, in minutes.", _TIMING + "slotDuration"),
        _number("slot_interval", "Time from one slot's start to the next, in minutes.", _TIMING + "slotInterval"),
        _number("slot_buffer", "Time kept free after an appointment, in minutes.", _TIMING + "slotBuffer"),
        _number("appointments_per_slot", "How many may book the same slot.", _INFO + "perSlot"),
        _number("appointments_per_day", "How many may be booked in a day.", _INFO + "perDay"),
        _number("allow_booking_after", "Least notice before a slot's start.", _SCHEDULE + "allowBookingAfter"),
        _text("allow_booking_after_unit", "Unit of the least notice.", _SCHEDULE + "allowBookingAfterUnit"),
        _number("allow_booking_for", "How far ahead slots are offered.", _SCHEDULE + "allowBookingFor"),
        _text("allow_booking_for_unit", "Unit of allow_booking_for.", _SCHEDULE + "allowBookingForUnit"),
        _text("custom_form_id", "Form filled in on booking.", _FORM + "customFormId"),
        _bool("sticky_contact", "Whether the form remembers the contact.", _FORM + "stickyContact"),
        _text("alert_email", "Address that is alerted of bookings.", _NOTICE + "alertEmail", personal="alert_email"),
        _bool("has_auto_confirm", "Whether bookings are confirmed automatically.", _NOTICE + "hasAutoConfirm"),
        _bool(
            "has_google_send_invitation_email",
            "Whether Google sends invitations.",
            _NOTICE + "hasGoogleSendInvitationEmail",
        ),
        _bool("has_allow_reschedule", "Whether contacts may reschedule.", _NOTICE + "hasAllowReschedule"),
        _bool("has_allow_cancellation", "Whether contacts may cancel.", _NOTICE + "hasAllowCancellation"),
        _bool(
            "has_send_email_to_assigned_member",
            "Whether the member is emailed.",
            _NOTICE + "hasSendEmailToAssignedMember",
        ),
        _text("notes", "Notes added to each appointment.", _NOTICE + "notes", personal="service_notes"),
        _text("facebook_pixel_id", "Facebook pixel of the booking page.", _NOTICE + "facebookPixelId"),
        _text("custom_code", "Custom code of the booking page.", _NOTICE + "customCode", personal="custom_code"),
        _text("form_submission_type", "What follows a booking: ThankYouMessage or RedirectURL.", _SUBMISSION + "type"),
        _text(
            "form_submission_content",
            "The message or the address.",
            _SUBMISSION + "content",
            personal="form_submission",
        ),
    ],
)

SERVICE_MEMBERS = _history(
    "service_members",
    "Members who take a service's appointments. One row per version of an assignment.",
    resource="services",
    nested=Nested(SERVICES, "teamMembers"),
    key=("service_id", "user_id"),
    columns=[
        _text("service_id", "The service's id."),
        _text("user_id", "The member's user id.", "userId"),
        _number("priority", "The member's priority in the round robin.", "priority"),
        _bool("selected", "Whether the member takes appointments now.", "selected"),
        _text(
            "meeting_location",
            "Where this member's appointments take place.",
            "meetingLocation",
            personal="meeting_location",
        ),
    ],
)

SERVICE_HOURS = _history(
    "service_hours",
    "Office hours of each service, in the location's local time. One row per version of an opening.",
    resource="services",
    nested=Nested(SERVICES, "availability.officeHours", "lists by name"),
    key=("service_id", "weekday", "position"),
    columns=[
        _text("service_id", "The service's id."),
        _text("weekday", "monday to sunday."),
        _integer("position", "Position of the opening in its day; 0 is the first."),
        _integer("open_hour", "Hour of opening, 0 to 23.", "openHour"),
        _integer("open_minute", "Minute of opening, 0 to 59.", "openMinute"),
        _integer("close_hour", "Hour of closing, 0 to 24.", "closeHour"),
        _integer("close_minute", "Minute of closing, 0 to 59.", "closeMinute"),
    ],
)

# -- appointments and contacts -----------------------------------------------------------------------------------------

APPOINTMENTS = _history(
    "appointments",
    "Appointments and blocked-off time. One row per version of an appointment.",
    resource="appointments",
    key=("id",),
    columns=[
        _text("id", "The appointment's id; opaque.", "id"),
        _text("service_id", "The booked service.", "calendarServiceId"),
        _text("team_id", "The booked team.", "calendarProviderId", personal="calendar_ids"),
        _text("calendar_id", "A member's own calendar.", "calendarId", personal="calendar_ids"),
        _text("user_id", "The member who takes the appointment.", "userId"),
        _text("assigned_user_id", "The assigned member, if the API names one separately.", "assignedUserId"),
        _text(
            "user_calendar_id",
            "The member's calendar, if the API names one separately.",
            "userCalendarId",
            personal="calendar_ids",
        ),
        _text("contact_id", "The contact who booked; null for blocked-off time.", "contactId"),
        _text("api_location_id", "The location as the record itself names it.", "locationId"),
        _text("status", "The booking's state (booked, cancelled, …): often stale, not attendance.", "status"),
        _text(
            "appoinment_status",
            "Attendance, as the API misspells it: confirmed, cancelled, showed, noshow, invalid, new.",
            "appoinmentStatus",
        ),
        _text("appointment_status", "Attendance, spelt right. The API may send either or both.", "appointmentStatus"),
        _text("title", "The title.", "title", personal="title"),
        _text("notes", "Notes.", "notes", personal="notes"),
        _text("address", "Where it takes place.", "address", personal="address"),
        _timestamp("start_time", "Start, UTC.", "startTime"),
        _timestamp("end_time", "End, UTC.", "endTime"),
        _text("start_time_raw", "Start as the API wrote it, with its offset.", "startTime"),
        _text("end_time_raw", "End as the API wrote it, with its offset.", "endTime"),
        _text("selected_timezone", "Zone that the contact chose, as the API wrote it.", "selectedTimezone"),
        _text(
            "timezone",
            "selected_timezone if it is a known IANA zone; else null.",
            derived=Derived("selectedTimezone", known_zones),
        ),
        _bool("is_recurring", "Whether it recurs.", "isRecurring"),
        _bool("is_free", "Whether its time stays free.", "isFree"),
        _timestamp("created_at", "When it was booked, UTC, if the API says so.", "createdAt"),
        _timestamp("updated_at", "When it was last changed, UTC, if the API says so.", "updatedAt"),
        _text(
            "listed_by",
            "The list that this version came from, such as service:9Xb…, if service_id, team_id or user_id does not "
            "name that list; else null.",
        ),
    ],
)

CONTACTS = _history(
    "contacts",
    "Contacts, as embedded in appointments. One row per version of a contact.",
    resource="appointments",
    nested=Nested(APPOINTMENTS, "contact", "object"),
    key=("id",),
    columns=[
        _text("id", "The contact's id; opaque.", "id"),
        _text("api_location_id", "The location as the record itself names it.", "locationId"),
        _text("email", "Email address.", "email", personal="email"),
        _text("email_lower_case", "Email address in lower case.", "emailLowerCase", personal="email"),
        _text("first_name", "First name.", "firstName", personal="first_name"),
        _text("last_name", "Last name.", "lastName", personal="last_name"),
        _text("phone", "Telephone number.", "phone", personal="phone"),
        _text("fingerprint", "The browser's fingerprint: a UUID.", "fingerprint", personal="fingerprint"),
        _text("timezone", "The contact's zone, as the API wrote it.", "timezone", personal="timezone"),
        _text("country", "Country code.", "country", personal="country"),
        _text("source", "Where the contact came from.", "source", personal="source"),
        _timestamp("date_added", "When the contact was added, UTC.", "dateAdded", personal="date_added"),
        _text("type", "Kind of contact, such as lead or customer.", "type"),
        _text("postal_code", "Postal code.", "postalCode", personal="postal_code"),
        Column("tags", "json", "Tags, as a JSON array.", "tags", personal="tags"),
        _text(
            "custom_fields_digest",
            "Digest of all custom fields, so that a change of one makes a new version of the contact.",
            derived=Derived("customField", digests_of_lists),
        ),
    ],
)

CONTACT_CUSTOM_FIELDS = _history(
    "contact_custom_fields",
    "Custom fields of contacts. One row per version of one field of one contact.",
    resource="appointments",
    nested=Nested(CONTACTS, "customField", personal="custom_fields"),
    key=("contact_id", "custom_field_id"),
    columns=[
        _text("contact_id", "The contact's id."),
        _text("custom_field_id", "The custom field's id.", "id"),
        Column("value", "json", "The value as the API sent it: a JSON string or an array of strings.", "value"),
    ],
)

# -- slots -------------------------------------------------------------------------------------------------------------

SLOTS = _history(
    "slots",
    "Free slots of each service. A slot that was free until its time came stays live; a slot that was taken or "
    "withdrawn earlier becomes a tombstone. One row per version of a slot.",
    resource="slots",
    key=("service_id", "start_time"),
    columns=[
        _text("service_id", "The service that the slot can be booked for."),
        _timestamp("start_time", "Start of the slot, UTC."),
        _text("start_time_raw", "Start as the API wrote it, with its offset."),
        _text("slot_date", "Local date under which the API listed it, YYYY-MM-DD."),
    ],
    has_extra=False,
)

# -- the connector's own ----------------------------------------------------------------------------------------------

# Every resource adds rows to `reads`, `rejected_records` and `held_deletions`. dlt gets these tables with the resource
# `appointments`.

READS = _merged(
    "reads",
    "The ledger: the newest complete read of each location, endpoint, scope and window. A read counts only if its "
    "_dlt_load_id stands in _dlt_loads with status 0.",
    resource="appointments",
    key=("read_id",),
    columns=[
        _text("read_id", "Digest of location, endpoint, scope and window."),
        _text("location_id", "The location."),
        _text(
            "endpoint",
            "What was read: teams, services, appointments, slots, or contacts (in one entry per location, if the API "
            "lists contacts on their own). The entry contents is no read: see that column.",
        ),
        _text("scope", "What the list was asked by: location, service, team or user."),
        _text("scope_id", "Id of the service, team or user; the location's id for scope location."),
        _timestamp("window_start", "Start of the window, UTC, inclusive; null for teams, services and contacts."),
        _timestamp("window_end", "End of the window, UTC, exclusive; null for teams, services and contacts."),
        _timestamp("read_at", "When the request was sent, UTC."),
        _text("run_id", "The run that read it."),
        _text(
            "rules",
            "Fingerprint of how the reply was read: columns, decoding, privacy rules and settings; for slots also the "
            "service's notice, in milliseconds; for contacts also how far they were read, as JSON. A reply that was "
            "read in another way is looked at again.",
        ),
        _text(
            "rules_before",
            "The other rules by which rows of the window may have been read before, separated by blanks. If the load "
            "of this read was torn, some rows are still as these left them. Null if there are none.",
        ),
        _text("reply_digest", "Digest of the reply's bytes. An equal reply is not decoded again."),
        Column(
            "record_digests",
            "binary",
            "For each record of a reply for the hot range, 8 bytes that digest its id and 8 bytes that digest the "
            "record. Only records of the next reply that differ are decoded. Null if there is no reply_digest.",
        ),
        _integer("reply_bytes", "Size of the reply, in bytes."),
        _integer("reply_rows", "Records in the reply."),
        _integer(
            "reply_cap",
            "Records at which the API was found to cut off replies of this kind; null if it was not.",
        ),
        Column("seconds", "double", "Time from request to whole reply, in seconds, without waits for the rate limit."),
        Column(
            "contents",
            "json",
            "How many versions the location has in each table, and how many of them have ended, as a JSON object of "
            "pairs by table. The next run compares it with the tables. Null for reads.",
        ),
    ],
)

LOOK_UPS = _merged(
    "look_ups",
    "Appointments that the API was asked for by their ids although no list had changed: their list omits them, or no "
    "list can return them. Also contacts that appointments mention and the API does not know. One row per appointment "
    "and list, or per contact. A row counts only if its _dlt_load_id stands in _dlt_loads with status 0.",
    resource="appointments",
    key=("location_id", "id", "scope", "scope_id"),
    columns=[
        _text("location_id", "The location."),
        _text("id", "The appointment's id, or the contact's."),
        _text("scope", "What the list is asked by: service, team or user; unlisted if no list can return it; contact."),
        _text("scope_id", "Id of the service, team or user; empty for unlisted and contact."),
        _timestamp("asked_at", "When the run began that asked last, UTC."),
        _text(
            "answer",
            "found; another id (the reply held another record); refused (it stays deleted, or the API does not know "
            "the contact); closed (its list "
            "contains it again, or should no longer).",
        ),
        _integer("times", "How many runs in a row got this answer."),
        _text("run_id", "The run that asked last."),
    ],
)

RUNS = _merged(
    "runs",
    "One row per run.",
    resource="runs",
    key=("run_id",),
    columns=[
        _text("run_id", "The run's id."),
        _timestamp("started_at", "When the run began, UTC."),
        _timestamp("ended_at", "When its last load was handed to dlt, UTC."),
        _text("outcome", "ok, held (deletions are held back), partial (some location failed) or failed."),
        _text("version", "The connector's version."),
        _integer("loads", "Number of loads."),
        _integer("requests", "Requests sent, including retries and verifications."),
        _integer("reads_planned", "List calls that the plan named."),
        _integer("reads_done", "List calls that were answered in full."),
        _integer("reads_unchanged", "List calls whose reply was the same as last time."),
        _integer("verifications", "Appointments asked for by id because a list no longer had them."),
        _integer("rows_new", "Records seen for the first time."),
        _integer("rows_changed", "Records whose content changed, not counting moved ones."),
        _integer("rows_moved", "Appointments whose start changed."),
        _integer("rows_deleted", "Records found to be deleted."),
        _integer("rows_restored", "Deleted records that came back."),
        _integer("rows_rewritten", "Records that an upgrade or other settings read in another way: no changes."),
        _integer("rows_rejected", "Records that went to rejected_records."),
        Column("tables", "json", "The same counts for each table."),
        Column(
            "locations",
            "json",
            "Outcome, requests, reads, errors and held deletions of each location; what its request budget left out; "
            "whether it read free slots (reads_slots), and of which services it did not (slots_not_read); how many "
            "changes were unseen for how many seconds (unseen): at_most since the read before, by_api since the "
            "record's own time of change.",
        ),
        Column("errors", "json", "Errors, as a JSON array of messages, without keys or personal data."),
    ],
)

REJECTED_RECORDS = _merged(
    "rejected_records",
    "Records that do not fit their table, kept whole. One row per distinct record.",
    resource="appointments",
    key=("rejection_id",),
    columns=[
        _text("rejection_id", "Digest of location, table, reason and record."),
        _text("location_id", "The location that the record came from."),
        _text("table_name", "The table that the record was meant for."),
        _text("reason", "Why it could not be loaded."),
        Column("record", "json", "The record as it came."),
        _timestamp("rejected_at", "When it was first rejected, UTC."),
        _text("run_id", "The run that first rejected it."),
    ],
)

HELD_DELETIONS = _merged(
    "held_deletions",
    "Records that looked deleted without enough evidence: they stay live until a run finds them, or until the evidence "
    "suffices. One row per record and hold.",
    resource="appointments",
    key=("hold_id",),
    columns=[
        _text("hold_id", "Digest of location, table, record and the hold's beginning."),
        _text("location_id", "The location."),
        _text("table_name", "The record's table."),
        Column(
            "record_key", "json", "The record's key without its location, as a JSON array; empty for a whole table."
        ),
        _text(
            "why",
            "Why the deletion is held: too many (at once), empty list, no control (the API finds no appointment by its "
            "id) or other refusal (refused in another way than an id that never existed).",
        ),
        _integer("held_rows", "Rows that the hold stands for; 1 except for slots."),
        _integer("runs", "Runs in a row that saw the record missing."),
        _text("run_id", "The last run that saw the record missing."),
        _timestamp("first_seen_at", "Start of the first run that saw the record missing, UTC."),
        _timestamp("last_seen_at", "Start of the last run that saw the record missing, UTC."),
        _timestamp("ended_at", "When the hold ended, UTC; null while it lasts. The tombstone's deleted_at, if any."),
        _text(
            "ended_as",
            "How the hold ended: found (the record exists), or the record was deleted because that was confirmed, "
            "repeated in enough runs or accepted by the user; another reason (held for another reason since).",
        ),
    ],
)
