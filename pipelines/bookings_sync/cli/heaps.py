"""Heaps: that the process does not keep the memory that a sync has no more use for.

Input:  nothing.
Output: one heap for all threads, Arrow's too, and large blocks outside it, where the C library is glibc; elsewhere
        nothing happens.
"""

from __future__ import annotations

import ctypes
import os
import sys

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""glibc's names for them, from malloc.h."""

_LARGE = 16_000_000
"""Bytes: larger than nearly all replies. The kernel hands out what is larger page by page, and each page anew for the
next reply, which was a thirtieth of a first load's CPU."""


def keep_little() -> None:
    """To be called before there are threads, and before Arrow is imported.

    glibc gives each thread a heap of its own and keeps what each once held: with twenty that read replies, a hundred
    megabytes that nobody uses. Python's threads take turns anyway. And the first large block that is freed tells it to
    put such blocks into the heap, where small ones settle in between. Arrow would bring a heap of its own, with a part
    for each thread: another hundred.

    For a process of our own alone: a program that imports the library decides for itself.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries for Linux have none
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 1)
            mallopt(_M_MMAP_THRESHOLD, _LARGE)
            os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
