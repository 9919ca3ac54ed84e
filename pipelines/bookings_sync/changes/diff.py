"""The diff: which rows of a reply the warehouse does not hold yet. Pure.

Input:  the rows of a reply with their keys and digests, and what the warehouse holds of the same keys.
Output: `Difference`: the rows to load as new versions, and how many are new, changed, moved or restored; the held keys
        that are missing from a complete reply; tombstones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

import pyarrow as pa
from pendulum import DateTime

from bookings_sync.changes.held import Held, keys_of
from bookings_sync.records.columns import Key
from bookings_sync.records.rows import Rows
from bookings_sync.records.tables import Table
from bookings_sync.records.values import digest


@dataclass(slots=True)
class Changes:
    """Counts of one table's records, by what happened to them."""

    new: int = 0
    changed: int = 0
    moved: int = 0
    deleted: int = 0
    restored: int = 0
    rewritten: int = 0
    rejected: int = 0

    def add(self, other: Changes) -> None:
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    @property
    def total(self) -> int:
        return sum(getattr(self, each.name) for each in fields(self))


class Difference(NamedTuple):
    """The rows to load, their counts, and how many held versions they end."""

    rows: Rows
    changes: Changes
    ended: int = 0


def changed(rows: Rows, held: Mapping[Key, Held]) -> Rows:
    """The rows that the warehouse holds with other content."""
    found = ((position, held.get(key)) for position, key in enumerate(rows.keys))
    return rows.take([p for p, before in found if before and not before.deleted and before.digest != rows.digests[p]])


def difference(rows: Rows, held: Mapping[Key, Held], rewritten: Collection[Key] = ()) -> Difference:
    """The rows that the warehouse does not hold as they are. Equal digests mean equal records. `rewritten` are the keys
    of rows that only this program reads in another way."""
    if not held and not rewritten:
        return Difference(rows, Changes(new=len(rows)))
    changes, ended = Changes(), 0
    starts = rows.starts_ms()
    positions: list[int] = []
    for position, (key, found) in enumerate(zip(rows.keys, rows.digests, strict=True)):
        before = held.get(key)
        if before is not None and before.digest == found:
            continue
        if key in rewritten:
            changes.rewritten += 1
        elif before is None:
            changes.new += 1
        elif before.deleted:
            changes.restored += 1
        elif before.start_ms is not None and before.start_ms != starts[position]:
            changes.moved += 1
        else:
            changes.changed += 1
        positions.append(position)
        ended += before is not None
    return Difference(rows.take(positions), changes, ended)


def missing(held: Mapping[Key, Held], found: Collection[Key]) -> list[Key]:
    """The live records that are missing from a complete reply."""
    return [key for key, before in held.items() if not before.deleted and key not in found]


def tombstones(
    table: Table, location_id: str, rows: pa.Table, deleted_at: DateTime, *, unchanged_since: DateTime | None = None
) -> pa.Table:
    """Tombstones: the held rows with `deleted_at` set, in the same shape. `unchanged_since` marks rows that only this
    program no longer finds."""
    digests = [digest([location_id, key, "deleted", deleted_at.isoformat()]) for key in keys_of(rows, table)]
    at = pa.repeat(pa.scalar(deleted_at, pa.timestamp("us", tz="UTC")), len(rows))
    gone = rows.set_column(table.names.index("deleted_at"), table.schema.field("deleted_at"), at)
    since = pa.repeat(pa.scalar(unchanged_since, at.type), len(rows))
    gone = gone.set_column(table.names.index("unchanged_since"), table.schema.field("unchanged_since"), since)
    return gone.set_column(table.names.index("row_digest"), table.schema.field("row_digest"), pa.array(digests))
