"""Columns: the values of records, as rows in one order, with their digests; and their Arrow form.

Input:  records of one table.
Output: `Values`: a tuple of raw values per record and what no column names (`extras`); a digest per record; and, for
        those that are news, typed Arrow arrays. The inside of `records`.

The records of a reply come in few shapes (which fields, in which order). For each shape it is worked out once where the
values stand and which fields are unknown; a record then costs one look at its fields, not one for each column.
A value that does not fit its column's type leaves the column null and stays, whole, in `extra`.
"""

from __future__ import annotations

import json
import zoneinfo
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
from pendulum import DateTime

from bookings_sync.tables import TABLES, Column, Table
from bookings_sync.windows import from_ms, to_ms

Record = dict[str, Any]
Key = tuple[Any, ...]
"""A record's key without its location: texts, integers, and instants as epoch milliseconds."""

LONGEST_ID = 1_000
"""Characters. The API's own are of 20 to some 60."""

_MADE = frozenset({"location_id", "extra", "deleted_at", "row_digest"})
_ZONES = zoneinfo.available_timezones()
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The calendar's ends, epoch microseconds: what lies beyond, Arrow can hold and no Python reader of the warehouse."""
_EPOCH_MS_FROM = 100_000_000_000
"""A bare number from here on is epoch milliseconds, below it epoch seconds: 1973 in the one, 5138 in the other."""

_TAKEN: dict[str, frozenset[str]] = {
    "teams": frozenset({"members"}),
    "services": frozenset({"teamMembers", "availability.officeHours"}),
    "appointments": frozenset({"contact"}),
    "contacts": frozenset({"customField"}),
}
"""Fields that become tables of their own, so that `extra` leaves them out."""


_ASIDE: dict[str, tuple[str, ...]] = {"contacts": ("customField",)}
"""Fields that no column holds but the digest covers."""


@dataclass(slots=True)
class Values:
    """Raw values, a tuple per record in the order of `sources(table)`; and what no column names, if anything."""

    rows: list[tuple[Any, ...]]
    extras: list[Record | None]

    def take(self, positions: Sequence[int]) -> Values:
        return Values(pick(self.rows, positions), pick(self.extras, positions))


def pick(items: list[Any], positions: Sequence[int]) -> list[Any]:
    """The items at these positions."""
    if len(positions) > 1:
        return list(itemgetter(*positions)(items))
    return [items[position] for position in positions]


@cache
def sources(table: str) -> dict[str, int]:
    """Where the value of each field (a dotted path) stands in a row of `Values`."""
    declared = TABLES[table]
    derived = [_DERIVED[table, column.name][0] for column in declared.columns if (table, column.name) in _DERIVED]
    named = [
        column.source or column.name
        for column in declared.columns
        if column.name not in {*_MADE, *declared.key} and (table, column.name) not in _DERIVED
    ]
    return {
        source: position for position, source in enumerate(dict.fromkeys([*named, *derived, *_ASIDE.get(table, ())]))
    }


def values_of(table: Table, records: Iterable[Record]) -> Values:
    """The values of records, but for the key columns: keys are made by `records`."""
    fields = sources(table.name)
    if any("." in field for field in fields):  # nested: teams and services, which are few
        known = known_fields(table.name)
        listed = list(records)
        rows = [tuple(_at(record, field) for field in fields) for record in listed]
        return Values(rows, [_beyond(record, known) or None for record in listed])
    shapes: dict[tuple[str, ...], _Shape] = {}
    values = Values([], [])
    for record in records:
        names = tuple(record)
        shape = shapes.get(names)
        if shape is None:
            shape = shapes[names] = _Shape.of(table, names)
        values.rows.append(shape.row((*record.values(), None)))
        extra = {name: record[name] for name in shape.unknown if record[name] is not None} if shape.unknown else None
        values.extras.append(extra or None)
    return values


class _Shape(NamedTuple):
    """For records of one shape: what takes a row out of their values (a None behind them), and their unknown fields."""

    row: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    unknown: tuple[str, ...]

    @classmethod
    def of(cls, table: Table, names: tuple[str, ...]) -> _Shape:
        places = {name: position for position, name in enumerate(names)}
        # A place twice, for itemgetter gives no tuple for one item alone.
        positions = [places.get(field, len(names)) for field in sources(table.name)] + [len(names)]
        known = known_fields(table.name)
        has_extra = "extra" in table.names
        return cls(itemgetter(*positions), tuple(n for n in names if n not in known) if has_extra else ())


def column_values(table: Table, column: Column, columns: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """One column's raw values. `columns` are the rows of `Values` turned: a sequence for each of `sources`."""
    if (table.name, column.name) in _DERIVED:
        source, derive = _DERIVED[table.name, column.name]
        return [derive(value) for value in columns[sources(table.name)[source]]]
    return columns[sources(table.name)[column.source or column.name]]


# -- digests -----------------------------------------------------------------------------------------------------------


def row_digests(location_id: str, keys: Iterable[Key], values: Values) -> list[str]:
    """128 bits for each record, in hex, over location, key, values and extra: equal exactly where all of these are. The
    order of a record's fields does not count, nor whether one is null or missing."""
    digests: list[str] = []
    for key, row, extra in zip(keys, values.rows, values.extras, strict=True):
        try:
            text = orjson.dumps((location_id, key, row, extra), option=orjson.OPT_SORT_KEYS)
        except TypeError:
            text = canonical([location_id, key, row, extra])
        digests.append(blake2b(text, digest_size=16).hexdigest())
    return digests


def digest(value: Any) -> str:
    """128 bits over any JSON value, in hex."""
    return blake2b(canonical(value), digest_size=16).hexdigest()


def canonical(value: Any) -> bytes:
    """JSON with its keys in order: the same bytes for equal values."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # nested deeper than it goes, or lone surrogates, or integers beyond 64 bits
        return _spelled_out(value).encode()


def json_text(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return _spelled_out(value)


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


# -- from values to Arrow ----------------------------------------------------------------------------------------------


def typed(column: Column, values: Sequence[Any], extras: list[Record | None]) -> pa.Array:
    """The values in the column's type. One that does not fit becomes null, and is put into its record's extra."""
    if column.type == "json":
        return pa.array([None if value is None else json_text(value) for value in values], pa.string())
    try:
        if column.type == "timestamp":
            instants = pa.array(values, pa.string()).cast(column.arrow)
            import pyarrow.compute  # it takes long to import, and who only looks at a warehouse needs it not

            first, last = (bound.value for bound in pyarrow.compute.min_max(instants).values())
            if first is not None and not _FIRST_US <= first <= last <= _LAST_US:
                raise OverflowError("before the year 1, or after 9999")  # noqa: TRY301
            return instants
        if column.type == "bigint" and not all(type(value) is int for value in values if value is not None):
            raise TypeError("Arrow would round")  # noqa: TRY301
        return pa.array(values, column.arrow)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, UnicodeEncodeError, OverflowError):
        return _typed_one_by_one(column, values, extras)


def _typed_one_by_one(column: Column, values: Sequence[Any], extras: list[Record | None]) -> pa.Array:
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
    if isinstance(value, str) and str(number) != value:  # "007" and "-0" say more than the number
        return None
    return number if float(number) == float(value) and -(2**63) <= number < 2**63 else None


def instant_ms(value: Any) -> int | None:
    """Epoch milliseconds, rounded down, of an ISO 8601 text with an offset, or of a number; None for anything else, and
    beyond the calendar's ends."""
    instant = _instant(value)
    milliseconds = None if instant is None else to_ms(instant)
    return milliseconds if milliseconds is not None and _FIRST_US < milliseconds * 1000 < _LAST_US - 999 else None


def _instant(value: Any) -> DateTime | None:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return from_ms(int(value if abs(value) >= _EPOCH_MS_FROM else value * 1000))
        instant = DateTime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
    # A wall clock without its zone is no instant.
    return None if instant is None or instant.utcoffset() is None else instant


def _fit_instant(value: Any) -> DateTime | None:
    instant = _instant(value)
    try:
        return None if instant is None else instant.in_timezone("UTC")
    except OverflowError:  # in the calendar's first or last hours, and beyond it in UTC
        return None


_FIT: dict[str, Callable[[Any], Any]] = {
    "text": fit_text,
    "bigint": _fit_integer,
    "double": lambda value: float(value) if isinstance(value, int | float) else None,
    "bool": lambda value: value if isinstance(value, bool) else None,
    "timestamp": _fit_instant,
}


def _known_zone(zone: Any) -> str | None:
    return zone if isinstance(zone, str) and zone in _ZONES else None


def _digest_of_fields(fields: Any) -> str | None:
    return digest(fields) if fields else None


_DERIVED: dict[tuple[str, str], tuple[str, Callable[[Any], Any]]] = {
    ("appointments", "timezone"): ("selectedTimezone", _known_zone),
    ("contacts", "custom_fields_digest"): ("customField", _digest_of_fields),
}
"""Columns made from a field of the API's."""


# -- what the columns do not name --------------------------------------------------------------------------------------


def _at(record: Record, path: str) -> Any:
    value: Any = record
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


@cache
def known_fields(table_name: str) -> dict[str, Any]:
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


def _beyond(record: Record, known: dict[str, Any]) -> Record:
    beyond: Record = {}
    for name, value in record.items():
        if value is None:
            continue
        if name not in known:
            beyond[name] = value
        elif (branch := known[name]) is not None:
            rest = _beyond(value, branch) if isinstance(value, dict) else value
            if rest != {}:
                beyond[name] = rest
    return beyond
