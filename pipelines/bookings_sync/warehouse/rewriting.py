"""Rewriting: gives rows of history tables other values, in place.

Input:  dlt's SQL client on the raw dataset; a function that gives the new values of a row.
Output: the same versions with the new values, and with the digests that a sync would compute for them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pyarrow as pa
from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.records.columns import row_digests
from bookings_sync.records.schema import STAMPED
from bookings_sync.records.stored import Changed
from bookings_sync.records.tables import TABLES, Table
from bookings_sync.records.values import digest
from bookings_sync.warehouse.raw_tables import RawTables, in_chunks

_ROW = {"duckdb": "rowid", "postgres": "ctid"}
"""The column that identifies a row, by dialect."""

ROWS_AT_ONCE = 50_000
"""Rows of a table that are in memory at the same time."""

Row = dict[str, Any]


def can_rewrite(client: SqlClientBase[Any]) -> bool:
    """Whether the database changes rows in place, and keeps no old files."""
    is_lake = "ducklake" in type(client).__module__ or "motherduck" in type(client).__module__
    return client.capabilities.sqlglot_dialect in _ROW and not is_lake


class Rewriting:
    """Rewrites rows of a database that `can_rewrite`."""

    def __init__(self, client: SqlClientBase[Any]) -> None:
        self._client = client
        self._raw = RawTables(client)
        self._row = _ROW[client.capabilities.sqlglot_dialect or ""]

    def rewrite(self, table: Table, change: Callable[[Table, Row], Row], *, apply: bool) -> int:
        """Changes rows of a history table: `change` gives the new values of a row, empty if nothing changes. Without
        `apply` it only counts them. Returns their number."""
        held = self._raw.columns(table.name)
        names = [name for name in table.names if name in held]
        changes: list[Changed] = []
        selected = ", ".join((f"CAST({self._row} AS VARCHAR) AS row_ref", "_dlt_valid_to", *names))
        with self._client.execute_query(f"SELECT {selected} FROM {self._raw.name(table.name)}") as cursor:  # noqa: S608
            for chunk in cursor.iter_arrow(chunk_size=ROWS_AT_ONCE):
                changes += self._changed(table, chunk, change)
        if apply:
            self._write(table.name, changes)
        return len(changes)

    def _changed(self, table: Table, chunk: pa.Table, change: Callable[[Table, Row], Row]) -> list[Changed]:
        rows = [(row, new) for row in chunk.to_pylist() if (new := change(table, row))]
        digests = _digests(table, [{**row, **new} for row, new in rows])
        return [
            Changed(row["row_ref"], {**new, "row_digest": each}) for (row, new), each in zip(rows, digests, strict=True)
        ]

    def _write(self, name: str, changes: Collection[Changed]) -> None:
        """Updates the rows. Rows with the same changed columns share their statements."""
        by_columns: dict[tuple[str, ...], list[Changed]] = {}
        for each in changes:
            by_columns.setdefault(tuple(sorted(each.values)), []).append(each)
        ref = "CAST(f.row_ref AS BIGINT)" if self._row == "rowid" else "CAST(f.row_ref AS TID)"
        for columns, several in by_columns.items():
            sets = ", ".join(f"{column} = {self._new_value(name, column)}" for column in columns)
            listed = ", ".join(("row_ref", *columns))
            for some in in_chunks(several):
                values = ", ".join(self._literals(each.row_ref, *(each.values[c] for c in columns)) for each in some)
                self._client.execute_sql(
                    f"UPDATE {self._raw.name(name)} AS t SET {sets} FROM (VALUES {values}) AS f({listed})"  # noqa: S608
                    f" WHERE t.{self._row} = {ref}"
                )

    def _new_value(self, name: str, column: str) -> str:
        """A date can only become null. The values of other columns are texts."""
        is_time = any(each.name == column and each.type == "timestamp" for each in TABLES[name].columns)
        return "NULL" if is_time else f"CAST(f.{column} AS VARCHAR)"

    def _literals(self, *values: Any) -> str:
        return "(" + ", ".join("NULL" if value is None else self._raw.literal(str(value)) for value in values) + ")"


def _digests(table: Table, rows: list[Row]) -> list[str]:
    """The digest of each row. A tombstone's covers its key and the time of its deletion."""
    schema = pa.schema([each for each in table.schema if each.name not in STAMPED])
    by_location: dict[str, list[int]] = {}
    digests = [""] * len(rows)
    for position, row in enumerate(rows):
        if row["deleted_at"] is not None:
            key = [str(row[name]) for name in table.key[1:]]
            digests[position] = digest([row["location_id"], key, "deleted", str(row["deleted_at"]), row["row_ref"]])
        else:
            by_location.setdefault(row["location_id"], []).append(position)
    for location_id, positions in by_location.items():
        columns = pa.Table.from_pylist([rows[each] for each in positions], schema=schema)
        for position, each in zip(positions, row_digests(location_id, columns), strict=True):
            digests[position] = each
    return digests
