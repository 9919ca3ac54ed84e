"""Privacy: keeps, hashes or drops personal fields before any other code sees a record.

Input:  records as the API sent them; the rule of each personal field (settings `pii`, `pii_members`, `pii_keep`,
        `pii_hash`, `pii_drop`); the contacts that were erased on request.
Output: the same records without the values that must not be written. Digests, `extra`, the history and the rejected
        records are made from this output, so none of them can hold a dropped value.

A hash is `hmac:` and 128 bits in hex of HMAC-SHA-256 under the secret `pii_key`. Equal values have equal hashes, so
hashed columns still join. Without the key, guesses cannot be tested. E-mail addresses are hashed in lower case. Dates
have no hash: they are dropped. Ids are keys and never personal fields, except email addresses in `calendar_ids`.

A field that no column holds, and a value of a type that its column does not have, are under the rule `other`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bookings_sync.config.privacy import CONTACT_FIELDS, FIELDS, FIELDS_0_2, ONLY_ADDRESSES, PersonalField, Rule
from bookings_sync.config.settings import Settings
from bookings_sync.records.erased import NOBODY, Erased
from bookings_sync.records.personal_fields import Inside, Leaf, Tree, known_fields, other_field
from bookings_sync.records.tables import APPOINTMENTS, CONTACTS, Table, nested_tables
from bookings_sync.records.values import usable_id

_MAX_DEPTH = 100
"""Levels of nesting. Deeper values are dropped, because following them could overflow the stack."""

_HASH = re.compile(r"hmac:[0-9a-f]{32}")

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,40}|hmac:[0-9a-f]{32}")
"""Names of unknown fields that a hash leaves as they are. Other names are data: addresses, numbers, sentences."""

_WEEKDAYS = frozenset({"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"})


@dataclass(frozen=True, slots=True)
class Privacy:
    """The rule of each field of `FIELDS`, the key of the hashes (empty if no field is hashed), and the fields that are
    ignored: no code sees them, and no table holds them. `erased` are the contacts without any personal field."""

    rules: Mapping[PersonalField, Rule]
    key: bytes = b""
    ignored: tuple[str, ...] = ()
    erased: Erased = NOBODY

    @classmethod
    def of(cls, settings: Settings, erased: Erased = NOBODY) -> Privacy:
        return cls(settings.pii_rules, settings.pii_key.encode(), settings.ignored_fields, erased)

    @property
    def keeps_all(self) -> bool:
        return self.keeps_all_of_most and not self.erased

    @property
    def keeps_all_of_most(self) -> bool:
        """Whether it changes only the records of erased contacts."""
        return not self.ignored and self.hides_nothing

    @property
    def hides_nothing(self) -> bool:
        return all(rule == "keep" for rule in self.rules.values())

    @property
    def fingerprint(self) -> str:
        """Identifies the rules and the key, without revealing the key."""
        return self._fingerprint_of(FIELDS)

    @property
    def fingerprint_0_2(self) -> str:
        """The same as versions before 0.3 computed it."""
        return self._fingerprint_of(FIELDS_0_2)

    def _fingerprint_of(self, fields: Sequence[PersonalField]) -> str:
        rules = ",".join(f"{name}={self.rules[name]}" for name in fields)
        return hmac.new(self.key, rules.encode(), "sha256").hexdigest()[:32]

    @property
    def fingerprint_of_key(self) -> str:
        """Identifies the key of the hashes, without revealing it."""
        return hmac.new(self.key, b"key", "sha256").hexdigest()[:32]

    # -- records -------------------------------------------------------------------------------------------------------

    def appointment(self, record: Any, location_id: str = "") -> Any:
        """An appointment and its embedded contact, under the rules."""
        if self.keeps_all:
            return record
        return self.record(APPOINTMENTS, self._without_erased(record, location_id))

    def contact(self, record: Any) -> Any:
        """A contact, as an appointment embeds it, under the rules."""
        return record if record is None else self.record(CONTACTS, record)

    def record(self, table: Table, record: Any) -> Any:
        """A record of the table, or a value in its place, under the rules. None if nothing may be written of it."""
        if self.keeps_all_of_most:
            return record
        record = self._without_ignored(table.name, record)
        if self.hides_nothing and not self._ignored_inside(table):
            return record
        return self._cleared(record, table)

    def slots(self, value: Any) -> Any:
        """What came in the place of a slot, under the rules."""
        return value if self.hides_nothing else self._under_rule(value, "other")

    def field(self, table: Table, path: str, value: Any) -> Any:
        """The value of the field at this dotted path, under the rules. None if nothing may be written of it."""
        field: Any = known_fields(table.name)
        for name in path.split("."):
            field = field[name]
        return value if self.hides_nothing else self._known(value, field, other_field(table))

    def items(self, items: list[Any]) -> list[Any] | None:
        """Custom fields under the rules."""
        kept: list[Any] | None = self._under_rule(items, "custom_fields", items=True)
        return kept

    @property
    def dropping_contacts(self) -> Privacy:
        """The same rules, but every field of contacts is dropped."""
        contact_fields: dict[PersonalField, Rule] = dict.fromkeys(CONTACT_FIELDS, "drop")
        return replace(self, rules={**self.rules, **contact_fields}, erased=NOBODY)

    def _ignored_inside(self, table: Table) -> bool:
        names = {nested.name for nested, _ in nested_tables(table)}
        return any(each.partition(".")[0] in names for each in self.ignored)

    def _without_ignored(self, table: str, record: Any) -> Any:
        """The record without the fields of this table that the setting `ignored_fields` names."""
        for each in self.ignored:
            name, *path = each.split(".")
            if name == table:
                record = _without(record, path)
        return record

    def _cleared(self, record: Any, table: Table) -> Any:
        if not isinstance(record, dict):
            return self._under_rule(record, other_field(table))
        return self._fields(record, known_fields(table.name), other_field(table))

    def _fields(self, record: dict[str, Any], tree: Tree, other: PersonalField) -> dict[str, Any]:
        cleared: dict[str, Any] = {}
        for name, value in record.items():
            if value is None:
                if name in tree or self.rules[other] == "keep":
                    cleared[name] = None
            elif name not in tree:
                kept = self._under_rule(value, other)
                if kept is not None:
                    cleared[self._name(name, other)] = kept
            else:
                kept = self._known(value, tree[name], other)
                if kept is not None:
                    cleared[name] = kept
        return cleared

    def _known(self, value: Any, field: Leaf | Inside | Tree, other: PersonalField) -> Any:
        """The value of a field that columns or nested tables hold."""
        if isinstance(field, Leaf):
            return self._leaf(value, field, other)
        if isinstance(field, Inside):
            return self._inside(value, field)
        return self._fields(value, field, other) if isinstance(value, dict) else self._under_rule(value, other)

    def _leaf(self, value: Any, field: Leaf, other: PersonalField) -> Any:
        personal = field.personal
        if personal is None or (personal in ONLY_ADDRESSES and not _has_address(value)):
            return value if field.fits(value) else self._under_rule(value, other)
        if self.rules[personal] == "hash" and not field.takes_texts:
            return None
        return self._under_rule(value, personal)

    def _inside(self, value: Any, field: Inside) -> Any:
        table, nested = field
        if nested.personal is not None:
            return self._under_rule(value, nested.personal, items=True)
        if nested.form == "object":
            return self.record(table, value)
        if nested.form == "list" and isinstance(value, list):
            return [self.record(table, each) for each in value]
        if nested.form == "lists by name" and isinstance(value, dict):
            other = other_field(table)
            return {
                name: [self.record(table, each) for each in items]
                if isinstance(items, list)
                else self._under_rule(items, other)
                for name, items in value.items()
                if name.lower() in _WEEKDAYS or self.rules[other] == "keep"
            }
        return self._under_rule(value, other_field(table))

    def _under_rule(self, value: Any, field: PersonalField, *, items: bool = False) -> Any:
        rule = self.rules[field]
        if rule == "keep":
            return value
        if rule == "drop":
            return None
        if items:
            return self._items(value)
        return self._hashed(value, str.lower if field in ("email", "member_email", "alert_email") else str)

    def _items(self, items: Any) -> Any:
        """Custom fields with hashed values. Their ids stay, so that the fields still join."""
        if not isinstance(items, list):
            return self._hashed(items)
        return [
            {
                name: value if name == "id" and usable_id(value) is not None else self._hashed(value)
                for name, value in item.items()
            }
            if isinstance(item, dict)
            else self._hashed(item)
            for item in items
        ]

    def _name(self, name: str, field: PersonalField) -> str:
        return name if self.rules[field] == "keep" or _PLAIN_NAME.fullmatch(name) else str(self._hashed(name))

    def _hashed(self, value: Any, normalize: Callable[[str], str] = str, level: int = 0) -> Any:
        """The value with each text and number hashed. Lists, objects, plain field names, booleans and nulls stay."""
        if value is None or isinstance(value, bool) or level > _MAX_DEPTH:
            return value if isinstance(value, bool) else None
        if isinstance(value, list):
            return [self._hashed(each, normalize, level + 1) for each in value]
        if isinstance(value, dict):
            return {
                name if _PLAIN_NAME.fullmatch(name) else self._hashed(name): self._hashed(each, normalize, level + 1)
                for name, each in value.items()
            }
        if isinstance(value, str) and _HASH.fullmatch(value):
            return value  # hashed before: a value of the warehouse
        text = normalize(str(value)).encode("utf-8", "surrogatepass")
        return HASHED + hmac.new(self.key, text, "sha256").hexdigest()[:32]

    # -- erased contacts -----------------------------------------------------------------------------------------------

    def _without_erased(self, record: Any, location_id: str) -> Any:
        """An appointment without its contact, if the contact was erased. The pseudonym takes the place of its ids."""
        if not self.erased or not isinstance(record, dict):
            return record
        contact = record.get("contact")
        own = usable_id(contact.get("id")) if isinstance(contact, dict) else None
        named = usable_id(record.get("contactId"))
        if own is not None and self.erased.names(location_id, "contact", own):
            who = own
        elif named is not None and self.erased.names(location_id, "contact", named):
            if own is not None:  # another contact: only the mention goes
                return {**record, "contactId": own}
            who = named
        elif own is None and isinstance(contact, dict) and self._is_erased_by_address(contact, location_id):
            return {**self.nothing_personal(record), "contact": None}
        else:
            return record
        pseudonym = self.erased.pseudonym(location_id, who)
        cleared = {**self.nothing_personal(record), "contactId": pseudonym}
        if isinstance(contact, dict):
            cleared["contact"] = {"id": pseudonym}
        return cleared

    def _is_erased_by_address(self, contact: dict[str, Any], location_id: str) -> bool:
        emails = (contact.get("email"), contact.get("emailLowerCase"))
        return any(self.erased.names(location_id, "email", each) for each in emails) or self.erased.names(
            location_id, "phone", contact.get("phone")
        )

    def nothing_personal(self, record: dict[str, Any]) -> dict[str, Any]:
        """An appointment without its contact, and without the fields of contacts."""
        kept = {name: each for name, each in record.items() if name not in ("contact", "selectedTimezone")}
        cleared: dict[str, Any] = self.dropping_contacts.record(APPOINTMENTS, kept)
        return cleared


HASHED = "hmac:"
"""First characters of a hashed value."""


def _has_address(value: Any) -> bool:
    return isinstance(value, str) and "@" in value


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
