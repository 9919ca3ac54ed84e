"""Columns: the fields of records, typed as a table declares them; and a digest of each row.

Input:  records of one table, as `Fields`.
Output: their Arrow table, as the warehouse will hold them, and a digest per row. The inside of `records`.

The records of a reply come in few shapes (which fields, in which order). For each shape it is worked out once where the
values stand and which fields are unknown; a record then costs one look at its fields, not one for each column. Nearly
all appointments do not come this way: see `plain`.
A value that does not fit its column's type leaves the column null and stays, whole, in `extra`.
"""

from __future__ import annotations

import json
import sys
import zoneinfo
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
from pendulum import DateTime

from bookings_sync.digests import digest_of
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


class Fields(NamedTuple):
    """Records of one table, turned: the values of each of `sources(table)`, as the API sent them, with those of JSON
    decoded; and of each record what no column names, if anything."""

    values: Mapping[str, Sequence[Any] | pa.Array]
    extras: Sequence[Record | None]


def pick(items: list[Any], positions: Sequence[int]) -> list[Any]:
    """The items at these positions."""
    if len(positions) > 1:
        return list(itemgetter(*positions)(items))
    return [items[position] for position in positions]


@cache
def sources(table: str) -> tuple[str, ...]:
    """The fields (dotted paths) of the API's that a table's columns come from, but for its keys: those are made by
    `records`."""
    declared = TABLES[table]
    derived = [_DERIVED[table, column.name][0] for column in declared.columns if (table, column.name) in _DERIVED]
    named = [
        column.source or column.name
        for column in declared.columns
        if column.name not in {*_MADE, *declared.key} and (table, column.name) not in _DERIVED
    ]
    return tuple(dict.fromkeys([*named, *derived, *_ASIDE.get(table, ())]))


def fields_of(table: Table, records: Iterable[Record]) -> Fields:
    """The fields of decoded records."""
    fields = sources(table.name)
    rows: list[tuple[Any, ...]] = []
    extras: list[Record | None] = []
    if any("." in field for field in fields):  # nested: teams and services, which are few
        known = known_fields(table.name)
        for record in records:
            rows.append(tuple(_at(record, field) for field in fields))
            extras.append(_beyond(record, known) or None)
    else:
        shapes: dict[tuple[str, ...], _Shape] = {}
        for record in records:
            names = tuple(record)
            shape = shapes.get(names)
            if shape is None:
                shape = shapes[names] = _Shape.of(table, names)
            rows.append(shape.row((*record.values(), None)))
            unknown = {name: record[name] for name in shape.unknown if record[name] is not None}
            extras.append(unknown or None)
    return Fields(dict(zip(fields, zip(*rows, strict=True), strict=False)), extras)


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


# -- digests -----------------------------------------------------------------------------------------------------------

_BETWEEN, _NULL = b"\xff", b"\xfe"
"""Bytes that no UTF-8 holds: so no two rows are written alike."""


def row_digests(location_id: str, columns: pa.Table) -> list[str]:
    """128 bits for each row, in hex, over location, key and every value: equal exactly where all of these are. So the
    order of a record's fields does not count, nor whether one is null or missing, nor how an instant was written that
    no column holds as text."""
    location = location_id.encode(errors="surrogatepass")
    if "pyarrow.compute" in sys.modules or len(columns) > _FEW:
        written = _written(location, columns)
    else:
        of_columns = zip(*(_each_as_bytes(each) for each in columns.itercolumns()), strict=True)
        written = [_BETWEEN.join((location, *row)) for row in of_columns]
    return list(map(digest_of, written))


_FEW = 10_000
"""Rows that are written one by one in less time than it takes to import pyarrow.compute."""


def _written(location: bytes, columns: pa.Table) -> list[bytes]:
    import pyarrow.compute  # it takes long to import, and who only looks at a warehouse needs it not

    written: list[bytes] = pyarrow.compute.binary_join_element_wise(
        pa.scalar(location),
        *(_as_bytes(each.chunk(0)) for each in columns.combine_chunks().itercolumns()),
        _BETWEEN,
        null_handling="replace",
        null_replacement=_NULL,
    ).to_pylist()
    return written


def _each_as_bytes(values: pa.ChunkedArray) -> list[bytes]:
    if pa.types.is_timestamp(values.type):
        values = pa.chunked_array([chunk.view(pa.int64()) for chunk in values.chunks], pa.int64())
    write = _WRITTEN.get(str(values.type), str)
    return [_NULL if value is None else write(value).encode() for value in values.to_pylist()]


_WRITTEN: dict[str, Callable[[Any], str]] = {"string": lambda text: text, "bool": lambda value: str(value).lower()}


def _as_bytes(values: pa.Array) -> pa.Array:
    """Each value as it is written, null as null. Texts are not copied."""
    if pa.types.is_timestamp(values.type):
        values = values.view(pa.int64())
    return (values if pa.types.is_string(values.type) else values.cast(pa.string())).view(pa.binary())


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


# -- from values to Arrow ----------------------------------------------------------------------------------------------


def typed_columns(table: Table, keys: Mapping[str, pa.Array], fields: Fields) -> pa.Table:
    """Every column that a record itself fills, typed, in the table's order: the location's id, the digest and
    `deleted_at` are put beside them later. `keys` has those of the key."""
    extras = list(fields.extras)
    arrays = dict(keys)
    for column in table.columns:
        if (table.name, column.name) in _DERIVED:
            source, derive = _DERIVED[table.name, column.name]
            arrays[column.name] = derive(fields.values[source])
        elif column.name not in {*arrays, *_MADE}:
            arrays[column.name] = typed(column, fields.values[column.source or column.name], extras)
    if "extra" in table.names:
        texts = [canonical(extra).decode() if extra else None for extra in extras]
        arrays["extra"] = pa.array(texts, pa.string())
    return pa.table({name: arrays[name] for name in table.names if name in arrays})


def typed(column: Column, values: Sequence[Any] | pa.Array, extras: list[Record | None]) -> pa.Array:
    """The values in the column's type. One that does not fit becomes null, and is put into its record's extra."""
    if isinstance(values, pa.Array) and values.type == column.arrow:
        return values
    if column.type == "json":
        return pa.array([None if value is None else canonical(value).decode() for value in values], pa.string())
    try:
        if column.type == "timestamp":
            return _instants(pa.array(values, pa.string()), column.arrow)
        if column.type == "bigint" and not all(type(value) is int for value in values if value is not None):
            raise TypeError("Arrow would round")  # noqa: TRY301
        return pa.array(values, column.arrow)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, UnicodeEncodeError, OverflowError):
        return _typed_one_by_one(column, values.to_pylist() if isinstance(values, pa.Array) else values, extras)


def _instants(texts: pa.Array, type_: pa.DataType) -> pa.Array:
    import pyarrow.compute

    instants = texts.cast(type_)
    first, last = (bound.value for bound in pyarrow.compute.min_max(instants).values())
    if first is not None and not _FIRST_US <= first <= last <= _LAST_US:
        raise OverflowError("before the year 1, or after 9999")
    return instants


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
    try:
        if isinstance(value, str):
            instant = datetime.fromisoformat(value)
            # A wall clock without its zone is no instant.
            milliseconds = None if instant.utcoffset() is None else to_ms(instant)
        else:
            milliseconds = _number_ms(value)
    except (ValueError, OverflowError):
        return None
    return milliseconds if milliseconds is not None and _FIRST_US < milliseconds * 1000 < _LAST_US - 999 else None


def _number_ms(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value if abs(value) >= _EPOCH_MS_FROM else value * 1000)


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


_FIT: dict[str, Callable[[Any], Any]] = {
    "text": fit_text,
    "bigint": _fit_integer,
    "double": lambda value: float(value) if isinstance(value, int | float) else None,
    "bool": lambda value: value if isinstance(value, bool) else None,
    "timestamp": _fit_instant,
}


def _known_zones(zones: Sequence[Any] | pa.Array) -> pa.Array:
    if not isinstance(zones, pa.Array):
        return pa.array([zone if isinstance(zone, str) and zone in _ZONES else None for zone in zones], pa.string())
    import pyarrow.compute

    return pyarrow.compute.if_else(pyarrow.compute.is_in(zones, _zones()), zones, None)


@cache
def _zones() -> pa.Array:
    return pa.array(sorted(_ZONES))


def _digests_of_fields(of_records: Sequence[Any]) -> pa.Array:
    return pa.array([None if fields in (None, []) else digest(fields) for fields in of_records], pa.string())


_DERIVED: dict[tuple[str, str], tuple[str, Callable[..., pa.Array]]] = {
    ("appointments", "timezone"): ("selectedTimezone", _known_zones),
    ("contacts", "custom_fields_digest"): ("customField", _digests_of_fields),
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
