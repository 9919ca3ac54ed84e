"""The guard: whether so many records of a location end at once that the API is more likely wrong. Pure.

Input:  how many records of one table and location would end, and how many are live.
Output: whether to hold the deletions back.
"""

from __future__ import annotations

from typing import NamedTuple

OFF = 100
"""The share that turns the guard off, in percent."""

_NEARLY_ALL = 90
"""Percent of the free slots that may close at most, however long ago they were read."""


class Guard(NamedTuple):
    """Deletions of more than `percent` of the live records and of more than `rows` records at once are suspicious."""

    percent: int
    rows: int

    @property
    def is_off(self) -> bool:
        return self.percent >= OFF

    def is_too_much(self, ending: int, live: int, *, days: float = 1) -> bool:
        """Whether the share is exceeded. Free slots are booked every day, so their share may end on each of the `days`
        since they were last read, but never nearly all."""
        allowed = max(self.percent, min(self.percent * days, _NEARLY_ALL))
        return not self.is_off and ending > self.rows and 100 * ending > allowed * live

    def is_emptied(self, ending: int, live: int) -> bool:
        """Whether all records end."""
        return not self.is_off and ending > 0 and ending >= live

    def is_mostly_emptied(self, ending: int, live: int, listed: int) -> bool:
        """Whether all records end, or more than half and more than one, and the list has fewer records, `listed`, than
        before. For short lists without another control."""
        if listed >= live:
            return False
        return self.is_emptied(ending, live) or (not self.is_off and ending > 1 and 2 * ending > live)
