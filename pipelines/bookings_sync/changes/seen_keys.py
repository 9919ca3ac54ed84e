"""Remembers which appointments a location's first sync has already met.

Input:  the keys of each list of appointments.
Output: whether an earlier list may have had a key. "No" is certain, "yes" is wrong for a few keys.

At a location's first sync the warehouse holds only what this run has loaded, so a key that no list had before needs no
look-up. Looking up every appointment would take a third of a first sync's time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bookings_sync.records.columns import Key

_BITS = 1 << 26
"""8 MB. After a million keys 1.5 % of new keys get a wrong "yes", after ten million 14 %. Each costs one look-up in the
warehouse."""


class SeenKeys:
    """Appointment keys by location: one bit for each hash. Exact sets would add a sixth to a first load's memory."""

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)

    def may_contain(self, location_id: str, keys: Iterable[Key]) -> list[bool]:
        """For each key, whether it may have been added."""
        bits = self._bits
        return [bool(bits[bit >> 3] & 1 << (bit & 7)) for bit in _bits_of(location_id, keys)]

    def add(self, location_id: str, keys: Iterable[Key]) -> None:
        bits = self._bits
        for bit in _bits_of(location_id, keys):
            bits[bit >> 3] |= 1 << (bit & 7)


def _bits_of(location_id: str, keys: Iterable[Key]) -> Iterator[int]:
    seed = hash(location_id)
    return ((hash(key) ^ seed) % _BITS for key in keys)
