"""Publishing: a copy of the database for those who read.

Input:  the DuckDB file that runs write, with its models built.
Output: a second file beside it, replaced in one step. While a run writes, nobody else may even read its file, and an
        open reader would make the run fail: so analysts and dashboards open the copy. A session that has it open goes
        on reading what it opened; a new one sees the new state, whole.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb

from bookings_sync.errors import LoadError


def read_copy(database: Path) -> Path:
    """Where the copy of a database stands: `bookings.duckdb` is read as `bookings_read.duckdb`."""
    return database.with_name(f"{database.stem}_read{database.suffix}")


def publish(database: Path) -> Path:
    """Replaces the read copy by the database as it is now, and returns its path.

    To be called while the run's lock is held and no connection is open. Raises LoadError where there is no room, or the
    database cannot be opened; the copy before then stands.
    """
    copy = read_copy(database)
    fresh = copy.with_name(f".{copy.name}.{os.getpid()}")
    try:
        with duckdb.connect(str(database)) as connection:
            connection.execute("CHECKPOINT")  # so that the file alone is all of it
        shutil.copyfile(database, fresh)
        shutil.copymode(database, fresh)
        fresh.replace(copy)
    except (OSError, duckdb.Error) as error:
        fresh.unlink(missing_ok=True)
        raise LoadError(f"the read copy could not be published: {type(error).__name__}") from error
    return copy
