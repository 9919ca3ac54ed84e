"""Remembers which contacts the warehouse holds, so that a run does not decode or look up the same contact twice.

Input:  rows of `contacts` that this run has staged, or found equal in the warehouse.
Output: whether the warehouse holds a contact with a given JSON text; which contacts of a list are new or changed.

A contact is embedded in each of its appointments, so a first load meets the same JSON text in many lists. One cache
serves all of them, in this order:

    worker threads, one list each          main thread, list after list

    records.fast_path.reader
      holds()      skip decoding hits
            │
            └── decoded list ──────────▶   records.decoding.appointment_rows
                                             holds()      decode a skipped contact that has changed since
                                           sync.contacts.ListedContacts
                                             classify()   stage unknown contacts, look changed ones up
                                             remember()   the contacts that were staged or found equal

Only the main thread calls `remember`. Worker threads may read an old answer; the main thread therefore asks again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple

from bookings_sync.records.columns import Key
from bookings_sync.records.rows import Rows

_HASH_BITS = 60
"""Python stores integers up to 60 bits in 32 bytes, and 120 bits in 48 bytes."""

_HASH_MASK = (1 << _HASH_BITS) - 1


class Classified(NamedTuple):
    """Positions of contacts: not in the cache, in it with another row, in it with the same row."""

    unknown: list[int]
    changed: list[int]
    equal: list[int]


class ContactCache:
    """Hashes of the contacts that are held: about 150 bytes a contact."""

    def __init__(self) -> None:
        self._held: defaultdict[str, dict[int, int]] = defaultdict(dict)
        """By location and contact: the row's hash, then the JSON text's hash in the lower bits (0: no text known). One
        integer for both takes half the memory of a tuple."""

    def holds(self, location_id: str, keys: Iterable[Key], texts: Iterable[int]) -> list[bool]:
        """For each contact, whether it is held with the JSON text that has this hash."""
        held = self._held.get(location_id, {})
        both = zip(_hashes(keys), texts, strict=True)
        return [held.get(key, 0) & _HASH_MASK == _text_hash(text) for key, text in both]

    def classify(self, contacts: Rows) -> Classified:
        """Tells unknown, changed and equal contacts apart."""
        found = Classified([], [], [])
        known = map(self._held.get(contacts.location_id, {}).get, _hashes(contacts.keys))
        for position, (before, row) in enumerate(zip(known, _hashes(contacts.digests), strict=True)):
            if before is None:
                found.unknown.append(position)
            elif before >> _HASH_BITS != row:
                found.changed.append(position)
            else:
                found.equal.append(position)
        return found

    def remember(self, contacts: Rows) -> None:
        """Notes that the contacts are held with these rows. An equal row without a text keeps the text noted before."""
        held = self._held[contacts.location_id]
        hashes = zip(_hashes(contacts.keys), _hashes(contacts.digests), contacts.texts, strict=True)
        for key, row, text in hashes:
            if text is not None:
                held[key] = row << _HASH_BITS | _text_hash(text)
            elif (before := held.get(key)) is None or before >> _HASH_BITS != row:
                held[key] = row << _HASH_BITS


class ContactCaches:
    """The caches of one run.

    Lists that were last read by other rules have a cache of their own: a contact that another list showed to be held as
    it is must still be compared in full there, with its custom fields.
    """

    def __init__(self) -> None:
        self._usual, self._outdated = ContactCache(), ContactCache()

    def of(self, *, outdated: bool) -> ContactCache:
        return self._outdated if outdated else self._usual


def _text_hash(text: int) -> int:
    """60 bits of the text's hash, never 0."""
    return text & _HASH_MASK | 1


def _hashes(values: Iterable[Hashable]) -> Iterator[int]:
    return map(_HASH_MASK.__and__, map(hash, values))
