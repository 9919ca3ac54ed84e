"""Records: what a reply holds, identified first and made Arrow only where it is new.

Input:  the decoded records of a reply (`api.Reply.records`), and the location they came from.
Output: `Rows`, one per table: each record's key and digest, and, on demand, the Arrow table with every typed column,
        plus `Rejected` for what does not fit. Next room: `diff` compares keys and digests with the warehouse's, and
        only what is new or changed goes through `Rows.arrow()`.

Two digests are equal exactly where the key and the content are: the order of a record's fields does not count, nor does
a field that is null where another reply leaves it out. A value that does not fit its column's type leaves the column
null and stays, whole, in `extra`; only a record without a usable key is rejected.
"""

from __future__ import annotations

import json
import zoneinfo
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from typing import Any

import orjson
import pendulum
import pyarrow as pa

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
    Column,
    Table,
)

Key = tuple[Any, ...]
"""A record's key without its location: texts, integers, and instants as epoch milliseconds."""

Record = dict[str, Any]

_ZONES = zoneinfo.available_timezones()
_EPOCH_MS_FROM = 100_000_000_000
"""A bare number from here on is epoch milliseconds, below it epoch seconds: 1973 in the one, 5138 in the other."""

_TAKEN: dict[str, frozenset[str]] = {
    "teams": frozenset({"members"}),
    "services": frozenset({"teamMembers", "availability.officeHours"}),
    "appointments": frozenset({"contact"}),
    "contacts": frozenset({"customField"}),
}
"""Fields that become tables of their own, so that `extra` leaves them out."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot stand in its table, and why."""

    table: str
    location_id: str
    reason: str
    record: Any

    @property
    def rejection_id(self) -> str:
        content = [self.location_id, self.table, self.reason, self.record]
        return blake2b(_canonical(content), digest_size=16).hexdigest()


@dataclass(slots=True)
class Rows:
    """Records of one table and one location: identified by key and digest, not yet converted."""

    table: Table
    location_id: str
    keys: list[Key] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, key: Key, record: Record, digest: str | None = None) -> None:
        self.keys.append(key)
        self.records.append(record)
        self.digests.append(digest or row_digest(self.location_id, key, record))

    def take(self, positions: Sequence[int]) -> Rows:
        """The rows at these positions."""
        return Rows(
            self.table,
            self.location_id,
            [self.keys[p] for p in positions],
            [self.digests[p] for p in positions],
            [self.records[p] for p in positions],
        )

    def arrow(self) -> pa.Table:
        """Every declared column, typed: shape `len(self)` × `table.schema`. Instants are UTC, in microseconds."""
        extras: list[Record | None] = [_extra(record, self.table) for record in self.records]
        arrays = [self._column(column, extras) for column in self.table.columns if column.name != "extra"]
        if "extra" in self.table.names:
            texts = [_json_text(extra) if extra else None for extra in extras]
            arrays.insert(self.table.names.index("extra"), pa.array(texts, pa.string()))
        return pa.Table.from_arrays(arrays, schema=self.table.schema)

    def _column(self, column: Column, extras: list[Record | None]) -> pa.Array:
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
        if column.source is None:
            derive = _DERIVED[self.table.name, column.name]
            return pa.array([derive(record) for record in self.records], column.arrow)
        return _typed(column, [_at(record, column.source) for record in self.records], extras)


@dataclass(slots=True)
class Batch:
    """The rows of one reply, by table, and what was rejected of it."""

    rows: dict[str, Rows]
    rejected: list[Rejected]

    @classmethod
    def of(cls, location_id: str, *tables: Table) -> Batch:
        return cls({table.name: Rows(table, location_id) for table in tables}, [])

    def reject(self, table: Table, location_id: str, reason: str, record: Any) -> None:
        self.rejected.append(Rejected(table.name, location_id, reason, record))


# -- from replies to rows ----------------------------------------------------------------------------------------------


def location_rows(location_id: str, name: str, id_source: str, timezone: str | None) -> Rows:
    """The one row of a configured location."""
    rows = Rows(LOCATIONS, location_id)
    rows.add((), {"name": name, "id_source": id_source, "timezone": timezone})
    return rows


def team_rows(location_id: str, records: Iterable[Any]) -> Batch:
    """`teams` and `team_members`. A member who stands twice in a team counts once (api.md, DOC)."""
    batch = Batch.of(location_id, TEAMS, TEAM_MEMBERS)
    for record_id, record in _distinct(batch, TEAMS, location_id, records):
        members = record.get("members")
        content = {name: value for name, value in record.items() if name != "members"}
        batch.rows["teams"].add((record_id,), content)
        _children(batch, TEAM_MEMBERS, location_id, (record_id,), members, "id")
    return batch


def service_rows(location_id: str, records: Iterable[Any]) -> Batch:
    """`services`, `service_members` and `service_hours`."""
    batch = Batch.of(location_id, SERVICES, SERVICE_MEMBERS, SERVICE_HOURS)
    for record_id, record in _distinct(batch, SERVICES, location_id, records):
        content = {name: value for name, value in record.items() if name != "teamMembers"}
        availability = content.get("availability")
        hours: Any = None
        if isinstance(availability, dict):
            hours = availability.get("officeHours")
            content["availability"] = {name: value for name, value in availability.items() if name != "officeHours"}
        batch.rows["services"].add((record_id,), content)
        _children(batch, SERVICE_MEMBERS, location_id, (record_id,), record.get("teamMembers"), "userId")
        _openings(batch, location_id, record_id, hours)
    return batch


def appointment_rows(location_id: str, records: Iterable[Any], privacy: Privacy = KEEP_ALL) -> Batch:
    """`appointments` and `contacts`; an appointment without a contact is blocked-off time."""
    batch = Batch.of(location_id, APPOINTMENTS, CONTACTS)
    seen: dict[str, int] = {}
    if not privacy.keeps_all:
        records = [privacy.appointment(record) for record in records]
    appointments = batch.rows["appointments"]
    for record_id, record in _distinct(batch, APPOINTMENTS, location_id, records):
        contact = record.get("contact")
        if contact is not None:
            if isinstance(contact, dict):
                _add_contact(batch, location_id, contact, seen)
            else:
                batch.reject(CONTACTS, location_id, "the contact is no JSON object", contact)
            record = {name: value for name, value in record.items() if name != "contact"}
        appointments.add((record_id,), record)
    return batch


def slot_rows(location_id: str, service_id: str, records: dict[str, list[Any]]) -> Batch:
    """`slots`, from the free starts listed under each local date."""
    batch = Batch.of(location_id, SLOTS)
    rows = batch.rows["slots"]
    seen: set[int] = set()
    for slot_date, starts in records.items():
        for start in starts:
            instant = instant_ms(start)
            if instant is None:
                batch.reject(SLOTS, location_id, "the slot's start is no instant", {"date": slot_date, "start": start})
            elif instant not in seen:
                seen.add(instant)
                rows.add((service_id, instant), {"start_time_raw": start, "slot_date": slot_date})
    return batch


def _distinct(batch: Batch, table: Table, location_id: str, records: Iterable[Any]) -> list[tuple[str, Record]]:
    """Each record once, by id; the last of several wins, and a differing earlier one is rejected, not lost."""
    found: dict[str, Record] = {}
    for record in records:
        if not isinstance(record, dict):
            batch.reject(table, location_id, "the record is no JSON object", record)
            continue
        record_id = _usable_id(record.get("id"))
        if record_id is None:
            batch.reject(table, location_id, "the record has no usable id", record)
            continue
        if record_id in found and found[record_id] != record:
            batch.reject(table, location_id, "another record of the same reply has the same id", found[record_id])
        found[record_id] = record
    return list(found.items())


def _children(batch: Batch, table: Table, location_id: str, owner: Key, items: Any, id_field: str) -> None:
    if items is None:
        return
    if not isinstance(items, list):
        batch.reject(table, location_id, "not a JSON array", items)
        return
    found: dict[str, Record] = {}
    for item in items:
        item_id = _usable_id(item.get(id_field)) if isinstance(item, dict) else None
        if item_id is None:
            batch.reject(table, location_id, f"no usable {id_field}", item)
        elif item_id in found and found[item_id] != item:
            batch.reject(table, location_id, f"the same {id_field} stands twice, and differs", item)
        else:
            found[item_id] = item
    for item_id, item in found.items():
        batch.rows[table.name].add((*owner, item_id), item)


def _openings(batch: Batch, location_id: str, service_id: str, hours: Any) -> None:
    if hours is None:
        return
    if not isinstance(hours, dict):
        batch.reject(SERVICE_HOURS, location_id, "officeHours is no JSON object", hours)
        return
    for weekday, openings in hours.items():
        if openings is None:
            continue
        if not isinstance(openings, list):
            batch.reject(SERVICE_HOURS, location_id, "a day's openings are no JSON array", {weekday: openings})
            continue
        for position, opening in enumerate(openings):
            if isinstance(opening, dict):
                batch.rows["service_hours"].add((service_id, weekday, position), opening)
            else:
                batch.reject(SERVICE_HOURS, location_id, "an opening is no JSON object", {weekday: opening})


def _add_contact(batch: Batch, location_id: str, contact: Record, seen: dict[str, int]) -> None:
    contact_id = _usable_id(contact.get("id"))
    if contact_id is None:
        batch.reject(CONTACTS, location_id, "the contact has no usable id", contact)
        return
    rows = batch.rows["contacts"]
    if (at := seen.get(contact_id)) is not None:
        if rows.records[at] is not contact and rows.records[at] != contact:
            rows.records[at] = contact
            rows.digests[at] = row_digest(location_id, (contact_id,), contact)
        return
    seen[contact_id] = len(rows)
    rows.add((contact_id,), contact)


def custom_field_rows(location_id: str, contacts: Rows) -> Batch:
    """`contact_custom_fields` of these contacts.

    A contact's digest covers its custom fields too, so only new and changed contacts are asked for theirs.
    """
    batch = Batch.of(location_id, CONTACT_CUSTOM_FIELDS)
    for key, contact in zip(contacts.keys, contacts.records, strict=True):
        _children(batch, CONTACT_CUSTOM_FIELDS, location_id, key, contact.get("customField"), "id")
    return batch


def rejected_rows(rejected: dict[str, Rejected], at: pendulum.DateTime, run_id: str) -> pa.Table:
    """Rows for the raw table `rejected_records`."""
    rows = [
        {
            "rejection_id": rejection_id,
            "location_id": each.location_id,
            "table_name": each.table,
            "reason": each.reason,
            "record": _json_text(each.record),
            "rejected_at": at,
            "run_id": run_id,
        }
        for rejection_id, each in rejected.items()
    ]
    return pa.Table.from_pylist(rows, schema=REJECTED_RECORDS.schema)


# -- digests -----------------------------------------------------------------------------------------------------------


def row_digest(location_id: str, key: Key, record: Record) -> str:
    """128 bits, in hex, over location, key and the record's fields that are not null, in whatever order they came."""
    content = {name: value for name, value in record.items() if value is not None}
    return blake2b(_canonical([location_id, key, content]), digest_size=16).hexdigest()


def tombstone_digest(location_id: str, key: Key, deleted_at: pendulum.DateTime) -> str:
    """The digest of a tombstone: no live version of the record has it."""
    return blake2b(_canonical([location_id, key, "deleted", deleted_at.isoformat()]), digest_size=16).hexdigest()


def _canonical(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except TypeError:  # lone surrogates, or integers beyond 64 bits
        return json.dumps(value, sort_keys=True).encode()


# -- from values to columns --------------------------------------------------------------------------------------------


def _typed(column: Column, values: list[Any], extras: list[Record | None]) -> pa.Array:
    """The values in the column's type. One that does not fit becomes null, and stays in its record's `extra`."""
    if column.type == "json":
        return pa.array([None if value is None else _json_text(value) for value in values], pa.string())
    kind = column.arrow
    try:
        if column.type == "timestamp":
            return pa.array(values, pa.string()).cast(kind)
        if column.type == "bigint" and not all(type(value) is int for value in values if value is not None):
            raise TypeError("Arrow would round")  # noqa: TRY301
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, UnicodeEncodeError, OverflowError):
        return _typed_one_by_one(column, values, extras)


def _typed_one_by_one(column: Column, values: list[Any], extras: list[Record | None]) -> pa.Array:
    fitted: list[Any] = []
    for position, value in enumerate(values):
        fit = None if value is None else _FIT[column.type](value)
        if value is not None and fit is None and not _is_twin(column):
            extras[position] = {**(extras[position] or {}), column.source or column.name: value}
        fitted.append(fit)
    return pa.array(fitted, column.arrow)


def _is_twin(column: Column) -> bool:
    """Whether an instant's raw text keeps the value, so that `extra` need not: the text itself may still not fit."""
    return column.type == "timestamp" and column.name in {"start_time", "end_time"}


def _fit_text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate: no warehouse takes it as text
        return None
    return value


def _fit_integer(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    return number if float(number) == float(value) and -(2**63) <= number < 2**63 else None


def _fit_instant(value: Any) -> pendulum.DateTime | None:
    milliseconds = instant_ms(value)
    return None if milliseconds is None else pendulum.from_timestamp(milliseconds / 1000)


def instant_ms(value: Any) -> int | None:
    """Epoch milliseconds of an ISO 8601 text with an offset, or of a number; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        milliseconds = value if value >= _EPOCH_MS_FROM else value * 1000
        return int(milliseconds) if abs(milliseconds) < 253_402_300_800_000 else None
    if not isinstance(value, str):
        return None
    try:
        text = value.replace("Z", "+00:00")
        instant = pendulum.DateTime.fromisoformat(text)
    except ValueError:
        return None
    if instant.utcoffset() is None:  # a wall clock without its zone is no instant
        return None
    try:
        return int(instant.timestamp() * 1000)
    except (OverflowError, ValueError):
        return None


_FIT: dict[str, Callable[[Any], Any]] = {
    "text": _fit_text,
    "bigint": _fit_integer,
    "double": lambda value: float(value) if isinstance(value, int | float) else None,
    "bool": lambda value: value if isinstance(value, bool) else None,
    "timestamp": _fit_instant,
}


def _usable_id(value: Any) -> str | None:
    """Ids are opaque text (api.md, CODE); a whole number is taken as its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value and _fit_text(value) is not None else None


def _known_zone(record: Record) -> str | None:
    zone = record.get("selectedTimezone")
    return zone if isinstance(zone, str) and zone in _ZONES else None


def _custom_fields_digest(record: Record) -> str | None:
    fields = record.get("customField")
    return blake2b(_canonical(fields), digest_size=16).hexdigest() if fields else None


_DERIVED: dict[tuple[str, str], Callable[[Record], Any]] = {
    ("appointments", "timezone"): _known_zone,
    ("contacts", "custom_fields_digest"): _custom_fields_digest,
    ("locations", "name"): lambda record: record["name"],
    ("locations", "id_source"): lambda record: record["id_source"],
    ("locations", "timezone"): lambda record: record["timezone"],
    ("slots", "start_time_raw"): lambda record: record["start_time_raw"],
    ("slots", "slot_date"): lambda record: record["slot_date"],
}


def _at(record: Record, path: str) -> Any:
    if "." not in path:
        return record.get(path)
    value: Any = record
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


@cache
def _known_fields(table_name: str) -> dict[str, Any]:
    """The fields the typed columns name, as a tree: {"id": None, "calendarConfig": {"slug": None, …}, …}."""
    tree: dict[str, Any] = {}
    paths = [column.source for column in TABLES[table_name].columns if column.source]
    paths += sorted(_TAKEN.get(table_name, ()))
    for path in paths:
        branch = tree
        *parents, leaf = path.split(".")
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch.setdefault(leaf, None)
    return tree


def _extra(record: Record, table: Table) -> Record | None:
    if "extra" not in table.names:
        return None
    return _beyond(record, _known_fields(table.name)) or None


def _beyond(record: Record, known: dict[str, Any]) -> Record:
    beyond: Record = {}
    for name, value in record.items():
        if value is None:
            continue
        if name not in known:
            beyond[name] = value
        elif (branch := known[name]) is not None:
            rest = _beyond(value, branch) if isinstance(value, dict) else value
            if rest:
                beyond[name] = rest
    return beyond


def _json_text(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value)
