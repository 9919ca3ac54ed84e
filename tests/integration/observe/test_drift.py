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
        client.execute_sql("CREATE TABLE raw.contacts (extra VARCHAR, _dlt_valid_from TIMESTAMP WITH TIME ZONE)")
        yield client
    pipeline.deactivate()


def add(client: SqlClientBase[Any], extra: dict[str, Any], at: pendulum.DateTime) -> None:
    client.execute_sql("INSERT INTO raw.contacts VALUES (%s, %s)", canonical(extra).decode(), at)


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
