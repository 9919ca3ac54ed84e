"""How v2 words a refusal, and what its headers say about the rate limit.

Input:  status, headers and body of a reply.
Output: the kind of error, with its cause and its fix; the pace that the API allows. A message of the API may quote what
        was sent, so no output holds a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bookings_sync.dialects.dialect import ApiCall, Pace, Refusal
from bookings_sync.errors import AuthenticationFailed, MissingScope, RequestRefused, UnknownPath, WrongLocation
from bookings_sync.records.json_text import Unreadable, decode

_SCOPES = (
    ("/calendars/events", "calendars/events.readonly"),
    ("/calendars/blocked-slots", "calendars/events.readonly"),
    ("/calendars/groups", "calendars/groups.readonly"),
    ("/calendars", "calendars.readonly"),
    ("/contacts", "contacts.readonly"),
    ("/users", "users.readonly"),
    ("/locations", "locations.readonly"),
)
"""The scope that a path needs (DOC), longest path first."""

_REQUIRED = frozenset(
    (
        "locationId",
        "calendarId",
        "groupId",
        "userId",
        "companyId",
        "contactId",
        "assignedUserId",
        "id",
        "startTime",
        "endTime",
        "startDate",
        "endDate",
        "timezone",
        "pageLimit",
        "searchAfter",
        "filters",
        "slug",
    )
)
"""Fields that a refusal may miss, and so need not be in what was sent (DOC)."""


def scope_of(call: ApiCall) -> str:
    """The scope that a call needs; for a write the one that writes (DOC)."""
    scope = next((scope for path, scope in _SCOPES if call.path.startswith(path)), "")
    return scope if call.method == "GET" or call.is_read else scope.replace(".readonly", ".write")


def refusal(call: ApiCall, status: int, body: bytes) -> Refusal | None:
    """What a 4xx means. A 401 has many causes, and only its message tells them apart (OBS)."""
    if status not in {400, 401, 403, 404, 422}:
        return None
    texts = _messages(body)
    message = " ".join(texts).lower()
    if status in {401, 403}:
        return _not_allowed(call, message)
    if status == 404 and message.startswith("cannot "):
        return Refusal(UnknownPath, "the API does not serve this path: check v2_base_url, then update the program")
    if status != 404 and texts:
        fields = _fields(call, texts)
        return Refusal(RequestRefused, ": ".join(filter(None, ["refused", ", ".join(fields)])), fields)
    return None


def _not_allowed(call: ApiCall, message: str) -> Refusal:
    if "scope" in message:
        fix = f"edit the token, enable the scope {scope_of(call)}, and paste the token again if it changed"
        return Refusal(MissingScope, f"the token lacks a scope: {fix}")
    if "version" in message:
        return Refusal(AuthenticationFailed, "the API no longer serves this program's version: update the program")
    if "access to this location" in message:
        what = "the token belongs to another location: correct location_id, or paste that location's token"
        return Refusal(WrongLocation, what)
    if "jwt" in message:
        what = "the API does not know this token: paste the location's private integration token (pit-…)"
        return Refusal(AuthenticationFailed, what)
    return Refusal(AuthenticationFailed, "the token was refused: it may be deleted, rotated or of another API")


def _messages(body: bytes) -> list[str]:
    """The text of an error, which is a text or a list of texts (OBS)."""
    try:
        value = decode(body)
    except Unreadable:
        return []
    message = value.get("message") if isinstance(value, dict) else None
    if isinstance(message, list):
        return [each for each in message if isinstance(each, str)]
    return [message] if isinstance(message, str) else []


def _fields(call: ApiCall, texts: list[str]) -> tuple[str, ...]:
    """The fields that an error names, of those that were sent or that v2 requires: any other word may be a value."""
    known = {*_REQUIRED, *call.params, *_names(call.body)}
    words = (word for text in texts for word in re.findall(r"\w+", text))
    return tuple(dict.fromkeys(word for word in words if word in known))


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _names(each)


def pace(headers: Mapping[str, str]) -> Pace | None:
    """The limit in the documented headers. Trial accounts have a lower one than the setting `rate_limit` (DOC)."""
    most, interval = _number(headers, "X-RateLimit-Max"), _number(headers, "X-RateLimit-Interval-Milliseconds")
    today, per_day = _number(headers, "X-RateLimit-Daily-Remaining"), _number(headers, "X-RateLimit-Limit-Daily")
    if most is None and today is None and per_day is None:
        return None
    return Pace(most, None if interval is None else interval / 1000, today == 0, per_day)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
