"""Windows: half-open ranges of time `[start, end)`, UTC, to the millisecond.

Input:  instants.
Output: `Window`. The plan names windows, the API is asked for them, and the ledger records them. Pure.

Windows lie on a dyadic grid: days since the epoch, doubled (2, 4, 8 … days) or halved (12 h, 6 h …). Halving a window
gives two windows of the grid, and every run asks for the same times by the same windows, whatever the hour. An
unchanged reply is then recognised by its digest, and the ledger does not grow.
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
"""Milliseconds. A longer window with an unreadable reply is read again in halves, so that one record that breaks the
reply costs its own day only."""
SHORTEST_MS = 60_000
"""Milliseconds. A window of this length or less is not halved."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """`[start_ms, end_ms)` in epoch milliseconds, the unit of the API's queries (DOC).

    Raises ValueError for an empty window, which is always a mistake and never "nothing to do".
    """

    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        if self.start_ms >= self.end_ms:
            raise ValueError(f"the window is empty: it starts at {self.start} and ends at {self.end}")

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
        """The part of this window inside `other`; None if they do not overlap."""
        start, end = max(self.start_ms, other.start_ms), min(self.end_ms, other.end_ms)
        return Window(start, end) if start < end else None

    @property
    def can_split(self) -> bool:
        return self.length_ms > SHORTEST_MS

    def halves(self) -> tuple[Window, Window]:
        """The earlier and the later half. Both are on the grid if this window is."""
        middle = self.start_ms + self.length_ms // 2
        return Window(self.start_ms, middle), Window(middle, self.end_ms)


ALL_TIME = Window(-25_567 * DAY_MS, 84_006 * DAY_MS)
"""1900 to 2200. The window of a read that returns the whole calendar, because the API ignores windows."""

FAR_DAYS = (Window(11_323 * DAY_MS, 11_324 * DAY_MS), Window(47_117 * DAY_MS, 47_118 * DAY_MS))
"""One day in 2001 and one in 2099, where no calendar has appointments."""


def to_ms(instant: datetime) -> int:
    """Epoch milliseconds, rounded down."""
    # datetime's own subtraction: pendulum's builds a calendar interval, at ten times the cost.
    return datetime.__sub__(instant, _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> DateTime:
    return pendulum.from_timestamp(ms // 1000).add(microseconds=ms % 1000 * 1000)


def asked_window(start: object, end: object, *, full: bool = False) -> Window | None:
    """The range that a caller asks for with datetimes; None without one.

    Raises ValueError unless both have a time zone and `end` is later, and if `full` asks for all history as well.
    """
    if (start is None) != (end is None):
        raise ValueError("start and end go together: give both or neither")
    if start is None:
        return None
    if full:
        raise ValueError("full reads all history: leave out start and end")
    return Window(to_ms(_aware("start", start)), to_ms(_aware("end", end)))


def _aware(name: str, moment: object) -> datetime:
    if not isinstance(moment, datetime):
        kind = type(moment).__name__
        raise ValueError(  # noqa: TRY004 - callers catch one type for a range that cannot be
            f"{name} is a {kind}: write a datetime with a time zone, datetime(…, tzinfo=UTC)"
        )
    if moment.utcoffset() is None:
        raise ValueError(f"{name}: {moment.isoformat()} has no time zone: write datetime(…, tzinfo=UTC)")
    return moment


def grid(span: Window, length_days: int) -> Iterator[Window]:
    """The windows of `length_days` days that overlap `span`, oldest first and not clipped."""
    length = length_days * DAY_MS
    for start in range(span.start_ms // length * length, span.end_ms, length):
        yield Window(start, start + length)


def gaps(span: Window, covered: Iterable[Window]) -> list[Window]:
    """The parts of `span` outside all windows of `covered`, oldest first."""
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
    """The same time in as few windows as possible, oldest first."""
    found: list[Window] = []
    for window in sorted(windows):
        if found and window.start_ms <= found[-1].end_ms:
            found[-1] = Window(found[-1].start_ms, max(found[-1].end_ms, window.end_ms))
        else:
            found.append(window)
    return found
