"""Stored rows: what the present rules leave of a row that was loaded under others, and of an erased contact's row.

Input:  rows of the raw tables, by column.
Output: the columns that change, with their new values: those that `decoding` would give to the same record now. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bookings_sync.records.erased import Erased, Identifier, normalized
from bookings_sync.records.personal_fields import personal_field
from bookings_sync.records.privacy import Privacy
from bookings_sync.records.schema import Column
from bookings_sync.records.tables import APPOINTMENTS, CONTACT_CUSTOM_FIELDS, CONTACTS, SLOTS, TABLES, Table
from bookings_sync.records.values import canonical

_OTHER_ID = "otherContactId"
"""A field of `extra` that `decoding` adds: an id, which stays."""

Row = Mapping[str, Any]


class Changed(NamedTuple):
    """New values of a row, by column."""

    row_ref: str
    values: dict[str, Any]


@dataclass
class RulesForRows:
    """The present rules for rows of the history. `unruly_contacts` are (location, contact) pairs whose current custom
    fields were loaded under other rules."""

    privacy: Privacy
    unruly_contacts: Collection[tuple[str, str]] = field(default_factory=set)

    def of(self, table: Table, row: Row) -> dict[str, Any]:
        """The columns that change, with their new values."""
        changed: dict[str, Any] = {}
        for column in table.columns:
            value = row.get(column.name)
            if value is None:
                continue
            new = self._value(table, column, value)
            if new != value:
                changed[column.name] = new
        if table is CONTACTS and row["custom_fields_digest"] is not None and self._has_old_digest(row, changed):
            changed["custom_fields_digest"] = None
        return changed

    def _has_old_digest(self, row: Row, changed: Row) -> bool:
        """Whether the digest may be that of clear values. Digests of hashed and of clear values look alike."""
        if self.privacy.rules["custom_fields"] == "keep":
            return False
        if self.privacy.rules["custom_fields"] == "drop" or changed:
            return True
        return (row["location_id"], row["id"]) in self.unruly_contacts

    def _value(self, table: Table, column: Column, value: Any) -> Any:
        if column.name == "extra":
            return self._extra(table, value)
        if column.name in table.key or column.derived:
            return value
        if table is CONTACT_CUSTOM_FIELDS and column.name == "value":
            return _as_json(self.privacy.items([{"value": json.loads(value)}]), lambda items: items[0]["value"])
        if column.source is None:
            return value
        if column.type == "json":
            return _as_json(self.privacy.field(table, column.source, json.loads(value)))
        if column.type == "timestamp":
            personal = personal_field(table, column)
            return value if personal is None or self.privacy.rules[personal] == "keep" else None
        return self.privacy.field(table, column.source, value) if column.type == "text" else value

    def _extra(self, table: Table, text: str) -> str | None:
        extra = json.loads(text)
        paths = {column.source for column in table.columns if column.source and "." in column.source}
        apart = {name: extra.pop(name) for name in [*extra] if name in paths or name == _OTHER_ID}
        kept = self.privacy.record(table, extra)
        for name, value in apart.items():
            if name == _OTHER_ID:
                kept[name] = value
            elif (left := self.privacy.field(table, name, value)) is not None:
                kept[name] = left
        return _as_json(_without_empty_objects(kept) or None)

    def rejected(self, table_name: str, _location_id: str, record: Any) -> Any:
        """What stays of a rejected record; None for nothing."""
        table = TABLES[table_name]
        if table is SLOTS and isinstance(record, dict):
            return {**record, "start": self.privacy.slots(record.get("start"))}
        if table is CONTACT_CUSTOM_FIELDS:
            items = self.privacy.items([record])
            return items[0] if items else None
        return self.privacy.record(table, record)


class ErasedRows:
    """Rows without the erased contacts. `contacts` are (location, contact) pairs with the addresses of each."""

    def __init__(
        self, privacy: Privacy, erased: Erased, contacts: Mapping[tuple[str, str], Collection[tuple[Identifier, str]]]
    ) -> None:
        self._erased = erased
        self._contacts = contacts
        self._privacy = Privacy(privacy.rules, privacy.key, erased=erased)
        self._dropping = RulesForRows(self._privacy.dropping_contacts)
        self._ids = {contact_id for _, contact_id in contacts}
        self._texts = self._ids | {
            normalized(*each) if each[0] == "email" else each[1] for several in contacts.values() for each in several
        }

    def of(self, table: Table, row: Row) -> dict[str, Any]:
        """The columns that change, with their new values."""
        if table is CONTACTS and (row["location_id"], row["id"]) in self._contacts:
            names = [column.name for column in table.columns if column.name not in table.key]
            kept = ("deleted_at", "unchanged_since", "row_digest")
            nulls = {name: None for name in names if row.get(name) is not None and name not in kept}
            return {**nulls, "id": self._erased.pseudonym(row["location_id"], row["id"])}
        if table is not APPOINTMENTS:
            return {}
        if (row["location_id"], row["contact_id"]) in self._contacts:
            changed = self._dropping.of(table, row)
            for name in ("selected_timezone", "timezone"):
                if row.get(name) is not None:
                    changed[name] = None
            extra = json.loads(changed.get("extra", row.get("extra")) or "{}")
            if extra.pop(_OTHER_ID, None) is not None:
                changed["extra"] = _as_json(extra or None)
            return {**changed, "contact_id": self._erased.pseudonym(row["location_id"], row["contact_id"])}
        return self._without_mention(row)

    def _without_mention(self, row: Row) -> dict[str, Any]:
        extra = json.loads(row["extra"]) if row.get("extra") else {}
        other = extra.pop(_OTHER_ID, None)
        if other is None or (row["location_id"], str(other)) not in self._contacts:
            return {}
        return {"extra": _as_json(extra or None)}

    def rejected(self, table_name: str, location_id: str, record: Any) -> Any:
        """What stays of a rejected record; None for nothing. A custom field does not name its contact, so it goes."""
        if location_id not in {each for each, _ in self._contacts}:
            return record
        if table_name == CONTACT_CUSTOM_FIELDS.name:
            return None
        if table_name == APPOINTMENTS.name:
            record = self._privacy.appointment(record, location_id)
        text = canonical(record).decode().lower()
        return None if any(json.dumps(each)[1:-1].lower() in text for each in self._texts if len(each) > 3) else record


def _without_empty_objects(record: dict[str, Any]) -> dict[str, Any]:
    """The record without objects of which nothing is left."""
    kept = {name: _without_empty_objects(value) if isinstance(value, dict) else value for name, value in record.items()}
    return {name: value for name, value in kept.items() if value != {}}


def _as_json(value: Any, inner: Any = None) -> str | None:
    """The canonical text of a value; None for None."""
    if value is None:
        return None
    value = inner(value) if inner else value
    return None if value is None else canonical(value).decode()
