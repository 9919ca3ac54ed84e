"""The notes of one load: which reads it completed, for the ledger.

Input:  each read as it completes; what makes a reply impossible to compare with the next.
Output: the load's rows for `reads`.

A window's digest stands for "the warehouse holds just what this reply said". A row that reached the warehouse by
another way than its window's own list (found by its id, or listed by another window or scope) makes that untrue: the
digest is then taken from every read whose window holds the row, and the next reply is looked at whatever its digest.
That is done at once, and does not wait for a newer read of that time to supersede it: which of two reads is newer, a
clock tells, which may have been wrong; and a newer one counts for nothing once a load that reads the same is killed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from bookings_sync.api import Reply
from bookings_sync.planning.ledger import Ledger, Read, without_digest
from bookings_sync.planning.plan import PlannedRead
from bookings_sync.planning.scopes import COLUMN, Kind, Scope
from bookings_sync.planning.windows import to_ms
from bookings_sync.records.reads import ledger_rows
from bookings_sync.records.values import epoch_ms
from bookings_sync.sync.run import Run


class ReadNotes:
    """The reads of one load."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._reads: dict[str, Read] = {}
        self._fresh = Ledger()
        self._voided: set[str] = set()
        self._older: dict[str, Read] = {}

    def complete(
        self,
        planned: PlannedRead,
        replies: Sequence[Reply[Any]],
        *,
        rows: int,
        comparable: bool = True,
        rules: str | None = None,
        record_digests: bytes | None = None,
    ) -> Read:
        """Notes a read that was answered in full; no reply at all where nothing could be listed. `rules` are those that
        the reply was looked at by, if not the run's alone."""
        read = Read(
            location_id=planned.location_id,
            endpoint=planned.endpoint,
            scope=planned.scope,
            window=planned.window,
            read_at_ms=to_ms(replies[0].sent_at if replies else self._run.clock()),
            run_id=self._run.run_id,
            rules=rules or self._run.rules,
            reply_digest=replies[0].digest if replies and comparable else None,
            reply_bytes=sum(reply.bytes for reply in replies),
            reply_rows=rows,
            seconds=sum(reply.seconds for reply in replies),
            record_digests=record_digests,
        )
        self._reads[read.read_id] = read
        self._fresh.add(read)
        return read

    def forget(self, read: Read) -> None:
        """The read turned out not to be complete: its window counts as unread, or read as long ago as before. What it
        brought is loaded all the same."""
        if self._reads.pop(read.read_id, None):
            self.void_older(self._run.ledger.overlapping(read))

    def void(self, read: Read) -> None:
        """`read`, of this load: the next reply for this window must be looked at, whatever its digest."""
        self._voided.add(read.read_id)

    def void_others(self, read: Read) -> None:
        """`read` brought news: voids what other windows of its scope said of the same time."""
        self.void_older(other for other in self._run.ledger.overlapping(read) if other.window != read.window)

    def void_older(self, reads: Iterable[Read]) -> None:
        """These, of earlier loads: the next replies for their windows must be looked at, whatever their digests."""
        self._older.update({read.read_id: read for read in reads if read.reply_digest is not None})

    def void_around(self, rows: pa.Table, *, listed_by: Read | None) -> dict[Scope, list[int]]:
        """`rows` of one location's `appointments` come to stand otherwise in the warehouse, as `listed_by` said (None:
        they were asked for by their ids): voids the other reads whose windows they stand in. Returns when those
        start, epoch milliseconds, by scope, that stand elsewhere than where `listed_by` was asked for."""
        kinds = [kind for kind in self._run.ledger.kinds | self._fresh.kinds if kind in COLUMN]
        standing: dict[Scope, list[int]] = defaultdict(list)
        for kind in kinds:
            others = rows if listed_by is None else _other_than(rows, listed_by, kind)
            scope_ids = others[COLUMN[kind]].to_pylist()
            for start, scope_id in zip(epoch_ms(others["start_time"]), scope_ids, strict=True):
                if start is not None and scope_id is not None:
                    standing[Scope(kind, scope_id)].append(start)
        for scope, instants in standing.items():
            location_id = rows["location_id"][0].as_py()
            instants.sort()
            self.void_older(self._run.ledger.holding(location_id, scope, instants))
            self._voided.update(read.read_id for read in self._fresh.holding(location_id, scope, instants))
        return standing

    def rows(self) -> pa.Table:
        """The rows for `reads` of what has been noted since this was last asked: the load's own reads, and older ones
        that lose their digest. They enter the run's ledger."""
        older = [without_digest(read) for read_id, read in self._older.items() if read_id not in self._reads]
        voided = self._voided | self._older.keys()
        own = [without_digest(read) if read_id in voided else read for read_id, read in self._reads.items()]
        for read in (*older, *own):
            self._run.ledger.add(read)
        self._reads, self._voided, self._older, self._fresh = {}, set(), {}, Ledger()
        return ledger_rows([*older, *own])


def _other_than(rows: pa.Table, listed_by: Read, kind: Kind) -> pa.Table:
    """Without those that stand in the very window and scope that their list was asked for: what all but a few do."""
    if listed_by.scope.kind != kind or listed_by.window is None:
        return rows
    import pyarrow.compute as pc  # who only plans has no use for it, and it takes long to import

    instant = rows.schema.field("start_time").type
    from_, until = (pa.scalar(ms * 1000, instant) for ms in (listed_by.window.start_ms, listed_by.window.end_ms))
    starts = rows["start_time"]
    within = pc.and_(pc.greater_equal(starts, from_), pc.less(starts, until))
    own = pc.and_(pc.equal(rows[COLUMN[kind]], listed_by.scope.id), within)
    return rows.filter(pc.invert(own))
