"""Dropped and hashed values reach no table, no digest and no rejected record. Keys stay."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bookings_sync.config.privacy import FIELDS
from bookings_sync.config.settings import Settings
from bookings_sync.errors import ConfigurationError
from bookings_sync.records.decoding import appointment_rows, custom_field_rows
from bookings_sync.records.privacy import KEEP_ALL, Privacy

KEY = "0123456789abcdef"
SECRETS = [
    "Ada",
    "Lovelace",
    "ada@",
    "Ada@Example.org",
    "+44 20",
    "ab12-finger",
    "SW1A",
    "gout",
    "Dr. Who",
    "Hall 5",
    "vip",
]

CONTACT = {
    "id": "c1",
    "locationId": "L",
    "email": "Ada@Example.org",
    "emailLowerCase": "ada@example.org",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "phone": "+44 20",
    "fingerprint": "ab12-finger",
    "postalCode": "SW1A",
    "country": "GB",
    "tags": ["vip"],
    "customField": [{"id": "f1", "value": "gout"}, {"id": "f2", "value": ["gout", "Ada"]}],
    "companyName": "Lovelace & Sons",
    "parents": {"mother": "Ada"},
}
APPOINTMENT = {
    "id": "a1",
    "contactId": "c1",
    "title": "Ada with Dr. Who",
    "notes": "gout again",
    "address": "Hall 5",
    "formReply": {"who": "Ada", "what": ["gout"]},
    "startTime": "2026-01-05T10:00:00+00:00",
    "contact": CONTACT,
}


def everything(settings: Settings, *records: Any) -> str:
    """Everything that any table would hold of these appointments, including rejected records, as text."""
    batch = appointment_rows("L", records, Privacy.of(settings))
    fields = custom_field_rows("L", batch.rows["contacts"])
    tables = [rows.arrow().to_pylist() for each in (batch, fields) for rows in each.rows.values()]
    return repr((tables, batch.rejected, fields.rejected))


def test_dropped_fields_leave_no_trace_and_keys_stay() -> None:
    text = everything(Settings(pii="drop"), APPOINTMENT)
    assert not [secret for secret in SECRETS if secret in text]
    assert "'id': 'a1'" in text
    assert "'contact_id': 'c1'" in text
    assert "GB" in text


def test_hashed_fields_still_join() -> None:
    settings = Settings(pii="hash", pii_key=KEY)
    text = everything(settings, APPOINTMENT)
    assert not [secret for secret in SECRETS if secret in text]
    contact = Privacy.of(settings).contact(CONTACT)
    assert contact["email"] == contact["emailLowerCase"]
    assert contact["firstName"] == contact["parents"]["mother"] == contact["customField"][1]["value"][1]
    assert contact["customField"][0] == {"id": "f1", "value": contact["customField"][1]["value"][0]}
    assert re.fullmatch(r"hmac:[0-9a-f]{32}", contact["phone"])
    assert Privacy.of(Settings(pii="hash", pii_key=KEY[::-1])).contact(CONTACT)["phone"] != contact["phone"]


@pytest.mark.parametrize("misshapen", ["Ada Lovelace", ["Ada"], {**CONTACT, "id": None}, 42])
def test_rejected_records_hold_nothing_personal(misshapen: Any) -> None:
    for settings in (Settings(pii="drop"), Settings(pii="hash", pii_key=KEY)):
        text = everything(settings, {**APPOINTMENT, "contact": misshapen}, "Ada Lovelace", {**APPOINTMENT, "id": None})
        assert not [secret for secret in SECRETS if secret in text]


def test_fields_may_have_different_rules() -> None:
    settings = Settings(pii="drop", pii_keep=("postal_code",), pii_hash=("email",), pii_key=KEY)
    contact = Privacy.of(settings).contact(CONTACT)
    assert contact["postalCode"] == "SW1A"
    assert contact["email"].startswith("hmac:")
    assert "phone" not in contact


def test_keeping_everything_changes_nothing() -> None:
    assert Privacy.of(Settings()) == KEEP_ALL
    assert KEEP_ALL.appointment(APPOINTMENT) is APPOINTMENT


def test_fingerprints_differ_by_rules_and_key() -> None:
    rules = [Settings(), Settings(pii="drop"), Settings(pii_drop=("phone",)), Settings(pii="hash", pii_key=KEY)]
    assert len({Privacy.of(each).fingerprint for each in rules}) == len(rules)


@pytest.mark.parametrize(
    ("knobs", "key"),
    [
        ({"pii": "encrypt"}, "pii"),
        ({"pii_hash": ("emial",)}, "pii_hash"),
        ({"pii": "hash"}, "pii_key"),
        ({"pii": "hash", "pii_key": "short"}, "pii_key"),
        ({"pii_keep": ("email",), "pii_drop": ("email",)}, "pii_drop"),
    ],
)
def test_impossible_rules_are_refused(knobs: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings(**knobs)
    assert caught.value.key == f"sources.bookings.{key}"
    assert "short" not in caught.value.fix


def test_every_field_has_a_rule() -> None:
    assert set(Settings(pii="drop").pii_rules) == set(FIELDS)
