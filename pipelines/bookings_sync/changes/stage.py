"""The stage of one load: turns differences into rows for dlt, each key once.

Input:  rows and what the warehouse holds of them; the keys of deleted records.
Output: `(table name, Arrow table)`: new versions and tombstones, stamped with the load's id; and the counts for `runs`.

dlt's merge does not deduplicate its input, so the stage does. If a record changes while a load is running, the first
version is staged, and `conflict` reports the second.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
from pendulum import DateTime

from bookings_sync.changes.contents import Contents
from bookings_sync.changes.diff import Changes, Difference, changed, difference, tombstones
from bookings_sync.changes.held import Held
from bookings_sync.changes.rereading import unchanged_since
from bookings_sync.planning.ledger import Read
from bookings_sync.planning.plan import PlannedRead
from bookings_sync.records.columns import Key
from bookings_sync.records.interpretation import Alike
from bookings_sync.records.rows import Batch, Rejected, Rows, rejected_rows
from bookings_sync.records.tables import Table

Emitted = tuple[str, pa.Table]

_INSTANT = pa.timestamp("us", tz="UTC")

_SHORT = ((1 << 60) - 1).__and__
"""Keeps 60 bits: the largest integers that Python stores in 32 bytes instead of 48."""


def _hashes(values: Iterable[Hashable]) -> Iterator[int]:
    return map(_SHORT, map(hash, values))


_SAMPLED = 50
"""Changed rows to keep of each table."""


class Staged(NamedTuple):
    """New versions, and their Arrow table."""

    rows: Rows
    arrow: pa.Table

    @property
    def emitted(self) -> Emitted:
        return self.rows.table.name, self.arrow


@dataclass(slots=True)
class Stage:
    """What one load has staged so far.

    `started_at` is the instant at which its versions begin, UTC. `held_rows` fetches whole rows by table, location and
    keys, `held_rejections` those of some rejections that are recorded. `alike` gives what the last reading of a list
    has in common with this one (`rereading`). `counts` are by table. `merged` are the tables in which a staged row
    replaces an earlier version; other tables only grow. `growth` counts the versions that the load adds and ends.
    """

    load_id: str
    started_at: DateTime
    run_id: str
    held_rows: Callable[[Table, str, list[Key]], pa.Table]
    held_rejections: Callable[[Collection[str]], set[str]]
    counts: dict[str, Changes]
    alike: Callable[[Read | PlannedRead], Mapping[str, Alike] | None] = lambda _: None
    rows: int = 0
    merged: set[str] = field(default_factory=set)
    growth: Contents = field(default_factory=Contents)
    rejected: dict[str, Rejected] = field(default_factory=dict)
    samples: dict[str, Rows] = field(default_factory=dict)
    """By table: some rows, at least one of them changed."""
    _handed_over: set[str] = field(default_factory=set)
    _keys: dict[tuple[str, str], dict[int, int]] = field(default_factory=dict)
    """By table and location: each staged key and its row's digest, both as 60-bit hashes to save two thirds of the
    memory. Two of 400,000 keys collide with a probability of one in ten million. The second row is then a conflict, and
    its list is read again."""

    def holds(self, table: Table, location_id: str, key: Key) -> bool:
        return _SHORT(hash(key)) in self._keys.get((table.name, location_id), ())

    def conflicts(self, rows: Rows) -> list[int]:
        """The positions of the records that were staged with different content."""
        staged = self._keys.get((rows.table.name, rows.location_id))
        if not staged or staged.keys().isdisjoint(_hashes(rows.keys)):
            return []
        both = enumerate(zip(_hashes(rows.keys), _hashes(rows.digests), strict=True))
        return [position for position, (key, digest) in both if staged.get(key, digest) != digest]

    def add_changed(
        self,
        rows: Rows,
        held: Mapping[Key, Held],
        read: Read | PlannedRead | None = None,
        *,
        alike: Mapping[str, Alike] | None = None,
        is_whole_list: bool = False,
    ) -> Staged | None:
        """Stages the rows that are new or changed; None if there are none. `read` is the read that brought them. Only
        a difference in what is `alike` is a change, by default in what the last reading has in common with this one.
        `is_whole_list`: `held` are all held rows of the list."""
        staged = self._keys.get((rows.table.name, rows.location_id), {})
        if not staged.keys().isdisjoint(_hashes(rows.keys)):
            rows = rows.take([position for position, key in enumerate(_hashes(rows.keys)) if key not in staged])
        of_table = alike[rows.table.name] if alike else self._alike(rows.table, read)
        since = self._unchanged_since(rows, held, of_table, is_whole_list=is_whole_list) if of_table else {}
        found = difference(rows, held, since.keys())
        if found.ended:
            self.merged.add(rows.table.name)
        if found.changes.changed:
            self.samples.setdefault(rows.table.name, found.rows.take(range(min(len(found.rows), _SAMPLED))))
        return self._staged(found, since)

    def _alike(self, table: Table, read: Read | PlannedRead | None) -> Alike | None:
        """What the last reading of a list has in common with this one, if it was read in another way."""
        alike = self.alike(read) if read else None
        return alike[table.name] if alike else None

    def _unchanged_since(
        self, rows: Rows, held: Mapping[Key, Held], alike: Alike, *, is_whole_list: bool
    ) -> Mapping[Key, datetime]:
        """The rows that differ from the held ones only in what is not alike."""
        come: dict[Key, datetime] = {}
        if is_whole_list and not alike.finds_same_rows(rows.table):
            come = {key: self.started_at for key in rows.keys if key not in held or held[key].deleted}
        rows = changed(rows, held)
        if not len(rows):
            return come
        whole = self.held_rows(rows.table, rows.location_id, rows.keys)
        return come | unchanged_since(rows, whole, alike)

    def add_new(self, rows: Rows, *, may_come_again: bool = True) -> Staged | None:
        """Stages rows that are neither held nor staged, without looking them up; None if there are no rows. Their keys
        are remembered only if they may come again in this load."""
        return self._staged(difference(rows, {}), may_come_again=may_come_again)

    def _staged(
        self, found: Difference, since: Mapping[Key, datetime] | None = None, *, may_come_again: bool = True
    ) -> Staged | None:
        rows = found.rows
        self.count(rows.table.name, found.changes)
        if not len(rows):
            return None
        if may_come_again:
            staged = self._keys.setdefault((rows.table.name, rows.location_id), {})
            staged.update(zip(_hashes(rows.keys), _hashes(rows.digests), strict=True))
        self.rows += len(rows)
        self.growth.add(rows.location_id, rows.table.name, len(rows), found.ended)
        return Staged(rows, self.version(rows.arrow(since)))

    def add_deleted(
        self, table: Table, location_id: str, keys: list[Key], read: PlannedRead | None = None
    ) -> Emitted | None:
        """Stages tombstones for these records; None if there are none. `read` is the whole list that lacks them: it may
        lack them only because it was last read in another way."""
        staged = self._keys.setdefault((table.name, location_id), {})
        keys = [key for key in keys if _SHORT(hash(key)) not in staged]
        if not keys:
            return None
        whole = self.held_rows(table, location_id, keys).select(table.names)
        alike = self._alike(table, read)
        is_change = alike is None or alike.finds_same_rows(table)
        since = None if is_change else self.started_at
        rows = tombstones(table, location_id, whole, self.started_at, unchanged_since=since)
        staged.update(dict.fromkeys(_hashes(keys), _SHORT(hash("deleted"))))
        self.merged.add(table.name)
        self.rows += len(rows)
        self.growth.add(location_id, table.name, len(rows), len(rows))
        self.count(table.name, Changes(deleted=len(rows)) if is_change else Changes(rewritten=len(rows)))
        return table.name, self.version(rows)

    def forget_keys(self, table: Table, location_id: str) -> None:
        """Frees the keys of records that cannot come again in this load, about 100 bytes each."""
        self._keys.pop((table.name, location_id), None)

    def reject(self, batch: Batch) -> None:
        self.rejected.update((each.rejection_id, each) for each in batch.rejected)

    def take_rejected(self) -> Emitted | None:
        """The records rejected since the last call, without those that are recorded already: a list that is decoded
        again rejects the same records again."""
        rejected = {key: each for key, each in self.rejected.items() if key not in self._handed_over}
        if not rejected:
            return None
        self._handed_over |= rejected.keys()
        for recorded in self.held_rejections(rejected):
            del rejected[recorded]
        for each in rejected.values():
            self.count(each.table, Changes(rejected=1))
        if not rejected:
            return None
        return "rejected_records", self.stamped(rejected_rows(rejected, self.started_at, self.run_id))

    def stamped(self, rows: pa.Table) -> pa.Table:
        """Adds dlt's column for the load id, which dlt does not add to Arrow tables."""
        column = pa.field("_dlt_load_id", pa.string(), nullable=False)
        return rows.append_column(column, pa.repeat(pa.scalar(self.load_id), len(rows)))

    def version(self, rows: pa.Table) -> pa.Table:
        """Adds dlt's columns for a current version as well. A merge sets them again, an append keeps them."""
        begun = pa.repeat(pa.scalar(self.started_at, _INSTANT), len(rows))
        rows = rows.append_column("_dlt_valid_from", begun)
        return self.stamped(rows.append_column("_dlt_valid_to", pa.nulls(len(rows), _INSTANT)))

    def count(self, table: str, changes: Changes) -> None:
        self.counts.setdefault(table, Changes()).add(changes)
