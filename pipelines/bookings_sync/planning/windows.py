"""Windows: half-open ranges of time `[start, end)`, UTC, to the millisecond.

Input:  instants.
Output: `Window`, the one way the connector speaks of a range of time: planned by `plan`, asked for by `api`, recorded
        in the ledger. Pure: the clock is always an argument.

Windows lie on a dyadic grid: the day of the epoch doubled (2, 4, 8 … days) or halved (12 h, 6 h …). So a window that is
split falls into two windows of the grid, and the same times are asked for by the same windows run after run, whatever
the hour of the run: an unchanged reply is then recognised by its digest, and the ledger does not grow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pendulum
from pendulum import DateTime

DAY_MS = 86_400_000
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
SPOILT_MS = DAY_MS
"""A window longer than this whose reply is not one is read in halves: a record that spoils each reply costs its day."""
SHORTEST_MS = 60_000
"""A window of a minute or less is not split further."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """`[start_ms, end_ms)` in epoch milliseconds, the unit of the API's own queries (api.md, DOC).

    Raises ValueError where the window would be empty: an empty window is always a mistake, never "nothing to do".
    """

    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        if self.start_ms >= self.end_ms:
            raise ValueError(f"an empty window: it starts at {self.start} and ends at {self.end}")

    @classmethod
    def between(cls, start: DateTime, end: DateTime) -> Window:
        return cls(to_ms(start), to_ms(end))

    @property
    def start(self) -> DateTime:
        return from_ms(self.start_ms)

    @property
    def end(self) -> DateTime:
        return from_ms(self.end_ms)

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms

    def __str__(self) -> str:
        return f"[{self.start.format('YYYY-MM-DDTHH:mm')}Z, {self.end.format('YYYY-MM-DDTHH:mm')}Z)"

    def holds(self, instant_ms: int) -> bool:
        return self.start_ms <= instant_ms < self.end_ms

    def overlaps(self, other: Window) -> bool:
        return self.start_ms < other.end_ms and other.start_ms < self.end_ms

    def covers(self, other: Window) -> bool:
        return self.start_ms <= other.start_ms and other.end_ms <= self.end_ms

    def clip(self, other: Window) -> Window | None:
        """The part of this window inside `other`; None where they do not meet."""
        start, end = max(self.start_ms, other.start_ms), min(self.end_ms, other.end_ms)
        return Window(start, end) if start < end else None

    @property
    def can_split(self) -> bool:
        return self.length_ms > SHORTEST_MS

    def halves(self) -> tuple[Window, Window]:
        """Earlier and later half; on the grid where this window is."""
        middle = self.start_ms + self.length_ms // 2
        return Window(self.start_ms, middle), Window(middle, self.end_ms)


def to_ms(instant: datetime) -> int:
    """Epoch milliseconds, rounded down."""
    # As datetime subtracts: pendulum makes an interval with a calendar of it, at ten times the cost.
    return datetime.__sub__(instant, _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> DateTime:
    return pendulum.from_timestamp(ms // 1000).add(microseconds=ms % 1000 * 1000)


def grid(span: Window, length_days: int) -> Iterator[Window]:
    """The windows of `length_days` days on the grid that meet `span`, oldest first, whole (not clipped)."""
    length = length_days * DAY_MS
    for start in range(span.start_ms // length * length, span.end_ms, length):
        yield Window(start, start + length)


def gaps(span: Window, covered: Iterable[Window]) -> list[Window]:
    """The parts of `span` that no window of `covered` holds, oldest first."""
    missing: list[Window] = []
    reached = span.start_ms
    for window in sorted(covered):
        if window.start_ms >= span.end_ms:
            break
        if window.start_ms > reached:
            missing.append(Window(reached, window.start_ms))
        reached = max(reached, window.end_ms)
    if reached < span.end_ms:
        missing.append(Window(reached, span.end_ms))
    return missing


def joined(windows: Iterable[Window]) -> list[Window]:
    """The same time in as few windows as can be, oldest first."""
    found: list[Window] = []
    for window in sorted(windows):
        if found and window.start_ms <= found[-1].end_ms:
            found[-1] = Window(found[-1].start_ms, max(found[-1].end_ms, window.end_ms))
        else:
            found.append(window)
    return found
