"""Freed pages: rewrites the warehouse's files, so that they hold no byte of values that were deleted or overwritten.

Input:  a DuckDB file that nothing has open, or a client on PostgreSQL. Callers hold the dataset's lock.
Output: the same data in new files.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.errors import LoadError
from bookings_sync.warehouse.duckdb_file import STORAGE_VERSION


def rewrite_duckdb(database: Path) -> None:
    """Copies the data into a fresh file, which takes the old one's place in one step. Raises LoadError."""
    fresh = database.with_name(f".{database.name}.rewritten")
    wal = database.with_name(database.name + ".wal")
    for abandoned in (fresh, fresh.with_name(fresh.name + ".wal")):  # of a killed run
        abandoned.unlink(missing_ok=True)
    name = '"' + database.stem.replace('"', '""') + '"'  # views may name the file's own catalogue
    old, new = (str(path).replace("'", "''") for path in (database, fresh))
    try:
        with duckdb.connect(str(database)) as connection:
            connection.execute("CHECKPOINT")
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{old}' AS bookings_old (READ_ONLY)")
            connection.execute(f"ATTACH '{new}' AS {name} (STORAGE_VERSION '{STORAGE_VERSION}')")
            connection.execute(f"COPY FROM DATABASE bookings_old TO {name}")
            connection.execute(f"CHECKPOINT {name}")
        fresh.chmod(database.stat().st_mode & 0o777)
        fresh.replace(database)
        wal.unlink(missing_ok=True)
    except (OSError, duckdb.Error) as error:
        fresh.unlink(missing_ok=True)
        raise LoadError(
            f"the database file could not be rewritten: {type(error).__name__}. The values are gone from its tables, "
            "but freed pages of the file may still hold them. Free as much disk space as the file takes, and run "
            "bookings forget again."
        ) from error


def vacuum_postgres(client: SqlClientBase[Any], schemas: list[str]) -> bool:
    """Rewrites every table of these schemas, and the server's statistics of their values. Returns whether the server
    allowed all of it."""
    complete = True
    for schema in schemas:
        rows = client.execute_sql("SELECT tablename FROM pg_tables WHERE schemaname = %s", schema)
        for (table,) in rows or ():
            name = f'"{schema}"."{table}"'
            client.execute_sql(f"VACUUM (FULL, ANALYZE) {name}")
            if not client.execute_sql(f"SELECT 1 FROM {name} LIMIT 1"):  # noqa: S608 - our own names
                complete &= _remove_statistics(client, name)
    for statement in ("VACUUM FULL pg_catalog.pg_statistic", "CHECKPOINT"):
        try:
            client.execute_sql(statement)
        except DatabaseException:  # only the server's owner may
            complete = False
            with suppress(DatabaseException):
                client.execute_sql("ROLLBACK")
    return complete


def _remove_statistics(client: SqlClientBase[Any], table: str) -> bool:
    """ANALYZE leaves an empty table its old statistics, with values. A change of a column's type removes them, even if
    the type stays the same."""
    columns = client.execute_sql(
        "SELECT quote_ident(attname), format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        table,
    )
    changes = ", ".join(f"ALTER COLUMN {name} TYPE {kind}" for name, kind in columns or ())
    try:
        client.execute_sql(f"ALTER TABLE {table} {changes}")
    except DatabaseException:  # a view of the user's reads a column
        return False
    return True
