"""Properties: facts about the raw dataset itself, such as its version, in a small table.

Input:  a connected dlt SQL client on the raw dataset.
Output: the facts by name. A dataset of a version before 0.3 has none.

dlt does not know this table, so no load and no `refresh` touches it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.warehouse.raw_tables import RawTables

TABLE = "_bookings_properties"


class Properties:
    """The facts about one raw dataset."""

    def __init__(self, client: SqlClientBase[Any]) -> None:
        self._client = client
        self._raw = RawTables(client)

    def read(self) -> dict[str, str]:
        """All facts by name; empty if the table does not exist yet."""
        rows = self._raw.dicts(f"SELECT name, value FROM {self._raw.name(TABLE)}")  # noqa: S608 - our own names
        return {row["name"]: row["value"] for row in rows}

    def create(self) -> None:
        """Creates the table, unless it exists."""
        self._client.execute_sql(
            f"CREATE TABLE IF NOT EXISTS {self._raw.name(TABLE)}"
            " (name VARCHAR NOT NULL, value VARCHAR, written_at TIMESTAMP WITH TIME ZONE, version VARCHAR)"
        )

    def write(self, facts: Mapping[str, str], at: DateTime) -> None:
        """Replaces these facts. Callers open the transaction."""
        literal, table = self._raw.literal, self._raw.name(TABLE)
        self._client.execute_sql(f"DELETE FROM {table} WHERE name IN ({self._raw.literals(facts)})")  # noqa: S608
        stamp = f"CAST({literal(at.in_timezone('UTC').to_iso8601_string())} AS TIMESTAMP WITH TIME ZONE)"
        program = literal(version("bookings-sync"))
        rows = (f"({literal(name)}, {literal(value)}, {stamp}, {program})" for name, value in facts.items())
        self._client.execute_sql(
            f"INSERT INTO {table} (name, value, written_at, version) VALUES {', '.join(rows)}"  # noqa: S608
        )
