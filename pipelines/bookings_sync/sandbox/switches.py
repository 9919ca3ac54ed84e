"""The unknowns of the API (UNK in BEHAVIOR.md), one switch each.

Input:  set in Python, or as JSON with `POST /sandbox/switches`.
Output: `Switches`, used by the world and the routes. The defaults are the most likely behavior. The connector must work
        with every setting.
"""

from __future__ import annotations

import types
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

HEAD_SWITCHES = ("attendance_spelling", "missing_service_ids", "client_field_names")
"""The switches that change the cached JSON of appointments. (`recurring_ids` changes the ids, too.)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """One field per unknown."""

    window_on: Literal["start", "overlap"] = "start"
    """Whether a list contains appointments that start in the window, or all that overlap it."""
    end_inclusive: bool = True
    """Whether a list contains an appointment that starts exactly at endDate."""
    max_rows: int | None = None
    """The maximum of appointments per reply. Further ones are omitted without notice."""
    cap_keeps: Literal["earliest", "latest", "scattered"] = "earliest"
    """Which appointments remain when `max_rows` is exceeded."""
    max_window_days: int | None = None
    """A list with a longer window gets 422."""
    ignores_window: int | None = None
    """The number of appointments in each list, whatever its window. `cap_keeps` decides which. None: lists follow their
    window."""
    unknown_id: Literal["400", "404", "422", "empty", "object"] = "404"
    """The reply of GET /appointments/:id to an id that never existed. "empty" is 200 without a body, "object" 200 with
    `{}`."""
    deleted_id: Literal["same", "400", "404", "422", "empty", "object", "plain", "flag", "status"] = "same"
    """The reply of GET /appointments/:id for a deleted appointment. "same" follows `unknown_id`. "plain" is the
    appointment as it was; "flag" adds `"deleted": true`, and "status" sets its status to "deleted"."""
    instance_reply: Literal["instance", "master"] = "instance"
    """The reply of GET /appointments/:id for an instance of a recurring appointment. "master" is its first instance,
    with the id of the series."""
    id_case: Literal["exact", "lower"] = "exact"
    """The case of the id in the reply of GET /appointments/:id."""
    repeated_rows: Literal["none", "same", "stale", "stale_last"] = "none"
    """Whether lists contain some appointments twice. The second copy is the same, or it is the appointment as it was
    booked, with an older updatedAt: before all others ("stale"), or after them."""
    contact_variants: Literal["same", "by_scope"] = "same"
    """Whether lists with different scopes show some contacts differently, in every reply. The difference is in
    `source`."""
    two_services: bool = False
    """Whether some appointments are listed under a second service, too, and have its id there."""
    moving_field: Literal["none", "appointment", "contact", "calendar", "all"] = "none"
    """The records with an undocumented link that is different in every reply. "calendar" are services and teams."""
    missing_service_ids: bool = False
    """Whether some appointments have no calendarServiceId, and some no ids of service, team and user."""
    client_field_names: bool = False
    """Whether appointments have the fields that public clients read (CODE): calendarId is the service, and there is no
    calendarServiceId, no userId beside assignedUserId, and no id in the contact."""
    fractional_numbers: bool = False
    """Whether services have fractions: slotInterval 7.5, slotBuffer 2.5, priority 0.5 (DOC of the successor)."""
    unknown_scope: Literal["empty", "422"] = "empty"
    """The reply to a list call for a user, team or service that never existed."""
    vanished_service: Literal["listed", "422", "empty"] = "listed"
    """The reply to a list call for a deleted service. Its appointments still exist."""
    calendar_id_means: Literal["service", "team", "either"] = "service"
    """Whether the query parameter calendarId is the id of a service or of a team."""
    contact_without_include_all: bool = False
    """Whether lists embed the contact without includeAll=true."""
    contact_in_get: bool = True
    """Whether GET /appointments/:id embeds the contact."""
    blocked_listed: bool = True
    """Whether lists contain blocked-off time."""
    attendance_spelling: Literal["sic", "right", "both", "mixed"] = "mixed"
    """appoinmentStatus, appointmentStatus, both, or a different form for each appointment."""
    recurring_ids: Literal["plain", "epoch", "epoch_duration"] = "epoch"
    """The id of an instance of a recurring appointment: 20 characters, `<20>_<epochMs>`, or
    `<20>_<epochMs>_<durationSec>`."""
    empty_days: Literal["missing", "empty"] = "missing"
    """Whether a slots reply omits days without slots, or contains them with an empty list."""
    slots_trace_id: bool = False
    """Whether a slots reply has the key `traceId`, which is no date. The successor's replies have it (DOC). Public v1
    clients would break on it (CODE)."""
    max_slot_days: int | None = 31
    """A slots request with a longer range gets 422."""
    slots_timezone: Literal["location", "utc"] = "location"
    """The time zone of slots if the request names none."""
    done_body: Literal["empty", "OK"] = "empty"
    """The body of replies to DELETE and PUT status."""
    booked_contact_id: Literal["id", "fingerprint"] = "id"
    """The contactId in the reply to a booking. The contact's fingerprint, a UUID, was observed once (OBS)."""
    invalid_key_message: Literal["Api key is invalid.", "Unauthorized"] = "Api key is invalid."
    """The msg of a 401, as observed or as documented."""
    limit_body: Literal["json", "html", "empty"] = "json"
    """The body of a 429."""
    limit_retry_after: Literal["none", "seconds", "date"] = "seconds"
    """The Retry-After header of a 429."""
    limit_headers: bool = True
    """Whether replies have the X-RateLimit-* headers of the successor API, if there is a quota."""

    # -- only v2. The switches above also concern v2 where v2 has the same thing. --------------------------------------

    trial_account: bool = False
    """Whether v2 tokens have the limits of a trial account: 25 requests in 10 s, and 10,000 a day (DOC)."""
    trace_id: Literal["none", "some", "all"] = "some"
    """Which replies have a `traceId`, which is different in every reply: lists of events and free slots (OBS, CODE), or
    all."""
    error_messages: Literal["list", "text"] = "list"
    """Whether the message of a 422 is a list of texts or one text."""
    unknown_route: Literal["401", "404"] = "404"
    """The status of an unknown path. Both were observed."""
    unknown_pit_message: Literal["Invalid Private Integration token", "Invalid JWT"] = (
        "Invalid Private Integration token"
    )
    """The message of the 401 for a token that does not exist or was revoked."""
    ignored_put_version: Literal["none", "2021-07-28"] = "2021-07-28"
    """The version under which a PUT of an event gets 200 and changes nothing (CODE)."""
    iso_window: Literal["422", "empty"] = "422"
    """The reply to an event list whose startTime is ISO text."""
    lists_by_user: Literal["work", "empty"] = "work"
    """Whether event lists by userId contain events."""
    lists_by_group: Literal["work", "empty"] = "work"
    """Whether event lists by groupId contain events."""
    events_contain_blocked: bool = False
    """Whether the list of events contains blocked-off time, too."""
    deleted_listed: bool = False
    """Whether lists still contain deleted events, with `"deleted": true`."""
    deleted_needs_version: Literal["any", "v3"] = "any"
    """The version that a request must name, so that events have the field `deleted`."""
    date_updated: Literal["every_change", "some_changes", "absent"] = "every_change"
    """When dateUpdated of events and contacts moves. With "some_changes", marking or deleting an event does not move
    it, nor does a change of a contact's tags and custom fields."""
    date_format: Literal["milliseconds", "offset", "epoch"] = "milliseconds"
    """dateAdded and dateUpdated as `2020-07-22T10:30:00.000Z`, `2020-07-22T10:30:00+00:00`, or epoch milliseconds."""
    event_zone: Literal["location", "booked", "utc"] = "location"
    """The time zone of the offsets in startTime and endTime: the location's, that of the booking, or UTC."""
    event_status_spelling: Literal["right", "sic", "both"] = "right"
    """Whether read events have appointmentStatus, appoinmentStatus, or both."""
    series_ids: Literal["same", "own"] = "same"
    """Whether an instance of a series has the same id as in v1, or `<masterId>_<epochMs>_<durationSec>`."""
    days_of_week: Literal["sunday_0", "monday_0", "sunday_1"] = "sunday_0"
    """Which day daysOfTheWeek counts from, and with which number."""
    meeting_location: Literal["same", "field", "configuration"] = "same"
    """Whether meetingLocation and locationConfigurations agree, or which of them is true. The other one is outdated."""
    contacts_updated_filter: Literal["works", "ignored", "422"] = "works"
    """The effect of a dateUpdated filter in a contact search."""

    @property
    def tells_lists_plainly(self) -> bool:
        """Whether lists show each appointment once, as it is."""
        return (
            self.tells_events_plainly and self.contact_variants == "same" and self.moving_field in ("none", "calendar")
        )

    @property
    def tells_events_plainly(self) -> bool:
        """The same, for lists without contacts."""
        return (
            self.repeated_rows == "none"
            and self.moving_field in ("none", "calendar", "contact")
            and not self.two_services
        )

    def changed(self, settings: dict[str, Any]) -> Switches:
        """A copy with some switches changed. Raises ValueError for an unknown name or an invalid value."""
        hints = get_type_hints(type(self))
        for name, value in settings.items():
            if name not in hints:
                raise ValueError(f"expected one of {', '.join(f.name for f in fields(self))}, got {name!r}")
            if not _allowed(value, hints[name]):
                raise ValueError(f"invalid value for the switch {name!r}: {value!r}")
        return replace(self, **settings)


def _allowed(value: object, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Literal:
        return isinstance(value, str) and value in get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_allowed(value, option) for option in get_args(hint))
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    return isinstance(value, hint)
