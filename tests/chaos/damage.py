"""Damage: what befalls the warehouse between two syncs, as small values that Hypothesis can draw, shrink and print.

Input:  a `Damage`, the DuckDB file, and older copies of this file.
Output: the file changed, as somebody with the file open would change it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

TABLES = (
    "appointments", "contacts", "contact_custom_fields", "services", "service_members", "service_hours", "teams",
    "team_members", "slots", "locations", "reads", "look_ups", "held_deletions", "rejected_records", "runs",
    "_bookings_properties", "_dlt_loads", "_dlt_version", "_dlt_pipeline_state",
)  # fmt: skip
KINDS = ("truncate", "drop", "restore_table", "restore_file", "delete_rows", "delete_versions")


@dataclass(frozen=True, slots=True)
class Damage:
    """One change. `restore_table` and `restore_file` take an older copy, chosen by `pick`. `delete_rows` deletes some
    records with all their versions, and `delete_versions` some of all rows."""

    kind: Literal["truncate", "drop", "restore_table", "restore_file", "delete_rows", "delete_versions"]
    table: str = "appointments"
    pick: int = 0

    @property
    def keeps_versions_whole(self) -> bool:
        """Whether the versions of each record still follow one another."""
        return self.kind in ("truncate", "drop", "restore_file") or self.table in TABLES[9:]


_RECORD = {
    "appointments": "id", "contacts": "id", "services": "id", "teams": "id", "slots": "service_id",
    "contact_custom_fields": "contact_id", "service_members": "service_id", "service_hours": "service_id",
    "team_members": "team_id",
}  # fmt: skip


def befall(damage: Damage, database: Path, copies: Sequence[Path]) -> None:
    """Changes the file. A file or a table that does not exist is passed over."""
    if not database.exists():
        return
    older = copies[damage.pick % len(copies)] if copies else None
    if damage.kind == "restore_file":
        if older:
            shutil.copyfile(older, database)
        return
    with duckdb.connect(str(database)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if older:
            connection.execute(f"ATTACH '{older}' AS older (READ_ONLY)")
        if not _exists(connection, damage.table, "current_database()"):
            return
        connection.execute("USE bookings_raw")
        if damage.kind == "truncate":
            connection.execute(f"DELETE FROM {damage.table}")
        elif damage.kind == "drop":
            connection.execute(f"DROP TABLE {damage.table}")
        elif damage.kind == "restore_table":
            if older and _exists(connection, damage.table, "'older'"):
                connection.execute(f"DELETE FROM {damage.table}")
                connection.execute(f"INSERT INTO {damage.table} BY NAME FROM older.bookings_raw.{damage.table}")
        else:
            whole = damage.kind == "delete_rows" and damage.table in _RECORD
            what = _RECORD[damage.table] if whole else "rowid"
            connection.execute(f"DELETE FROM {damage.table} WHERE hash({what}) % 3 = {damage.pick % 3}")


def _exists(connection: duckdb.DuckDBPyConnection, table: str, database: str) -> bool:
    raw = "schema_name = 'bookings_raw' AND table_name = ?"  # dlt's staging tables have the same names
    sql = f"SELECT 1 FROM duckdb_tables() WHERE {raw} AND database_name = {database}"
    return bool(connection.execute(sql, [table]).fetchall())
