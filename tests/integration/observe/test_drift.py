"""New fields: a field is announced once, whatever its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pendulum
import pytest
from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.observe.drift import new_fields
from bookings_sync.records.values import canonical

BEFORE, NOW = pendulum.datetime(2026, 11, 1), pendulum.datetime(2026, 11, 2)
NAMES = [
    "größe", "サイズ", "🙂", "e\u0301", "\u202e", "a_b", "50%", "a!b", 'with "quotes"', "back\\slash", "", " ", "a.b",
    "_dlt_id", "select", "Mood", "mood", "x" * 5_000, "line\nbreak", "it's",
]  # fmt: skip


@pytest.fixture
def client(tmp_path: Path) -> Iterator[SqlClientBase[Any]]:
    """An empty table of contacts."""
    destination = dlt.destinations.duckdb(str(tmp_path / "drift.duckdb"))
    pipeline = dlt.pipeline("drift", destination=destination, dataset_name="raw", pipelines_dir=str(tmp_path))
    with pipeline.sql_client() as client:
        client.create_dataset()
        instant = "TIMESTAMP WITH TIME ZONE"
        columns = f"location_id VARCHAR, extra VARCHAR, _dlt_valid_from {instant}, unchanged_since {instant}"
        client.execute_sql(f"CREATE TABLE raw.contacts ({columns})")
        yield client
    pipeline.deactivate()


def add(
    client: SqlClientBase[Any],
    extra: dict[str, Any],
    at: pendulum.DateTime,
    *,
    location_id: str = "L",
    since: pendulum.DateTime | None = None,
) -> None:
    values = location_id, canonical(extra).decode(), at, since
    client.execute_sql("INSERT INTO raw.contacts VALUES (%s, %s, %s, %s)", *values)


def deep() -> Any:
    """A value that orjson cannot write."""
    value: Any = 1
    for _ in range(300):
        value = [value]
    return value


@pytest.mark.parametrize("value", [1, deep()], ids=["flat", "deep"])
def test_a_field_is_new_once(client: SqlClientBase[Any], value: Any) -> None:
    add(client, {"other": value}, BEFORE)
    add(client, dict.fromkeys(NAMES, value), NOW)
    assert new_fields(client, since=NOW) == sorted(f"contacts.{name}" for name in NAMES)
    assert new_fields(client, since=NOW.add(days=1)) == []
    add(client, dict.fromkeys(NAMES, 2), NOW.add(days=1))
    assert new_fields(client, since=NOW.add(days=1)) == []


@pytest.mark.parametrize(("held", "new"), [("aXb", "a_b"), ("50 and more", "50%"), ("mood", "Mood"), ("ab", "a")])
def test_a_name_that_resembles_another_is_new(client: SqlClientBase[Any], held: str, new: str) -> None:
    add(client, {held: 1}, BEFORE)
    add(client, {new: 1}, NOW)
    assert new_fields(client, since=NOW) == [f"contacts.{new}"]


def test_a_location_that_is_read_in_another_way_has_no_new_fields(client: SqlClientBase[Any]) -> None:
    """Another API has other fields, in versions that it rewrote and in new ones."""
    add(client, {"of v1": 1}, BEFORE)
    add(client, {"of v2": 1}, NOW, since=BEFORE)
    add(client, {"of v2, new": 1}, NOW)
    assert new_fields(client, since=NOW) == []
    add(client, {"new": 1}, NOW.add(days=1))
    assert new_fields(client, since=NOW.add(days=1)) == ["contacts.new"]


def test_the_first_run_of_a_location_has_no_new_fields(client: SqlClientBase[Any]) -> None:
    add(client, {"of v1": 1}, BEFORE)
    add(client, {"of v2": 1}, NOW, location_id="M")
    add(client, {"new": 1}, NOW)
    assert new_fields(client, since=NOW) == ["contacts.new"]
