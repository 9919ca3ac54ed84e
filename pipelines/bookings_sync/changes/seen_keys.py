"""Remembers which appointments a location's first sync has met.

Input:  the keys of each list of appointments.
Output: for a key, whether an earlier list of this run may have had it.

At a location's first sync the warehouse holds only what this run loaded. A key never seen needs no look-up: looking up
every appointment takes a third of a first sync's time.
"""

from __future__ import annotations

from collections.abc import Iterable

from bookings_sync.records.columns import Key

_60_BITS = (1 << 60) - 1


class SeenKeys:
    """A set of keys, by location."""

    def __init__(self) -> None:
        self._hashes: dict[str, set[int]] = {}

    def may_contain(self, location_id: str, keys: Iterable[Key]) -> list[bool]:
        seen = self._hashes.get(location_id, set())
        return [hash(key) & _60_BITS in seen for key in keys]

    def add(self, location_id: str, keys: Iterable[Key]) -> None:
        self._hashes.setdefault(location_id, set()).update(map(_60_BITS.__and__, map(hash, keys)))
