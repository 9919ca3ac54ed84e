"""Scratch folders: dlt's working files of one command, and the removal of those that a killed one left.

Input:  nothing.
Output: `scratch_folder`: an empty folder that goes away with the command. Its files hold customers' data.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "bookings-sync-"

_LOCK = ".in-use"
"""A file in each folder that its command holds locked. The operating system releases the lock of a killed command."""

_SURELY_ABANDONED_SECONDS = 86_400
"""Age of a folder without such a file after which no command can still use it. Version 0.1 made no such file."""


@contextmanager
def scratch_folder() -> Iterator[str]:
    """An empty folder in the system's folder for temporary files. Removes what killed commands left there."""
    _remove_abandoned()
    with ExitStack() as stack:
        while (folder := _locked_folder(stack)) is None:
            continue
        yield folder


def _locked_folder(stack: ExitStack) -> str | None:
    """A new folder with its lock; None if another command took the folder for abandoned before it was locked."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True))
    lock = Path(folder, _LOCK)
    try:
        stack.enter_context(FileLock(lock))
    except FileNotFoundError:
        return None
    return folder if lock.exists() else None


def _remove_abandoned() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError, Timeout):  # in use, another user's, or removed by another command just now
            if folder.is_symlink() or not folder.is_dir():
                continue
            lock = folder / _LOCK
            if lock.exists():
                # The lock stays held until then, or a command that waits for it would get a folder that disappears.
                with FileLock(lock, timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
            elif time.time() - folder.stat().st_mtime < _SURELY_ABANDONED_SECONDS:
                continue
            shutil.rmtree(folder)
