"""Presence: what a run knows of what the warehouse holds, so that it is not asked again and again.

Input:  the keys that a run stages; the digests that it stages or finds held.
Output: `Presence` tells which other keys may be held: a Bloom filter, 16 MB however many there are. `Known` tells which
        rows are held just as they are: some 140 bytes a row, for the contacts, who stand in many windows; and half
        as much again for each of the texts that they last came as.

A location of which nothing was held when the run began holds only what this run has loaded since. Of a first sync's
records nearly none is held, and to ask the warehouse for each took a third of its time. A key that may be held is
asked for: at a million keys one in ninety thousand for nothing, at ten million one in a hundred.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bookings_sync.columns import Key
from bookings_sync.records import Rows

_BITS = 27
_MASK = (1 << _BITS) - 1
_REST = 64 - _BITS


class Presence:
    """Keys of one table, by location."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, location_id: str, keys: Iterable[Key]) -> None:
        bits = self._bits = self._bits or bytearray(1 << (_BITS - 3))
        seed = hash(location_id)
        for key in keys:
            mixed = hash(key) ^ seed
            first, second, third = mixed & _MASK, mixed >> _BITS & _MASK, mixed >> _REST & _MASK
            bits[first >> 3] |= 1 << (first & 7)
            bits[second >> 3] |= 1 << (second & 7)
            bits[third >> 3] |= 1 << (third & 7)

    def may_hold(self, location_id: str, keys: Iterable[Key]) -> list[Key]:
        """Those of the keys that may have been added: all that have been, and few others."""
        bits = self._bits
        if not bits:
            return []
        seed = hash(location_id)
        found: list[Key] = []
        for key in keys:
            mixed = hash(key) ^ seed
            first, second = mixed & _MASK, mixed >> _BITS & _MASK
            if bits[first >> 3] >> (first & 7) & 1 and bits[second >> 3] >> (second & 7) & 1:
                third = mixed >> _REST & _MASK
                if bits[third >> 3] >> (third & 7) & 1:
                    found.append(key)
        return found


_MOST_TEXTS = 200_000


class Known:
    """Digests of rows of one table that this run has staged or found held: 64 bits of each, by 64 of their keys.

    And which texts said so, of those that came last: a record need not be decoded whose very text is known to say what
    is held.
    """

    def __init__(self) -> None:
        self._digests: dict[int, int] = {}
        self._said: set[int] = set()
        """Of a text and the digest of what it says, both together, 64 bits."""

    def add(self, location_id: str, keys: Iterable[Key], digests: Iterable[str]) -> None:
        for key, digest in zip(keys, digests, strict=True):
            self._digests[hash((location_id, key))] = hash(digest)

    def learn(self, rows: Rows, texts: Mapping[Key, int]) -> None:
        """What the texts say that these rows came as."""
        if len(self._said) > _MOST_TEXTS:
            self._said = set()
        for key, digest in zip(rows.keys, rows.digests, strict=True):
            if key in texts:
                self._said.add(hash((texts[key], hash(digest))))

    def is_held(self, location_id: str, key: Key, text: int) -> bool:
        """Whether the row of this key is known to be held as this text says."""
        digest = self._digests.get(hash((location_id, key)))
        return digest is not None and hash((text, digest)) in self._said

    def sorted_out(self, rows: Rows) -> tuple[list[int], list[int]]:
        """The positions of rows of which nothing is known, and of those known to be otherwise; not the equal ones."""
        unknown: list[int] = []
        otherwise: list[int] = []
        for position, (key, digest) in enumerate(zip(rows.keys, rows.digests, strict=True)):
            known = self._digests.get(hash((rows.location_id, key)))
            if known is None:
                unknown.append(position)
            elif known != hash(digest):
                otherwise.append(position)
        return unknown, otherwise
