"""Presence: what a run knows of what the warehouse holds, so that it is not asked again and again.

Input:  the keys that a run meets; the digests that it stages or finds held.
Output: `Presence` tells which keys may have been met before: a Bloom filter, of 4 MB for the first million. `Known`
        tells which rows are held just as they are: 40 to 80 bytes a row, for the contacts, who stand in many windows.

A location of which nothing was held when the run began holds only what this run has loaded since. Of a first sync's
records nearly none is held, and to ask the warehouse for each took a third of its time. A key that may be held is
asked for, with thousands of others: for nothing one in eighty by the end of the first million, one in thirty at eleven.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from itertools import combinations
from typing import NamedTuple

from bookings_sync.records.columns import Key
from bookings_sync.records.rows import Rows

_LEAST_BYTES = 1 << 22
_BYTES_PER_KEY = 4
_PAIRS = [1 << one | 1 << other for one, other in combinations(range(8), 2)]
_PAIRS += _PAIRS[:4]
"""Two bits of a byte: as many ways as five bits of a hash can tell."""


class Presence:
    """Keys of one table, by location: of each two bits of one byte."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._added = 0

    def met_before(self, location_id: str, keys: Collection[Key]) -> list[bool]:
        """Of each key, whether it may have been asked for before: so of all that have been, and of few others."""
        found = self._bytes or bytearray(_LEAST_BYTES)
        self._added += len(keys)
        while len(found) < _BYTES_PER_KEY * self._added:
            found *= 4  # by two bits more of its hash, a key is looked for in one of the quarters: all are alike
        self._bytes, mask, seed = found, len(found) - 1, hash(location_id)
        met: list[bool] = []
        say = met.append
        for mixed in map(seed.__xor__, map(hash, keys)):
            slot, pair = mixed & mask, _PAIRS[mixed >> 40 & 31]
            byte = found[slot]
            if byte & pair == pair:
                say(True)
            else:
                found[slot] = byte | pair
                say(False)
        return met


class Known:
    """Digests of rows of one table that this run has staged or found held: 64 bits of each, by 64 of their keys. And
    which text said so last: a record need not be decoded whose very text is known to say what is held.

    They stand in three arrays, for a dict of integers takes four times the memory, in blocks that keep what is freed
    around them from being given back. A key's slot is the first from its hash on that is its own, or free.

    One thread adds and sorts out, any may ask meanwhile: what it is told was so, and may be no more.
    """

    def __init__(self) -> None:
        self.changes = 0
        """How many rows have become others than they were known to be: until there is one more, what was held so is."""
        self._slots = _Slots.of(1 << 12)
        self._taken = 0

    def add(self, rows: Rows) -> None:
        """These rows are held as they are, and what each came as says so."""
        while 5 * (self._taken + len(rows)) > 3 * len(self._slots.keys):
            self._slots = self._slots.doubled()
        keys, digests, said = self._slots
        hashes = _hashes(rows.location_id, rows.keys)
        slots = self._slots.find(hashes)
        for slot, key, digest, text in zip(slots, hashes, rows.digests, rows.texts, strict=True):
            if not keys[slot]:
                self._taken += 1
                keys[slot] = key
            before, digests[slot] = digests[slot], hash(digest) or 1
            if before not in {0, digests[slot]}:
                self.changes += 1
                said[slot] = 0
            if text is not None:
                said[slot] = hash(text ^ key)

    def are_held(self, location_id: str, keys: Iterable[Key], texts: Iterable[int]) -> list[bool]:
        """Of each key, whether its row is known to be held as this text says."""
        known_keys, _, said = self._slots
        mask = len(said) - 1
        return [  # three of four stand where their hash says: that is one look, and not two, into what no cache holds
            said[key & mask] == (one := hash(text ^ key)) or said[_slot_of(known_keys, key)] == one
            for key, text in zip(_hashes(location_id, keys), texts, strict=True)
        ]

    def sorted_out(self, rows: Rows) -> tuple[list[int], list[int]]:
        """The positions of rows of which nothing is known, and of those known to be otherwise; not the equal ones, of
        which is known from now on what they came as."""
        unknown: list[int] = []
        otherwise: list[int] = []
        _, digests, said = self._slots
        hashes = _hashes(rows.location_id, rows.keys)
        of_rows = zip(hashes, self._slots.find(hashes), rows.digests, rows.texts, strict=True)
        for position, (key, slot, digest, text) in enumerate(of_rows):
            known = digests[slot]
            if not known:
                unknown.append(position)
            elif known != (hash(digest) or 1):
                otherwise.append(position)
            elif text is not None:
                said[slot] = hash(text ^ key)
        return unknown, otherwise


class _Slots(NamedTuple):
    """What is known, by slot; zero stands for nothing. Their number is a power of two."""

    keys: array[int]
    digests: array[int]
    said: array[int]
    """Of the text that says what is held, and the key, both together."""

    @classmethod
    def of(cls, number: int) -> _Slots:
        return cls(*(array("q", bytes(8 * number)) for _ in range(3)))

    def find(self, hashes: Iterable[int]) -> Iterator[int]:
        """The slot of each key, given its hash, or the free one that it would take. One taken meanwhile counts."""
        return map(partial(_slot_of, self.keys), hashes)

    def doubled(self) -> _Slots:
        others = _Slots.of(2 * len(self.keys))
        # Twice over the arrays, side by side: a list of what is taken would be several times as large as they are.
        taken = (each for each in zip(*self, strict=True) if each[0])
        for (key, digest, said), slot in zip(taken, others.find(filter(None, self.keys)), strict=True):
            others.keys[slot], others.digests[slot], others.said[slot] = key, digest, said
        return others


def _slot_of(keys: array[int], key: int) -> int:
    mask = len(keys) - 1
    slot = key & mask
    while (found := keys[slot]) and found != key:
        slot = slot + 1 & mask
    return slot


def _hashes(location_id: str, keys: Iterable[Key]) -> list[int]:
    return [hash((location_id, key)) or 1 for key in keys]
