"""Rows: records of one table and one location, with keys, digests and typed columns.

Input:  decoded records by key, or `fast_path.Plain` records.
Output: `Rows`, which callers join, filter and turn into the Arrow table that the warehouse holds; and `Batch`, the rows
        of one reply by table, with the records that were rejected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import pyarrow as pa
from pendulum import DateTime

from bookings_sync.planning.scopes import COLUMN, Scope
from bookings_sync.records.columns import Fields, Key, Record, fields_of, pick, row_digests, typed_columns
from bookings_sync.records.fast_path import Plain, TextHash
from bookings_sync.records.schema import STAMPED
from bookings_sync.records.tables import APPOINTMENTS, CONTACTS, REJECTED_RECORDS, TABLES, Table
from bookings_sync.records.values import canonical, digest, epoch_ms


@dataclass(slots=True)
class Rows:
    """Records of one table and one location.

    `columns` come from `columns.typed_columns`; timestamps are in microseconds. Only contacts have `lists` and `texts`:
    the custom fields of each contact, and the hash of its JSON text if the fast path read it. `listed_by` is the list
    that appointments came from.
    """

    table: Table
    location_id: str
    keys: list[Key]
    digests: list[str]
    columns: pa.Table
    lists: list[Any]
    texts: list[TextHash | None]
    listed_by: Scope | None = None

    @classmethod
    def of(cls, table: Table, location_id: str, found: dict[Key, Record], zone: str | None = None) -> Rows:
        """Rows of decoded records by key. Times without an offset are local times of `zone`."""
        if not found:
            return cls(table, location_id, [], [], _no_columns(table.name), [], [])
        return cls.keyed(table, location_id, list(found), fields_of(table, found.values()), zone)

    @classmethod
    def keyed(cls, table: Table, location_id: str, keys: list[Key], fields: Fields, zone: str | None = None) -> Rows:
        """Rows of one or more records, given their keys and fields in the same order."""
        columns = zip(*keys, strict=True)
        arrays = {
            name: _key_array(table.schema.field(name).type, values)
            for name, values in zip(table.key[1:], columns, strict=False)
        }
        return cls._typed(table, location_id, keys, arrays, fields, zone)

    @classmethod
    def plain(
        cls,
        table: Table,
        location_id: str,
        records: Plain,
        texts: Sequence[TextHash] = (),
        zone: str | None = None,
    ) -> Rows:
        """Rows of plain records, whose ids are unique; contacts also have their `texts`."""
        keys: list[Key] = list(zip(records.ids))
        arrays = {"id": records.fields.values["id"]}
        return cls._typed(table, location_id, keys, arrays, records.fields, zone, texts)

    @classmethod
    def _typed(
        cls,
        table: Table,
        location_id: str,
        keys: list[Key],
        arrays: dict[str, pa.Array],
        fields: Fields,
        zone: str | None,
        texts: Sequence[TextHash] = (),
    ) -> Rows:
        columns = typed_columns(table, arrays, fields, zone)
        lists, known_texts = list[Any](), list[TextHash | None](texts)
        if table is CONTACTS:
            lists = list(fields.values["customField"])
            known_texts = known_texts or [None] * len(keys)
        return cls(table, location_id, keys, row_digests(location_id, columns), columns, lists, known_texts)

    def __len__(self) -> int:
        return len(self.keys)

    def followed_by(self, others: Rows) -> Rows:
        """These rows and then others of the same table and location."""
        if not len(self) or not len(others):
            return self if len(self) else others
        return Rows(
            self.table,
            self.location_id,
            self.keys + others.keys,
            self.digests + others.digests,
            pa.concat_tables([self.columns, others.columns]),
            self.lists + others.lists,
            self.texts + others.texts,
            self.listed_by,
        )

    def take(self, positions: Sequence[int]) -> Rows:
        """The rows at these positions, which are in ascending order."""
        if len(positions) == len(self):
            return self
        return Rows(
            self.table,
            self.location_id,
            pick(self.keys, positions),
            pick(self.digests, positions),
            self.columns.take(pa.array(positions, pa.int64())) if positions else self.columns.slice(0, 0),
            pick(self.lists, positions) if self.lists else [],
            pick(self.texts, positions) if self.texts else [],
            self.listed_by,
        )

    def arrow(self, unchanged_since: Mapping[Key, datetime] | None = None) -> pa.Table:
        """All declared columns, in the order of `table.schema`."""
        columns: dict[str, pa.Array] = dict(zip(self.columns.column_names, self.columns.columns, strict=True))
        columns["location_id"] = pa.repeat(pa.scalar(self.location_id), len(self))
        columns["row_digest"] = pa.array(self.digests, pa.string())
        instant = pa.timestamp("us", tz="UTC")
        columns["deleted_at"] = pa.nulls(len(self), instant)
        columns["unchanged_since"] = (
            pa.array([unchanged_since.get(key) for key in self.keys], instant)
            if unchanged_since
            else pa.nulls(len(self), instant)
        )
        if self.table is APPOINTMENTS:
            columns["listed_by"] = self._lists_to_record()
        return pa.Table.from_arrays([columns[name] for name in self.table.names], schema=self.table.schema)

    def _lists_to_record(self) -> pa.Array:
        """The list that each appointment came from; null if the appointment's own field names it."""
        if self.listed_by is not None:
            named = self.columns[COLUMN[self.listed_by.kind]]
            if named.unique().to_pylist() != [self.listed_by.id]:
                lists = [None if each == self.listed_by.id else self.listed_by.text for each in named.to_pylist()]
                return pa.array(lists, pa.string())
        return pa.nulls(len(self), pa.string())

    def starts_ms(self) -> list[int | None]:
        """Each appointment's start in epoch milliseconds, rounded down. None for other tables, or without a start."""
        if self.table is not APPOINTMENTS:
            return [None] * len(self)
        return epoch_ms(self.columns["start_time"])


@cache
def _no_columns(table_name: str) -> pa.Table:
    table = TABLES[table_name]
    return table.schema.empty_table().drop_columns([name for name in table.names if name in STAMPED])


def _key_array(type_: pa.DataType, values: Sequence[Any]) -> pa.Array:
    if pa.types.is_timestamp(type_):
        return pa.array([1000 * ms for ms in values], type_)
    return pa.array(values, type_)


# -- the rows of one reply ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that does not fit its table, and the reason."""

    table: str
    location_id: str
    reason: str
    record: Any

    @property
    def rejection_id(self) -> str:
        return digest([self.location_id, self.table, self.reason, self.record])


@dataclass(slots=True)
class Batch:
    """The rows of one reply by table, and its rejected records. `deleted` are appointments that the reply marks as
    deleted, and `strays` those that name another location; they are not among the rows."""

    rows: dict[str, Rows]
    rejected: list[Rejected]
    deleted: frozenset[Key] = frozenset()
    strays: frozenset[Key] = frozenset()


def rejected_rows(rejected: dict[str, Rejected], at: DateTime, run_id: str) -> pa.Table:
    """Rows for the raw table `rejected_records`."""
    rows = [
        {
            "rejection_id": rejection_id,
            "location_id": each.location_id,
            "table_name": each.table,
            "reason": each.reason,
            "record": canonical(each.record).decode(),
            "rejected_at": at,
            "run_id": run_id,
        }
        for rejection_id, each in rejected.items()
    ]
    return pa.Table.from_pylist(rows, schema=REJECTED_RECORDS.schema)
