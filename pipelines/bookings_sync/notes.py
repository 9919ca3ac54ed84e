"""The notes of one load: which reads it completed, for the ledger.

Input:  each read as it completes; what makes a reply impossible to compare with the next.
Output: the load's rows for `reads`.

A window's digest stands for "the warehouse holds just what this reply said". A row that reached the warehouse by
another way than its window's own list (found by its id, or listed by another window or scope) makes that untrue: `void`
then takes the digest from every read whose window holds the row, and the next reply is looked at whatever its digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from bookings_sync.api import Reply
from bookings_sync.ledger import Ledger, Read, ledger_rows, without_digest
from bookings_sync.plan import PlannedRead
from bookings_sync.run import Run
from bookings_sync.scopes import COLUMN, Scope
from bookings_sync.windows import Window, to_ms


class ReadNotes:
    """The reads of one load."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._reads: dict[str, Read] = {}
        self._fresh = Ledger()
        self._voided: dict[str, Read] = {}

    def complete(
        self, planned: PlannedRead, replies: Sequence[Reply[Any]], *, rows: int, comparable: bool = True
    ) -> Read:
        """Notes a read that was answered in full; no reply at all where nothing could be listed."""
        read = Read(
            location_id=planned.location_id,
            endpoint=planned.endpoint,
            scope=planned.scope,
            window=planned.window,
            read_at_ms=to_ms(replies[0].sent_at if replies else self._run.clock()),
            run_id=self._run.run_id,
            rules=self._run.rules,
            reply_digest=replies[0].digest if replies and comparable else None,
            reply_bytes=sum(reply.bytes for reply in replies),
            reply_rows=rows,
            seconds=sum(reply.seconds for reply in replies),
        )
        self._reads[read.read_id] = read
        self._fresh.add(read)
        return read

    def forget(self, read: Read) -> None:
        """The read turned out not to be complete: its window counts as unread."""
        self._reads.pop(read.read_id, None)

    def void(self, read: Read) -> None:
        """The next reply for this window must be looked at, whatever its digest."""
        self._voided[read.read_id] = read

    def void_around(self, rows: pa.Table, *, listed_by: Read | None) -> None:
        """`rows` of `appointments` are about to be loaded, brought by `listed_by` (None: found by their ids): voids the
        other reads whose windows they stand in."""
        kinds = self._run.settings.scopes
        starts = rows["start_time"].cast(pa.timestamp("ms", tz="UTC"), safe=False).cast(pa.int64()).to_pylist()
        scopes = {kind: rows[COLUMN[kind]].to_pylist() for kind in kinds}
        locations = rows["location_id"].to_pylist()
        window = listed_by.window if listed_by else None
        for position, start in enumerate(starts):
            if start is None:
                continue
            for kind in kinds:
                scope_id = scopes[kind][position]
                if scope_id is None or (listed_by and _is_own(listed_by, window, kind, scope_id, start)):
                    continue
                scope = Scope(kind, scope_id)
                for ledger in (self._run.ledger, self._fresh):
                    for read in ledger.covering(locations[position], scope, start):
                        self.void(read)

    def rows(self) -> pa.Table:
        """The rows for `reads` of what has been noted since this was last asked: the load's own reads, and older ones
        that lose their digest. They enter the run's ledger."""
        older = [without_digest(read) for read_id, read in self._voided.items() if read_id not in self._reads]
        own = [without_digest(read) if read_id in self._voided else read for read_id, read in self._reads.items()]
        for read in (*older, *own):
            self._run.ledger.add(read)
        self._reads, self._voided, self._fresh = {}, {}, Ledger()
        return ledger_rows([*older, *own])


def _is_own(read: Read, window: Window | None, kind: str, scope_id: str, start_ms: int) -> bool:
    """Whether a row stands in the very window and scope that its list was asked for: what all but a few do."""
    if read.scope.kind != kind or read.scope.id != scope_id or window is None:
        return False
    return window.start_ms <= start_ms < window.end_ms
