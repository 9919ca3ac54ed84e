"""Turns the decoded records of a reply into rows of the raw tables.

Input:  the records of one reply, and the location they came from. Records that `fast_path` read come as `Plain`.
Output: `Batch`: `Rows` for each table, with key and digest, and `Rejected` for records that have no usable key. Next
        stop: `changes.diff` compares keys and digests with what the warehouse holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from bookings_sync.records.columns import Fields, Key, Record, known_fields, sources, value_at
from bookings_sync.records.deletion_marks import NO_MARKS, DeletionMarks
from bookings_sync.records.fast_path import EmbeddedContacts, HeldContacts, Plain, TextHash
from bookings_sync.records.instants import instant_ms
from bookings_sync.records.json_text import decode
from bookings_sync.records.privacy import KEEP_ALL, Privacy
from bookings_sync.records.rows import Batch, Rejected, Rows
from bookings_sync.records.tables import (
    APPOINTMENTS,
    CONTACT_CUSTOM_FIELDS,
    CONTACTS,
    LOCATIONS,
    SLOTS,
    Nested,
    Table,
    nested_tables,
)
from bookings_sync.records.values import canonical, digest, usable_id
from bookings_sync.records.variants import HeldDigests, Variant, best, changed_in, nothing_held, variant_of


class _Sorting:
    """Sorts the records of one reply by table and key. Each key counts once, by the rules of `variants`; the rest is
    rejected."""

    def __init__(
        self, location_id: str, *tables: Table, held: HeldDigests = nothing_held, zone: str | None = None
    ) -> None:
        self._location_id = location_id
        self.zone = zone
        self._found: dict[str, dict[Key, Record]] = {table.name: {} for table in tables}
        self._others: dict[str, dict[Key, list[Record]]] = {}
        """By table: further items of a list that have the key of an earlier one."""
        self._tables = tables
        self.held = held
        self.rejected: list[Rejected] = []
        self.as_sent: dict[int, Any] = {}
        """What the API sent, by the `id()` of a record that was completed; rejected records are kept as they came."""

    def add(self, table: Table, key: Key, record: Record) -> None:
        self._found[table.name][key] = record

    def reject(self, table: Table, reason: str, record: Any) -> None:
        self.rejected.append(Rejected(table.name, self._location_id, reason, self.as_sent.get(id(record), record)))

    def add_list(self, table: Table, parent: Key, items: Any) -> None:
        """Adds the items of a list inside a record, each under its own id."""
        if items is None:
            return
        if not isinstance(items, list):
            self.reject(table, "not a JSON array", items)
            return
        id_field = table.item_id
        found = self._found[table.name]
        for item in items:
            item_id = usable_id(item.get(id_field)) if isinstance(item, dict) else None
            if item_id is None:
                self.reject(table, f"no usable {id_field}", item)
                continue
            key = (*parent, item_id)
            if found.setdefault(key, item) is not item:
                self._others.setdefault(table.name, {}).setdefault(key, []).append(item)

    def add_lists_by_name(self, table: Table, parent: Key, lists: Any) -> None:
        """Adds the items of an object of lists, each under the list's name and its position."""
        if lists is None:
            return
        if not isinstance(lists, dict):
            self.reject(table, "not a JSON object", lists)
            return
        name_column = table.key[-2]
        for name, items in lists.items():
            if items is None:
                continue
            if usable_id(name) is None:
                self.reject(table, f"no usable {name_column}", {name: items})
            elif not isinstance(items, list):
                self.reject(table, f"the value of a {name_column} is not a JSON array", {name: items})
            else:
                for position, item in enumerate(items):
                    if isinstance(item, dict):
                        self.add(table, (*parent, name, position), item)
                    else:
                        self.reject(table, "not a JSON object", {name: item})

    def best(self, table: Table, key: Key, records: Iterable[Record], reason: str) -> Record:
        """The record that counts, of several with one key. Rejects the others."""
        distinct = list({digest(each): each for each in records}.values())  # comparing them would recurse without limit
        if len(distinct) == 1:
            return distinct[0]
        position = best([self._variant(table, key, each) for each in distinct], self._held_digest(table, key))
        for other in distinct[:position] + distinct[position + 1 :]:
            self.reject(table, reason, other)
        return distinct[position]

    def _variant(self, table: Table, key: Key, record: Record) -> Variant:
        """A record of a list comes with the rows nested in it."""
        digests = [Rows.of(table, self._location_id, {key: record}, self.zone).digests[0]]
        for nested, where in self._nested(table):
            items = _Sorting(self._location_id, nested, held=self.held, zone=self.zone)
            items.add_nested(nested, where, key, record)
            digests += sorted(items.batch().rows[nested.name].digests)
        return Variant(_joined(digests), changed_in(record), digest(record))

    def _held_digest(self, table: Table, key: Key) -> str | None:
        own = self.held(table, self._location_id, [key]).get(key)
        if own is None:
            return None
        digests = [own]
        for nested, _ in self._nested(table):
            held = self.held(nested, self._location_id, [key])
            digests += sorted(each for child, each in held.items() if child[: len(key)] == key)
        return _joined(digests)

    def _nested(self, table: Table) -> list[tuple[Table, Nested]]:
        return [
            (each, where) for each, where in nested_tables(table) if each in self._tables and where.form != "object"
        ]

    def add_nested(self, table: Table, where: Nested, parent: Key, record: Record) -> None:
        """Adds the items of the nested table inside a record."""
        add = {"list": self.add_list, "lists by name": self.add_lists_by_name}[where.form]
        add(table, parent, value_at(record, where.path))

    def batch(self) -> Batch:
        for table in self._tables:
            reason = f"a different item of the same list has the same {table.item_id}" if table.nested else ""
            for key, others in self._others.pop(table.name, {}).items():
                found = self._found[table.name]
                found[key] = self.best(table, key, [found[key], *others], reason)
        rows = {
            table.name: Rows.of(table, self._location_id, self._found[table.name], self.zone) for table in self._tables
        }
        return Batch(rows, self.rejected)


def location_rows(
    location_id: str, name: str, id_source: str, timezone: str | None, api_timezone: str | None = None
) -> Rows:
    """The one row of a configured location. `api_timezone` is the zone that the API reports."""
    row = {"name": name, "id_source": id_source, "timezone": timezone, "api_timezone": api_timezone}
    return Rows.of(LOCATIONS, location_id, {(): row})


def listed_rows(
    table: Table,
    location_id: str,
    records: Iterable[Any],
    held: HeldDigests = nothing_held,
    privacy: Privacy = KEEP_ALL,
) -> Batch:
    """Rows of a table that one call lists completely, and of the tables nested in its records. `held` is asked only for
    keys that several records have."""
    nested = nested_tables(table)
    records = [privacy.record(table, each) for each in records]
    sorting = _Sorting(location_id, table, *(each for each, _ in nested), held=held)
    for record_id, record in _distinct(sorting, table, records):
        sorting.add(table, (record_id,), record)
        for each, where in nested:
            sorting.add_nested(each, where, (record_id,), record)
    return sorting.batch()


def appointment_rows(
    location_id: str,
    records: Iterable[Any],
    privacy: Privacy = KEEP_ALL,
    known: HeldContacts | None = None,
    held: HeldDigests = nothing_held,
    marks: DeletionMarks = NO_MARKS,
    zone: str | None = None,
) -> Batch:
    """Rows of `appointments` and `contacts`. An appointment without a contact is blocked-off time.

    `Plain` records have ids that no other record has. A contact is left out if the warehouse is `known` to hold it as
    its JSON text says. `held` is asked only for keys with several variants in the reply. `marks` decide which
    records are deleted. Times without an offset are local times of `zone`.
    """
    sorting = _Sorting(location_id, APPOINTMENTS, CONTACTS, held=held, zone=zone)
    records = list(records)
    deleted = marks.keys_of(records)
    if not privacy.keeps_all:
        records = [each if isinstance(each, Plain) else privacy.appointment(each, location_id) for each in records]
    sent, records = records, [record if isinstance(record, Plain) else with_contact_ids(record) for record in records]
    for as_sent, record in zip(sent, records, strict=True):
        if as_sent is not record:
            sorting.as_sent[id(record)] = as_sent
            if "contact" in as_sent:
                sorting.as_sent[id(record["contact"])] = as_sent["contact"]
    others = _distinct(sorting, APPOINTMENTS, (record for record in records if not isinstance(record, Plain)))
    for record_id, record in others:
        sorting.add(APPOINTMENTS, (record_id,), record)
    added = {id(record) for _, record in others}
    contacts = _Contacts(sorting, location_id, known)
    for record in records:
        if isinstance(record, Plain) and record.contacts:
            contacts.add_embedded(record.contacts)
        elif id(record) in added:
            contacts.add(record.get("contact"))
    plain_contacts = contacts.sort()
    batch = sorting.batch()
    batch.rows[CONTACTS.name] = plain_contacts.followed_by(batch.rows[CONTACTS.name])
    for record in reversed(records):
        if isinstance(record, Plain):
            plain = Rows.plain(APPOINTMENTS, location_id, record, zone=zone)
            batch.rows[APPOINTMENTS.name] = plain.followed_by(batch.rows[APPOINTMENTS.name])
    if deleted:
        rows = batch.rows[APPOINTMENTS.name]
        batch.rows[APPOINTMENTS.name] = rows.take([at for at, key in enumerate(rows.keys) if key not in deleted])
        batch.deleted = frozenset(deleted)
    return batch


def contact_rows(
    location_id: str,
    records: Iterable[Any],
    privacy: Privacy = KEEP_ALL,
    held: HeldDigests = nothing_held,
    zone: str | None = None,
) -> Batch:
    """Rows of `contacts`, of an API that lists them on their own. Their custom fields are in `Rows.lists`."""
    sorting = _Sorting(location_id, CONTACTS, held=held, zone=zone)
    for contact_id, record in _distinct(sorting, CONTACTS, [privacy.contact(each) for each in records]):
        sorting.add(CONTACTS, (contact_id,), record)
    return sorting.batch()


def with_contact_ids(record: Any) -> Any:
    """The appointment with one id for its contact, in `contactId` and in `contact.id`.

    Each stands in for the other, and an empty text is no id. If they differ, the contact's own id counts, because it is
    the key of `contacts`; the appointment's `contactId` goes to `extra` as `otherContactId`.
    """
    if isinstance(record, dict) and record.get("contactId") == "":
        record = {**record, "contactId": None}
    contact = record.get("contact") if isinstance(record, dict) else None
    if not isinstance(contact, dict):
        return record
    own, named = contact.get("id"), record.get("contactId")
    if own in (None, "") and named is not None:
        return {**record, "contact": {**contact, "id": named}}
    if named is None and usable_id(own) is not None:
        return {**record, "contactId": own}
    if usable_id(own) is not None and usable_id(own) != usable_id(named):
        return {**record, "contactId": own, "otherContactId": named}
    return record


class _Contacts:
    """The contacts embedded in one reply's appointments. Of several variants of a contact, `variants.best` counts."""

    def __init__(self, sorting: _Sorting, location_id: str, known: HeldContacts | None) -> None:
        self._sorting = sorting
        self._location_id = location_id
        self._known = known
        self._found: dict[Key, TextHash | Record] = {}
        """By key: the text or the decoded record of the first variant."""
        self._others: dict[Key, list[TextHash | Record]] = {}
        """The further variants."""
        self._rows = Rows.of(CONTACTS, location_id, {})

    def add_embedded(self, contacts: EmbeddedContacts) -> None:
        texts = iter(contacts.read_texts)
        for each in contacts.read:
            if isinstance(each, Plain):
                row_texts = list(islice(texts, len(each.ids)))
                rows = Rows.plain(CONTACTS, self._location_id, each, row_texts, self._sorting.zone)
                self._rows = self._rows.followed_by(rows)
                for key, text in zip(rows.keys, row_texts, strict=True):
                    if self._found.setdefault(key, text) != text:
                        self._others.setdefault(key, []).append(text)
            else:
                next(texts)
                self.add(each)
        still_held = self._still_held(contacts)
        bodies = zip(contacts.skipped.values(), still_held, strict=True)
        for body in [body for (_, body), is_held in bodies if not is_held]:
            self.add(decode(bytes(body)))
        # A contact that is held with this text matters only if the reply also has another text for the same contact.
        for (key, body), is_held in zip(contacts.skipped.values(), still_held, strict=True):
            if is_held and key in self._found:
                self.add(decode(bytes(body)))

    def _still_held(self, contacts: EmbeddedContacts) -> list[bool]:
        """Whether the warehouse still holds each skipped contact with the same text."""
        skipped = contacts.skipped
        if self._known is None:
            return [False] * len(skipped)
        return self._known.holds(self._location_id, (key for key, _ in skipped.values()), skipped)

    def add(self, contact: Any) -> None:
        if contact is None:
            return
        contact_id = usable_id(contact.get("id")) if isinstance(contact, dict) else None
        if contact_id is not None:
            key = (contact_id,)
            first = self._found.setdefault(key, contact)
            # Most repeat the first one, and a digest of a single row is slow to make.
            is_same = first is contact or (isinstance(first, dict) and canonical(first) == canonical(contact))
            if not is_same:
                self._others.setdefault(key, []).append(contact)
        else:
            self._sorting.reject(CONTACTS, "the contact is not a JSON object with a usable id", contact)

    def sort(self) -> Rows:
        """The rows of plain contacts. Contacts that were decoded one by one go to the sorting."""
        # Two parts of a reply may hold the same text: take the row once.
        places = {text: place for place, text in enumerate(self._rows.texts)}
        for key, others in self._others.items():
            self._found[key] = self._best(key, [self._found[key], *others], places)
        for key, found in self._found.items():
            if isinstance(found, dict):
                self._sorting.add(CONTACTS, key, found)
        return self._rows.take(sorted(places[text] for text in self._found.values() if isinstance(text, int)))

    def _best(self, key: Key, variants: list[TextHash | Record], places: Mapping[int | None, int]) -> TextHash | Record:
        found: dict[str, tuple[Variant, TextHash | Record]] = {}
        for each in variants:
            if isinstance(each, dict):
                variant = variant_of(Rows.of(CONTACTS, self._location_id, {key: each}, self._sorting.zone))
            else:
                variant = variant_of(self._rows, places[each])
            found.setdefault(variant.digest, (variant, each))
        if len(found) == 1:
            return variants[0]
        held = self._sorting.held(CONTACTS, self._location_id, [key]).get(key)
        return list(found.values())[best([variant for variant, _ in found.values()], held)][1]


def custom_field_rows(location_id: str, contacts: Rows, held: HeldDigests = nothing_held) -> Batch:
    """Rows of `contact_custom_fields` for these contacts.

    A contact's digest covers its custom fields, so callers pass only new and changed contacts.
    """
    listed = zip(contacts.keys, contacts.lists, strict=True)
    by_contact = [(key, fields) for key, fields in listed if fields is not None and fields != []]
    plain = _plain_custom_fields(location_id, by_contact)
    if plain is not None:
        return Batch({CONTACT_CUSTOM_FIELDS.name: plain}, [])
    sorting = _Sorting(location_id, CONTACT_CUSTOM_FIELDS, held=held)
    for key, fields in by_contact:
        sorting.add_list(CONTACT_CUSTOM_FIELDS, key, fields)
    return sorting.batch()


def _plain_custom_fields(location_id: str, by_contact: list[tuple[Key, Any]]) -> Rows | None:
    """The fast path: None unless every item has exactly the known fields and an id that is unique in its list."""
    if not all(isinstance(fields, list) for _, fields in by_contact):
        return None
    items = [item for _, fields in by_contact for item in fields]
    named = known_fields(CONTACT_CUSTOM_FIELDS.name).keys()
    if not all(isinstance(item, dict) and item.keys() == named for item in items):
        return None
    ids = [item["id"] for item in items]
    if not all(isinstance(each, str) and usable_id(each) for each in ids):
        return None
    keys: list[Key] = [(contact_id, item["id"]) for (contact_id,), fields in by_contact for item in fields]
    if not keys or len(set(keys)) < len(keys):
        return None
    values = {name: [item[name] for item in items] for name in sources(CONTACT_CUSTOM_FIELDS.name)}
    return Rows.keyed(CONTACT_CUSTOM_FIELDS, location_id, keys, Fields(values, [None] * len(keys)))


def slot_rows(
    location_id: str,
    service_id: str,
    records: dict[str, list[Any]],
    privacy: Privacy = KEEP_ALL,
    zone: str | None = None,
) -> Batch:
    """Rows of `slots`, from the free starts that the API lists under each local date. Starts without an offset are
    local times of `zone`."""
    sorting = _Sorting(location_id, SLOTS)
    found: dict[Key, Record] = {}
    for slot_date, starts in records.items():
        for start in starts:
            instant = instant_ms(start, zone) if isinstance(start, str) else None
            if instant is None:
                rejected = {"date": slot_date, "start": privacy.slots(start)}
                sorting.reject(SLOTS, "the start is not a date and time with an offset", rejected)
                continue
            slot = {"start_time_raw": start, "slot_date": slot_date}
            first = found.setdefault((service_id, instant), slot)
            if first is not slot:  # one instant told twice: the order of the reply must not matter
                found[service_id, instant] = min(first, slot, key=_as_listed)
    for key, slot in found.items():
        sorting.add(SLOTS, key, slot)
    return sorting.batch()


def _as_listed(slot: Record) -> tuple[str, str]:
    return slot["slot_date"], slot["start_time_raw"]


def _joined(digests: Iterable[str]) -> str:
    return "+".join(digests)


def _distinct(sorting: _Sorting, table: Table, records: Iterable[Any]) -> list[tuple[str, Record]]:
    """The records by id. Of several with one id, one counts; a different one is rejected."""
    found: dict[str, Record] = {}
    others: dict[str, list[Record]] = {}
    for record in records:
        if not isinstance(record, dict):
            sorting.reject(table, "the record is not a JSON object", record)
            continue
        record_id = usable_id(record.get("id"))
        if record_id is None:
            sorting.reject(table, "the record has no usable id", record)
        elif found.setdefault(record_id, record) is not record:
            others.setdefault(record_id, []).append(record)
    for record_id, more in others.items():
        reason = "another record of the same reply has the same id"
        found[record_id] = sorting.best(table, (record_id,), [found[record_id], *more], reason)
    return list(found.items())
