"""The journal of one load: the reads that it completed, and those that its changes made stale.

Input:  each completed read, and each `Change`.
Output: `settle()`: the new rows of the raw table `reads`. Pure.
"""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa

from bookings_sync.changes.invalidation import Change, Places, Reads, stale_reads
from bookings_sync.changes.places import places_of
from bookings_sync.planning.ledger import Ledger, Read, without_digest
from bookings_sync.planning.scopes import Kind, Scope


class Journal:
    """Collects the reads of one load. `earlier` are the completed reads of all loads before it."""

    def __init__(self, earlier: Ledger) -> None:
        self._earlier = earlier
        self._current = Ledger()
        self._completed: dict[str, Read] = {}
        self._stale_earlier: dict[str, Read] = {}
        self._stale_ids: set[str] = set()
        self._looked_up: defaultdict[tuple[str, Scope], list[int]] = defaultdict(list)
        """By location and list: when the rows start that this load found by their ids, in epoch milliseconds."""

    def complete(self, read: Read) -> None:
        """Adds a read that was answered in full. It is stale if its list should contain a row that this load found by
        its id: the warehouse does not hold the row yet, so nobody noticed whether the list omits it."""
        self._completed[read.read_id] = read
        self._current.add(read)
        starts = self._looked_up.get((read.location_id, read.scope), ())
        if read.window is not None and any(map(read.window.holds, starts)):
            self._stale_ids.add(read.read_id)

    def record(self, change: Change) -> None:
        """Invalidates the reads that the change makes stale."""
        stale = stale_reads(Reads(self._earlier, self._current), change)
        self._stale_earlier.update({read.read_id: read for read in stale.earlier if read.reply_digest is not None})
        self._stale_ids.update(read.read_id for read in stale.current)
        if change.what == "looked up":
            for scope, starts in change.places.items():
                self._looked_up[change.location_id, scope] += starts
        for read in stale.dropped:
            self._completed.pop(read.read_id, None)

    def last(self, read: Read) -> Read | None:
        """The read of the same window before this load."""
        return self._earlier.of_window(read)

    def covering(self, location_id: str, scope: Scope, instant_ms: int) -> list[Read]:
        """The reads of this load and of earlier ones with this instant in their window."""
        both = (self._earlier, self._current)
        return [read for ledger in both for read in ledger.covering(location_id, scope, instant_ms)]

    def forget(self, location_id: str) -> None:
        """Drops the reads of a location since the last `settle`: its key turned out to open another calendar."""
        self._completed = {id_: read for id_, read in self._completed.items() if read.location_id != location_id}

    @property
    def kinds(self) -> set[Kind]:
        """The kinds of scopes that appointments have been listed by."""
        return self._earlier.kinds | self._current.kinds

    def places(self, rows: pa.Table, apart_from: Read | None = None) -> Places:
        """Where rows of `appointments` are listed; without the place in `apart_from`'s own window and scope."""
        return places_of(rows, self.kinds, apart_from)

    def settle(self) -> list[Read]:
        """The ledger's entries since the last call: completed reads, and earlier ones that lose their digest."""
        stale_ids = self._stale_ids | self._stale_earlier.keys()
        earlier = [without_digest(read) for id_, read in self._stale_earlier.items() if id_ not in self._completed]
        completed = [without_digest(read) if id_ in stale_ids else read for id_, read in self._completed.items()]
        self._completed, self._stale_earlier, self._stale_ids, self._current = {}, {}, set(), Ledger()
        return [*earlier, *completed]
