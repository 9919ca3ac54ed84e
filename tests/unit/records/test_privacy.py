"""Dropped and hashed values reach no table, no digest and no rejected record. Keys stay."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bookings_sync.config.privacy import FIELDS
from bookings_sync.config.settings import Settings
from bookings_sync.errors import ConfigurationError
from bookings_sync.records.decoding import appointment_rows, custom_field_rows, slot_rows
from bookings_sync.records.erased import Erased
from bookings_sync.records.privacy import KEEP_ALL, Privacy
from bookings_sync.records.tables import APPOINTMENTS, CONTACTS, SERVICES, TEAMS, Table, nested_tables

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
    assert "GB" not in text


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


ODD = ["Ada", ["Ada"], {"Ada": "Ada"}, {"ada@": {"Ada@Example.org": 1}}]
"""Values that no column but one of text can hold."""


@pytest.mark.parametrize("table", [APPOINTMENTS, CONTACTS, TEAMS, SERVICES], ids=lambda table: table.name)
@pytest.mark.parametrize("odd", [*ODD[1:], "Ada Lovelace <Ada@Example.org>"], ids=str)
@pytest.mark.parametrize("rule", ["drop", "hash"])
def test_a_value_that_its_column_cannot_hold_is_personal(table: Table, odd: Any, rule: Any) -> None:
    """It would go to `extra`, or with the whole record to the rejected ones."""
    privacy = Privacy.of(Settings(pii=rule, pii_key=KEY))
    for column in [each for each in table.columns if each.source and each.type != "text"]:
        assert "Ada" not in _names_replaced(privacy.record(table, _at(column.source, odd)))
    for _, nested in nested_tables(table):
        assert "Ada" not in _names_replaced(privacy.record(table, _at(nested.path, odd)))
    ids = [each.source for each in table.columns if each.is_id and each.source and isinstance(odd, list | dict)]
    assert not [each for each in ids if "Ada" in _names_replaced(privacy.record(table, _at(each, odd)))]


def _names_replaced(value: Any) -> str:
    """As text, without names of fields that a hash may keep."""
    return repr(value).replace("'Ada':", "")


def _at(path: str | None, value: Any) -> Any:
    for name in reversed(str(path).split(".")):
        value = {name: value}
    return {"id": "a1", **value}


def test_names_of_fields_that_are_data_are_hashed() -> None:
    record = {**CONTACT, "ada@example.org": 1, "answers": {"Dr. Who": True, "plain_name": True}}
    hashed = Privacy.of(Settings(pii="hash", pii_key=KEY)).contact(record)
    assert next(name for name in hashed if name not in CONTACT).startswith("hmac:")
    assert min(hashed["answers"]).startswith("hmac:")
    assert "plain_name" in hashed["answers"]


@pytest.mark.parametrize("field", ["calendarProviderId", "calendarId", "userCalendarId"])
def test_ids_of_calendars_stay_unless_they_are_addresses(field: str) -> None:
    privacy = Privacy.of(Settings(pii="drop"))
    assert privacy.appointment({"id": "a1", field: "Qf3"})[field] == "Qf3"
    assert field not in privacy.appointment({"id": "a1", field: "ada@example.org"})


def test_a_zone_stays_only_if_it_is_one() -> None:
    privacy = Privacy.of(Settings(pii="drop"))
    assert privacy.appointment({"id": "a1", "selectedTimezone": "Europe/Oslo"})["selectedTimezone"] == "Europe/Oslo"
    assert "selectedTimezone" not in privacy.appointment({"id": "a1", "selectedTimezone": "Ada's kitchen"})


def test_dates_have_no_hash() -> None:
    contact = {"id": "c1", "dateAdded": "2026-01-05T10:00:00Z"}
    assert "dateAdded" not in Privacy.of(Settings(pii="hash", pii_key=KEY)).contact(contact)


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({"pii": "drop"}, {"id"}),
        ({"pii": "drop", "pii_members": "keep"}, {"id", "name", "email"}),
        ({"pii_members": "drop"}, {"id"}),
        ({"pii_members": "drop", "pii_keep": ("member_name",)}, {"id", "name"}),
    ],
)
def test_members_have_their_own_rule(settings: dict[str, Any], kept: set[str]) -> None:
    team = {"id": "t1", "members": [{"id": "u1", "name": "Ada", "email": "ada@example.org"}]}
    assert Privacy.of(Settings(**settings)).record(TEAMS, team)["members"][0].keys() == kept


def test_slots_that_are_no_times() -> None:
    privacy = Privacy.of(Settings(pii="drop"))
    rejected = slot_rows("L", "s", {"2026-01-01": ["Ada", {"who": "Ada"}]}, privacy).rejected
    assert len(rejected) == 2
    assert "Ada" not in repr(rejected)


def test_an_erased_contact_leaves_nothing_but_its_appointment() -> None:
    erased = Erased(b"salt")
    erased = Erased(
        b"salt", frozenset({erased.mark("L", "contact", "c1"), erased.mark("L", "email", "ada@example.org")})
    )
    privacy = Privacy.of(Settings(), erased)
    others = [{**APPOINTMENT, "id": "a2", "contactId": "c2", "contact": {**CONTACT, "id": "c2"}}]
    assert privacy.appointment(others[0], "L") == others[0]
    assert privacy.appointment(APPOINTMENT, "M") == APPOINTMENT, "another location's contact"
    for record in (
        APPOINTMENT,
        {**APPOINTMENT, "contactId": None},
        {name: each for name, each in APPOINTMENT.items() if name != "contact"},
        {**APPOINTMENT, "contactId": None, "contact": {**CONTACT, "id": None}},
    ):
        text = repr(appointment_rows("L", [record], privacy))
        assert not [secret for secret in [*SECRETS, "'c1'", "GB"] if secret in text]
        assert "'a1'" in text
    batch = appointment_rows("L", [APPOINTMENT], privacy)
    assert batch.rows["appointments"].arrow()["contact_id"].to_pylist() == [erased.pseudonym("L", "c1")]
    assert batch.rows["contacts"].keys == [(erased.pseudonym("L", "c1"),)]


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
        ({"pii_members": "encrypt"}, "pii_members"),
        ({"pii_members": "hash"}, "pii_key"),
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
