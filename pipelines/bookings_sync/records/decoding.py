"""Turns the decoded records of a reply into rows of the raw tables.

Input:  the records of one reply, and the location they came from. Records that `fast_path` read come as `Plain`.
Output: `Batch`: `Rows` for each table, with key and digest, and `Rejected` for records that have no usable key. Next
        stop: `changes.diff` compares keys and digests with what the warehouse holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from bookings_sync.records.columns import Fields, Key, Record, known_fields, sources, value_at
from bookings_sync.records.fast_path import EmbeddedContacts, HeldContacts, Plain, TextHash
from bookings_sync.records.json_text import decode
from bookings_sync.records.privacy import KEEP_ALL, Privacy
from bookings_sync.records.rows import Batch, Rejected, Rows
from bookings_sync.records.tables import (
    APPOINTMENTS,
    CONTACT_CUSTOM_FIELDS,
    CONTACTS,
    LOCATIONS,
    SLOTS,
    Table,
    nested_tables,
)
from bookings_sync.records.values import digest, instant_ms, usable_id


class _Sorting:
    """Sorts the records of one reply by table and key. Each key counts once; the rest is rejected."""

    def __init__(self, location_id: str, *tables: Table) -> None:
        self._location_id = location_id
        self._found: dict[str, dict[Key, Record]] = {table.name: {} for table in tables}
        self._tables = tables
        self.rejected: list[Rejected] = []

    def add(self, table: Table, key: Key, record: Record) -> None:
        self._found[table.name][key] = record

    def get(self, table: Table, key: Key) -> Record | None:
        return self._found[table.name].get(key)

    def reject(self, table: Table, reason: str, record: Any) -> None:
        self.rejected.append(Rejected(table.name, self._location_id, reason, record))

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
            first = found.setdefault((*parent, item_id), item)
            if first is item:
                continue
            if digest(first) != digest(item):  # comparing the two would recurse without a limit
                self.reject(table, f"a different item of the same list has the same {id_field}", item)

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

    def batch(self) -> Batch:
        rows = {table.name: Rows.of(table, self._location_id, self._found[table.name]) for table in self._tables}
        return Batch(rows, self.rejected)


def location_rows(location_id: str, name: str, id_source: str, timezone: str | None) -> Rows:
    """The one row of a configured location."""
    return Rows.of(LOCATIONS, location_id, {(): {"name": name, "id_source": id_source, "timezone": timezone}})


def listed_rows(table: Table, location_id: str, records: Iterable[Any]) -> Batch:
    """Rows of a table that one call lists completely, and of the tables nested in its records."""
    nested = nested_tables(table)
    sorting = _Sorting(location_id, table, *(each for each, _ in nested))
    for record_id, record in _distinct(sorting, table, records):
        sorting.add(table, (record_id,), record)
        for each, where in nested:
            add = {"list": sorting.add_list, "lists by name": sorting.add_lists_by_name}[where.form]
            add(each, (record_id,), value_at(record, where.path))
    return sorting.batch()


def appointment_rows(
    location_id: str,
    records: Iterable[Any],
    privacy: Privacy = KEEP_ALL,
    known: HeldContacts | None = None,
) -> Batch:
    """Rows of `appointments` and `contacts`. An appointment without a contact is blocked-off time.

    `Plain` records have ids that no other record has. A contact is left out if the warehouse is `known` to hold it as
    its JSON text says.
    """
    sorting = _Sorting(location_id, APPOINTMENTS, CONTACTS)
    records = list(records) if privacy.keeps_all else [privacy.appointment(record) for record in records]
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
            plain = Rows.plain(APPOINTMENTS, location_id, record)
            batch.rows[APPOINTMENTS.name] = plain.followed_by(batch.rows[APPOINTMENTS.name])
    return batch


class _Contacts:
    """The contacts embedded in one reply's appointments. The last occurrence of a contact is the newest."""

    def __init__(self, sorting: _Sorting, location_id: str, known: HeldContacts | None) -> None:
        self._sorting = sorting
        self._location_id = location_id
        self._known = known
        self._newest: dict[Key, TextHash | Record | None] = {}
        """By key: the text or the decoded record of the newest occurrence; None if the warehouse holds the same."""
        self._rows = Rows.of(CONTACTS, location_id, {})

    def add_embedded(self, contacts: EmbeddedContacts) -> None:
        entries: dict[TextHash, tuple[Key, TextHash | Record | None]] = {}
        """By text: the contact's key, and its entry for `_newest`."""
        texts = iter(contacts.read_texts)
        for each in contacts.read:
            if isinstance(each, Plain):
                row_texts = list(islice(texts, len(each.ids)))
                rows = Rows.plain(CONTACTS, self._location_id, each, row_texts)
                self._rows = self._rows.followed_by(rows)
                entries.update(zip(row_texts, zip(rows.keys, row_texts, strict=True), strict=True))
            elif found := self._identified(each):
                entries[next(texts)] = found
            else:
                next(texts)
        still_held = self._still_held(contacts)
        for (text, (_, body)), is_held in zip(contacts.skipped.items(), still_held, strict=True):
            if not is_held and (found := self._identified(decode(bytes(body)))):
                entries[text] = found
        # A contact that is held with this text matters only if the reply also has another text for the same contact.
        others = {key for key, _ in entries.values()} | self._newest.keys()
        for (text, (key, _)), is_held in zip(contacts.skipped.items(), still_held, strict=True):
            if is_held and key in others:
                entries[text] = key, None
        self._newest.update(entries[text] for text in contacts.texts if text in entries)

    def _still_held(self, contacts: EmbeddedContacts) -> list[bool]:
        """Whether the warehouse still holds each skipped contact with the same text."""
        skipped = contacts.skipped
        if self._known is None:
            return [False] * len(skipped)
        return self._known.holds(self._location_id, (key for key, _ in skipped.values()), skipped)

    def add(self, contact: Any) -> None:
        if contact is not None and (found := self._identified(contact)):
            self._newest.update([found])

    def _identified(self, contact: Any) -> tuple[Key, Record] | None:
        contact_id = usable_id(contact.get("id")) if isinstance(contact, dict) else None
        if contact_id is not None:
            return (contact_id,), contact
        self._sorting.reject(CONTACTS, "the contact is not a JSON object with a usable id", contact)
        return None

    def sort(self) -> Rows:
        """The rows of plain contacts. Contacts that were decoded one by one go to the sorting."""
        for key, newest in self._newest.items():
            if isinstance(newest, dict):
                self._sorting.add(CONTACTS, key, newest)
        # Two parts of a reply may hold the same text: take the row once.
        rows = enumerate(zip(self._rows.keys, self._rows.texts, strict=True))
        found = {key: position for position, (key, text) in rows if self._newest[key] == text}
        return self._rows.take(list(found.values()))


def custom_field_rows(location_id: str, contacts: Rows) -> Batch:
    """Rows of `contact_custom_fields` for these contacts.

    A contact's digest covers its custom fields, so callers pass only new and changed contacts.
    """
    listed = zip(contacts.keys, contacts.lists, strict=True)
    by_contact = [(key, fields) for key, fields in listed if fields is not None and fields != []]
    plain = _plain_custom_fields(location_id, by_contact)
    if plain is not None:
        return Batch({CONTACT_CUSTOM_FIELDS.name: plain}, [])
    sorting = _Sorting(location_id, CONTACT_CUSTOM_FIELDS)
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


def slot_rows(location_id: str, service_id: str, records: dict[str, list[Any]]) -> Batch:
    """Rows of `slots`, from the free starts that the API lists under each local date."""
    sorting = _Sorting(location_id, SLOTS)
    for slot_date, starts in records.items():
        for start in starts:
            instant = instant_ms(start) if isinstance(start, str) else None
            if instant is None:
                sorting.reject(
                    SLOTS, "the start is not a date and time with an offset", {"date": slot_date, "start": start}
                )
            elif sorting.get(SLOTS, (service_id, instant)) is None:
                sorting.add(SLOTS, (service_id, instant), {"start_time_raw": start, "slot_date": slot_date})
    return sorting.batch()


def _distinct(sorting: _Sorting, table: Table, records: Iterable[Any]) -> list[tuple[str, Record]]:
    """The records by id. Of several with one id the last counts; a different earlier one is rejected."""
    found: dict[str, Record] = {}
    for record in records:
        if not isinstance(record, dict):
            sorting.reject(table, "the record is not a JSON object", record)
            continue
        record_id = usable_id(record.get("id"))
        if record_id is None:
            sorting.reject(table, "the record has no usable id", record)
            continue
        if record_id in found and digest(found[record_id]) != digest(record):
            sorting.reject(table, "another record of the same reply has the same id", found[record_id])
        found[record_id] = record
    return list(found.items())
