"""Presence: which keys the warehouse may hold, so that it is not asked for those it cannot.

Input:  the keys that a run stages.
Output: of other keys, those that may be among them: a Bloom filter, 16 MB however many there are.

A location of which nothing was held when the run began holds only what this run has loaded since. Of a first sync's
records nearly none is held, and to ask the warehouse for each took a third of its time. A key that may be held is
asked for: at a million keys one in five thousand for nothing, at ten million one in fifty.
"""

from __future__ import annotations

from collections.abc import Iterable

from bookings_sync.columns import Key

_BITS = 27
_MASK = (1 << _BITS) - 1


class Presence:
    """Keys by table and location."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, table: str, location_id: str, keys: Iterable[Key]) -> None:
        bits = self._bits = self._bits or bytearray(1 << (_BITS - 3))
        seed = hash((table, location_id))
        for key in keys:
            mixed = hash(key) ^ seed
            first, second = mixed & _MASK, mixed >> _BITS & _MASK
            bits[first >> 3] |= 1 << (first & 7)
            bits[second >> 3] |= 1 << (second & 7)

    def may_hold(self, table: str, location_id: str, keys: Iterable[Key]) -> list[Key]:
        """Those of the keys that may have been added: all that have been, and few others."""
        bits = self._bits
        if not bits:
            return []
        seed = hash((table, location_id))
        found: list[Key] = []
        for key in keys:
            mixed = hash(key) ^ seed
            first, second = mixed & _MASK, mixed >> _BITS & _MASK
            if bits[first >> 3] >> (first & 7) & 1 and bits[second >> 3] >> (second & 7) & 1:
                found.append(key)
        return found
