"""The diff finds new, changed, moved, restored and missing records."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from unittest.mock import Mock

import pendulum

from bookings_sync.changes.diff import Changes, difference, missing, tombstones
from bookings_sync.changes.held import Held
from bookings_sync.changes.stage import Stage
from bookings_sync.records.decoding import appointment_rows
from bookings_sync.records.rows import Rows
from bookings_sync.records.tables import APPOINTMENTS

START = "2026-11-02T09:00:00+01:00"


def rows(*records: dict[str, Any]) -> Rows:
    return appointment_rows("L", [{"startTime": START, **record} for record in records]).rows["appointments"]


def held(found: Rows, deleted: bool = False) -> dict[Any, Held]:
    each = zip(found.keys, found.digests, found.starts_ms(), strict=True)
    return {key: Held(digest, deleted, start_ms) for key, digest, start_ms in each}


def test_each_kind_of_change() -> None:
    before = held(rows({"id": "same"}, {"id": "renamed"}, {"id": "moved"}, {"id": "missing"}))
    before |= held(rows({"id": "back"}, {"id": "gone"}), deleted=True)
    before["back",] = before["back",]._replace(digest="a tombstone's")
    found = rows(
        {"id": "same"},
        {"id": "renamed", "title": "another"},
        {"id": "moved", "startTime": "2026-11-02T10:00:00+01:00"},
        {"id": "back"},
        {"id": "new"},
    )
    news = difference(found, before)
    assert [key[0] for key in news.rows.keys] == ["renamed", "moved", "back", "new"]
    assert asdict(news.changes) == {
        "new": 1,
        "changed": 1,
        "moved": 1,
        "deleted": 0,
        "restored": 1,
        "rewritten": 0,
        "rejected": 0,
    }
    assert missing(before, set(found.keys)) == [("missing",)]


def test_the_same_instant_in_another_offset_is_not_a_move() -> None:
    news = difference(rows({"id": "a", "startTime": "2026-11-02T08:00:00Z"}), held(rows({"id": "a"})))
    assert news.changes == Changes(changed=1)


def test_nothing_new() -> None:
    found = rows({"id": "a"}, {"id": "b"})
    news = difference(found, held(found))
    assert (len(news.rows), news.changes.total) == (0, 0)
    assert news.rows.arrow().num_rows == 0


def test_a_tombstone_keeps_all_values_and_gets_its_own_digest() -> None:
    """The digest differs from every live version and from a second deletion."""
    found = rows({"id": "a", "title": "kept", "unheard": [1]}, {"id": "b"}).arrow()
    at = pendulum.datetime(2026, 11, 2, 9)
    gone = tombstones(APPOINTMENTS, "L", found, at)
    assert gone.schema == APPOINTMENTS.schema
    own = ["deleted_at", "row_digest"]
    assert gone.drop_columns(own) == found.drop_columns(own)
    assert gone["deleted_at"].to_pylist() == [at, at]
    again = tombstones(APPOINTMENTS, "L", found, at.add(seconds=1))
    digests = [*found["row_digest"].to_pylist(), *gone["row_digest"].to_pylist(), *again["row_digest"].to_pylist()]
    assert len(set(digests)) == 6


def test_changes_add_up() -> None:
    total = Changes(new=1, moved=2)
    total.add(Changes(new=3, deleted=1))
    assert total == Changes(new=4, moved=2, deleted=1)
    assert total.total == 7


def test_an_unchanged_table_is_counted_with_zeros() -> None:
    counts: dict[str, Changes] = {}
    stage = Stage("load", pendulum.datetime(2026, 11, 2), "run", Mock(), Mock(), counts)
    found = rows({"id": "a"})
    assert stage.add_changed(found, held(found)) is None
    assert counts == {"appointments": Changes()}
