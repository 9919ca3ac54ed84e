"""Remembers which appointments a location's first sync has already met.

Input:  the keys of each list of appointments.
Output: whether an earlier list may have had a key. "No" is certain; "yes" is wrong for a few keys.

At a location's first sync the warehouse holds only what this run has loaded, so a key that no list had before needs no
look-up. Looking up every appointment would add 15 % to the CPU time of a large first sync.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bookings_sync.records.columns import Key

_BITS = 1 << 26
"""8 MB. After a million keys 0.1 % of new keys get a wrong "yes", after ten million 7 %. Each costs one look-up in the
warehouse."""


class SeenKeys:
    """Keys by location, as a Bloom filter with two bits a key. A set would add a sixth to a first load's memory."""

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)

    def may_contain(self, location_id: str, keys: Iterable[Key]) -> list[bool]:
        """For each key, whether it may have been added."""
        bits = self._bits
        return [
            bool(bits[one >> 3] >> (one & 7) & bits[other >> 3] >> (other & 7) & 1)
            for one, other in _bits_of(location_id, keys)
        ]

    def add(self, location_id: str, keys: Iterable[Key]) -> None:
        bits = self._bits
        for one, other in _bits_of(location_id, keys):
            bits[one >> 3] |= 1 << (one & 7)
            bits[other >> 3] |= 1 << (other & 7)


def _bits_of(location_id: str, keys: Iterable[Key]) -> Iterator[tuple[int, int]]:
    seed = hash(location_id)
    hashes = (hash(key) ^ seed for key in keys)
    return ((number % _BITS, (number >> 32) % _BITS) for number in hashes)
