"""Raw tables in which each column has each extreme value of its type, one row for each."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bookings_sync.records.schema import STAMPED
from bookings_sync.records.tables import TABLES, Column, Table

from .model_warehouse import Warehouse

TIMES = [
    "0001-01-01T00:00:00+00:00", "0001-01-01T12:00:00+00:00", "1582-10-10T00:00:00+00:00", "1844-12-31T00:00:00+00:00",
    "1899-12-31T23:59:59+00:00", "1970-01-01T00:00:00+00:00", "2016-12-31T23:59:59+00:00",
    "2025-03-09T23:59:59.999999+00:00", "2025-10-26T00:30:00+00:00", "2038-01-19T03:14:08+00:00",
    "2262-04-12T00:00:00+00:00", "9999-12-30T00:00:00+00:00", "9999-12-31T23:59:59.999999+00:00",
]  # fmt: skip
INTEGERS = [0, 1, -1, 24, 25, 59, 60, -30, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63)]
NUMBERS = [
    0.0, -0.0, 0.5, 7.5, -30.0, 1e-300, 2.0**31, 2.0**53 + 2, 2.0**63, -(2.0**63), 1e308, -1e308,
    float("inf"), float("-inf"), float("nan"),
]  # fmt: skip
TEXTS = [
    "", " ", "\n", "x" * 100_000, "é" * 50, "🦷", "‮", "'", '"', "\\", "null", "NaN", "-0", "1e400", "%", "a/b?c",
    "9999-12-31", "0001-01-01", "Asia/Manila", "Nowhere/Nothing", "+99:00", "months", "MONDAY",
]  # fmt: skip
JSON = ["null", "[]", "{}", '""', '"x"', "7", "[null]", '[["a"]]', '[{"a": 1}]', '{"a": null}', " [1, 2]", "1e400"]
OBJECTS = ["{}", '{"": null}', '{"a": {"b": [1]}}', '{"slotDuration": 5}', '{"startTime": "x"}', '{"é": 1}']
ZONES = ["Asia/Manila", "America/Juneau", "Pacific/Kiritimati", "Africa/Monrovia", "Europe/Berlin", "US/Central", None]

OF_TYPE: dict[str, list[Any]] = {
    "text": TEXTS, "json": JSON, "bigint": INTEGERS, "double": NUMBERS, "bool": [True, False], "timestamp": TIMES,
}  # fmt: skip
HISTORY = [table for table in TABLES.values() if table.history]


def fill(warehouse: Warehouse, rng: random.Random | None = None, rows: int = 0) -> None:
    """Creates the raw tables. Without `rng`: a usable row of each table, with one column changed at a time. With it:
    `rows` rows of each table, with several random columns changed."""
    warehouse.create_raw()
    for number, zone in enumerate(ZONES):
        warehouse.insert("locations", {"location_id": f"L{number}", "name": f"Location {number}", "timezone": zone})
    for table in HISTORY:
        if table.name != "locations":
            made = _changed_at_random(table, rng, rows) if rng else _changed_one_by_one(table)
            _insert(warehouse, table, [_usable(table, number, changes) for number, changes in enumerate(made)])


def columns(table: Table) -> list[Column]:
    """The columns of a table with values that the API sends."""
    return [each for each in table.columns if each.name not in STAMPED and each.name not in table.key]


def _changed_one_by_one(table: Table) -> Iterator[dict[str, Any]]:
    yield {}
    for column in columns(table):
        for value in _values(column):
            yield {column.name: value}
    if table.name == "slots":
        yield from ({"start_time": each} for each in TIMES)
    if table.name == "service_hours":
        yield from ({"weekday": each} for each in TEXTS)
        yield from ({"position": each} for each in INTEGERS)


def _changed_at_random(table: Table, rng: random.Random, rows: int) -> Iterator[dict[str, Any]]:
    for _ in range(rows):
        chosen = rng.sample(columns(table), rng.randint(0, len(columns(table)) // 2))
        yield {column.name: rng.choice([None, *_values(column)]) for column in chosen}


def _values(column: Column) -> list[Any]:
    return OBJECTS if column.name == "extra" else OF_TYPE[column.type]


def _usable(table: Table, number: int, changes: dict[str, Any]) -> dict[str, Any]:
    """A row of its own key, in a location and a service that exist, with some values changed."""
    row: dict[str, Any] = {"location_id": f"L{number % len(ZONES)}"}
    for name in table.key[1:]:
        row[name] = {"position": number, "weekday": "monday", "service_id": f"services{number % 40}"}.get(
            name, f"{table.name}{number}"
        )
    if table.name == "slots":
        row["start_time"] = (datetime(2025, 3, 10, tzinfo=UTC) + timedelta(minutes=15 * number)).isoformat()
    if table.name == "services":
        row |= {"slot_duration": 30.0, "allow_booking_after": 1.0, "allow_booking_after_unit": "months"}
        row |= {"allow_booking_for": 1.0, "allow_booking_for_unit": "weeks"}
    if table.name == "appointments":
        row |= {
            "service_id": f"services{number % 40}",
            "contact_id": f"contacts{number % 9}",
            "appoinment_status": "showed",
        }
        row |= {"start_time": "2025-03-05T09:00:00+00:00", "end_time": "2025-03-05T09:30:00+00:00"}
        row |= {"created_at": "2025-03-01T09:00:00+00:00", "timezone": ZONES[number % len(ZONES)]}
    return {**row, **changes}


def _insert(warehouse: Warehouse, table: Table, rows: list[dict[str, Any]]) -> None:
    """Inserts many rows in one statement."""
    values = [{"row_digest": "d", "_dlt_valid_from": "2025-03-01T06:00:00+00:00", **row} for row in rows]
    names = sorted({name for row in values for name in row})
    marks = "(" + ", ".join("%s" for _ in names) + ")"
    for start in range(0, len(values), 200):
        part = values[start : start + 200]
        rows_of_it = ", ".join([marks] * len(part))
        sql = f"INSERT INTO {warehouse.datasets.raw}.{table.name} ({', '.join(names)}) VALUES {rows_of_it}"
        warehouse.client.execute_sql(sql, *(row.get(name) for row in part for name in names))
