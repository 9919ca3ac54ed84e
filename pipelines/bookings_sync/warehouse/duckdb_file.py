"""The DuckDB file: how it is created, and how a load writes it with little memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from dlt.destinations.sql_client import SqlClientBase

STORAGE_VERSION = "v1.3.0"
"""Storage format of new files. DuckDB 1.3 (May 2025) and later read it. DuckDB's default format is older: its strings
take more space, and loads and models more time."""

_CONNECTIONS_PER_CLIENT = [(2,)]
"""A dlt client has two connections: the one that it opened, and a duplicate that it works with."""

_MAX_CACHE = 8_000_000
"""Bytes of the file that may stay in memory while a load writes it."""


_MOST_ROW_GROUPS = 8
"""Loads between two merges of row groups. A small load leaves 2 MB of blocks behind, a merge takes 0.2 s."""


def make_file(file: Path) -> None:
    """Creates the database file, unless it exists. An existing file keeps its storage format."""
    if not file.exists():
        duckdb.connect(file, config={"storage_compatibility_version": STORAGE_VERSION}).close()


@contextmanager
def writing_session(client: SqlClientBase[Any], *, merges: bool) -> Iterator[None]:
    """Configures the open database for loads, and keeps it open between them. With `merges`, merges the row groups of
    small loads in the end.

    dlt opens and closes the file for every table. Without another open connection, DuckDB would write its whole
    write-ahead log into the file each time.
    """
    client.execute_sql("SET GLOBAL threads = 1")  # as fast as two for a load, and less CPU
    client.execute_sql("SET GLOBAL write_buffer_row_group_count = 1")  # writes each row group when it is full
    # Merging appended row groups with older ones takes a multiple of a load's time and memory. It happens when the file
    # closes, so this is not reset: `_merge_row_groups` merges them now and then.
    client.execute_sql("SET GLOBAL max_vacuum_tasks = 0")
    yield
    if merges:
        _merge_row_groups(client)
    # No `finally`: after an error the connection may be unusable, and the error must get through.
    # If the caller has the file open too, its database gets the threads back. Otherwise the file closes now, and a
    # second thread would only wait while the first writes the log.
    if client.execute_sql("SELECT count FROM duckdb_connection_count()") != _CONNECTIONS_PER_CLIENT:
        client.execute_sql("RESET GLOBAL threads")


def _merge_row_groups(client: SqlClientBase[Any]) -> None:
    """Merges the row groups of small loads, in place, once there are many.

    Each load appends a row group to each of its tables, and each takes blocks of 256 kB of its own: a run's single row
    in `runs` as well. dlt adds a row to `_dlt_loads` with each load, so the row groups of that table count the loads
    since the last merge. A killed merge changes nothing.
    """
    table = client.make_qualified_table_name("_dlt_loads").replace("'", "''")
    counted = client.execute_sql(f"SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('{table}')")  # noqa: S608
    ((row_groups,),) = counted or ()
    if row_groups > _MOST_ROW_GROUPS:
        client.execute_sql("RESET GLOBAL max_vacuum_tasks")
        client.execute_sql("CHECKPOINT")
        client.execute_sql("SET GLOBAL max_vacuum_tasks = 0")


def has_large_cache(client: SqlClientBase[Any]) -> bool:
    """Whether DuckDB keeps enough of the file in memory to be worth reopening it (15 ms of CPU)."""
    ((cached,),) = client.execute_sql("SELECT sum(memory_usage_bytes) FROM duckdb_memory()") or ()
    return int(cached) > _MAX_CACHE


def has_columns(client: SqlClientBase[Any], dataset: str, columns: set[tuple[str, str]]) -> bool:
    """Whether the dataset has all of these (table, column) pairs. Cheaper than dlt's check of a whole schema."""
    found = client.execute_sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s", dataset
    )
    return columns <= {(table, column) for table, column in found or ()}
