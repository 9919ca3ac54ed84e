"""Contacts: stages the contacts that appointments embed, each in many lists, and those that an API lists on their own.

Input:  the contacts of lists, of an appointment asked for by its id, or of `contact_reads`.
Output: `(table name, Arrow table)` pairs of `contacts` and `contact_custom_fields`, for `appointments`.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from bookings_sync.changes.contact_cache import ContactCache, ContactCaches
from bookings_sync.changes.diff import missing
from bookings_sync.changes.held import Held, Placed
from bookings_sync.changes.invalidation import Change
from bookings_sync.changes.journal import Journal
from bookings_sync.changes.places import places_held
from bookings_sync.changes.rereading import Rereading
from bookings_sync.changes.stage import Emitted, Stage
from bookings_sync.planning.ledger import Read
from bookings_sync.planning.plan import PlannedRead
from bookings_sync.records.columns import Key
from bookings_sync.records.decoding import custom_field_rows
from bookings_sync.records.rows import Rows
from bookings_sync.records.tables import CONTACT_CUSTOM_FIELDS, CONTACTS
from bookings_sync.sync.disputes import Disputes
from bookings_sync.sync.first_sync import FirstSync
from bookings_sync.warehouse.held_rows import HeldRows

MOST_WAITING = 10_000
"""Rows that wait at most until the warehouse is asked for all of them together."""


class _Waiting(NamedTuple):
    rows: Rows
    read: Read | None
    is_look_up: bool


class ListedContacts:
    """The contacts that the reads of one load bring.

    `torn` are contacts by location. Their custom fields may not match the contact's digest, because a load was torn.
    The same is true of all contacts in an outdated list, which was last read by other rules or lost rows since.
    `restaged` says where held appointments are that the load has staged.
    """

    def __init__(
        self,
        caches: ContactCaches,
        first_sync: FirstSync,
        torn: Mapping[str, set[str]],
        held_rows: HeldRows,
        stage: Stage,
        journal: Journal,
        rereading: Rereading,
        disputes: Disputes,
        restaged: Mapping[tuple[str, Key], Placed],
    ) -> None:
        self._rereading = rereading
        self._caches = caches
        self._first_sync = first_sync
        self._torn = torn
        self._held_rows = held_rows
        self._stage = stage
        self._journal = journal
        self._disputes = disputes
        self._restaged = restaged
        self._waiting: list[_Waiting] = []

    def take(self, contacts: Rows, read: Read | None, *, is_look_up: bool = False) -> Iterator[Emitted]:
        """Stages the contacts that cannot be held, and skips those that are known to be held as they are. The others
        wait until the warehouse is asked for many of them together.

        `read` brought the contacts. The `read` of a look-up is the one that missed the appointment, if any did.
        """
        cache = self._caches.of(outdated=self._rereading.is_outdated(read))
        unknown, changed, equal = cache.classify(contacts)
        cache.remember(contacts.take(equal))
        if not self._first_sync.is_first(contacts.location_id):
            unknown, changed = [], sorted(unknown + changed)
        if unknown:
            yield from self._stage_new(contacts.take(unknown), cache)
        if changed:
            self._waiting.append(_Waiting(contacts.take(changed), read, is_look_up))
            if sum(len(each.rows) for each in self._waiting) >= MOST_WAITING:
                yield from self.take_waiting()

    def take_own(self, contacts: Rows, held: dict[Key, Held], read: PlannedRead) -> Iterator[Emitted]:
        """Stages contacts that were read on their own. No appointment embeds them, so no list can dispute them."""
        yield from self._stage_compared(contacts, held, read)

    def take_waiting(self) -> Iterator[Emitted]:
        """Asks the warehouse for the waiting contacts, and stages the new versions among them."""
        waiting, self._waiting = self._waiting, []
        keys: dict[str, dict[Key, None]] = {}
        for contacts, *_ in waiting:
            keys.setdefault(contacts.location_id, {}).update(dict.fromkeys(contacts.keys))
        held = {
            location_id: self._held_rows.by_id(CONTACTS, location_id, (key[0] for key in each))
            for location_id, each in keys.items()
        }
        for contacts, read, is_look_up in waiting:
            of_location = held[contacts.location_id]
            digests = [each.digest if (each := of_location.get(key)) else None for key in contacts.keys]
            pairs = enumerate(zip(digests, contacts.digests, strict=True))
            places = {True: list[int](), False: list[int]()}
            for position, (before, now) in pairs:
                places[before is not None and before != now].append(position)
            as_held = contacts.take([position for position in places[False] if digests[position] is not None])
            self._caches.of(outdated=self._rereading.is_outdated(read)).remember(as_held)
            yield from self._stage_with_news(contacts.take(places[False]), of_location, read, is_look_up=is_look_up)
            if places[True]:
                self._disputes.add(contacts.take(places[True]), read, is_look_up=is_look_up)
        if self._disputes.is_full:
            yield from self.settle()

    def settle(self) -> Iterator[Emitted]:
        """Stages the contacts that changed, once all lists are in."""
        for contacts, read in chain(
            self._disputes.unsettled(self._appointments_of), self._disputes.settle(self._appointments_of)
        ):
            held = self._held_rows.by_id(CONTACTS, contacts.location_id, (key[0] for key in contacts.keys))
            yield from self._stage_with_news(contacts, held, read)

    def _appointments_of(self, location_id: str, contacts: Collection[Key]) -> dict[Key, dict[Key, Placed]]:
        """The appointments of these contacts, where they are after this load."""
        held = self._held_rows.of_contacts(location_id, (key[0] for key in contacts))
        return {
            contact: {key: self._restaged.get((location_id, key), placed) for key, placed in each.items()}
            for contact, each in held.items()
        }

    def _stage_with_news(
        self, contacts: Rows, held: dict[Key, Held], read: Read | None, *, is_look_up: bool = False
    ) -> Iterator[Emitted]:
        rows = self._stage.rows
        if not is_look_up:  # what a list of this load has shown counts more
            self._disputes.add_conflicts(contacts, read)
        staged = yield from self._stage_compared(contacts, held, read)
        if staged is not None:
            self._caches.of(outdated=self._rereading.is_outdated(read)).remember(staged)
            self._withdraw_lists([key[0] for key in staged.keys if key in held], staged.location_id, read)
        if read is not None and self._stage.rows > rows:
            self._journal.record(Change("news", contacts.location_id, read))

    def _withdraw_lists(self, changed: list[str], location_id: str, read: Read | None) -> None:
        """Each list with an appointment of the changed contacts embeds a contact as it was."""
        if changed:
            shown = self._held_rows.of_contacts(location_id, changed).values()
            placed = chain.from_iterable(each.values() for each in shown)
            places = places_held(placed, self._journal.kinds, apart_from=read)
            self._journal.record(Change("contact changed", location_id, read, places))

    def _torn_among(self, contacts: Rows, read: Read | PlannedRead | None) -> set[str]:
        """The ids of the contacts whose held custom fields may be others than their digests say."""
        if self._rereading.is_outdated(read):
            return {key[0] for key in contacts.keys}
        return self._torn.get(contacts.location_id, set())

    def _stage_new(self, contacts: Rows, cache: ContactCache) -> Iterator[Emitted]:
        """Contacts that neither the warehouse nor this load holds, with their custom fields."""
        if staged := self._stage.add_new(contacts):
            cache.remember(staged.rows)
            yield staged.emitted
            fields = custom_field_rows(contacts.location_id, contacts)
            self._stage.reject(fields)
            # Custom fields come with their contact only, and a second sight of the contact is not staged.
            if staged_fields := self._stage.add_new(fields.rows["contact_custom_fields"], may_come_again=False):
                yield staged_fields.emitted

    def _stage_compared(
        self, contacts: Rows, held: dict[Key, Held], read: Read | PlannedRead | None
    ) -> Generator[Emitted, None, Rows | None]:
        """The contacts that are new or changed, with their custom fields. Returns the contacts. A contact's digest
        covers both, except for the torn ones."""
        torn = self._torn_among(contacts, read)
        staged = self._stage.add_changed(contacts, held, read)
        if staged is not None:
            yield staged.emitted
            known = [key[0] for key in staged.rows.keys if key in held or key[0] in torn]
            yield from self._stage_custom_fields(staged.rows, known, read)
        if torn:
            rows = contacts.take([position for position, key in enumerate(contacts.keys) if key[0] in torn])
            yield from self._stage_custom_fields(rows, [key[0] for key in rows.keys], read)
        return staged.rows if staged else None

    def _stage_custom_fields(
        self, contacts: Rows, known: list[str], read: Read | PlannedRead | None
    ) -> Iterator[Emitted]:
        """The custom fields of these contacts. The warehouse may hold some for the `known` contact ids."""
        location_id = contacts.location_id
        fields = custom_field_rows(location_id, contacts, self._held_rows.digests)
        self._stage.reject(fields)
        rows = fields.rows["contact_custom_fields"]
        held_fields = self._held_rows.by_id(CONTACT_CUSTOM_FIELDS, location_id, known, "contact_id")
        if staged_fields := self._stage.add_changed(rows, held_fields, read):
            yield staged_fields.emitted
        if gone := self._stage.add_deleted(rows.table, location_id, missing(held_fields, set(rows.keys))):
            yield gone
