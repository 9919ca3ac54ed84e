"""Remembers which appointments a location's first sync has already met.

Input:  the keys of each list of appointments.
Output: whether an earlier list may have had a key. "No" is certain; "yes" is wrong for a few keys.

At a location's first sync the warehouse holds only what this run has loaded, so a key that no list had before needs no
look-up. Looking up every appointment would add 15 % to the CPU time of a large first sync.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from bookings_sync.records.columns import Key

_BYTES = 1 << 23
"""8 MB. After a million keys, 0.4 % of new keys get a wrong "yes"; after ten million, 8 %. Each costs one look-up in
the warehouse."""

_PAIRS = [1 << one | 1 << other for one, other in combinations(range(8), 2)]


class SeenKeys:
    """Keys by location, as a Bloom filter with two bits of one byte for each key. A set would add a sixth to a first
    load's memory."""

    def __init__(self) -> None:
        self._bytes = bytearray(_BYTES)

    def add(self, location_id: str, keys: Iterable[Key]) -> list[bool]:
        """Adds the keys. Returns for each whether it may have been added before."""
        found, seed = self._bytes, hash(location_id)
        seen: list[bool] = []
        for key in keys:
            number = hash(key) ^ seed
            slot, pair = number % _BYTES, _PAIRS[(number >> 32) % len(_PAIRS)]
            before = found[slot]
            found[slot] = before | pair
            seen.append(before & pair == pair)
        return seen
