"""One run at a time on a dataset: dlt has no lock of its own, and of three processes with one pipeline two fail.

Input:  the file that stands for the dataset.
Output: a context that holds the lock, or LockedError naming the holder. The lock is the operating system's: a run that
        is killed frees it.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from pendulum import DateTime

from bookings_sync.errors import LockedError


@contextmanager
def locked(path: Path, *, since: DateTime) -> Iterator[None]:
    """Holds the lock at `path` (a file beside the database). Raises LockedError at once where another run holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_name(path.name + ".holder")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LockedError(_read(holder)) from None
    try:
        about = {"pid": os.getpid(), "host": socket.gethostname(), "since": since.to_iso8601_string()}
        holder.write_text(json.dumps(about), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _read(holder: Path) -> str:
    try:
        about = json.loads(holder.read_text(encoding="utf-8"))
        return f"process {about['pid']} on {about['host']}, since {about['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "not known"  # it has only just taken the lock, or is giving it back
