"""Keeps the memory use of `bookings sync` low on Linux with glibc. Does nothing elsewhere."""

from __future__ import annotations

import ctypes
import os
import sys

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""Parameters of mallopt(3), from glibc's malloc.h."""

_MMAP_THRESHOLD = 16_000_000
"""Bytes. Larger than nearly all replies: the kernel zeroes every page of a larger block, again for each reply."""


def limit_memory_use() -> None:
    """Makes malloc return freed memory to the system. Call this before threads start and before Arrow is imported.

    By default glibc keeps one arena per thread, and each arena keeps what its thread once used. Twenty reading threads
    then hold memory that nothing uses. One arena is enough, because Python threads take turns. glibc also raises the
    mmap threshold as soon as a large block is freed, which fragments the heap, so the threshold is fixed. Arrow's own
    pool has an arena per thread too; the system pool avoids it.

    Only for the command's own process. A program that imports the library decides for itself.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has no mallopt
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 1)
            mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD)
            os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
