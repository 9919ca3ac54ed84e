"""Columns: a table's values taken from records all at once, their digests, and their Arrow form.

Input:  records of one table.
Output: `Columns`: a list of raw values per column, what the columns do not name (`extras`), a digest per record, and, for
        those that are news, typed Arrow arrays. The inside of `records`.

Columns are taken one by one over all records, for a loop over one name is several times faster than a loop over names.
A value that does not fit its column's type leaves the column null and stays, whole, in `extra`.
"""

from __future__ import annotations

import json
import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from operator import itemgetter
from typing import Any

import orjson
import pendulum
import pyarrow as pa

from bookings_sync.tables import TABLES, Column, Table

Record = dict[str, Any]
Key = tuple[Any, ...]
"""A record's key without its location: texts, integers, and instants as epoch milliseconds."""

_MADE = frozenset({"location_id", "extra", "deleted_at", "row_digest"})
_ZONES = zoneinfo.available_timezones()
_EPOCH_MS_FROM = 100_000_000_000
"""A bare number from here on is epoch milliseconds, below it epoch seconds: 1973 in the one, 5138 in the other."""

_TAKEN: dict[str, frozenset[str]] = {
    "teams": frozenset({"members"}),
    "services": frozenset({"teamMembers", "availability.officeHours"}),
    "appointments": frozenset({"contact"}),
    "contacts": frozenset({"customField"}),
}
"""Fields that become tables of their own, so that `extra` leaves them out."""


@dataclass(slots=True)
class Columns:
    """Raw values by column name, and what the columns do not name, each a list with an item per record."""

    values: dict[str, list[Any]]
    extras: list[Record | None]

    def take(self, positions: Sequence[int]) -> Columns:
        return Columns(
            {name: pick(each, positions) for name, each in self.values.items()}, pick(self.extras, positions)
        )


def pick(items: list[Any], positions: Sequence[int]) -> list[Any]:
    """The items at these positions."""
    if len(positions) > 1:
        return list(itemgetter(*positions)(items))
    return [items[position] for position in positions]


def columns_of(table: Table, records: list[Record]) -> Columns:
    """The columns of records. Key columns are not among them: keys are made by `records`."""
    values: dict[str, list[Any]] = {}
    by_source: dict[str, list[Any]] = {}
    getters = [record.get for record in records]
    for column in table.columns:
        if column.name in _MADE or column.name in table.key:
            continue
        source = column.source or column.name
        if derive := _DERIVED.get((table.name, column.name)):
            values[column.name] = [derive(record) for record in records]
        elif source in by_source:
            values[column.name] = by_source[source]
        else:
            taken = [_at(record, source) for record in records] if "." in source else [get(source) for get in getters]
            values[column.name] = by_source[source] = taken
    return Columns(values, _extras(table, records))


# -- digests -----------------------------------------------------------------------------------------------------------


def row_digests(location_id: str, keys: list[Key], columns: Columns) -> list[str]:
    """128 bits for each record, in hex, over location, key, values and extra: equal exactly where all of these are. The
    order of a record's fields does not count, nor whether one is null or missing."""
    digests: list[str] = []
    for key, extra, *values in zip(keys, columns.extras, *columns.values.values(), strict=True):
        try:
            text = orjson.dumps((location_id, key, values, extra), option=orjson.OPT_SORT_KEYS)
        except TypeError:
            text = canonical([location_id, key, values, extra])
        digests.append(blake2b(text, digest_size=16).hexdigest())
    return digests


def digest(value: Any) -> str:
    """128 bits over any JSON value, in hex."""
    return blake2b(canonical(value), digest_size=16).hexdigest()


def canonical(value: Any) -> bytes:
    """JSON with its keys in order: the same bytes for equal values."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # lone surrogates, or integers beyond 64 bits
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def json_text(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value)


# -- from values to Arrow ----------------------------------------------------------------------------------------------


def typed(column: Column, values: list[Any], extras: list[Record | None]) -> pa.Array:
    """The values in the column's type. One that does not fit becomes null, and is put into its record's extra."""
    if column.type == "json":
        return pa.array([None if value is None else json_text(value) for value in values], pa.string())
    try:
        if column.type == "timestamp":
            return pa.array(values, pa.string()).cast(column.arrow)
        if column.type == "bigint" and not all(type(value) is int for value in values if value is not None):
            raise TypeError("Arrow would round")  # noqa: TRY301
        return pa.array(values, column.arrow)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, UnicodeEncodeError, OverflowError):
        return _typed_one_by_one(column, values, extras)


def _typed_one_by_one(column: Column, values: list[Any], extras: list[Record | None]) -> pa.Array:
    fitted: list[Any] = []
    for position, value in enumerate(values):
        fit = None if value is None else _FIT[column.type](value)
        if value is not None and fit is None and column.name not in {"start_time", "end_time"}:  # the raw text keeps it
            extras[position] = {**(extras[position] or {}), column.source or column.name: value}
        fitted.append(fit)
    return pa.array(fitted, column.arrow)


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
    return number if float(number) == float(value) and -(2**63) <= number < 2**63 else None


def _fit_instant(value: Any) -> pendulum.DateTime | None:
    milliseconds = instant_ms(value)
    return None if milliseconds is None else pendulum.from_timestamp(milliseconds / 1000)


def instant_ms(value: Any) -> int | None:
    """Epoch milliseconds of an ISO 8601 text with an offset, or of a number; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        milliseconds = value if abs(value) >= _EPOCH_MS_FROM else value * 1000
        return int(milliseconds) if abs(milliseconds) < 253_402_300_800_000 else None
    if not isinstance(value, str):
        return None
    try:
        instant = pendulum.DateTime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    if instant.utcoffset() is None:  # a wall clock without its zone is no instant
        return None
    try:
        return int(instant.timestamp() * 1000)
    except (OverflowError, ValueError):
        return None


_FIT: dict[str, Callable[[Any], Any]] = {
    "text": fit_text,
    "bigint": _fit_integer,
    "double": lambda value: float(value) if isinstance(value, int | float) else None,
    "bool": lambda value: value if isinstance(value, bool) else None,
    "timestamp": _fit_instant,
}


def _known_zone(record: Record) -> str | None:
    zone = record.get("selectedTimezone")
    return zone if isinstance(zone, str) and zone in _ZONES else None


def _custom_fields_digest(record: Record) -> str | None:
    fields = record.get("customField")
    return digest(fields) if fields else None


_DERIVED: dict[tuple[str, str], Callable[[Record], Any]] = {
    ("appointments", "timezone"): _known_zone,
    ("contacts", "custom_fields_digest"): _custom_fields_digest,
}


# -- what the columns do not name --------------------------------------------------------------------------------------


def _at(record: Record, path: str) -> Any:
    value: Any = record
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


@cache
def _known_fields(table_name: str) -> dict[str, Any]:
    """The fields the columns name, as a tree: {"id": None, "calendarConfig": {"slug": None, …}, …}."""
    tree: dict[str, Any] = {}
    paths = [column.source for column in TABLES[table_name].columns if column.source]
    for path in (*paths, *sorted(_TAKEN.get(table_name, ()))):
        branch = tree
        *parents, leaf = path.split(".")
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch.setdefault(leaf, None)
    return tree


def _extras(table: Table, records: list[Record]) -> list[Record | None]:
    if "extra" not in table.names:
        return [None] * len(records)
    known = _known_fields(table.name)
    if any(known.values()):  # nested: teams and services, which are few
        return [_beyond(record, known) or None for record in records]
    # Records come in few shapes: what is unknown is looked up once for each.
    unknown_of: dict[tuple[str, ...], tuple[str, ...]] = {}
    extras: list[Record | None] = []
    for record in records:
        shape = tuple(record)
        unknown = unknown_of.get(shape)
        if unknown is None:
            unknown = unknown_of[shape] = tuple(name for name in shape if name not in known)
        extra = {name: record[name] for name in unknown if record[name] is not None} if unknown else None
        extras.append(extra or None)
    return extras


def _beyond(record: Record, known: dict[str, Any]) -> Record:
    beyond: Record = {}
    for name, value in record.items():
        if value is None:
            continue
        if name not in known:
            beyond[name] = value
        elif (branch := known[name]) is not None:
            rest = _beyond(value, branch) if isinstance(value, dict) else value
            if rest:
                beyond[name] = rest
    return beyond
