"""Values: one decoded JSON value, as a text to compare, or as a value of a column's type.

Input:  any JSON value, of whatever depth and size.
Output: `canonical` text and its `digest`; `FIT`, which makes of it what a column takes; an id that can be asked for.
        The inside of `columns` and `records`. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
from pendulum import DateTime

from bookings_sync.planning.windows import from_ms, to_ms
from bookings_sync.records.digests import digest_of

LONGEST_ID = 1_000
"""Characters. The API's own are of 20 to some 60."""

FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The calendar's ends, epoch microseconds: what lies beyond, Arrow can hold and no Python reader of the warehouse."""
_EPOCH_MS_FROM = 100_000_000_000
"""A bare number from here on is epoch milliseconds, below it epoch seconds: 1973 in the one, 5138 in the other."""


# -- as text -----------------------------------------------------------------------------------------------------------


def digest(value: Any) -> str:
    """128 bits over any JSON value, in hex."""
    return digest_of(canonical(value))


def canonical(value: Any) -> bytes:
    """JSON with its keys in order: the same bytes for equal values."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # nested deeper than it goes, or lone surrogates, or integers beyond 64 bits
        return _spelled_out(value).encode()


class _Written(str):
    """A piece of JSON, not a value."""

    __slots__ = ()


def _spelled_out(value: Any) -> str:
    """JSON with its keys in order, of whatever depth: the libraries recurse, and one deep record would stop a run."""
    pieces: list[str] = []
    left: list[Any] = [value]
    while left:
        each = left.pop()
        if isinstance(each, _Written):
            pieces.append(each)
        elif isinstance(each, dict):
            items = [(json.dumps(str(name)) + ":", each[name]) for name in sorted(each, key=str)]
            left += _reversed("{", items, "}")
        elif isinstance(each, list | tuple):
            left += _reversed("[", [("", item) for item in each], "]")
        else:
            pieces.append(json.dumps(each))
    return "".join(pieces)


def _reversed(opening: str, items: list[tuple[str, Any]], closing: str) -> list[Any]:
    pieces: list[Any] = [_Written(opening)]
    for number, (name, value) in enumerate(items):
        pieces += [_Written(("," if number else "") + name), value]
    return [_Written(closing), *reversed(pieces)]


# -- as a value of a column --------------------------------------------------------------------------------------------


def usable_id(value: Any) -> str | None:
    """Ids are opaque text (api.md, CODE); a whole number is taken as its digits. What cannot stand in an address, so
    that the record could never be asked for, is no id."""
    if isinstance(value, str):
        asked_for = 0 < len(value) <= LONGEST_ID and value not in {".", ".."}
        return value if asked_for and (value.isascii() or fit_text(value) is not None) else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def fit_text(value: Any) -> str | None:
    """The text, where a warehouse can take it as such."""
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return None
    return value


def _fit_integer(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    if isinstance(value, str) and str(number) != value:  # "007" and "-0" say more than the number
        return None
    return number if float(number) == float(value) and -(2**63) <= number < 2**63 else None


def instant_ms(value: Any) -> int | None:
    """Epoch milliseconds, rounded down, of an ISO 8601 text with an offset, or of a number; None for anything else, and
    beyond the calendar's ends."""
    try:
        if isinstance(value, str):
            instant = datetime.fromisoformat(value)
            # A wall clock without its zone is no instant.
            milliseconds = None if instant.utcoffset() is None else to_ms(instant)
        else:
            milliseconds = _number_ms(value)
    except (ValueError, OverflowError):
        return None
    return milliseconds if milliseconds is not None and FIRST_US < milliseconds * 1000 < LAST_US - 999 else None


def _number_ms(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    milliseconds = int(value if abs(value) >= _EPOCH_MS_FROM else value * 1000)
    # Far beyond the calendar's ends the C library fails, by an OSError, before Python can say that it is out of range.
    return milliseconds if FIRST_US <= milliseconds * 1000 <= LAST_US else None


def _instant(value: Any) -> DateTime | None:
    try:
        if isinstance(value, str):
            instant = DateTime.fromisoformat(value)
            return None if instant.utcoffset() is None else instant
        milliseconds = _number_ms(value)
        return None if milliseconds is None else from_ms(milliseconds)
    except (ValueError, OverflowError):
        return None


def _fit_instant(value: Any) -> DateTime | None:
    instant = _instant(value)
    try:
        return None if instant is None else instant.in_timezone("UTC")
    except OverflowError:  # in the calendar's first or last hours, and beyond it in UTC
        return None


FIT: dict[str, Callable[[Any], Any]] = {
    "text": fit_text,
    "bigint": _fit_integer,
    "double": lambda value: float(value) if isinstance(value, int | float) else None,
    "bool": lambda value: value if isinstance(value, bool) else None,
    "timestamp": _fit_instant,
}
"""How a decoded value is made one of a column's type, by that type: None where it does not fit."""


_IN_A_MS = {"ms": 1, "us": 1_000, "ns": 1_000_000}


def epoch_ms(instants: pa.ChunkedArray) -> list[int | None]:
    """Instants as epoch milliseconds, rounded down. By their bits: a cast needs pyarrow.compute, which takes long to
    import, and who only looks at a warehouse needs it for nothing else."""
    if not pa.types.is_timestamp(instants.type):  # PostgreSQL's, where all of them are null
        instants = instants.cast(pa.timestamp("ms", tz="UTC"))
    unit = _IN_A_MS[instants.type.unit]
    numbers = [each for chunk in instants.chunks for each in chunk.view(pa.int64()).to_pylist()]
    return [None if each is None else each // unit for each in numbers]
