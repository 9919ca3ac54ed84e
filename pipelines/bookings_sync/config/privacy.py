"""The personal fields that a privacy rule can be given for, and the rules. `records.privacy` applies them."""

from __future__ import annotations

from typing import Literal

Rule = Literal["keep", "hash", "drop"]

FIELDS: tuple[str, ...] = (
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
)
"""Every personal field of a contact or an appointment. `other` covers the fields that the connector does not know, and
records that are not the JSON object they should be."""
