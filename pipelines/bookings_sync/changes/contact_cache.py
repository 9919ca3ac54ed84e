"""Remembers which contacts the warehouse already holds, so that a run neither decodes nor stages them again.

Input:  rows of `contacts` that this run has staged or found equal to the warehouse's.
Output: whether a contact's JSON text or its row is one of those.

One contact comes with each of its appointments, so a first load meets the same JSON text in many windows. A cache hit
saves its decoding, and the question whether the warehouse holds it.

                worker threads                                   main thread
    records.fast_path.reader                        records.decoding.appointment_rows
      holds()  leaves the hits undecoded ─────────▶   holds()     asks again: another reply may have changed a contact
                                                    sync.contacts.ListedContacts
                                                      classify()  unknown rows are staged at once; changed ones wait
                                                      remember()  after staging, and for rows equal to the warehouse's

Only the main thread calls `remember`. Any thread may call `holds`: the answer was true when it was given, and the main
thread asks again before it relies on the answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple

from bookings_sync.records.columns import Key
from bookings_sync.records.rows import Rows

_60_BITS = (1 << 60) - 1
"""Hashes keep 60 bits: the largest integers that Python stores in 32 bytes."""


class Classified(NamedTuple):
    """Positions of contacts: never remembered, remembered with other content, and remembered as they are."""

    unknown: list[int]
    changed: list[int]
    equal: list[int]


class ContactCache:
    """The contacts known to be held, by location. It keeps hashes only: about 110 bytes a contact."""

    def __init__(self) -> None:
        self._held: defaultdict[str, dict[int, int]] = defaultdict(dict)
        """By contact id, the row that is held: hashes of both."""
        self._decoded: defaultdict[str, dict[int, int]] = defaultdict(dict)
        """By JSON text, the row that the text decodes to: hashes of both. An entry stays true when the contact
        changes, so nothing has to be invalidated."""

    def holds(self, location_id: str, keys: Iterable[Key], texts: Iterable[int]) -> list[bool]:
        """For each contact, whether it is held exactly as its JSON text says. Texts come as `number_of` hashes."""
        held, decoded = self._held.get(location_id, {}), self._decoded.get(location_id, {})
        rows = map(held.get, _hashes(keys))
        rows_of_texts = map(decoded.get, map(_60_BITS.__and__, texts))
        return [row is not None and row == of_text for row, of_text in zip(rows, rows_of_texts, strict=True)]

    def classify(self, contacts: Rows) -> Classified:
        """Tells new, changed and held contacts apart."""
        held = self._held.get(contacts.location_id, {})
        found = Classified([], [], [])
        known = map(held.get, _hashes(contacts.keys))
        for position, (before, now) in enumerate(zip(known, _hashes(contacts.digests), strict=True)):
            if before is None:
                found.unknown.append(position)
            elif before != now:
                found.changed.append(position)
            else:
                found.equal.append(position)
        return found

    def remember(self, contacts: Rows) -> None:
        """Notes that the contacts are held as they are, and what their JSON texts decode to."""
        held, decoded = self._held[contacts.location_id], self._decoded[contacts.location_id]
        hashes = zip(_hashes(contacts.keys), _hashes(contacts.digests), contacts.texts, strict=True)
        for key, row, text in hashes:
            held[key] = row
            if text is not None:
                decoded[text & _60_BITS] = row


def _hashes(values: Iterable[Hashable]) -> Iterator[int]:
    return map(_60_BITS.__and__, map(hash, values))
