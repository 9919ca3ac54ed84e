"""Privacy: keeps, hashes or drops personal fields before any other code sees a record.

Input:  records as the API sent them, and the rule of each personal field (settings `pii`, `pii_keep`, `pii_hash`,
        `pii_drop`).
Output: the same records without the values that must not be written. Digests, `extra`, the history and the rejected
        records are made from this output, so none of them can hold a dropped value.

A hash is `hmac:` and 128 bits in hex of HMAC-SHA-256 under the secret `pii_key`. Equal values have equal hashes, so
hashed columns still join. Without the key, guesses cannot be tested. E-mail addresses are hashed in lower case. Ids are
keys and never personal fields.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bookings_sync.config.privacy import FIELDS, PersonalField, Rule
from bookings_sync.config.settings import Settings
from bookings_sync.records.columns import known_fields
from bookings_sync.records.tables import APPOINTMENTS, CONTACT_CUSTOM_FIELDS, CONTACTS, Table, nested_tables

_MAX_DEPTH = 100
"""Levels of nesting. Deeper values are dropped, because following them could overflow the stack."""


def _personal_fields(table: Table) -> dict[str, PersonalField]:
    """The fields of the API's record that have a rule of their own."""
    columns = {column.source: column.personal for column in table.columns if column.source and column.personal}
    return columns | {nested.path: nested.personal for _, nested in nested_tables(table) if nested.personal}


_APPOINTMENT, _CONTACT = _personal_fields(APPOINTMENTS), _personal_fields(CONTACTS)
_CUSTOM_FIELDS = CONTACT_CUSTOM_FIELDS.nested.path if CONTACT_CUSTOM_FIELDS.nested else ""


@dataclass(frozen=True, slots=True)
class Privacy:
    """The rule of each field of `FIELDS`, the key of the hashes (empty if no field is hashed), and the fields that are
    ignored: no code sees them, and no table holds them."""

    rules: Mapping[str, Rule]
    key: bytes = b""
    ignored: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> Privacy:
        return cls(settings.pii_rules, settings.pii_key.encode(), settings.ignored_fields)

    @property
    def keeps_all(self) -> bool:
        return not self.ignored and self._hides_nothing

    @property
    def _hides_nothing(self) -> bool:
        return all(rule == "keep" for rule in self.rules.values())

    def without_ignored(self, table: str, record: Any) -> Any:
        """The record without the fields of this table that the setting `ignored_fields` names."""
        for each in self.ignored:
            name, *path = each.split(".")
            if name == table:
                record = _without(record, path)
        return record

    @property
    def fingerprint(self) -> str:
        """Identifies the rules and the key, without revealing the key."""
        rules = ",".join(f"{name}={self.rules[name]}" for name in FIELDS)
        return hmac.new(self.key, rules.encode(), "sha256").hexdigest()[:32]

    @property
    def fingerprint_of_key(self) -> str:
        """Identifies the key of the hashes, without revealing it."""
        return hmac.new(self.key, b"key", "sha256").hexdigest()[:32]

    def appointment(self, record: Any) -> Any:
        """An appointment and its embedded contact, under the rules."""
        if self.keeps_all:
            return record
        record = self.without_ignored(APPOINTMENTS.name, record)
        if not isinstance(record, dict):
            return self._under_rule(record, "other")
        cleared = self._cleared(record, APPOINTMENTS, _APPOINTMENT)
        if "contact" in cleared:
            cleared["contact"] = self.contact(cleared["contact"])
            if cleared["contact"] is None:
                del cleared["contact"]
        return cleared

    def contact(self, record: Any) -> Any:
        """A contact, as an appointment embeds it, under the rules."""
        if self.keeps_all or record is None:
            return record
        record = self.without_ignored(CONTACTS.name, record)
        if not isinstance(record, dict):
            return self._under_rule(record, "other")
        return self._cleared(record, CONTACTS, _CONTACT)

    def _cleared(self, record: dict[str, Any], table: Table, personal: Mapping[str, PersonalField]) -> dict[str, Any]:
        """The record under the rules. A field that no column holds is under the rule `other`."""
        known = known_fields(table.name)
        cleared: dict[str, Any] = {}
        for name, value in record.items():
            field = personal.get(name) if name in known else "other"
            kept = value if field is None or value is None else self._under_rule(value, field, name)
            if kept is not None or (value is None and name in known):
                cleared[name] = kept
        return cleared

    def _under_rule(self, value: Any, field: PersonalField, name: str = "") -> Any:
        rule = self.rules[field]
        if rule == "keep":
            return value
        if rule == "drop":
            return None
        if name == _CUSTOM_FIELDS:
            return self._custom_fields(value)
        return self._hashed(value, str.lower if field == "email" else str)

    def _custom_fields(self, fields: Any) -> Any:
        """Custom fields with hashed values. Their ids stay, so that the fields still join."""
        if not isinstance(fields, list):
            return self._hashed(fields)
        return [
            {name: value if name == "id" else self._hashed(value) for name, value in field.items()}
            if isinstance(field, dict)
            else self._hashed(field)
            for field in fields
        ]

    def _hashed(self, value: Any, normalized: Callable[[str], str] = str, level: int = 0) -> Any:
        """The value with each text and number hashed. Lists, objects, field names, booleans and nulls stay."""
        if value is None or isinstance(value, bool) or level > _MAX_DEPTH:
            return value if isinstance(value, bool) else None
        if isinstance(value, list):
            return [self._hashed(each, normalized, level + 1) for each in value]
        if isinstance(value, dict):
            return {name: self._hashed(each, normalized, level + 1) for name, each in value.items()}
        text = normalized(str(value)).encode("utf-8", "surrogatepass")
        return "hmac:" + hmac.new(self.key, text, "sha256").hexdigest()[:32]


def _without(value: Any, path: Sequence[str]) -> Any:
    """The value without the field at this path, also in each item of a list."""
    if isinstance(value, list):
        return [_without(each, path) for each in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    if len(path) == 1:
        return {name: each for name, each in value.items() if name != path[0]}
    return {**value, path[0]: _without(value[path[0]], path[1:])}


KEEP_ALL = Privacy(dict.fromkeys(FIELDS, "keep"))
