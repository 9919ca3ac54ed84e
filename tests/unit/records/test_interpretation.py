"""Fingerprints of how replies are read: whatever gives equal replies other rows changes them, and nothing else does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from bookings_sync.config.settings import Settings
from bookings_sync.records import interpretation
from bookings_sync.records.decoding import appointment_rows, custom_field_rows, listed_rows, slot_rows
from bookings_sync.records.interpretation import REVISIONS, Interpretation
from bookings_sync.records.rows import Batch
from bookings_sync.records.schema import STAMPED, Column
from bookings_sync.records.tables import APPOINTMENTS, SERVICES, TABLES, TEAMS, Table, nested_tables

PINNED = Path(__file__).with_name("decoded.json")

ODD: list[Any] = [
    None, "", " ", "text", "007", "12", "-0", "true", "é\x00", "2026-11-02T09:00:00+02:00", "2026-11-02T09:00:00",
    "2026-11-02", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59-12:00", "Europe/Berlin", "US/Central", 0, -1, 7, 7.0,
    7.5, 2**63, 1_793_610_000, 1_793_610_000_000, True, False, [], ["a", 1], {}, {"a": None}, [None],
]  # fmt: skip

NO_MEANING = {
    "base_url", "v2_base_url", "locations", "scopes", "slots", "slots_horizon_days", "slots_days_per_call",
    "history_start",
    "lookback_days", "horizon_days", "cold_reread_days", "window_days", "max_window_days", "rows_per_reply",
    "max_reply_mb", "request_budget", "deletion_guard_percent", "deletion_guard_rows",
    "deletion_evidence_runs", "deletion_evidence_hours", "rows_per_load", "reads_per_load", "rate_limit",
    "rate_period_seconds",
    "concurrency", "connect_timeout_seconds", "read_timeout_seconds", "attempts", "http_transport",
    "follow_percent", "daily_limit", "follow_near_weight",
    "unknown_id_statuses", "destination", "pipeline_name", "raw_dataset", "staging_dataset", "marts_dataset",
    "keep_copies", "part", "are_all", "contacts_changed_filter",
}  # fmt: skip
"""Settings under which equal replies give equal rows. Some of them decide which requests are sent."""

MEANING: dict[str, Any] = {
    "v2_sunday": 1,
    "v2_events_version": "v3",
    "include_contacts": False,
    "service_id_parameter": "serviceId",
    "reply_cap": 100,
    "deleted_when": ("deletedAt",),
    "ignored_fields": ("appointments.joinLink",),
    "pii": "drop",
    "pii_members": "drop",
    "pii_keep": ("email",),
    "pii_hash": ("email",),
    "pii_drop": ("email",),
    "pii_key": "another secret, as long as it must be",
}
"""Settings under which equal replies give other rows, or mean something else; each with another value."""

PERSONAL: dict[str, Any] = {"pii_keep": {"pii": "drop"}, "pii_key": {"pii": "hash", "pii_key": "a secret, long enough"}}
"""The settings without which a setting has no effect."""


def rules(**settings: Any) -> dict[str, str]:
    secret = {"pii_key": "a secret that is long enough"} if "hash" in str(settings) else {}
    return Interpretation.of(Settings(**{**secret, **settings})).rules


def test_every_setting_is_known_to_matter_or_not() -> None:
    """A new setting belongs into one of the two lists; if it matters, also into `interpretation._SETTINGS`."""
    assert {each.name for each in fields(Settings)} == NO_MEANING | MEANING.keys()


@pytest.mark.parametrize("name", MEANING)
def test_a_setting_that_matters(name: str) -> None:
    before = PERSONAL.get(name, {})
    assert rules(**before) != rules(**{**before, name: MEANING[name]})


def test_a_new_column_and_a_new_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Interpretation.of(Settings()).rules
    monkeypatch.setattr(interpretation, "REVISIONS", {**REVISIONS, "contacts.country": 2})
    after = Interpretation.of(Settings()).rules
    monkeypatch.setattr(interpretation, "REVISIONS", REVISIONS)
    monkeypatch.setitem(TABLES, "contacts", replace(TABLES["contacts"], columns=TABLES["contacts"].columns[:-5]))
    shorter = Interpretation.of(Settings()).rules
    changed = [{name for name in before if before[name] != other[name]} for other in (after, shorter)]
    assert changed == [{"appointments", "contacts"}] * 2


# -- decoding ----------------------------------------------------------------------------------------------------------


def test_decoding_changes_only_with_a_revision() -> None:
    """If an equal record gives another value, the warehouse must look at its replies again."""
    found = {name: [REVISIONS.get(name, 1), value] for name, value in digests_of_columns().items()}
    if os.environ.get("UPDATE_DECODED"):
        lines = (f"{json.dumps(name)}: {json.dumps(each)}" for name, each in found.items())
        PINNED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    pinned = json.loads(PINNED.read_text())
    changed = {name: found[name][0] + 1 for name in found if name in pinned and pinned[name] != found[name]}
    assert not changed, (
        f"The decoding of these columns has changed. Raise their numbers in records/interpretation.py, REVISIONS: "
        f"{changed}. Then run UPDATE_DECODED=1 pytest {__file__}."
    )
    assert pinned.keys() == found.keys(), f"Run UPDATE_DECODED=1 pytest {__file__}."


def digests_of_columns() -> dict[str, str]:
    """By column: a digest of what comes of its field's odd values: the column, the key and the extra fields."""
    found = {}
    for table in (TEAMS, SERVICES, APPOINTMENTS):
        for owner, place in _places(table, "{}"):
            for column in owner.columns:
                if column.name not in STAMPED:
                    records = [_record(table, place.format(_source(owner, column)), value) for value in ODD]
                    found[f"{owner.name}.{column.name}"] = _digest_of(_batches(table, records), owner, column.name)
    same_instant = ["2026-11-03T09:00:00Z", "2026-11-03T10:00:00+01:00"]
    slots = slot_rows("L", "s", {"2026-11-02": ODD, "2026-11-03": same_instant})
    for name in TABLES["slots"].names:
        if name not in STAMPED:
            found[f"slots.{name}"] = _digest_of([slots], TABLES["slots"], name)
    return found


def _places(table: Table, place: str) -> Iterator[tuple[Table, str]]:
    """The table and those nested in its records, each with the path of a field in it: "contact.customField.0.{}"."""
    yield table, place
    for child, nested in nested_tables(table):
        inside = {"object": "{}", "list": "0.{}", "lists by name": "monday.0.{}"}[nested.form]
        yield from _places(child, place.format(f"{nested.path}.{inside}"))


def _source(table: Table, column: Column) -> str:
    """The column's field. A column without one holds the other fields, or the key."""
    if column.derived:
        return column.derived.source
    return column.source or ("unknownField" if column.name == "extra" else table.item_id)


def _record(table: Table, path: str, value: Any) -> dict[str, Any]:
    """A record with an odd value at the path. Every object on the way to it has plain ids."""
    record: dict[str, Any] = {"id": "an id", "contactId": "a contact"}
    place: Any = record
    *parents, leaf = path.split(".")
    for name, following in zip(parents, [*parents, leaf][1:], strict=True):
        inside: Any = [{}] if following == "0" else {"id": "inside", "userId": "a user"}
        if isinstance(place, list):
            place = place[0]
            place |= inside
        else:
            place[name] = inside
            place = inside
    place = place[0] if isinstance(place, list) else place
    place[leaf] = value
    return record


def _batches(table: Table, records: list[dict[str, Any]]) -> list[Batch]:
    """Each record in a separate reply, so that equal ids do not matter."""
    batches = []
    for record in records:
        if table is APPOINTMENTS:
            batches.append(appointment_rows("L", [record]))
            batches.append(custom_field_rows("L", batches[-1].rows["contacts"]))
        else:
            batches.append(listed_rows(table, "L", [record]))
    return batches


def _digest_of(batches: list[Batch], table: Table, column: str) -> str:
    values: list[Any] = []
    for batch in batches:
        values += [[each.table, each.reason] for each in batch.rejected]
        if rows := batch.rows.get(table.name):
            arrow = rows.arrow()
            names = dict.fromkeys([column, *(name for name in ("extra",) if name in arrow.column_names)])
            values += [list(key) for key in rows.keys]
            values += [str(arrow[name].to_pylist()) for name in names]
    return interpretation.digest(values)
