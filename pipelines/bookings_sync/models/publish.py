"""Publish: replaces the read copy, a copy of the DuckDB file for analysts and dashboards.

Input:  the DuckDB file that runs write; how many copies to keep.
Output: `bookings_read.duckdb` next to it, replaced atomically, and earlier copies named by the time they were made.

DuckDB lets no other process read a file that a run has open, and an open reader makes a run fail. So readers open the
copy. A session that is open during the replacement keeps its old state; new sessions see the new state.

A database that has not changed since is not copied again. On a file system with reflinks, such as Btrfs and XFS, the
copy shares all blocks with the database.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import duckdb
import pendulum

from bookings_sync.errors import LoadError
from bookings_sync.machine import machine_error

CHUNK_BYTES = 1 << 22
"""Bytes copied between two fsyncs. Large enough for full disk speed, small enough to keep the page cache free."""

_HEADER_BYTES = 3 * 4096
"""The three headers of a DuckDB file. Every checkpoint that writes anything counts one up in a header."""

_FICLONE = 0x40049409
"""Linux's request to make one file a reflink of another: `FICLONE` in linux/fs.h."""


def read_copy(database: Path) -> Path:
    """The path of a database's read copy: `bookings_read.duckdb` for `bookings.duckdb`."""
    return database.with_name(f"{database.stem}_read{database.suffix}")


def earlier_copies(database: Path) -> list[Path]:
    """The earlier copies, newest first, such as `bookings_read_20261122T141602Z.duckdb` (time of the copy, UTC)."""
    copy = read_copy(database)
    digits = "[0-9]" * 8 + "T" + "[0-9]" * 6 + "Z"
    return sorted(copy.parent.glob(f"{copy.stem}_{digits}{copy.suffix}"), reverse=True)


def publish(database: Path, keep: int) -> Path:
    """Replaces the read copy by the current database, and returns its path. Keeps `keep` copies in total.

    Does nothing if the copy is of this very state of the database. Call it with the run's lock held and no connection
    open. Raises LoadError if the disk is full or the database cannot be opened; the old copy then stays.
    """
    copy = read_copy(database)
    fresh = copy.with_name(f".{copy.name}.{os.getpid()}")
    for abandoned in copy.parent.glob(f".{copy.name}.*"):  # of a killed run: only one publishes at a time
        abandoned.unlink(missing_ok=True)
    try:
        if _is_current(database, copy):
            return _without_old(database, keep)
        with duckdb.connect(str(database)) as connection:
            connection.execute("CHECKPOINT")  # moves the write-ahead log into the file
        if not _cloned(database, fresh):
            _copy(database, fresh)
        written = database.stat().st_mtime_ns
        os.utime(fresh, ns=(written, written))
        # An operator who ran `chmod 640` on the copy does so once: each new copy keeps that mode.
        shutil.copymode(copy if copy.exists() else database, fresh)
        if keep > 1 and copy.exists():
            _keep_by_time(copy)
        fresh.replace(copy)
    except (OSError, duckdb.Error) as error:
        fresh.unlink(missing_ok=True)
        cause = machine_error(error, fresh, database=database)
        raise LoadError(f"the read copy could not be published: {cause or type(error).__name__}") from cause or error
    return _without_old(database, keep)


def _without_old(database: Path, keep: int) -> Path:
    for old in earlier_copies(database)[keep - 1 :]:
        with suppress(OSError):  # Windows cannot remove an open file; the next run tries again
            old.unlink()
    return read_copy(database)


def _is_current(database: Path, copy: Path) -> bool:
    """Whether the copy was made of this state of the database: neither the time of the last write, nor the size, nor
    the headers differ, and no write waits in the write-ahead log."""
    if not copy.exists() or database.with_name(database.name + ".wal").exists():
        return False
    held, copied = database.stat(), copy.stat()
    if (held.st_mtime_ns, held.st_size) != (copied.st_mtime_ns, copied.st_size):
        return False
    return _header(database) == _header(copy)


def _header(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_HEADER_BYTES)


def _cloned(database: Path, fresh: Path) -> bool:
    """Makes a reflink: a copy that shares the blocks of the database until either file is written. Returns False where
    the system or the file system cannot."""
    if sys.platform != "linux":
        return False
    import fcntl

    with database.open("rb") as source, fresh.open("wb") as target:
        try:
            fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
        except OSError:
            return False
        os.fsync(target.fileno())
    return True


def _copy(database: Path, fresh: Path) -> None:
    """Copies a file chunk by chunk.

    Each chunk is fsynced, so the copy survives a power cut, and then dropped from the page cache, which a large file
    would otherwise fill.
    """
    chunk = memoryview(bytearray(CHUNK_BYTES))
    with database.open("rb", buffering=0) as source, fresh.open("wb", buffering=0) as target:
        while size := source.readinto(chunk):
            left = chunk[:size]
            while left:
                left = left[target.write(left) :]
            os.fsync(target.fileno())
            if hasattr(os, "posix_fadvise"):  # Linux only
                os.posix_fadvise(target.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _keep_by_time(copy: Path) -> None:
    """Gives the current copy a second name that survives its replacement.

    A hard link: nothing is copied, and the first name is never missing.
    """
    time = pendulum.from_timestamp(copy.stat().st_mtime).format("YYYYMMDD[T]HHmmss[Z]")
    named = copy.with_name(f"{copy.stem}_{time}{copy.suffix}")
    named.unlink(missing_ok=True)
    try:
        os.link(copy, named)
    except OSError:  # a file system without hard links
        shutil.copy2(copy, named)
