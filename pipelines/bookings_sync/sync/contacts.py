"""Contacts: those that come with appointments, each in many lists.

Input:  the contacts of lists, or of an appointment asked for by its id; what the warehouse holds of them.
Output: `(table name, Arrow table)` pairs of `contacts` and `contact_custom_fields`, for `appointments`.
"""

from __future__ import annotations

from collections.abc import Iterator

from bookings_sync.changes.diff import missing
from bookings_sync.changes.held import Held
from bookings_sync.changes.stage import Emitted, Stage
from bookings_sync.planning.ledger import Read
from bookings_sync.records.columns import Key
from bookings_sync.records.decoding import custom_field_rows
from bookings_sync.records.rows import Rows
from bookings_sync.records.tables import CONTACT_CUSTOM_FIELDS, CONTACTS
from bookings_sync.sync.notes import ReadNotes
from bookings_sync.sync.run import Run
from bookings_sync.warehouse.queries import Warehouse

MOST_WAITING = 10_000
"""Contacts, or appointments, that wait until the warehouse is asked for all of them together."""


class ListedContacts:
    """The contacts that the reads of one load bring."""

    def __init__(self, run: Run, warehouse: Warehouse, stage: Stage, notes: ReadNotes) -> None:
        self._run = run
        self._warehouse = warehouse
        self._stage = stage
        self._notes = notes
        self._waiting: list[tuple[Rows, Read]] = []

    def take(self, contacts: Rows, listed_by: Read) -> Iterator[Emitted]:
        """Stages the contacts that cannot be held. Those that are known to be held as they are need nothing; the rest
        waits until the warehouse is asked for many of them together, for the same ones stand in many windows."""
        unknown, changed, equal = self._run.contacts.classify(contacts)
        self._run.contacts.remember(contacts.take(equal))
        if contacts.location_id in self._run.located:
            unknown, changed = [], sorted(unknown + changed)
        if unknown:
            yield from self._stage_unknown_contacts(contacts.take(unknown))
        if changed:
            self._waiting.append((contacts.take(changed), listed_by))
            if sum(len(waiting) for waiting, _ in self._waiting) >= MOST_WAITING:
                yield from self.take_waiting()

    def _stage_unknown_contacts(self, contacts: Rows) -> Iterator[Emitted]:
        """Contacts that neither the warehouse holds nor this load, with their custom fields."""
        if staged := self._stage.all_new(contacts):
            self._run.contacts.remember(staged.rows)
            yield staged.emitted
            fields = custom_field_rows(contacts.location_id, contacts)
            self._stage.reject(fields)
            # They come with their contact alone, of whom another sight is not staged.
            if staged_fields := self._stage.all_new(fields.rows["contact_custom_fields"], may_come_again=False):
                yield staged_fields.emitted

    def take_waiting(self) -> Iterator[Emitted]:
        """Asks the warehouse for the contacts that wait, and stages those that are news."""
        waiting, self._waiting = self._waiting, []
        keys: dict[str, dict[Key, None]] = {}
        for contacts, _ in waiting:
            keys.setdefault(contacts.location_id, {}).update(dict.fromkeys(contacts.keys))
        held = {
            location_id: self._warehouse.held_by_key(CONTACTS, location_id, (key[0] for key in each))
            for location_id, each in keys.items()
        }
        for contacts, listed_by in waiting:
            of_location = held[contacts.location_id]
            equal = [
                position
                for position, (key, digest) in enumerate(zip(contacts.keys, contacts.digests, strict=True))
                if key in of_location and of_location[key].digest == digest
            ]
            self._run.contacts.remember(contacts.take(equal))
            staged = self._stage.rows
            yield from self._stage_contacts(contacts, of_location, listed_by)
            if self._stage.rows > staged:
                self._notes.void_others(listed_by)

    def _stage_contacts(self, contacts: Rows, held: dict[Key, Held], listed_by: Read) -> Iterator[Emitted]:
        """The contacts that are news, with their custom fields: a contact's digest covers both, unless its last load
        was torn between the two."""
        location_id = contacts.location_id
        if self._stage.conflict(contacts):
            self._notes.void(listed_by)
        staged = self._stage.news(contacts, held)
        torn = self._run.torn.get(location_id, set())
        if staged is not None:
            self._run.contacts.remember(staged.rows)
            yield staged.emitted
            known = [key[0] for key in staged.rows.keys if key in held]
            if known:  # every list that names one of them said otherwise
                self._notes.void_around(self._warehouse.standing(location_id, known, "contact_id"), listed_by=listed_by)
            yield from self._take_custom_fields(
                staged.rows, [*known, *(key[0] for key in staged.rows.keys if key[0] in torn)]
            )
        if torn:
            rows = contacts.take([position for position, key in enumerate(contacts.keys) if key[0] in torn])
            yield from self._take_custom_fields(rows, [key[0] for key in rows.keys])

    def _take_custom_fields(self, contacts: Rows, known: list[str]) -> Iterator[Emitted]:
        """The custom fields of these contacts; the warehouse may hold some of those that are `known`."""
        location_id = contacts.location_id
        fields = custom_field_rows(location_id, contacts)
        self._stage.reject(fields)
        rows = fields.rows["contact_custom_fields"]
        held_fields = self._warehouse.held_by_key(CONTACT_CUSTOM_FIELDS, location_id, known, "contact_id")
        if staged_fields := self._stage.news(rows, held_fields):
            yield staged_fields.emitted
        if gone := self._stage.gone(rows.table, location_id, missing(held_fields, set(rows.keys))):
            yield gone
