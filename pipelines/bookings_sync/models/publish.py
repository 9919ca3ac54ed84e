"""Publishing: a copy of the database for those who read.

Input:  the DuckDB file that runs write, with its models built; how many copies to keep.
Output: a second file beside it, replaced in one step, and the copies before it under the time they were made. While a
        run writes, nobody else may even read its file, and an open reader would make the run fail: so analysts and
        dashboards open the copy. A session that has it open goes on reading what it opened; a new one sees the new
        state, whole.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import duckdb
import pendulum

from bookings_sync.errors import LoadError

_PIECE = 1 << 22
"""Bytes that are copied at a time."""


def read_copy(database: Path) -> Path:
    """Where the copy of a database stands: `bookings.duckdb` is read as `bookings_read.duckdb`."""
    return database.with_name(f"{database.stem}_read{database.suffix}")


def earlier_copies(database: Path) -> list[Path]:
    """The copies before the present one that are kept, the newest first: `bookings_read_20261122T141602Z.duckdb`.

    The time in a copy's name is when it was made, UTC.
    """
    copy = read_copy(database)
    digits = "[0-9]" * 8 + "T" + "[0-9]" * 6 + "Z"
    return sorted(copy.parent.glob(f"{copy.stem}_{digits}{copy.suffix}"), reverse=True)


def publish(database: Path, keep: int) -> Path:
    """Replaces the read copy by the database as it is now, keeps `keep` copies in all, and returns its path.

    To be called while the run's lock is held and no connection is open. Raises LoadError where there is no room, or the
    database cannot be opened; the copy before then stands.
    """
    copy = read_copy(database)
    fresh = copy.with_name(f".{copy.name}.{os.getpid()}")
    try:
        with duckdb.connect(str(database)) as connection:
            connection.execute("CHECKPOINT")  # so that the file alone is all of it
        _copy(database, fresh)
        # Who may read the copy is said once, of the copy: `chmod 640`, say, while the database stays its owner's alone.
        shutil.copymode(copy if copy.exists() else database, fresh)
        if keep > 1 and copy.exists():
            _name_by_its_time(copy)
        fresh.replace(copy)
    except (OSError, duckdb.Error) as error:
        fresh.unlink(missing_ok=True)
        raise LoadError(f"the read copy could not be published: {type(error).__name__}") from error
    for old in earlier_copies(database)[keep - 1 :]:
        with suppress(OSError):  # where an open file cannot be removed, the next run does it
            old.unlink()
    return copy


def _copy(database: Path, fresh: Path) -> None:
    """Copies the file in pieces, each on the disk before the next is read.

    So it is whole when it takes the other copy's place, though the power fail; and the system need not hold all of it
    in memory until it is written, which took up to 2 s of CPU for a file of 700 MB, where this takes 0.4.
    """
    piece = memoryview(bytearray(_PIECE))
    with database.open("rb", buffering=0) as source, fresh.open("wb", buffering=0) as target:
        while size := source.readinto(piece):
            left = piece[:size]
            while left:
                left = left[target.write(left) :]
            os.fsync(target.fileno())
            if hasattr(os, "posix_fadvise"):  # not on macOS, nor on Windows
                os.posix_fadvise(target.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _name_by_its_time(copy: Path) -> None:
    """Gives the present copy a second name, which it keeps when the fresh one takes its place: nothing is copied, and
    the first name is never missing."""
    made = pendulum.from_timestamp(copy.stat().st_mtime).format("YYYYMMDD[T]HHmmss[Z]")
    named = copy.with_name(f"{copy.stem}_{made}{copy.suffix}")
    named.unlink(missing_ok=True)
    try:
        os.link(copy, named)
    except OSError:  # a file system without hard links
        shutil.copy2(copy, named)
