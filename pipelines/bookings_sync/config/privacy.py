"""The personal fields that privacy rules cover, and the rules. `records.privacy` applies them.

The columns of `records.tables` name their field. docs/privacy.md describes each one.
"""

from __future__ import annotations

from typing import Literal, get_args

Rule = Literal["keep", "hash", "drop"]

MembersRule = Literal["same", "keep", "hash", "drop"]
"""The rule of members' fields. `same` is the rule of the setting `pii`."""

ContactField = Literal[
    "email",
    "first_name",
    "last_name",
    "phone",
    "fingerprint",
    "postal_code",
    "country",
    "timezone",
    "source",
    "date_added",
    "tags",
    "custom_fields",
    "title",
    "notes",
    "address",
    "other",
]
"""A personal field of a contact or an appointment. `other` covers the fields that the connector does not know, values
of a type that their column does not have, and records that are not JSON objects."""

MemberField = Literal[
    "member_name",
    "member_email",
    "calendar_ids",
    "linked_calendars",
    "alert_email",
    "meeting_location",
    "booking_page",
    "descriptions",
    "service_notes",
    "appointment_title",
    "form_submission",
    "custom_code",
    "member_other",
]
"""A field of teams and services that names a member or a member's address, or that staff fill with free text.
`member_other` is what `other` is for contacts."""

PersonalField = ContactField | MemberField

CONTACT_FIELDS: tuple[ContactField, ...] = get_args(ContactField)
MEMBER_FIELDS: tuple[MemberField, ...] = get_args(MemberField)
FIELDS: tuple[PersonalField, ...] = (*CONTACT_FIELDS, *MEMBER_FIELDS)

ONLY_ADDRESSES: frozenset[PersonalField] = frozenset({"calendar_ids"})
"""Fields with ids that join records. The rule applies to a value that is an email address, not to other ids."""

FIELDS_0_2: tuple[PersonalField, ...] = (
    *CONTACT_FIELDS[:6],
    *CONTACT_FIELDS[10:],
)
"""The fields that versions before 0.3 knew. They kept all others."""
