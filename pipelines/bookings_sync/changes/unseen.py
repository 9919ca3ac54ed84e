"""Unseen: measures how long changes of appointments were not in the warehouse.

Input:  the rows that a load stages, the read that brought them, and the read of the same time before.
Output: two histograms of seconds for each location, in `runs`; `percentile` of them. Pure.

When a change happened is not known. Two times limit it:

- `at_most`: since the last read that did not show it. The true time is less, half of it on average.
- `by_api`: since the record's own time of change, if the API gives one and it lies between the two reads. v2 gives
  one (DOC), v1 may (CODE).

Deletions are not measured, nor the first read of a window, nor rows that are only read in another way.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import pyarrow as pa

from bookings_sync.planning.ledger import Ledger, Read, within
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.values import epoch_ms

Measure = Literal["at_most", "by_api"]
MEASURES: tuple[Measure, ...] = ("at_most", "by_api")

LIMITS = (
    5,
    10,
    15,
    20,
    30,
    45,
    60,
    90,
    120,
    180,
    300,
    600,
    900,
    1_800,
    3_600,
    7_200,
    14_400,
    28_800,
    86_400,
    604_800,
    2_592_000,
)
"""Upper limits of the histogram's classes, in seconds. One more class is above the last."""

MORE = "more"
"""The name of the class above the last limit."""

Histogram = Mapping[str, int]
"""The number of changes by class, under its upper limit."""

ReadAt = Callable[[str, Scope, Window], int]
"""When a window was read that the ledger does not say, epoch milliseconds; 0 if it was not."""


class Unseen:
    """Counts the changes of one run. `read_at` gives reads that are not in the ledger."""

    def __init__(self, ledger: Ledger, read_at: ReadAt = lambda *_: 0) -> None:
        self._ledger = ledger
        self._read_at = read_at
        self._counts: dict[str, dict[Measure, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))

    def add(self, rows: pa.Table, read: Read) -> None:
        """Counts new versions of `appointments` that a read brought. Call it before the read is in the ledger."""
        stretches = self._ledger.stretches(read.location_id, read.scope)
        if not stretches or read.window is None:
            return
        seen_ms = read.read_at_ms
        not_written_ms = self._read_at(read.location_id, read.scope, read.window)
        for start_ms, changed_ms in zip(epoch_ms(rows["start_time"]), epoch_ms(rows["updated_at"]), strict=True):
            last = within(stretches, Window(start_ms, start_ms + 1)) if start_ms is not None else []
            if not last or last[0].read.rules != read.rules or last[0].read.run_id == read.run_id:
                continue
            before_ms = max(last[0].read.read_at_ms, not_written_ms)
            if before_ms >= seen_ms:
                continue  # a clock was set back
            counts = self._counts[read.location_id]
            counts["at_most"][class_of((seen_ms - before_ms) / 1_000)] += 1
            if changed_ms is not None and before_ms <= changed_ms <= seen_ms:
                counts["by_api"][class_of((seen_ms - changed_ms) / 1_000)] += 1

    def of(self, location_id: str) -> dict[Measure, dict[str, int]]:
        """The histograms of one location, without empty ones."""
        return {measure: dict(counts) for measure, counts in self._counts.get(location_id, {}).items()}


def class_of(seconds: float) -> str:
    """The class of a length of time."""
    at = bisect_left(LIMITS, seconds)
    return str(LIMITS[at]) if at < len(LIMITS) else MORE


def together(histograms: Iterable[Histogram]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in histograms:
        total.update(each)
    return total


def percentile(histogram: Histogram, share: float) -> float | None:
    """The seconds within which this share of the changes was seen: the upper limit of a class, so it may be too long
    but never too short. Infinite above the last class; None without changes."""
    wanted = share * sum(histogram.values())
    if not wanted:
        return None
    seen = 0
    for limit in LIMITS:
        seen += histogram.get(str(limit), 0)
        if seen >= wanted:
            return float(limit)
    return float("inf")
