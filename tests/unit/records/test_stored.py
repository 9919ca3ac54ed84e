"""A stored row that is rewritten equals the row that the same record gives now, digest included."""

from __future__ import annotations

from typing import Any

import pytest

from bookings_sync.config.settings import Settings
from bookings_sync.records.decoding import appointment_rows, custom_field_rows, listed_rows
from bookings_sync.records.erased import Erased
from bookings_sync.records.privacy import KEEP_ALL, Privacy
from bookings_sync.records.rows import Rows
from bookings_sync.records.stored import ErasedRows, RulesForRows
from bookings_sync.records.tables import APPOINTMENTS, CONTACTS, SERVICES, TABLES, TEAMS

from .test_privacy import APPOINTMENT, CONTACT, KEY
from .test_tables import sample

APPOINTMENTS_TOLD = [
    {**APPOINTMENT, "isFree": "Ada", "selectedTimezone": "Ada's", "calendarProviderId": "ada@example.org"},
    {**sample(APPOINTMENTS), "id": "a2", "contactId": "c2", "unknown": {"who": "Ada"}, "calendarId": ["Ada"]},
    {**APPOINTMENT, "id": "a3", "contactId": "fingerprint", "createdAt": "Ada", "updatedAt": "2026-01-05"},
    {"id": "a4", "contactId": "c1", "selectedTimezone": "Europe/Oslo", "startTime": "2026-01-05T10:00:00Z"},
]
APPOINTMENTS_TOLD[1]["contact"] = {**sample(CONTACTS), "id": "c2", "parents": {"x": []}}
TEAM = sample(TEAMS)
TEAM["calendarConfig"] |= {"headline": "Ada", "shouldAssignContactToTeamMember": "Ada"}
SERVICE = {**sample(SERVICES), "unknown": ["Ada"], "teamId": "ada@example.org"}


def decoded(privacy: Privacy) -> dict[str, Rows]:
    batch = appointment_rows("L", APPOINTMENTS_TOLD, privacy)
    fields = custom_field_rows("L", batch.rows["contacts"])
    rows = batch.rows | fields.rows
    for table, record in ((TEAMS, TEAM), (SERVICES, SERVICE)):
        rows |= listed_rows(table, "L", [record], privacy=privacy).rows
    return rows


def values(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "row_digest"} for row in rows]


@pytest.mark.parametrize(
    "settings",
    [
        {"pii": "drop"},
        {"pii": "hash"},
        {"pii": "keep", "pii_members": "drop"},
        {"pii": "drop", "pii_members": "keep", "pii_hash": ("tags", "custom_fields", "other")},
    ],
    ids=str,
)
def test_rows_under_other_rules(settings: dict[str, Any]) -> None:
    privacy = Privacy.of(Settings(**settings, pii_key=KEY))
    rows = RulesForRows(privacy)
    now = decoded(privacy)
    for name, before in decoded(KEEP_ALL).items():
        stored = before.arrow().to_pylist()
        rewritten = [{**row, **rows.of(TABLES[name], row)} for row in stored]
        expected = now[name].arrow().to_pylist() if name in now else []
        if name == "contact_custom_fields" and privacy.rules["custom_fields"] == "drop":
            assert {row["value"] for row in rewritten} == {None}
            continue
        for row in (*rewritten, *expected):
            row.pop("custom_fields_digest", None)
        assert values(rewritten) == values(expected), name
        assert [rows.of(TABLES[name], row) for row in expected if "email" not in row] == [
            {} for row in expected if "email" not in row
        ]


def test_rows_of_an_erased_contact() -> None:
    salted = Erased(b"salt")
    erased = Erased(b"salt", frozenset({salted.mark("L", "contact", "c1")}))
    privacy = Privacy.of(Settings(), erased)
    rows = ErasedRows(privacy, erased, {("L", "c1"): {("email", str(CONTACT["email"]))}})
    now = decoded(privacy)
    for name, before in decoded(KEEP_ALL).items():
        if name != "contact_custom_fields":
            rewritten = [{**row, **rows.of(TABLES[name], row)} for row in before.arrow().to_pylist()]
            key = TABLES[name].key
            expected = now[name].arrow().to_pylist()
            sort = lambda each, key=key: [str(each[column]) for column in key]  # noqa: E731
            assert values(sorted(rewritten, key=sort)) == values(sorted(expected, key=sort)), name
