"""The raw tables as SQL sees them, through dlt's own SQL client.

Input:  a connected dlt SQL client on the raw dataset.
Output: `RawTables`: answers as Arrow tables, and the quoting that every query here needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

_KEYS_PER_QUERY = 10_000
"""Ids in one IN list. Snowflake allows 16,384, BigQuery a million characters of SQL."""


class RawTables:
    """Runs queries over the raw dataset."""

    def __init__(self, client: SqlClientBase[Any]) -> None:
        self._client = client
        self._columns: dict[str, frozenset[str]] = {}

    def rows(self, sql: str, *values: Any) -> pa.Table | None:
        """The answer as Arrow; None if a table does not exist yet."""
        try:
            with self._client.execute_query(sql, *values) as cursor:
                return cursor.arrow()
        except DatabaseUndefinedRelation:
            return None

    def dicts(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """The answer as one dict per row; empty if a table does not exist yet."""
        rows = self.rows(sql, *values)
        return [] if rows is None else rows.to_pylist()

    def columns(self, table: str) -> frozenset[str]:
        """The columns that the table has; none if it does not exist yet. A warehouse of an older version has fewer."""
        if table not in self._columns:
            rows = self.rows(f"SELECT * FROM {self.name(table)} WHERE 1 = 0")  # noqa: S608 - our own names
            if rows is None:
                return frozenset()
            self._columns[table] = frozenset(rows.column_names)
        return self._columns[table]

    def listed_by(self) -> str:
        """The column `listed_by` of `appointments`, or a null in a warehouse that does not have it yet."""
        return "listed_by" if "listed_by" in self.columns("appointments") else "CAST(NULL AS VARCHAR(1)) AS listed_by"

    def name(self, table: str) -> str:
        """The qualified name of a raw table."""
        return self._client.make_qualified_table_name(table)

    def with_ids(self, location_id: str, column: str, ids: Iterable[str]) -> str:
        """A condition: rows of the location with these ids. It holds literals only, because dlt would take a `%s`
        inside an id for a parameter if the query had any."""
        return f"location_id = {self.literal(location_id)} AND {column} IN ({self._id_list(list(ids))})"

    def _id_list(self, ids: list[str]) -> str:
        # DuckDB plans one JSON text of 10,000 ids in half the time of as many literals.
        if self._client.capabilities.sqlglot_dialect != "duckdb":
            return self.literals(ids)
        return f"SELECT unnest(from_json_strict({self.literal(json.dumps(ids))}, '[\"VARCHAR\"]'))"

    def literals(self, texts: Iterable[str]) -> str:
        return ", ".join(map(self.literal, texts))

    def literal(self, text: str) -> str:
        escape = self._client.capabilities.escape_literal
        assert escape is not None  # noqa: S101 - every SQL destination of dlt has one
        return str(escape(text))


def in_chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    """The items in lists of as many as one query takes."""
    remaining = iter(items)
    while chunk := list(islice(remaining, _KEYS_PER_QUERY)):
        yield chunk
