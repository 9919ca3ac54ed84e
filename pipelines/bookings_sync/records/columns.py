"""Turns records into typed Arrow columns, and digests each row.

Input:  records of one table, as `Fields`.
Output: the Arrow table that the warehouse will hold, and a digest per row.

Records with the same fields in the same order have one shape. A reply has few shapes, so the positions of the known
fields are worked out once per shape. Most appointments do not come this way: `fast_path` builds their `Fields`.

A value of the wrong type becomes null in its column and goes to `extra` unchanged.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from operator import itemgetter
from typing import Any, NamedTuple

import pyarrow as pa

from bookings_sync.records.digests import digest_of
from bookings_sync.records.instants import FIRST_US, LAST_US, fit_instant
from bookings_sync.records.schema import STAMPED
from bookings_sync.records.tables import TABLES, Column, Table, nested_tables
from bookings_sync.records.values import FIT, canonical, fit_id, number_text

Record = dict[str, Any]
Key = tuple[Any, ...]
"""A record's key without its location: texts, integers, and instants as epoch milliseconds."""


class Fields(NamedTuple):
    """Records of one table, by field.

    `values` has the decoded JSON values of each field in `sources(table)`. `extras` has, for each record, the fields
    that no column holds, or None.
    """

    values: Mapping[str, Sequence[Any] | pa.Array]
    extras: Sequence[Record | None]


def pick(items: list[Any], positions: Sequence[int]) -> list[Any]:
    """The items at these positions."""
    if len(positions) > 1:
        return list(itemgetter(*positions)(items))
    return [items[position] for position in positions]


@cache
def sources(table: str) -> tuple[str, ...]:
    """The API's fields (dotted paths) that a table's columns come from, except the key's: `decoding` makes the key."""
    declared = TABLES[table]
    return tuple(dict.fromkeys(_source(column) for column in declared.columns if not _is_made(declared, column)))


def _is_made(table: Table, column: Column) -> bool:
    return column.name in STAMPED or column.name in table.key or column.name == "extra"


def _source(column: Column) -> str:
    return column.derived.source if column.derived else column.source or column.name


def fields_of(table: Table, records: Iterable[Record]) -> Fields:
    """The fields of decoded records."""
    fields = sources(table.name)
    rows: list[tuple[Any, ...]] = []
    extras: list[Record | None] = []
    if any("." in field for field in fields):  # teams and services: nested, but few
        known = known_fields(table.name)
        for record in records:
            rows.append(tuple(value_at(record, field) for field in fields))
            extras.append(_unknown(record, known) or None)
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
    """How to read records with the same field names in the same order.

    `row` takes the record's values and one None, which it returns for missing fields.
    """

    row: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    unknown: tuple[str, ...]

    @classmethod
    def of(cls, table: Table, names: tuple[str, ...]) -> _Shape:
        places = {name: position for position, name in enumerate(names)}
        # itemgetter returns a tuple only for two positions or more, so one position is added.
        positions = [places.get(field, len(names)) for field in sources(table.name)] + [len(names)]
        known = known_fields(table.name)
        has_extra = "extra" in table.names
        return cls(itemgetter(*positions), tuple(n for n in names if n not in known) if has_extra else ())


# -- digests -----------------------------------------------------------------------------------------------------------

_BETWEEN, _NULL = b"\xff", b"\xfe"
"""Bytes that never occur in UTF-8, so two different rows never give the same bytes."""


def row_digests(location_id: str, columns: pa.Table) -> list[str]:
    """128 bits in hex per row, over the location, the key and every column.

    The order of a record's fields does not matter, nor whether a field is null or missing.
    """
    location = location_id.encode(errors="surrogatepass")
    if "pyarrow.compute" in sys.modules or len(columns) > _FEW:
        rows = _rows_as_bytes(location, columns)
    else:
        by_column = zip(*(_values_as_bytes(each) for each in columns.itercolumns()), strict=True)
        rows = [_BETWEEN.join((location, *row)) for row in by_column]
    return list(map(digest_of, rows))


_FEW = 10_000
"""Rows. Up to here, Python is faster than importing pyarrow.compute."""


def _rows_as_bytes(location: bytes, columns: pa.Table) -> list[bytes]:
    import pyarrow.compute  # slow to import; read-only commands never need it

    rows: list[bytes] = pyarrow.compute.binary_join_element_wise(
        pa.scalar(location),
        *(_array_as_bytes(each.chunk(0)) for each in columns.combine_chunks().itercolumns()),
        _BETWEEN,
        null_handling="replace",
        null_replacement=_NULL,
    ).to_pylist()
    return rows


def _values_as_bytes(values: pa.ChunkedArray) -> list[bytes]:
    if pa.types.is_timestamp(values.type):
        values = pa.chunked_array([chunk.view(pa.int64()) for chunk in values.chunks], pa.int64())
    write = _TEXT_OF.get(str(values.type), str)
    return [_NULL if value is None else write(value).encode() for value in values.to_pylist()]


_TEXT_OF: dict[str, Callable[[Any], str]] = {
    "string": lambda text: text,
    "bool": lambda value: str(value).lower(),
    "double": number_text,
}
"""How Arrow's cast to text writes a value, by type, where `str` differs."""


def _array_as_bytes(values: pa.Array) -> pa.Array:
    """Each value's text as bytes, null as null. Does not copy texts."""
    if pa.types.is_floating(values.type):  # Arrow writes some fractions in another way than Python
        texts = [None if value is None else number_text(value) for value in values.to_pylist()]
        return pa.array(texts, pa.string()).view(pa.binary())
    if pa.types.is_timestamp(values.type):
        values = values.view(pa.int64())
    return (values if pa.types.is_string(values.type) else values.cast(pa.string())).view(pa.binary())


# -- from values to Arrow ----------------------------------------------------------------------------------------------


def typed_columns(table: Table, keys: Mapping[str, pa.Array], fields: Fields, zone: str | None = None) -> pa.Table:
    """The table's columns in order, except those of `schema.STAMPED`. `keys` has the key's columns. Times without an
    offset are local times of `zone`."""
    extras = list(fields.extras)
    arrays = dict(keys)
    for column in table.columns:
        if column.derived:
            arrays[column.name] = column.derived.compute(fields.values[column.derived.source])
        elif column.name not in arrays and not _is_made(table, column):
            arrays[column.name] = _typed(table, column, fields.values[_source(column)], extras, zone)
    if "extra" in table.names:
        texts = [canonical(extra).decode() if extra else None for extra in extras]
        arrays["extra"] = pa.array(texts, pa.string())
    return pa.table({name: arrays[name] for name in table.names if name in arrays})


def _typed(
    table: Table, column: Column, values: Sequence[Any] | pa.Array, extras: list[Record | None], zone: str | None
) -> pa.Array:
    """The values in the column's type. A value that does not fit becomes null and goes to its record's extra."""
    if isinstance(values, pa.Array) and values.type == column.arrow:
        return values
    if column.type == "json":
        return pa.array([None if value is None else canonical(value).decode() for value in values], pa.string())
    try:
        if column.type == "timestamp":
            return _instants(pa.array(values, pa.string()), column.arrow)
        exact = _EXACT.get(column.type)
        if exact and not all(type(value) in exact for value in values if value is not None):
            raise TypeError("Arrow would round, or take a boolean for a number")  # noqa: TRY301
        return pa.array(values, column.arrow)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, UnicodeEncodeError, OverflowError):
        listed = values.to_pylist() if isinstance(values, pa.Array) else values
        return _typed_one_by_one(table, column, listed, extras, zone)


_EXACT: dict[str, tuple[type, ...]] = {"bigint": (int,), "double": (int, float)}
"""The Python types of values that Arrow takes as they are, by the type of a column of numbers."""


def _instants(texts: pa.Array, type_: pa.DataType) -> pa.Array:
    import pyarrow.compute

    instants = texts.cast(type_)
    first, last = (bound.value for bound in pyarrow.compute.min_max(instants).values())
    if first is not None and not FIRST_US <= first <= last <= LAST_US:
        raise OverflowError("before the year 1 or after the year 9999")
    return instants


def _typed_one_by_one(
    table: Table, column: Column, values: Sequence[Any], extras: list[Record | None], zone: str | None
) -> pa.Array:
    fitted: list[Any] = []
    fit_value = fit_id if column.is_id else FIT[column.type]
    if column.type == "timestamp":
        fit_value = partial(fit_instant, zone=zone)
    for position, value in enumerate(values):
        fit = None if value is None else fit_value(value)
        if value is not None and fit is None and column.name not in table.kept_as_text:
            extras[position] = {**(extras[position] or {}), _source(column): value}
        fitted.append(fit)
    return pa.array(fitted, column.arrow)


# -- fields that no column holds ---------------------------------------------------------------------------------------


def value_at(record: Any, path: str) -> Any:
    """The value at a dotted path; None if any part of the path is missing."""
    value: Any = record
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


@cache
def known_fields(table_name: str) -> dict[str, Any]:
    """The fields that columns and nested tables hold, as a tree: {"id": None, "calendarConfig": {"slug": None, …}}."""
    tree: dict[str, Any] = {}
    paths = [column.source for column in TABLES[table_name].columns if column.source]
    for path in (*paths, *sorted(nested.path for _, nested in nested_tables(TABLES[table_name]))):
        branch = tree
        *parents, leaf = path.split(".")
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch.setdefault(leaf, None)
    return tree


def _unknown(record: Record, known: dict[str, Any]) -> Record:
    """The part of a record that is not in the tree of known fields, without nulls."""
    unknown: Record = {}
    for name, value in record.items():
        if value is None:
            continue
        if name not in known:
            unknown[name] = value
        elif (branch := known[name]) is not None:
            rest = _unknown(value, branch) if isinstance(value, dict) else value
            if rest != {}:
                unknown[name] = rest
    return unknown
