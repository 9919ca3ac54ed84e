"""What nobody could confirm of the API (api.md, UNK), each as a switch.

Input:  set in Python, or as JSON by `POST /sandbox/switches`.
Output: `Switches`, which `world` and the routes obey. The defaults are the likeliest behaviour; the connector must be
        right under every setting.
"""

from __future__ import annotations

import types
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Every unknown of api.md. Each field's text says what it decides."""

    window_on: Literal["start", "overlap"] = "start"
    """A listed appointment starts in the window, or merely overlaps it."""
    end_inclusive: bool = True
    """Whether an appointment that starts exactly at endDate is listed."""
    max_rows: int | None = None
    """A silent cap on the rows of one reply."""
    cap_keeps: Literal["earliest", "latest", "scattered"] = "earliest"
    """Which rows a capped reply keeps."""
    max_window_days: int | None = None
    """A longer window of appointments gets 422."""
    unknown_id: Literal["400", "404", "422", "empty"] = "404"
    """What GET /appointments/:id answers for an id that never was ("empty": 200 without a body)."""
    deleted_id: Literal["same", "400", "404", "422", "empty"] = "same"
    """The same for an appointment that was deleted."""
    unknown_scope: Literal["empty", "422"] = "empty"
    """What a list call gets for a user, team or service that never was."""
    vanished_service: Literal["listed", "422", "empty"] = "listed"
    """What a list call gets for a deleted service, whose appointments still stand."""
    calendar_id_means: Literal["service", "team", "either"] = "service"
    """Whose id the query parameter calendarId is."""
    contact_without_include_all: bool = False
    """Whether the contact is embedded in a list asked for without includeAll=true."""
    contact_in_get: bool = True
    """Whether GET /appointments/:id embeds the contact."""
    blocked_listed: bool = True
    """Whether blocked-off time stands in the list of appointments."""
    attendance_spelling: Literal["sic", "right", "both", "mixed"] = "mixed"
    """appoinmentStatus, appointmentStatus, both, or as each row was made."""
    recurring_ids: Literal["plain", "epoch", "epoch_duration"] = "epoch"
    """An instance's id: its own, `<20>_<epochMs>`, or `<20>_<epochMs>_<durationSec>`."""
    empty_days: Literal["missing", "empty"] = "missing"
    """Whether a day without slots is left out, or stands with an empty list."""
    slots_trace_id: bool = True
    """Whether a slots reply has a key that is no date (`traceId`)."""
    max_slot_days: int | None = 31
    """A longer range of slots gets 422."""
    slots_timezone: Literal["location", "utc"] = "location"
    """The zone of slots asked for without a timezone."""
    done_body: Literal["empty", "OK"] = "empty"
    """The body of DELETE and PUT status."""
    booked_contact_id: Literal["id", "fingerprint"] = "id"
    """The contactId of a booking's reply; a UUID equal to the contact's fingerprint was seen once (OBS)."""
    invalid_key_message: Literal["Api key is invalid.", "Unauthorized"] = "Api key is invalid."
    """The msg of a 401: as observed, or as documented."""
    limit_body: Literal["json", "html", "empty"] = "json"
    """The body of a 429 from the rate limit."""
    limit_retry_after: Literal["none", "seconds", "date"] = "seconds"
    """The Retry-After header of a 429 from the rate limit."""
    limit_headers: bool = True
    """Whether replies carry the X-RateLimit-* headers of the successor API, where a rate limit is on."""

    def changed(self, settings: dict[str, Any]) -> Switches:
        """These switches with some set anew. Raises ValueError for a name or value that cannot be."""
        hints = get_type_hints(type(self))
        for name, value in settings.items():
            if name not in hints:
                raise ValueError(f"no switch {name!r}; there are: {', '.join(f.name for f in fields(self))}")
            if not _allowed(value, hints[name]):
                raise ValueError(f"switch {name!r} cannot be {value!r}")
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
