"""An index of appointments by start time.

Input:  appointments, added and removed by `model.LocationData`.
Output: the appointments of a time range, found by bisection.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bookings_sync.sandbox.model import Appointment


class StartIndex:
    """Appointments sorted by `start_ms`. Appointments with the same start keep their insertion order."""

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
        """Adds a row that starts at or after all others. Faster than `add`."""
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
        """Rows with a `[start, end)` that overlaps `[start_ms, end_ms)`.

        The longest row ever added limits how far back the search begins.
        """
        first = bisect_right(self._starts, start_ms - self._longest)
        return [row for row in self._rows[first : bisect_left(self._starts, end_ms)] if row.end_ms > start_ms]

    def all(self) -> list[Appointment]:
        return list(self._rows)
