"""The personal fields that privacy rules cover, and the rules. `records.privacy` applies them."""

from __future__ import annotations

from typing import Literal, get_args

Rule = Literal["keep", "hash", "drop"]

PersonalField = Literal[
    "email",
    "first_name",
    "last_name",
    "phone",
    "fingerprint",
    "postal_code",
    "tags",
    "custom_fields",
    "title",
    "notes",
    "address",
    "other",
]
"""A personal field of a contact or an appointment. `other` covers the fields that the connector does not know, and
records that are not JSON objects."""

FIELDS: tuple[PersonalField, ...] = get_args(PersonalField)
