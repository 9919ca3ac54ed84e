"""Replies: the bytes of a body become records, or are refused.

Input:  a body, whole.
Output: `Reply`, with the records as the API wrote them; `Unreadable` where the body is not what was asked for. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar

from pendulum import DateTime

from bookings_sync.records.json_text import Record, Records, Unreadable, decode

FreeSlots = dict[str, list[Any]]
"""Starts of free slots (ISO 8601 texts) by local date `YYYY-MM-DD`."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """One successful call.

    `records` is None where the body's digest is the one already known: nothing changed, so nothing was decoded.
    `digest` is the body's (`digests`), in hex; `bytes` its size, unpacked. `sent_at` is UTC.
    `seconds` is the time from request to whole body of the attempt that succeeded, waiting for the rate limit not
    counted; `requests` is how many attempts were sent.
    """

    records: T | None
    digest: str
    bytes: int
    sent_at: DateTime
    seconds: float
    requests: int


def decode_object(body: bytes) -> Record:
    value = decode(body)
    if not isinstance(value, dict):
        raise Unreadable(f"a JSON object was expected, not a {type(value).__name__}")
    return value


def list_under(name: str) -> Callable[[bytes], Records]:
    """A decoder for `{"<name>": [record, …]}`, the shape of every list but the slots' (api.md, DOC)."""

    def decode_list(body: bytes) -> Records:
        records = decode_object(body).get(name)
        if not isinstance(records, list):
            raise Unreadable(f'the JSON object holds no list "{name}"')
        return records

    return decode_list


def decode_one(body: bytes) -> Records:
    """One record, or none: an empty body or an empty object is one of the ways to say so that are UNK (api.md)."""
    if not body.strip():
        return []
    record = decode_object(body)
    if record and "id" not in record:
        # It must not pass for "there is none": a record would be taken for deleted.
        raise Unreadable("the JSON object has no id")
    return [record] if record else []


def decode_slots(body: bytes) -> FreeSlots:
    """Free slots by local date.

    A key that is no date is passed over, as api.md says (DOC and OBS: `_dates_`, `traceId`); a day's `slots` may be
    missing, null or empty (UNK). Raises Unreadable.
    """
    days: FreeSlots = {}
    for key, day in decode_object(body).items():
        if not _is_date(key):
            continue
        slots = day.get("slots") if isinstance(day, dict) else day
        if slots is not None and not isinstance(slots, list):
            raise Unreadable("a day's slots are no list")
        days[key] = slots or []
    return days


def _is_date(text: str) -> bool:
    try:
        return len(text) == len("2020-09-04") and bool(date.fromisoformat(text))
    except ValueError:
        return False


def is_object(body: bytes) -> bool:
    """Whether a refusal's body is the API's own, a JSON object, and not a page of some proxy on the way."""
    try:
        return isinstance(decode(body), dict)
    except Unreadable:
        return False
