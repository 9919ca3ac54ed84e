"""The first sync of a location: decides which records need no look-up, because the warehouse cannot hold them yet.

Input:  the locations that had rows when the run began; the keys and places that this run has met.
Output: for a window or a key, whether the warehouse may hold it.

The warehouse holds almost nothing of a new location, and looking up each of its records is slow. So a first sync looks
up only keys that an earlier list of the run had, and windows in which another list brought a row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from bookings_sync.changes.invalidation import Places
from bookings_sync.changes.seen_keys import SeenKeys
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.columns import Key


class FirstSync:
    """What this run has loaded of the locations that had no rows before. `with_rows` are the other locations."""

    def __init__(self, with_rows: frozenset[str], scope_kinds: Collection[str]) -> None:
        self._with_rows = with_rows
        self._one_kind = len(scope_kinds) == 1
        self._seen = SeenKeys()
        self._strays: dict[tuple[str, Scope], list[int]] = defaultdict(list)
        """Starts of rows that a list of another window or scope brought, epoch milliseconds."""

    def is_first(self, location_id: str) -> bool:
        """Whether the warehouse had no row of the location when the run began."""
        return location_id not in self._with_rows

    def may_hold_any(self, location_id: str, scope: Scope, window: Window) -> bool:
        """Whether the warehouse may hold a row of a window that this run reads for the first time."""
        if not self.is_first(location_id) or not self._one_kind:
            return True
        return any(window.holds(start) for start in self._strays.get((location_id, scope), ()))

    def add(self, location_id: str, keys: Collection[Key]) -> list[bool]:
        """Records the appointments of a list. Returns for each whether the warehouse or this load may hold it."""
        if not self.is_first(location_id):
            return [True] * len(keys)
        return self._seen.add(location_id, keys)

    def add_strays(self, location_id: str, places: Places) -> None:
        """Records rows that are loaded, and that the lists of these places will show again."""
        for scope, starts in places.items():
            self._strays[location_id, scope] += starts
