"""How v2 words a refusal, and what its headers say about the rate limit.

Input:  status, headers and body of a reply.
Output: the kind of error, with its cause and its fix; the pace that the API allows.
"""

from __future__ import annotations

from collections.abc import Mapping

from bookings_sync.dialects.dialect import ApiCall, Pace, Refusal
from bookings_sync.errors import AuthenticationFailed
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


def scope_of(call: ApiCall) -> str:
    """The scope that a call needs; for a write the one that writes (DOC)."""
    scope = next((scope for path, scope in _SCOPES if call.path.startswith(path)), "")
    return scope if call.method == "GET" or call.is_read else scope.replace(".readonly", ".write")


def refusal(call: ApiCall, status: int, body: bytes) -> Refusal | None:
    """What a 401 or 403 means. A 401 has many causes, and only its message tells them apart (OBS)."""
    if status not in {401, 403}:
        return None
    message = _message(body).lower()
    if "scope" in message:
        fix = f"edit the token, enable the scope {scope_of(call)}, and paste the token again if it changed"
        return Refusal(AuthenticationFailed, f"the token lacks a scope: {fix}")
    if "version" in message:
        return Refusal(AuthenticationFailed, "the API no longer serves this program's version: update the program")
    if status == 403 or "access to this location" in message:
        what = "the token belongs to another location: correct location_id, or paste that location's token"
        return Refusal(AuthenticationFailed, what)
    if "jwt" in message:
        what = "the API does not know this token: paste the location's private integration token (pit-…)"
        return Refusal(AuthenticationFailed, what)
    return Refusal(AuthenticationFailed, "the token was refused: it may be deleted, rotated or of another API")


def _message(body: bytes) -> str:
    """The text of an error, which is a text or a list of texts (OBS)."""
    try:
        value = decode(body)
    except Unreadable:
        return ""
    message = value.get("message") if isinstance(value, dict) else None
    return " ".join(map(str, message)) if isinstance(message, list) else str(message or "")


def pace(headers: Mapping[str, str]) -> Pace | None:
    """The limit in the documented headers. Trial accounts have a lower one than the setting `rate_limit` (DOC)."""
    most, interval = _number(headers, "X-RateLimit-Max"), _number(headers, "X-RateLimit-Interval-Milliseconds")
    today = _number(headers, "X-RateLimit-Daily-Remaining")
    if most is None and today is None:
        return None
    return Pace(most, None if interval is None else interval / 1000, today == 0)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
