"""Records: what a reply holds, as typed columns, each row with its key and digest.

Input:  the records of a reply (`api.Reply.records`, `plain`), and the location they came from.
Output: `Rows`, one per table: each record's key and digest, and the Arrow table with every typed column (`columns`);
        plus `Rejected` for what has no usable key. Next room: `diff` compares keys and digests with the warehouse's.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from bookings_sync.records.columns import Fields, Key, Record, known_fields, sources
from bookings_sync.records.fast_path import Embedded, KnownContacts, Plain, Text
from bookings_sync.records.json_text import decode
from bookings_sync.records.privacy import KEEP_ALL, Privacy
from bookings_sync.records.rows import Batch, Rejected, Rows
from bookings_sync.records.tables import (
    APPOINTMENTS,
    CONTACT_CUSTOM_FIELDS,
    CONTACTS,
    LOCATIONS,
    SERVICE_HOURS,
    SERVICE_MEMBERS,
    SERVICES,
    SLOTS,
    TEAM_MEMBERS,
    TEAMS,
    Table,
)
from bookings_sync.records.values import digest, instant_ms, usable_id


class _Sorting:
    """Sorts the records of one reply by table and key: each key once, the rest rejected."""

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

    def children(self, table: Table, owner: Key, items: Any, id_field: str) -> None:
        """The items of a list inside a record. One that stands twice counts once."""
        if items is None:
            return
        if not isinstance(items, list):
            self.reject(table, "not a JSON array", items)
            return
        found = self._found[table.name]
        for item in items:
            item_id = usable_id(item.get(id_field)) if isinstance(item, dict) else None
            if item_id is None:
                self.reject(table, f"no usable {id_field}", item)
                continue
            before = found.setdefault((*owner, item_id), item)
            if before is item:
                continue
            if digest(before) != digest(item):  # a comparison would recurse, however deep they are
                self.reject(table, f"the same {id_field} stands twice, and differs", item)

    def batch(self) -> Batch:
        rows = {table.name: Rows.of(table, self._location_id, self._found[table.name]) for table in self._tables}
        return Batch(rows, self.rejected)


def location_rows(location_id: str, name: str, id_source: str, timezone: str | None) -> Rows:
    """The one row of a configured location."""
    return Rows.of(LOCATIONS, location_id, {(): {"name": name, "id_source": id_source, "timezone": timezone}})


def team_rows(location_id: str, records: Iterable[Any]) -> Batch:
    """`teams` and `team_members`. A member who stands twice in a team counts once (api.md, DOC)."""
    sorting = _Sorting(location_id, TEAMS, TEAM_MEMBERS)
    for record_id, record in _distinct(sorting, TEAMS, records):
        sorting.add(TEAMS, (record_id,), record)
        sorting.children(TEAM_MEMBERS, (record_id,), record.get("members"), "id")
    return sorting.batch()


def service_rows(location_id: str, records: Iterable[Any]) -> Batch:
    """`services`, `service_members` and `service_hours`."""
    sorting = _Sorting(location_id, SERVICES, SERVICE_MEMBERS, SERVICE_HOURS)
    for record_id, record in _distinct(sorting, SERVICES, records):
        sorting.add(SERVICES, (record_id,), record)
        sorting.children(SERVICE_MEMBERS, (record_id,), record.get("teamMembers"), "userId")
        availability = record.get("availability")
        if isinstance(availability, dict):
            _openings(sorting, record_id, availability.get("officeHours"))
    return sorting.batch()


def appointment_rows(
    location_id: str,
    records: Iterable[Any],
    privacy: Privacy = KEEP_ALL,
    known: KnownContacts | None = None,
) -> Batch:
    """`appointments` and `contacts`; an appointment without a contact is blocked-off time.

    Each plain one among the records has an id of its own. A contact is left out whose text, as it came, is known to say
    what is held.
    """
    sorting = _Sorting(location_id, APPOINTMENTS, CONTACTS)
    records = list(records) if privacy.keeps_all else [privacy.appointment(record) for record in records]
    others = _distinct(sorting, APPOINTMENTS, (record for record in records if not isinstance(record, Plain)))
    for record_id, record in others:
        sorting.add(APPOINTMENTS, (record_id,), record)
    stands = {id(record) for _, record in others}
    contacts = _Contacts(sorting, location_id, known)
    for record in records:
        if isinstance(record, Plain) and record.contacts:
            contacts.add_embedded(record.contacts)
        elif id(record) in stands:
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
    """The contacts of one reply's appointments: where one stands in several, the last is the newest."""

    def __init__(self, sorting: _Sorting, location_id: str, known: KnownContacts | None) -> None:
        self._sorting = sorting
        self._location_id = location_id
        self._known = known
        self._newest: dict[Key, Text | Record | None] = {}
        """By key: what it came as, or the record; None for what is held just so."""
        self._rows = Rows.of(CONTACTS, location_id, {})

    def add_embedded(self, contacts: Embedded) -> None:
        says: dict[Text, tuple[Key, Text | Record | None]] = {}
        """Of each text, whose it is, and what stands for it in `_newest`."""
        texts = iter(contacts.opened_texts)
        for each in contacts.opened:
            if isinstance(each, Plain):
                of_rows = list(islice(texts, len(each.ids)))
                rows = Rows.plain(CONTACTS, self._location_id, each, of_rows)
                self._rows = self._rows.followed_by(rows)
                says.update(zip(of_rows, zip(rows.keys, of_rows, strict=True), strict=True))
            elif found := self._identified(each):
                says[next(texts)] = found
            else:
                next(texts)
        still_held = self._still_held(contacts)
        for (text, (_, body)), is_held in zip(contacts.left.items(), still_held, strict=True):
            if not is_held and (found := self._identified(decode(bytes(body)))):
                says[text] = found
        # One that is held as it stands here matters where another text of this reply says otherwise.
        others = {key for key, _ in says.values()} | self._newest.keys()
        for (text, (key, _)), is_held in zip(contacts.left.items(), still_held, strict=True):
            if is_held and key in others:
                says[text] = key, None
        self._newest.update(says[text] for text in contacts.texts if text in says)

    def _still_held(self, contacts: Embedded) -> list[bool]:
        """Of those that were left, whether they are held as they were when they were read."""
        left = contacts.left
        if self._known is None or self._known.changes == contacts.as_of:
            return [self._known is not None] * len(left)
        return self._known.are_held(self._location_id, (key for key, _ in left.values()), left)

    def add(self, contact: Any) -> None:
        if contact is not None and (found := self._identified(contact)):
            self._newest.update([found])

    def _identified(self, contact: Any) -> tuple[Key, Record] | None:
        contact_id = usable_id(contact.get("id")) if isinstance(contact, dict) else None
        if contact_id is not None:
            return (contact_id,), contact
        self._sorting.reject(CONTACTS, "the contact is no JSON object with a usable id", contact)
        return None

    def sort(self) -> Rows:
        """The plain ones among the newest; the others are left to be sorted."""
        for key, newest in self._newest.items():
            if isinstance(newest, dict):
                self._sorting.add(CONTACTS, key, newest)
        # Two texts of one contact may be one for both of its parts.
        rows = enumerate(zip(self._rows.keys, self._rows.texts, strict=True))
        found = {key: position for position, (key, text) in rows if self._newest[key] == text}
        return self._rows.take(list(found.values()))


def custom_field_rows(location_id: str, contacts: Rows) -> Batch:
    """`contact_custom_fields` of these contacts.

    A contact's digest covers its custom fields too, so only new and changed contacts are asked for theirs.
    """
    listed = zip(contacts.keys, contacts.lists, strict=True)
    of_contacts = [(key, fields) for key, fields in listed if fields is not None and fields != []]
    plain = _plain_custom_fields(location_id, of_contacts)
    if plain is not None:
        return Batch({CONTACT_CUSTOM_FIELDS.name: plain}, [])
    sorting = _Sorting(location_id, CONTACT_CUSTOM_FIELDS)
    for key, fields in of_contacts:
        sorting.children(CONTACT_CUSTOM_FIELDS, key, fields, "id")
    return sorting.batch()


def _plain_custom_fields(location_id: str, of_contacts: list[tuple[Key, Any]]) -> Rows | None:
    """The same, where each is of just the fields that columns name, with its id once in its contact's list."""
    if not all(isinstance(fields, list) for _, fields in of_contacts):
        return None
    items = [item for _, fields in of_contacts for item in fields]
    named = known_fields(CONTACT_CUSTOM_FIELDS.name).keys()
    if not all(isinstance(item, dict) and item.keys() == named for item in items):
        return None
    ids = [item["id"] for item in items]
    if not all(isinstance(each, str) and usable_id(each) for each in ids):
        return None
    keys: list[Key] = [(contact_id, item["id"]) for (contact_id,), fields in of_contacts for item in fields]
    if not keys or len(set(keys)) < len(keys):
        return None
    values = {name: [item[name] for item in items] for name in sources(CONTACT_CUSTOM_FIELDS.name)}
    return Rows.keyed(CONTACT_CUSTOM_FIELDS, location_id, keys, Fields(values, [None] * len(keys)))


def slot_rows(location_id: str, service_id: str, records: dict[str, list[Any]]) -> Batch:
    """`slots`, from the free starts listed under each local date."""
    sorting = _Sorting(location_id, SLOTS)
    for slot_date, starts in records.items():
        for start in starts:
            instant = instant_ms(start) if isinstance(start, str) else None
            if instant is None:
                sorting.reject(SLOTS, "the slot's start is no instant", {"date": slot_date, "start": start})
            elif sorting.get(SLOTS, (service_id, instant)) is None:
                sorting.add(SLOTS, (service_id, instant), {"start_time_raw": start, "slot_date": slot_date})
    return sorting.batch()


def _distinct(sorting: _Sorting, table: Table, records: Iterable[Any]) -> list[tuple[str, Record]]:
    """Each record once, by id; the last of several wins, and a differing earlier one is rejected, not lost."""
    found: dict[str, Record] = {}
    for record in records:
        if not isinstance(record, dict):
            sorting.reject(table, "the record is no JSON object", record)
            continue
        record_id = usable_id(record.get("id"))
        if record_id is None:
            sorting.reject(table, "the record has no usable id", record)
            continue
        if record_id in found and digest(found[record_id]) != digest(record):
            sorting.reject(table, "another record of the same reply has the same id", found[record_id])
        found[record_id] = record
    return list(found.items())


def _openings(sorting: _Sorting, service_id: str, hours: Any) -> None:
    if hours is None:
        return
    if not isinstance(hours, dict):
        sorting.reject(SERVICE_HOURS, "officeHours is no JSON object", hours)
        return
    for weekday, openings in hours.items():
        if openings is None:
            continue
        if usable_id(weekday) is None:
            sorting.reject(SERVICE_HOURS, "a day's name is no usable text", {weekday: openings})
        elif not isinstance(openings, list):
            sorting.reject(SERVICE_HOURS, "a day's openings are no JSON array", {weekday: openings})
        else:
            for position, opening in enumerate(openings):
                if isinstance(opening, dict):
                    sorting.add(SERVICE_HOURS, (service_id, weekday, position), opening)
                else:
                    sorting.reject(SERVICE_HOURS, "an opening is no JSON object", {weekday: opening})
