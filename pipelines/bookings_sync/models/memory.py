"""Memory: runs a transform in little memory on DuckDB, which writes what does not fit into temporary files.

Input:  dlt's SQL client, and the work.
Output: the work's result. If the limit is too low for a query, the work is done again with the user's own limit.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.errors import LimitReached
from bookings_sync.machine import machine_error
from bookings_sync.warehouse.dataset import file_of

_MEMORY_MB = 300
"""What DuckDB may use: models over a million appointments take no longer with it. Python, the libraries and what DuckDB
does not count need as much again."""

Result = TypeVar("Result")


def in_little_memory(client: SqlClientBase[Any], work: Callable[[], Result]) -> Result:
    """Does `work`, which must leave nothing behind if it fails."""
    if client.capabilities.sqlglot_dialect != "duckdb" or _limit_mb(client) <= _MEMORY_MB:
        return work()
    _remove_left_over(client)
    ((before,),) = client.execute_sql("SELECT current_setting('memory_limit')") or ()
    client.execute_sql(f"SET GLOBAL memory_limit = '{_MEMORY_MB}MB'")
    try:
        return work()
    except Exception as error:
        if not isinstance(machine_error(error), LimitReached):
            raise
    finally:
        client.execute_sql(f"SET GLOBAL memory_limit = '{before}'")
    return work()


def _remove_left_over(client: SqlClientBase[Any]) -> None:
    """Removes the temporary files of a killed transform: they may hold personal data that was erased since."""
    ((folder,),) = client.execute_sql("SELECT current_setting('temp_directory')") or ()
    database = file_of(client)
    if database is not None and Path(str(folder)).absolute() == database.with_name(database.name + ".tmp"):
        for file in Path(str(folder)).glob("duckdb_temp_*"):
            file.unlink(missing_ok=True)


def _limit_mb(client: SqlClientBase[Any]) -> float:
    ((text,),) = client.execute_sql("SELECT current_setting('memory_limit')") or ()
    number, unit = str(text).split()
    return (
        float(number)
        * {"bytes": 1e-6, "KiB": 2**10 / 1e6, "MiB": 2**20 / 1e6, "GiB": 2**30 / 1e6, "TiB": 2**40 / 1e6}[unit]
    )
