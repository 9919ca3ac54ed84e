"""Decodes the bytes of a reply's body.

Input:  a whole body.
Output: records as the API wrote them, or `Unreadable` if the body has another shape. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar

from pendulum import DateTime

from bookings_sync.planning.windows import DAY_MS, Window, from_ms
from bookings_sync.records.json_text import Record, Records, Unreadable, decode
from bookings_sync.records.values import usable_id

FreeSlots = dict[str, list[Any]]
"""Starts of free slots (ISO 8601 strings) by local date `YYYY-MM-DD`."""

T = TypeVar("T")


class OtherAnswer(Unreadable):
    """The body is readable, but it answers another question than the one that was asked."""


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """A successful call.

    `records` is None if the body's digest equals the caller's `known_digest`: nothing changed, nothing was decoded.
    `digest` is the hex digest of the body, and `bytes` the body's decompressed size. `sent_at` is in UTC.
    `seconds` is the duration of the successful attempt, without the wait for the rate limit.
    `requests` counts the attempts. `status` is the reply's status; not a 2xx if the API has no such record.
    """

    records: T | None
    digest: str
    bytes: int
    sent_at: DateTime
    seconds: float
    requests: int
    status: int = 200


def decode_object(body: bytes) -> Record:
    value = decode(body)
    if not isinstance(value, dict):
        raise Unreadable(f"expected a JSON object, got a {type(value).__name__}")
    return value


def list_under(name: str) -> Callable[[bytes], Records]:
    """Returns a decoder for `{"<name>": [record, …]}`, the shape of all lists except slots (DOC)."""

    def decode_list(body: bytes) -> Records:
        records = decode_object(body).get(name)
        if not isinstance(records, list):
            raise Unreadable(f'expected a list under "{name}" in the JSON object')
        return records

    return decode_list


def one_with(record_id: str) -> Callable[[bytes], Records]:
    """Returns a decoder of a list of one record, or an empty list if the API has no such record.

    An empty body and an empty object both mean "no such record" (UNK). The decoder raises OtherAnswer for a record with
    another id, such as the master of a series: it is not the record that was asked for, and loading it would not show
    what became of that one. An integer counts as its digits, as in lists.
    """

    return lambda body: _one(decode_object(body) if body.strip() else {}, record_id)


def one_under(names: Sequence[str], record_id: str) -> Callable[[bytes], Records]:
    """The same for a record that stands under one of these names in the JSON object."""

    def decode_one(body: bytes) -> Records:
        value = decode_object(body) if body.strip() else {}
        record = next((value[name] for name in names if name in value), value)
        if not isinstance(record, dict):
            raise Unreadable(f"expected a JSON object, got a {type(record).__name__}")
        return _one(record, record_id)

    return decode_one


def _one(record: Record, record_id: str) -> Records:
    if not record:
        return []
    if "id" not in record:
        # An unexpected object must not count as "no such record": the appointment would be recorded as deleted.
        raise Unreadable("the JSON object has no id")
    if usable_id(record["id"]) != record_id:
        raise OtherAnswer("the reply holds a record with another id")
    return [record]


def saved_with(record_id: str | None) -> Callable[[bytes], Record]:
    """Returns a decoder of the record that a write saved. `record_id` is None if the write made the record.

    The decoder raises OtherAnswer if the API reports another record than the one that was to be changed.
    """

    return saved_under((), record_id)


def saved_under(names: Sequence[str], record_id: str | None) -> Callable[[bytes], Record]:
    """The same for a record that may stand under one of these names in the JSON object."""

    def decode_saved(body: bytes) -> Record:
        value = decode_object(body)
        record = next((value[name] for name in names if isinstance(value.get(name), dict)), value)
        if not isinstance(record.get("id"), str):
            raise Unreadable("the JSON object has no id")
        if record_id is not None and record["id"] != record_id:
            raise OtherAnswer("the reply holds a record with another id")
        return record

    return decode_saved


def decode_slots(body: bytes) -> FreeSlots:
    """Free slots by local date. Raises Unreadable.

    Keys that are not dates, such as `traceId`, are ignored (DOC, OBS). A day's slots may be missing, null or empty
    (UNK).
    """
    days: FreeSlots = {}
    for key, day in decode_object(body).items():
        if not _is_date(key):
            continue
        slots = day.get("slots") if isinstance(day, dict) else day
        if slots is not None and not isinstance(slots, list):
            raise Unreadable(f"expected a list of slots for a day, got a {type(slots).__name__}")
        days[key] = slots or []
    return days


def slots_around(window: Window) -> Callable[[bytes], FreeSlots]:
    """Returns a decoder of free slots. It raises OtherAnswer if all listed slots are on days outside the window, which
    would make the slots inside it look taken. A day more at both ends allows for time zones."""
    first, last = (from_ms(ms).to_date_string() for ms in (window.start_ms - DAY_MS, window.end_ms + DAY_MS))

    def decode_around(body: bytes) -> FreeSlots:
        days = decode_slots(body)
        listed = [day for day, starts in days.items() if starts]
        if listed and not any(first <= day <= last for day in listed):
            raise OtherAnswer("all slots of the reply are on days outside the window")
        return days

    return decode_around


def _is_date(text: str) -> bool:
    try:
        return len(text) == len("2020-09-04") and bool(date.fromisoformat(text))
    except ValueError:
        return False


def is_object(body: bytes) -> bool:
    """Whether an error's body is a JSON object, as the API sends, rather than a proxy's page."""
    try:
        return isinstance(decode(body), dict)
    except Unreadable:
        return False
