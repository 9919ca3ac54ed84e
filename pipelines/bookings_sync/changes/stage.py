"""The stage of one load: where differences become rows for dlt, each key once.

Input:  identified rows and what the warehouse holds of them; keys that are gone.
Output: `(table name, Arrow table)`: new versions and tombstones, stamped with the load's id; and the counts of `runs`.

dlt's merge does not deduplicate what it is given, so the stage does: where a record changed while the load was under
way, its first sight is staged, and `conflict` tells the reader that saw it differ.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa
from pendulum import DateTime

from bookings_sync.changes.diff import Changes, Difference, difference, tombstones
from bookings_sync.changes.held import Held
from bookings_sync.records.columns import Key
from bookings_sync.records.rows import Batch, Rejected, Rows, rejected_rows
from bookings_sync.records.tables import Table

Emitted = tuple[str, pa.Table]

_INSTANT = pa.timestamp("us", tz="UTC")

_SHORT = ((1 << 60) - 1).__and__
"""The 60 bits that Python keeps in 32 bytes: 64 take 48."""


def _hashes(values: Iterable[Hashable]) -> Iterator[int]:
    return map(_SHORT, map(hash, values))


class Staged(NamedTuple):
    """Rows that are news, and their Arrow table."""

    rows: Rows
    arrow: pa.Table

    @property
    def emitted(self) -> Emitted:
        return self.rows.table.name, self.arrow


@dataclass(slots=True)
class Stage:
    """What one load has staged so far. `started_at` is the instant its versions begin at; `counts` are by table.
    `merged` are the tables in which a staged row follows an earlier version: the others only grow."""

    load_id: str
    started_at: DateTime
    run_id: str
    held_rows: Callable[[Table, str, list[Key]], pa.Table]
    counts: dict[str, Changes]
    rows: int = 0
    merged: set[str] = field(default_factory=set)
    rejected: dict[str, Rejected] = field(default_factory=dict)
    _handed_over: set[str] = field(default_factory=set)
    _keys: dict[tuple[str, str], dict[int, int]] = field(default_factory=dict)
    """By table and location, each staged key and its row's digest: 60 bits of both, a third of the memory. That any two
    of 400,000 keys are taken for one is a chance of one in ten million: the second is then not staged, and an
    appointment or a contact is a conflict, whose list is read again."""

    def holds(self, table: Table, location_id: str, key: Key) -> bool:
        return _SHORT(hash(key)) in self._keys.get((table.name, location_id), ())

    def conflict(self, rows: Rows) -> bool:
        """Whether any of these records has been staged with other content."""
        staged = self._keys.get((rows.table.name, rows.location_id))
        if not staged or staged.keys().isdisjoint(_hashes(rows.keys)):
            return False
        both = zip(_hashes(rows.keys), _hashes(rows.digests), strict=True)
        return any(staged.get(key, digest) != digest for key, digest in both)

    def news(self, rows: Rows, held: Mapping[Key, Held]) -> Staged | None:
        """Stages what of these rows is new or changed; None where nothing is."""
        staged = self._keys.get((rows.table.name, rows.location_id), {})
        if not staged.keys().isdisjoint(_hashes(rows.keys)):
            rows = rows.take([position for position, key in enumerate(_hashes(rows.keys)) if key not in staged])
        found = difference(rows, held)
        if found.changes.new < len(found.rows):
            self.merged.add(rows.table.name)
        return self._staged(found)

    def all_new(self, rows: Rows, *, may_come_again: bool = True) -> Staged | None:
        """Stages rows of which the caller knows that none is held, nor has been staged: nothing is looked up. Their
        keys are kept where another record may have one of them. None where there are no rows."""
        return self._staged(difference(rows, {}), may_come_again=may_come_again)

    def _staged(self, found: Difference, *, may_come_again: bool = True) -> Staged | None:
        rows = found.rows
        self.count(rows.table.name, found.changes)
        if not len(rows):
            return None
        if may_come_again:
            staged = self._keys.setdefault((rows.table.name, rows.location_id), {})
            staged.update(zip(_hashes(rows.keys), _hashes(rows.digests), strict=True))
        self.rows += len(rows)
        return Staged(rows, self.version(rows.arrow()))

    def gone(self, table: Table, location_id: str, keys: list[Key]) -> Emitted | None:
        """Stages the tombstones of these records; None where there are none."""
        staged = self._keys.setdefault((table.name, location_id), {})
        keys = [key for key in keys if _SHORT(hash(key)) not in staged]
        if not keys:
            return None
        rows = tombstones(table, location_id, self.held_rows(table, location_id, keys), self.started_at)
        staged.update(dict.fromkeys(_hashes(keys), _SHORT(hash("deleted"))))
        self.merged.add(table.name)
        self.rows += len(rows)
        self.count(table.name, Changes(deleted=len(rows)))
        return table.name, self.version(rows)

    def forget_keys(self, table: Table, location_id: str) -> None:
        """None of these will be met again in this load: their keys need not be kept, 100 bytes each."""
        self._keys.pop((table.name, location_id), None)

    def reject(self, batch: Batch) -> None:
        for each in batch.rejected:
            if self.rejected.setdefault(each.rejection_id, each) is each:
                self.count(each.table, Changes(rejected=1))

    def rejections(self) -> Emitted | None:
        """The records rejected since this was last asked."""
        rejected = {key: each for key, each in self.rejected.items() if key not in self._handed_over}
        if not rejected:
            return None
        self._handed_over |= rejected.keys()
        return "rejected_records", self.stamped(rejected_rows(rejected, self.started_at, self.run_id))

    def stamped(self, rows: pa.Table) -> pa.Table:
        """With dlt's column for the load, which dlt does not add to Arrow tables by itself."""
        column = pa.field("_dlt_load_id", pa.string(), nullable=False)
        return rows.append_column(column, pa.repeat(pa.scalar(self.load_id), len(rows)))

    def version(self, rows: pa.Table) -> pa.Table:
        """With dlt's columns for a current version, too: its merge sets them anew, an append takes them as they are."""
        begun = pa.repeat(pa.scalar(self.started_at, _INSTANT), len(rows))
        rows = rows.append_column("_dlt_valid_from", begun)
        return self.stamped(rows.append_column("_dlt_valid_to", pa.nulls(len(rows), _INSTANT)))

    def count(self, table: str, changes: Changes) -> None:
        self.counts.setdefault(table, Changes()).add(changes)
