"""Erased contacts: recognises the contacts that were erased on request, without holding their ids.

Input:  the salted hashes that `warehouse.erasures` keeps.
Output: `Erased`: whether an id, email address or telephone number is an erased contact's, and the pseudonym that takes
        the place of the id. Pure.

The API goes on listing an erased contact until somebody deletes it in the calendar. Equal ids give equal pseudonyms, so
the contact's appointments still belong together.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from bookings_sync.records.values import usable_id

Identifier = Literal["contact", "email", "phone"]

PSEUDONYM = "erased:"
"""First characters of an erased contact's id in the warehouse."""


@dataclass(frozen=True, slots=True)
class Erased:
    """The marks of erased contacts, and the salt of these hashes."""

    salt: bytes = b""
    marks: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.marks)

    def mark(self, location_id: str, kind: Identifier, value: str) -> str:
        """The hash by which a contact of this location is recognised."""
        text = "\x1f".join((location_id, kind, normalized(kind, value))).encode("utf-8", "surrogatepass")
        return hmac.new(self.salt, text, "sha256").hexdigest()[:32]

    def pseudonym(self, location_id: str, contact_id: str) -> str:
        """What takes the place of an erased contact's id."""
        return PSEUDONYM + self.mark(location_id, "contact", contact_id)

    def names(self, location_id: str, kind: Identifier, value: Any) -> bool:
        """Whether the value is an erased contact's."""
        text = usable_id(value) if self.marks else None
        return text is not None and normalized(kind, text) != "" and self.mark(location_id, kind, text) in self.marks

    def any_of(self, location_id: str, contact_ids: Collection[str | None]) -> bool:
        """Whether one of these contacts was erased."""
        return bool(self.marks) and any(self.names(location_id, "contact", each) for each in set(contact_ids))


def normalized(kind: Identifier, value: str) -> str:
    """The same text for different spellings of one address or number. Ids are opaque."""
    if kind == "email":
        return value.strip().lower()
    if kind == "phone":
        return re.sub(r"\D", "", value).lstrip("0")
    return value


NOBODY = Erased()
