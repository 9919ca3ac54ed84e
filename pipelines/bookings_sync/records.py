"""Records: what a reply holds, as typed columns, each row with its key and digest.

Input:  the records of a reply (`api.Reply.records`, `plain`), and the location they came from.
Output: `Rows`, one per table: each record's key and digest, and the Arrow table with every typed column (`columns`);
        plus `Rejected` for what has no usable key. Next room: `diff` compares keys and digests with the warehouse's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import pendulum
import pyarrow as pa

from bookings_sync.api.replies import decode
from bookings_sync.columns import (
    LONGEST_ID,
    Fields,
    Key,
    Record,
    canonical,
    digest,
    fields_of,
    fit_text,
    instant_ms,
    pick,
    row_digests,
    typed_columns,
)
from bookings_sync.ledger import epoch_ms
from bookings_sync.plain import Embedded, KnownContacts, Plain, Text
from bookings_sync.privacy import KEEP_ALL, Privacy
from bookings_sync.tables import (
    APPOINTMENTS,
    CONTACT_CUSTOM_FIELDS,
    CONTACTS,
    LOCATIONS,
    REJECTED_RECORDS,
    SERVICE_HOURS,
    SERVICE_MEMBERS,
    SERVICES,
    SLOTS,
    TABLES,
    TEAM_MEMBERS,
    TEAMS,
    Table,
)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot stand in its table, and why."""

    table: str
    location_id: str
    reason: str
    record: Any

    @property
    def rejection_id(self) -> str:
        return digest([self.location_id, self.table, self.reason, self.record])


@dataclass(slots=True)
class Rows:
    """Records of one table and one location.

    `columns` are those that a record itself fills (`columns.typed_columns`), instants in UTC, in microseconds. Of
    contacts, `lists` are what they list as their custom fields, which become rows of their own, and `texts` what they
    came as, where that is known; of others, nothing.
    """

    table: Table
    location_id: str
    keys: list[Key]
    digests: list[str]
    columns: pa.Table
    lists: list[Any]
    texts: list[Text | None]

    @classmethod
    def of(cls, table: Table, location_id: str, found: dict[Key, Record]) -> Rows:
        """Decoded records, by their keys."""
        if not found:
            return cls(table, location_id, [], [], _no_columns(table.name), [], [])
        keys = list(found)
        arrays = {
            name: _key_array(table.schema.field(name).type, [key[position] for key in keys])
            for position, name in enumerate(table.key[1:])
        }
        return cls._typed(table, location_id, keys, arrays, fields_of(table, found.values()))

    @classmethod
    def plain(cls, table: Table, location_id: str, records: Plain, texts: Sequence[Text] = ()) -> Rows:
        """Plain records, which have ids of their own; contacts with what they came as."""
        keys: list[Key] = list(zip(records.ids))
        arrays = {"id": records.fields.values["id"]}
        return cls._typed(table, location_id, keys, arrays, records.fields, texts)

    @classmethod
    def _typed(
        cls,
        table: Table,
        location_id: str,
        keys: list[Key],
        arrays: dict[str, pa.Array],
        fields: Fields,
        texts: Sequence[Text] = (),
    ) -> Rows:
        columns = typed_columns(table, arrays, fields)
        lists, of_contacts = list[Any](), list[Text | None](texts)
        if table is CONTACTS:
            lists = list(fields.values["customField"])
            of_contacts = of_contacts or [None] * len(keys)
        return cls(table, location_id, keys, row_digests(location_id, columns), columns, lists, of_contacts)

    def __len__(self) -> int:
        return len(self.keys)

    def followed_by(self, others: Rows) -> Rows:
        """These and others of the same table and location."""
        if not len(self) or not len(others):
            return self if len(self) else others
        return Rows(
            self.table,
            self.location_id,
            self.keys + others.keys,
            self.digests + others.digests,
            pa.concat_tables([self.columns, others.columns]),
            self.lists + others.lists,
            self.texts + others.texts,
        )

    def take(self, positions: Sequence[int]) -> Rows:
        """The rows at these positions, which stand in order."""
        if len(positions) == len(self):
            return self
        return Rows(
            self.table,
            self.location_id,
            pick(self.keys, positions),
            pick(self.digests, positions),
            self.columns.take(pa.array(positions, pa.int64())) if positions else self.columns.slice(0, 0),
            pick(self.lists, positions) if self.lists else [],
            pick(self.texts, positions) if self.texts else [],
        )

    def arrow(self) -> pa.Table:
        """Every declared column: shape `len(self)` × `table.schema`."""
        columns: dict[str, pa.Array] = dict(zip(self.columns.column_names, self.columns.columns, strict=True))
        columns["location_id"] = pa.repeat(pa.scalar(self.location_id), len(self))
        columns["row_digest"] = pa.array(self.digests, pa.string())
        columns["deleted_at"] = pa.nulls(len(self), pa.timestamp("us", tz="UTC"))
        return pa.Table.from_arrays([columns[name] for name in self.table.names], schema=self.table.schema)

    def starts_ms(self) -> list[int | None]:
        """When each appointment starts, epoch milliseconds, rounded down; None where that cannot be read."""
        if self.table is not APPOINTMENTS:
            return [None] * len(self)
        return epoch_ms(self.columns["start_time"])


@cache
def _no_columns(table_name: str) -> pa.Table:
    table = TABLES[table_name]
    return table.schema.empty_table().drop_columns(
        [name for name in table.names if name in {"location_id", "row_digest", "deleted_at"}]
    )


def _key_array(type_: pa.DataType, values: list[Any]) -> pa.Array:
    if pa.types.is_timestamp(type_):
        return pa.array([1000 * ms for ms in values], type_)
    return pa.array(values, type_)


@dataclass(slots=True)
class Batch:
    """The rows of one reply, by table, and what was rejected of it."""

    rows: dict[str, Rows]
    rejected: list[Rejected]


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
    sorting = _Sorting(location_id, CONTACT_CUSTOM_FIELDS)
    for key, fields in zip(contacts.keys, contacts.lists, strict=True):
        if fields != []:
            sorting.children(CONTACT_CUSTOM_FIELDS, key, fields, "id")
    return sorting.batch()


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


def usable_id(value: Any) -> str | None:
    """Ids are opaque text (api.md, CODE); a whole number is taken as its digits. What cannot stand in an address, so
    that the record could never be asked for, is no id."""
    if isinstance(value, str):
        asked_for = 0 < len(value) <= LONGEST_ID and value not in {".", ".."}
        return value if asked_for and (value.isascii() or fit_text(value) is not None) else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def rejected_rows(rejected: dict[str, Rejected], at: pendulum.DateTime, run_id: str) -> pa.Table:
    """Rows for the raw table `rejected_records`."""
    rows = [
        {
            "rejection_id": rejection_id,
            "location_id": each.location_id,
            "table_name": each.table,
            "reason": each.reason,
            "record": canonical(each.record).decode(),
            "rejected_at": at,
            "run_id": run_id,
        }
        for rejection_id, each in rejected.items()
    ]
    return pa.Table.from_pylist(rows, schema=REJECTED_RECORDS.schema)
