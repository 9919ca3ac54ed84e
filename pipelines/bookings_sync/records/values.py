"""Converts one decoded JSON value: to canonical text, to a digest, or to a column's type.

Input:  any JSON value, of any depth and size.
Output: `canonical` and `digest`; `FIT`, the conversion for each column type; `usable_id`. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isfinite
from typing import Any

import orjson
import pyarrow as pa

from bookings_sync.records.digests import digest_of
from bookings_sync.records.instants import fit_instant

LONGEST_ID = 1_000
"""Characters. The API's own ids have 20 to about 60."""


# -- as text -----------------------------------------------------------------------------------------------------------


def digest(value: Any) -> str:
    """128 bits in hex, equal for equal JSON values."""
    return digest_of(canonical(value))


def canonical(value: Any) -> bytes:
    """JSON with sorted keys: the same bytes for equal values."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # too deep for orjson, or lone surrogates, or integers beyond 64 bits
        return _dumped(value).encode()


class _Piece(str):
    """Finished JSON text, in contrast to a text value that is yet to be written."""

    __slots__ = ()


def _dumped(value: Any) -> str:
    """JSON with sorted keys, without recursion: a deeply nested record must not overflow the stack."""
    pieces: list[str] = []
    left: list[Any] = [value]
    while left:
        each = left.pop()
        if isinstance(each, _Piece):
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
    pieces: list[Any] = [_Piece(opening)]
    for number, (name, value) in enumerate(items):
        pieces += [_Piece(("," if number else "") + name), value]
    return [_Piece(closing), *reversed(pieces)]


# -- as a value of a column --------------------------------------------------------------------------------------------


def usable_id(value: Any) -> str | None:
    """The id as text; None if the value cannot be an id.

    Ids are opaque texts (CODE); an integer counts as its digits. An id must fit into a URL: else no request could name
    the record.
    """
    if isinstance(value, str):
        fits_a_url = 0 < len(value) <= LONGEST_ID and value not in {".", ".."}
        return value if fits_a_url and (value.isascii() or fit_text(value) is not None) else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def fit_text(value: Any) -> str | None:
    """The text if a warehouse can store it; else None."""
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return None
    return value


def fit_id(value: Any) -> str | None:
    """An id as text. An integer counts as its digits."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else fit_text(value)


def _fit_integer(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    if isinstance(value, str) and str(number) != value:  # "007" and "-0" would change
        return None
    return number if float(number) == float(value) and -(2**63) <= number < 2**63 else None


def _fit_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not isfinite(number) or number_text(number) != str(
        value
    ):  # "007", "1e3" and integers beyond 53 bits would change
        return number if isinstance(value, float) and isfinite(number) else None
    return number


def number_text(number: float) -> str:
    """A number as text: a whole one without a fraction, as an integer is written."""
    return str(int(number)) if number.is_integer() else repr(number)


FIT: dict[str, Callable[[Any], Any]] = {
    "text": fit_text,
    "bigint": _fit_integer,
    "double": _fit_number,
    "bool": lambda value: value if isinstance(value, bool) else None,
    "timestamp": fit_instant,
}
"""Converts a decoded value to a column's type, by type. None if the value does not fit."""


_IN_A_MS = {"ms": 1, "us": 1_000, "ns": 1_000_000}


def epoch_ms(instants: pa.ChunkedArray) -> list[int | None]:
    """Timestamps as epoch milliseconds, rounded down.

    Reads the integers behind the timestamps: a cast needs pyarrow.compute, which is slow to import, and read-only
    commands need it for nothing else.
    """
    if not pa.types.is_timestamp(instants.type):  # PostgreSQL, if all are null
        instants = instants.cast(pa.timestamp("ms", tz="UTC"))
    unit = _IN_A_MS[instants.type.unit]
    numbers = [each for chunk in instants.chunks for each in chunk.view(pa.int64()).to_pylist()]
    return [None if each is None else each // unit for each in numbers]
