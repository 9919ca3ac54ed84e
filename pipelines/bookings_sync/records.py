"""Records: what a reply holds, identified first and made Arrow only where it is new.

Input:  the decoded records of a reply (`api.Reply.records`), and the location they came from.
Output: `Rows`, one per table: each record's key and digest, and, on demand, the Arrow table with every typed column
        (`columns`); plus `Rejected` for what has no usable key. Next room: `diff` compares keys and digests with the
        warehouse's, and only what is new or changed goes through `Rows.arrow()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pendulum
import pyarrow as pa

from bookings_sync.columns import (
    LONGEST_ID,
    Key,
    Record,
    Values,
    column_values,
    digest,
    fit_text,
    instant_ms,
    json_text,
    pick,
    row_digests,
    sources,
    typed,
    values_of,
)
from bookings_sync.plain import Plain
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
    TEAM_MEMBERS,
    TEAMS,
    Column,
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
    """Records of one table and one location: identified by key and digest, not yet converted."""

    table: Table
    location_id: str
    keys: list[Key]
    values: Values
    digests: list[str]

    @classmethod
    def of(cls, table: Table, location_id: str, found: dict[Key, Record]) -> Rows:
        values = values_of(table, found.values())
        return cls(table, location_id, list(found), values, row_digests(location_id, found, values))

    def __len__(self) -> int:
        return len(self.keys)

    def followed_by(self, others: Rows) -> Rows:
        """These and others of the same table and location."""
        values = Values(self.values.rows + others.values.rows, self.values.extras + others.values.extras)
        return Rows(self.table, self.location_id, self.keys + others.keys, values, self.digests + others.digests)

    def take(self, positions: Sequence[int]) -> Rows:
        """The rows at these positions."""
        return Rows(
            self.table,
            self.location_id,
            pick(self.keys, positions),
            self.values.take(positions),
            pick(self.digests, positions),
        )

    def arrow(self) -> pa.Table:
        """Every declared column, typed: shape `len(self)` × `table.schema`. Instants are UTC, in microseconds."""
        if not self.keys:
            return self.table.schema.empty_table()
        extras = list(self.values.extras)
        columns = list(zip(*self.values.rows, strict=True))
        arrays = {each.name: self._array(each, columns, extras) for each in self.table.columns if each.name != "extra"}
        arrays["extra"] = pa.array([json_text(extra) if extra else None for extra in extras], pa.string())
        return pa.Table.from_arrays([arrays[name] for name in self.table.names], schema=self.table.schema)

    def _array(self, column: Column, columns: list[tuple[Any, ...]], extras: list[Record | None]) -> pa.Array:
        if column.name == "location_id":
            return pa.repeat(pa.scalar(self.location_id), len(self))
        if column.name == "row_digest":
            return pa.array(self.digests, pa.string())
        if column.name == "deleted_at":
            return pa.nulls(len(self), column.arrow)
        if column.name in self.table.key:
            position = self.table.key.index(column.name) - 1
            values = [key[position] for key in self.keys]
            if column.type == "timestamp":
                return pa.array(values, pa.timestamp("ms", tz="UTC")).cast(column.arrow)
            return pa.array(values, column.arrow)
        return typed(column, column_values(self.table, column, columns), extras)

    def start_ms(self, position: int) -> int | None:
        """When an appointment starts, epoch milliseconds; None where that cannot be read."""
        return instant_ms(self.raw("startTime", position))

    def raw(self, field: str, position: int) -> Any:
        """A field as the API sent it."""
        return self.values.rows[position][sources(self.table.name)[field]]


@dataclass(slots=True)
class Batch:
    """The rows of one reply, by table, and what was rejected of it; the `texts` that contacts came as."""

    rows: dict[str, Rows]
    rejected: list[Rejected]
    texts: dict[Key, int] = field(default_factory=dict)


class _Sorting:
    """Sorts the records of one reply by table and key: each key once, the rest rejected."""

    def __init__(self, location_id: str, *tables: Table) -> None:
        self._location_id = location_id
        self._found: dict[str, dict[Key, Record]] = {table.name: {} for table in tables}
        self._tables = tables
        self.rejected: list[Rejected] = []

    def add(self, table: Table, key: Key, record: Record) -> None:
        self._found[table.name][key] = record

    def drop(self, table: Table, key: Key) -> None:
        self._found[table.name].pop(key, None)

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
        for item in items:
            item_id = usable_id(item.get(id_field)) if isinstance(item, dict) else None
            if item_id is None:
                self.reject(table, f"no usable {id_field}", item)
                continue
            before = self.get(table, (*owner, item_id))
            if before is None:
                self.add(table, (*owner, item_id), item)
            elif digest(before) != digest(item):  # a comparison would recurse, however deep they are
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
    is_held: Callable[[Key, int], bool] = lambda *_: False,
) -> Batch:
    """`appointments` and `contacts`; an appointment without a contact is blocked-off time.

    Each plain one among the records has an id of its own. A contact is left out whose text, as it came, is known to be
    held: `is_held(key, text)`.
    """
    sorting = _Sorting(location_id, APPOINTMENTS, CONTACTS)
    records = list(records) if privacy.keeps_all else [privacy.appointment(record) for record in records]
    plain = [record for record in records if isinstance(record, Plain)]
    others = _distinct(sorting, APPOINTMENTS, (record for record in records if not isinstance(record, Plain)))
    for record_id, record in others:
        sorting.add(APPOINTMENTS, (record_id,), record)
    stands = {id(record) for _, record in others}
    contacts = _Contacts(sorting, is_held)
    for record in records:
        if isinstance(record, Plain):
            contacts.add_plain(record)
        elif id(record) in stands:
            contacts.add(record.get("contact"))
    batch = sorting.batch()
    batch.texts = contacts.texts
    if plain:
        batch.rows[APPOINTMENTS.name] = _plain_rows(location_id, plain).followed_by(batch.rows[APPOINTMENTS.name])
    return batch


def _plain_rows(location_id: str, plain: Sequence[Plain]) -> Rows:
    keys: list[Key] = [(record.id,) for record in plain]
    values = Values([record.row for record in plain], [record.extra for record in plain])
    return Rows(APPOINTMENTS, location_id, keys, values, row_digests(location_id, keys, values))


class _Contacts:
    """The contacts of one reply's appointments: where one stands in several, the last is the newest."""

    def __init__(self, sorting: _Sorting, is_held: Callable[[Key, int], bool]) -> None:
        self._sorting = sorting
        self._is_held = is_held
        self.texts: dict[Key, int] = {}

    def add_plain(self, record: Plain) -> None:
        key = (record.contact_id,)
        if record.text is not None and self._is_held(key, record.text):
            self._sorting.drop(CONTACTS, key)
        else:
            self.add(record.opened(), record.text)

    def add(self, contact: Any, text: int | None = None) -> None:
        if contact is None:
            return
        contact_id = usable_id(contact.get("id")) if isinstance(contact, dict) else None
        if contact_id is None:
            self._sorting.reject(CONTACTS, "the contact is no JSON object with a usable id", contact)
            return
        key = (contact_id,)
        self._sorting.add(CONTACTS, key, contact)
        if text is None:
            self.texts.pop(key, None)
        else:
            self.texts[key] = text


def custom_field_rows(location_id: str, contacts: Rows) -> Batch:
    """`contact_custom_fields` of these contacts.

    A contact's digest covers its custom fields too, so only new and changed contacts are asked for theirs.
    """
    sorting = _Sorting(location_id, CONTACT_CUSTOM_FIELDS)
    for position, key in enumerate(contacts.keys):
        sorting.children(CONTACT_CUSTOM_FIELDS, key, contacts.raw("customField", position), "id")
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
        return value if asked_for and fit_text(value) is not None else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def rejected_rows(rejected: dict[str, Rejected], at: pendulum.DateTime, run_id: str) -> pa.Table:
    """Rows for the raw table `rejected_records`."""
    rows = [
        {
            "rejection_id": rejection_id,
            "location_id": each.location_id,
            "table_name": each.table,
            "reason": each.reason,
            "record": json_text(each.record),
            "rejected_at": at,
            "run_id": run_id,
        }
        for rejection_id, each in rejected.items()
    ]
    return pa.Table.from_pylist(rows, schema=REJECTED_RECORDS.schema)
