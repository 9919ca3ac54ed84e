"""The plan, run after run over a calendar of known rows: it leaves nothing unread, reads nothing twice, and wastes no
request."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from typing import Any

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pendulum import DateTime

from bookings_sync.config.settings import Settings
from bookings_sync.planning.ledger import Ledger, Read
from bookings_sync.planning.plan import (
    KEEP,
    PlannedRead,
    Span,
    hot_range,
    plan_appointments,
    plan_slots,
    slot_calls,
    whole_range,
)
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import DAY_MS, Window, gaps, to_ms

NOW = pendulum.datetime(2026, 11, 2, 9)
SERVICE = Scope("service", "s")


@dataclass
class Calendar:
    """A service with appointments at these instants, kept in sync by the plan alone."""

    starts: list[int]
    settings: Settings
    now: DateTime = NOW
    ledger: Ledger = field(default_factory=Ledger)
    runs: int = 0

    def run(self, **span: Any) -> list[PlannedRead]:
        """One run: loads until nothing is left to read. Its reads, in their order."""
        self.runs += 1
        done: list[PlannedRead] = []
        cold_planned = False
        while reads := [each for each in self._plan(**span) if each.reason != "cold" or not cold_planned]:
            assert len(done) < 5_000, "a run must end"
            cold_planned |= any(each.reason == "cold" for each in reads)
            for each in reads:
                self._read(each)
            done += reads
        return done

    def _plan(self, **span: Any) -> list[PlannedRead]:
        return plan_appointments(self.ledger, self.settings, "L", [SERVICE], Span(f"run {self.runs}", self.now, **span))

    def _read(self, planned: PlannedRead) -> None:
        assert planned.window is not None
        rows = bisect_left(self.starts, planned.window.end_ms) - bisect_left(self.starts, planned.window.start_ms)
        at = to_ms(self.now)
        read = Read("L", "appointments", SERVICE, planned.window, at, f"run {self.runs}", "", "d", 0, rows, 0.0)
        self.ledger.add(read)

    def oldest_read_days(self) -> float:
        """The age of the oldest read in all history."""
        stretches = self.ledger.stretches("L", SERVICE)
        assert not gaps(whole_range(self.settings, self.now), [each.window for each in stretches])
        return (to_ms(self.now) - min(each.read.read_at_ms for each in stretches)) / DAY_MS


def busy(per_day: float, *, past: int = 700, future: int = 120) -> list[int]:
    """The same number of appointments on each day."""
    count = round(per_day * (past + future))
    return [to_ms(NOW) + int((-past + number / per_day) * DAY_MS) for number in range(count)]


def few(**knobs: Any) -> Settings:
    return Settings(**{"history_start": date(2024, 6, 1), "rows_per_reply": 100, **knobs})


def windows(reads: list[PlannedRead], *reasons: str) -> list[Window]:
    return [read.window for read in reads if read.window and (not reasons or read.reason in reasons)]


@pytest.mark.parametrize("per_day", [0, 0.05, 1, 20, 150])
def test_a_first_run_reads_everything_once(per_day: float) -> None:
    """The window around now comes first and shows the density. Then the rest of the hot range, then the past, newest
    first. No other moment is read twice."""
    calendar = Calendar(busy(per_day) if per_day else [], few())
    reads = calendar.run()
    assert not gaps(whole_range(calendar.settings, NOW), windows(reads))
    first, hot, backfill = (windows(reads, reason) for reason in ("first", "hot", "backfill"))
    assert [each.holds(to_ms(NOW)) for each in first] == [True]
    assert windows(reads)[: 1 + len(hot)] == first + hot
    assert not gaps(hot_range(calendar.settings, NOW), first + hot)
    assert backfill == sorted(backfill, key=lambda window: -window.end_ms)
    assert len(set(windows(reads))) == len(reads)
    assert all(not one.overlaps(other) for one, other in pairs(hot + backfill))


@given(st.lists(st.integers(-640, 400), max_size=40), st.integers(1, 40), st.integers(0, 3))
@settings(max_examples=40)
def test_each_run_reads_the_whole_hot_range(days: list[int], times: int, later: int) -> None:
    """For any calendar, also if it changed since the run before."""
    starts = sorted(to_ms(NOW) + day * DAY_MS for day in days for _ in range(times))
    calendar = Calendar(starts, few(rows_per_reply=30))
    for _ in range(3):
        reads = calendar.run()
        assert not gaps(hot_range(calendar.settings, calendar.now), windows(reads, "first", "hot"))
        assert not gaps(whole_range(calendar.settings, calendar.now), calendar_windows(calendar))
        assert len(set(windows(reads))) == len(reads)
        calendar.now = calendar.now.add(days=later, hours=5)
        calendar.starts = [start + later * DAY_MS // 2 for start in calendar.starts]


@pytest.mark.parametrize("every_hours", [6, 24, 24 * 7, 24 * 40])
@pytest.mark.parametrize("per_day", [0.2, 5])
def test_cold_windows_are_read_again_in_time(per_day: float, every_hours: int) -> None:
    """Every moment of history is read again within `cold_reread_days`, in even shares. A late run catches up."""
    calendar = Calendar(busy(per_day), few(max_window_days=32))
    calendar.run()
    shares = []
    for _ in range(max(2, 60 * 24 // every_hours)):
        calendar.now = calendar.now.add(hours=every_hours)
        reads = calendar.run()
        shares.append(len(windows(reads, "cold")))
        assert calendar.oldest_read_days() <= calendar.settings.cold_reread_days
    if every_hours <= 24:
        steady = shares[len(shares) // 2 :]
        assert max(steady) <= 1 + 2 * math.ceil(sum(steady) / len(steady)), "an even load, not all on one day"


@pytest.mark.parametrize("per_day", [0.05, 0.7, 3, 10, 22, 45])
def test_steady_runs_send_few_requests(per_day: float) -> None:
    """At most twice the fewest possible requests, and no reply that is too large."""
    calendar = Calendar(busy(per_day, future=500), few())
    for _ in range(4):
        reads = calendar.run()
        calendar.now = calendar.now.add(days=1)
    hot = hot_range(calendar.settings, calendar.now)
    rows = bisect_left(calendar.starts, hot.end_ms) - bisect_left(calendar.starts, hot.start_ms)
    least = max(rows / calendar.settings.rows_per_reply, hot.length_ms / DAY_MS / calendar.settings.max_window_days)
    assert len(windows(reads, "hot")) <= 2 * math.ceil(least) + 1  # plus one at the edge of the grid
    biggest = max(
        bisect_left(calendar.starts, window.end_ms) - bisect_left(calendar.starts, window.start_ms)
        for window in windows(reads)
    )
    assert biggest <= KEEP * calendar.settings.rows_per_reply


def test_windows_stay_as_they_are() -> None:
    """Once windows fit their density they stay the same, so that unchanged replies are recognised."""
    calendar = Calendar(busy(3), few(cold_reread_days=2))
    known = []
    for _ in range(12):
        calendar.run()
        calendar.now = calendar.now.add(hours=12)
        known.append(len(list(calendar.ledger.all())))
    assert known[-1] <= known[6] + 1  # the horizon moves on


def test_a_busy_day_is_split_and_a_quiet_year_joined() -> None:
    calendar = Calendar(sorted(busy(0.05) + [to_ms(NOW) - 10 * DAY_MS + n * 1000 for n in range(2_000)]), few())
    for _ in range(3):
        calendar.run()
    reads = calendar.run()
    lengths = [window.length_ms for window in windows(reads)]
    assert min(lengths) < DAY_MS / 2
    assert max(lengths) >= 64 * DAY_MS


def test_a_requested_range_is_read_and_nothing_else() -> None:
    calendar = Calendar(busy(3), few())
    asked = Window.between(NOW.subtract(days=100, hours=7), NOW.subtract(days=60))
    reads = calendar.run(asked=asked)
    assert {read.reason for read in reads} == {"asked"}
    assert not gaps(asked, windows(reads))
    assert all(asked.covers(window) for window in windows(reads))
    assert calendar.run(full=True)
    assert calendar.oldest_read_days() == 0


def test_a_cap_keeps_windows_well_below_it() -> None:
    calendar = Calendar(busy(10), few(rows_per_reply=5_000, reply_cap=50))
    for _ in range(3):
        reads = calendar.run()
    assert (
        max(
            bisect_left(calendar.starts, window.end_ms) - bisect_left(calendar.starts, window.start_ms)
            for window in windows(reads)
        )
        < 50
    )


def test_a_backfill_resumes_after_a_crash() -> None:
    """Windows that a killed run has read are not read again."""
    calendar = Calendar(busy(1), few())
    first = calendar._plan()
    calendar.runs = 1
    for read in first:
        calendar._read(read)
    backfill = [each for each in calendar._plan() if each.reason == "backfill"]
    for read in backfill[:2]:
        calendar._read(read)
    calendar.now = calendar.now.add(hours=1)
    later = calendar.run()
    assert all(
        not window.overlaps(read.window)
        for window in windows(later, "backfill")
        for read in backfill[:2]
        if read.window
    )


def test_slots_are_read_in_calls_of_the_allowed_length() -> None:
    settings = Settings(slots_horizon_days=70, slots_days_per_call=31)
    (read,) = plan_slots(settings, "L", ["s"], NOW)
    calls = slot_calls(settings, read.window)  # type: ignore[arg-type]
    assert read.requests == len(calls) == 3
    assert not gaps(Window.between(NOW, NOW.add(days=70)), calls)
    assert calls[-1].end == NOW.add(days=70)
    assert plan_slots(replace(settings, slots=False), "L", ["s"], NOW) == []


def calendar_windows(calendar: Calendar) -> list[Window]:
    return [stretch.window for stretch in calendar.ledger.stretches("L", SERVICE)]


def pairs(found: list[Window]) -> Iterator[tuple[Window, Window]]:
    """Each window with the next one."""
    ordered = sorted(found)
    return pairwise(ordered)


def test_a_small_budget_starves_no_window_of_the_hot_range() -> None:
    """Three reads per run: each window gets its turn."""
    calendar = Calendar(busy(20), few(max_window_days=32))
    calendar.run()
    calendar.runs += 1
    hot = {read.window for read in calendar._plan() if read.reason == "hot"}
    assert len(hot) > 30
    for hour in range(1, 2 * len(hot) // 3):
        calendar.now = NOW.add(hours=hour)
        calendar.runs += 1
        asked = [each for each in calendar._plan() if each.reason == "hot"][:3]
        for each in asked:
            calendar._read(each)
        hot -= {each.window for each in asked}
    assert not hot


def test_windows_at_the_ends_of_the_calendar_stay_inside_it() -> None:
    """The windows of the grid there extend to times that are no date."""
    days = [
        Window(to_ms(pendulum.datetime(*day)), to_ms(pendulum.datetime(*day)) + DAY_MS)
        for day in ((1, 1, 1), (9999, 12, 31))
    ]
    planned = plan_appointments(Ledger(), Settings(), "L", [SERVICE], Span("run", NOW), {SERVICE: days})
    cold = [str(read.window) for read in planned if read.reason == "cold"]
    assert len(cold) == 2
    assert cold[0].startswith("[1-01-01T00:00Z")
    assert cold[1].endswith("9999-12-31T23:59Z)")
