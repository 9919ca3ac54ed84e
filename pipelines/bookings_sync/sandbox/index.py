"""Appointments in the order of their start.

Input:  appointments, put in and taken out by `model.LocationData`.
Output: those of a time range by bisection: a window of a million rows is found in microseconds.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bookings_sync.sandbox.model import Appointment


class StartIndex:
    """Rows sorted by `start_ms`; rows of one start keep the order they came in."""

    __slots__ = ("_longest", "_rows", "_starts")

    def __init__(self) -> None:
        self._starts = array("q")
        self._rows: list[Appointment] = []
        self._longest = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at: int) -> Appointment:
        return self._rows[at]

    def append(self, row: Appointment) -> None:
        """Add a row that starts no earlier than any before it."""
        self._starts.append(row.start_ms)
        self._rows.append(row)
        self._longest = max(self._longest, row.end_ms - row.start_ms)

    def add(self, row: Appointment) -> None:
        at = bisect_right(self._starts, row.start_ms)
        self._starts.insert(at, row.start_ms)
        self._rows.insert(at, row)
        self._longest = max(self._longest, row.end_ms - row.start_ms)

    def discard(self, row: Appointment) -> None:
        for at in range(bisect_left(self._starts, row.start_ms), bisect_right(self._starts, row.start_ms)):
            if self._rows[at] is row:
                del self._starts[at]
                del self._rows[at]
                return

    def starting(self, start_ms: int, end_ms: int) -> list[Appointment]:
        """Rows that start in `[start_ms, end_ms)`."""
        return self._rows[bisect_left(self._starts, start_ms) : bisect_left(self._starts, end_ms)]

    def overlapping(self, start_ms: int, end_ms: int) -> list[Appointment]:
        """Rows whose `[start, end)` meets `[start_ms, end_ms)`; the longest row ever held says how far back to look."""
        first = bisect_right(self._starts, start_ms - self._longest)
        return [row for row in self._rows[first : bisect_left(self._starts, end_ms)] if row.end_ms > start_ms]

    def all(self) -> list[Appointment]:
        return list(self._rows)
