"""The unknowns of the API (UNK in BEHAVIOR.md), one switch each.

Input:  set in Python, or as JSON with `POST /sandbox/switches`.
Output: `Switches`, used by the world and the routes. The defaults are the most likely behavior. The connector must work
        with every setting.
"""

from __future__ import annotations

import types
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


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
    unknown_id: Literal["400", "404", "422", "empty"] = "404"
    """The reply of GET /appointments/:id to an id that never existed. "empty" is 200 without a body."""
    deleted_id: Literal["same", "400", "404", "422", "empty"] = "same"
    """The reply of GET /appointments/:id for a deleted appointment. "same" follows `unknown_id`."""
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
    slots_trace_id: bool = True
    """Whether a slots reply has the key `traceId`, which is no date."""
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
