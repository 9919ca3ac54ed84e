"""Privacy: what tells of a person is kept, hashed or dropped before anything else looks at a record.

Input:  records as the API sent them, and the rule of each personal field (settings `pii`, `pii_keep`, `pii_hash`,
        `pii_drop`).
Output: the same records without what may not be written anywhere. First thing in `records`: digests, `extra`, the
        change history and the quarantine all see what comes out of here, so none of them can hold what was dropped.

A hash is HMAC-SHA-256 under the secret `pii_key`, 128 bits of it in hex, behind `hmac:`: the same value gives the same
text, so that hashed columns still join, and without the key nobody can try out likely values. Texts are hashed as they
are, e-mail addresses in lower case. Ids are keys, never personal fields here.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from bookings_sync.config.privacy import FIELDS, Rule
from bookings_sync.config.settings import Settings
from bookings_sync.records.tables import APPOINTMENTS

_CONTACT: dict[str, tuple[str, ...]] = {
    "email": ("email", "emailLowerCase"),
    "first_name": ("firstName",),
    "last_name": ("lastName",),
    "phone": ("phone",),
    "fingerprint": ("fingerprint",),
    "postal_code": ("postalCode",),
    "tags": ("tags",),
    "custom_fields": ("customField",),
}
_APPOINTMENT: dict[str, tuple[str, ...]] = {"title": ("title",), "notes": ("notes",), "address": ("address",)}
_KNOWN_OF_CONTACT = frozenset({"id", "locationId", "timezone", "country", "source", "dateAdded", "type"}).union(
    *_CONTACT.values()
)
"""Those of a contact that have a rule of their own, or tell of no person by themselves."""

_KNOWN_OF_APPOINTMENT = {column.source.partition(".")[0] for column in APPOINTMENTS.columns if column.source} | {
    "contact"
}
"""Those of an appointment that a column holds."""

_DEEPEST = 100
"""Levels of nesting."""


@dataclass(frozen=True, slots=True)
class Privacy:
    """The rule of each field of `FIELDS`, and the key of the hashes (empty where nothing is hashed)."""

    rules: Mapping[str, Rule]
    key: bytes = b""

    @classmethod
    def of(cls, settings: Settings) -> Privacy:
        """The rules that the settings ask for."""
        return cls(settings.pii_rules, settings.pii_key.encode())

    @property
    def keeps_all(self) -> bool:
        return all(rule == "keep" for rule in self.rules.values())

    @property
    def fingerprint(self) -> str:
        """Tells one set of rules from another; nothing of the key can be learnt from it."""
        rules = ",".join(f"{name}={self.rules[name]}" for name in FIELDS)
        return hmac.new(self.key, rules.encode(), "sha256").hexdigest()[:32]

    def appointment(self, record: Any) -> Any:
        """An appointment, with its contact."""
        if self.keeps_all:
            return record
        if not isinstance(record, dict):
            return self._ruled(record, "other")
        cleared = self._others(self._fields(record, _APPOINTMENT), _KNOWN_OF_APPOINTMENT)
        if "contact" in cleared:
            cleared["contact"] = self.contact(cleared["contact"])
            if cleared["contact"] is None:
                del cleared["contact"]
        return cleared

    def contact(self, record: Any) -> Any:
        """A contact as an appointment embeds it."""
        if self.keeps_all or record is None:
            return record
        if not isinstance(record, dict):
            return self._ruled(record, "other")
        return self._others(self._fields(record, _CONTACT), _KNOWN_OF_CONTACT)

    def _fields(self, record: dict[str, Any], fields: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        cleared = dict(record)
        for field, names in fields.items():
            rule = self.rules[field]
            for name in names:
                if rule == "keep" or cleared.get(name) is None:
                    continue
                value = cleared.pop(name)
                if rule == "hash" and name == "customField":
                    cleared[name] = self._custom_fields(value)
                elif rule == "hash":
                    cleared[name] = self._hashed(value, str.lower if field == "email" else str)
        return cleared

    def _others(self, cleared: dict[str, Any], known: Collection[str]) -> dict[str, Any]:
        for name in [name for name in cleared if name not in known]:
            value = self._ruled(cleared.pop(name), "other")
            if value is not None:
                cleared[name] = value
        return cleared

    def _custom_fields(self, fields: Any) -> Any:
        """Each field's value hashed, its id kept: the fields stay joinable."""
        if not isinstance(fields, list):
            return self._hashed(fields)
        return [
            {name: value if name == "id" else self._hashed(value) for name, value in field.items()}
            if isinstance(field, dict)
            else self._hashed(field)
            for field in fields
        ]

    def _ruled(self, value: Any, field: str) -> Any:
        rule = self.rules[field]
        return value if rule == "keep" else None if rule == "drop" else self._hashed(value)

    def _hashed(self, value: Any, form: Callable[[str], str] = str, level: int = 0) -> Any:
        """The value with each text and number in it hashed; lists and objects keep their form, and names of fields.

        What is nested deeper than anyone would is dropped: to follow it could end the run.
        """
        if value is None or isinstance(value, bool) or level > _DEEPEST:
            return value if isinstance(value, bool) else None
        if isinstance(value, list):
            return [self._hashed(each, form, level + 1) for each in value]
        if isinstance(value, dict):
            return {name: self._hashed(each, form, level + 1) for name, each in value.items()}
        text = form(str(value)).encode("utf-8", "surrogatepass")
        return "hmac:" + hmac.new(self.key, text, "sha256").hexdigest()[:32]


KEEP_ALL = Privacy(dict.fromkeys(FIELDS, "keep"))
