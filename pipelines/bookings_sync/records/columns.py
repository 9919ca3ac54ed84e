"""Columns: the fields of records, typed as a table declares them; and a digest of each row.

Input:  records of one table, as `Fields`.
Output: their Arrow table, as the warehouse will hold them, and a digest per row. The inside of `records`.

The records of a reply come in few shapes (which fields, in which order). For each shape it is worked out once where the
values stand and which fields are unknown; a record then costs one look at its fields, not one for each column. Nearly
all appointments do not come this way: see `plain`.
A value that does not fit its column's type leaves the column null and stays, whole, in `extra`.
"""

from __future__ import annotations

import sys
import zoneinfo
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

import pyarrow as pa

from bookings_sync.records.digests import digest_of
from bookings_sync.records.tables import TABLES, Column, Table
from bookings_sync.records.values import FIRST_US, FIT, LAST_US, canonical, digest

Record = dict[str, Any]
Key = tuple[Any, ...]
"""A record's key without its location: texts, integers, and instants as epoch milliseconds."""

_MADE = frozenset({"location_id", "extra", "deleted_at", "row_digest"})
_ZONES = zoneinfo.available_timezones()
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
    if first is not None and not FIRST_US <= first <= last <= LAST_US:
        raise OverflowError("before the year 1, or after 9999")
    return instants


def _typed_one_by_one(column: Column, values: Sequence[Any], extras: list[Record | None]) -> pa.Array:
    fitted: list[Any] = []
    for position, value in enumerate(values):
        fit = None if value is None else FIT[column.type](value)
        if value is not None and fit is None and column.name not in {"start_time", "end_time"}:  # the raw text keeps it
            extras[position] = {**(extras[position] or {}), column.source or column.name: value}
        fitted.append(fit)
    return pa.array(fitted, column.arrow)


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
