"""Heaps: how the process keeps the memory that a sync gives back.

Input:  nothing.
Output: one heap for all threads, where the C library is glibc; elsewhere nothing happens.
"""

from __future__ import annotations

import ctypes
import sys

_M_ARENA_MAX = -8
"""glibc's name for it, from malloc.h."""


def share_one_heap() -> None:
    """To be called before there are threads. glibc gives each thread a heap of its own and keeps what each once held:
    with twenty that read replies, a hundred megabytes that nobody uses. Python's threads take turns anyway.

    For a process of our own alone: a program that imports the library decides for itself.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries for Linux have none
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 1)
