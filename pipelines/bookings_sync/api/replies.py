"""Replies: the bytes of a body become records, or are refused.

Input:  a body, whole.
Output: `Reply`, with the records as the API wrote them; `Unreadable` where the body is not what was asked for. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar

import orjson
from pendulum import DateTime

Record = dict[str, Any]
Records = list[Record]
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


class Unreadable(ValueError):  # noqa: N818 - it becomes an errors.BadReply, once it is known whose
    """The body is not what was asked for. The message never quotes it."""


def decode(body: bytes) -> Any:
    """The JSON value of a body. Raises Unreadable.

    What strict JSON forbids but a whole reply may hold is read all the same: NaN (as null), control characters in
    texts, half a surrogate pair or bytes that are not UTF-8 (as the replacement character). So is NUL, which PostgreSQL
    cannot hold: one such text would make every load fail. An integer beyond 64 bits is read as the text of its digits:
    as a number it would lose some of them, here or in the warehouse's JSON.
    """
    if _is_plain(body):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
    # The text is mended for the same decoder: another one would read the record's neighbours differently (an integer
    # beyond 64 bits), and they would seem to change.
    text = _TOKEN.sub(_mended, body.decode("utf-8-sig", "replace"))
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # The decoder's error holds the body: it must not be chained.
        raise Unreadable("the body is not JSON, or not all of it") from None


def holds_nul(body: bytes) -> bool:
    """Whether a text in strict JSON holds a NUL. Python looks from the end in half the time that it takes from the
    beginning."""
    return body.rfind(b"\\u0000") >= 0


def _is_plain(body: bytes) -> bool:
    """Whether strict JSON may be decoded as it stands: no NUL in it, and no integer beyond 64 bits."""
    return not holds_nul(body) and not _may_hold_a_long_integer(body)


_TOKEN = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*"|-?\bInfinity\b|\bNaN\b|(?P<integer>(?<![\w.+-])-?\d{19,}(?![\w.]))', re.DOTALL
)
_LONGEST_INTEGER = len("18446744073709551615")
_LONG_INTEGER = re.compile(rb"(?:\A|[:,\[\s-])\d{19}")
_NINES = bytes.maketrans(b"012345678", b"9" * 9)


def _may_hold_a_long_integer(body: bytes) -> bool:
    """Whether 19 digits stand in a row where a number may begin. Of any so many, every second byte has
    nine: looked for so first, for it is done to every reply, in a fraction of the time that decoding takes."""
    digits = body[::2].translate(_NINES)
    at = digits.find(b"9" * 9)
    while at >= 0:
        if _LONG_INTEGER.search(body, max(2 * at - 20, 0), 2 * at + 40):
            return True
        at = digits.find(b"9" * 9, at + 1)
    return False


_CONTROL = re.compile(r"[\x00-\x1f]")
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|(u0000|u[dD][89a-fA-F]\w\w)|.)")


def _mended(token: re.Match[str]) -> str:
    """A text with its control characters escaped, each NUL and half of a surrogate pair replaced; null for NaN; an
    integer as it is, or as text."""
    text = token[0]
    if token["integer"]:
        fits = len(text) <= _LONGEST_INTEGER and -(2**63) <= int(text) < 2**64
        return text if fits else f'"{text}"'
    if not text.startswith('"'):
        return "null"
    if _CONTROL.search(text):
        text = _CONTROL.sub(lambda control: f"\\u{ord(control[0]):04x}", text)
    return _ESCAPE.sub(lambda escape: "\ufffd" if escape[1] else escape[0], text)


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
