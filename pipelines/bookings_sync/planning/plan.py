"""The plan: which windows of which scopes to read, in which order. Pure.

Input:  the ledger, the settings, a location's scopes, the instant the run began, where one is asked for, a range, and
        the days outside history on which the warehouse holds appointments all the same.
Output: `PlannedRead`s. Next room: `reading` carries them out.

A scope's time falls into *leaves* of the dyadic grid (`windows`), as long as its density allows: a quiet service is
asked for in long windows, a busy one in short ones, so that a reply holds some `rows_per_reply` records. Each leaf is
read for the first of these reasons that fits:

- first:    nothing of the scope has ever been read: the window of this moment tells how dense it is;
- asked:    the run was given a range (`--from`, `--to`, an orchestrator's interval) or `--full`;
- hot:      it meets `[now − lookback, now + horizon)`, where calendars change: every run, the one read longest ago
            first, so that a budget too small for all of them starves none;
- backfill: a part of it has never been read: newest first;
- cold:     the rest, the one read longest ago first, as many as keep every leaf's age under `cold_reread_days`; and
            what is held beyond history's start or the horizon (moved there, or of a time when the range was another).

A calendar never read before has no density. So its first window, of `window_days`, is all that is planned of it until
that has been read; the rest is planned by what it held. Of a long past, a load reads the newest windows first and plans
the next by what those held (`Run.plan_load`): before its first booking a calendar is empty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from math import ceil
from typing import Literal, NamedTuple

import pendulum
from pendulum import DateTime

from bookings_sync.config.settings import Settings
from bookings_sync.planning.ledger import Endpoint, Ledger, Stretch, within
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import DAY_MS, Window, gaps, grid, to_ms

Reason = Literal["list", "first", "asked", "hot", "backfill", "cold"]

KEEP = 1.5
"""A window read before is kept as it is up to this many times `rows_per_reply`…"""
JOIN = 1.25
"""… and windows are joined only into one of at most this: between the two nothing changes from run to run, so that
replies stay comparable. Halves hold more than half of it, so a run asks at most twice for what one reply could hold."""

_CALENDAR = Window(to_ms(pendulum.datetime(1, 1, 1)), to_ms(pendulum.datetime(9999, 12, 31, 23, 59, 59)))
"""All time that can be told: a row of the year 9999 lies in a window that ends after it."""


@dataclass(frozen=True, slots=True)
class PlannedRead:
    """One list call, or for scope `unlisted` the appointments to ask for one by one. `requests` is what it will cost,
    verifications apart."""

    location_id: str
    endpoint: Endpoint
    scope: Scope
    window: Window | None
    reason: Reason
    requests: int = 1

    def halves(self) -> list[PlannedRead]:
        """The same read in two, the earlier half first."""
        return [replace(self, window=half) for half in self.window.halves()] if self.window else []


def window_of(read: PlannedRead) -> Window:
    """The window of a read that has one: all but the lists of teams and services."""
    assert read.window is not None  # noqa: S101 - callers read appointments or slots
    return read.window


@dataclass(frozen=True, slots=True)
class Span:
    """What a run is to read: the hot range and all history, or a range asked for."""

    run_id: str
    now: DateTime
    asked: Window | None = None
    full: bool = False


def hot_range(settings: Settings, now: DateTime) -> Window:
    now_ms = to_ms(now)
    return Window(now_ms - settings.lookback_days * DAY_MS, now_ms + settings.horizon_days * DAY_MS)


def whole_range(settings: Settings, now: DateTime) -> Window:
    """From the start of history to the horizon."""
    start_ms = (settings.history_start - date(1970, 1, 1)).days * DAY_MS
    hot = hot_range(settings, now)
    return Window(min(start_ms, hot.start_ms), hot.end_ms)


class _Times(NamedTuple):
    """Of one plan: this moment, epoch milliseconds, and the ranges about it. Made once, for a plan asks for them at
    each window."""

    now_ms: int
    hot: Window
    whole: Window

    @classmethod
    def of(cls, settings: Settings, span: Span) -> _Times:
        return cls(to_ms(span.now), hot_range(settings, span.now), whole_range(settings, span.now))


def plan_appointments(
    ledger: Ledger,
    settings: Settings,
    location_id: str,
    scopes: Iterable[Scope],
    span: Span,
    beyond: Mapping[Scope, Iterable[Window]] | None = None,
    tried: Collection[Scope] = (),
) -> list[PlannedRead]:
    """The reads of one location's appointments, the most urgent first; those already read by this run are
    not named again. `beyond` are stretches of time outside the whole range in which appointments are held; `tried` are
    scopes of which this run could not read the first window: the others may do all the same."""
    reasons: tuple[Reason, ...] = ("first", "asked", "hot", "backfill", "cold")
    by_reason: dict[Reason, list[tuple[int, PlannedRead]]] = {reason: [] for reason in reasons}
    times = _Times.of(settings, span)
    for scope in scopes:
        stretches = ledger.stretches(location_id, scope)
        outside = _beyond(stretches, settings, span, times, (beyond or {}).get(scope, ()))
        is_new = not stretches and span.asked is None and scope not in tried
        inside = _first(settings, times.now_ms) if is_new else _windows(stretches, settings, span, times)
        for window, reason, age_rank in (*inside, *outside):
            by_reason[reason].append((age_rank, PlannedRead(location_id, "appointments", scope, window, reason)))
    cold = sorted(by_reason["cold"], key=lambda ranked: ranked[0])
    elapsed_ms = times.now_ms - ledger.last_run(location_id, other_than=span.run_id)
    by_reason["cold"] = cold[: _cold_share(cold, settings.cold_reread_days * DAY_MS, times.now_ms, elapsed_ms)]
    for reason in ("hot", "backfill"):
        by_reason[reason].sort(key=lambda ranked: ranked[0])
    return [read for ranked in by_reason.values() for _, read in ranked]


def plan_slots(settings: Settings, location_id: str, service_ids: Iterable[str], now: DateTime) -> list[PlannedRead]:
    """One read for each service: its free slots from now on, as far as `slots_horizon_days`."""
    if not settings.slots:
        return []
    now_ms = to_ms(now)
    window = Window(now_ms, now_ms + settings.slots_horizon_days * DAY_MS)
    calls = len(slot_calls(settings, window))
    return [
        PlannedRead(location_id, "slots", Scope("service", service_id), window, "list", calls)
        for service_id in service_ids
    ]


def slot_calls(settings: Settings, window: Window) -> list[Window]:
    """The calls that make up one read of slots: none longer than `slots_days_per_call`."""
    length = settings.slots_days_per_call * DAY_MS
    starts = range(window.start_ms, window.end_ms, length)
    return [Window(start, min(start + length, window.end_ms)) for start in starts]


def _first(settings: Settings, now_ms: int) -> Iterator[tuple[Window, Reason, int]]:
    """The window of this moment."""
    for leaf in leaves([], settings, Window(now_ms, now_ms + 1)):
        yield leaf, "first", 0


def _windows(
    stretches: list[Stretch], settings: Settings, span: Span, times: _Times
) -> Iterator[tuple[Window, Reason, int]]:
    """Each window to consider, why, and its rank among those of the same reason (lower is sooner)."""
    now_ms, hot, whole = times
    asked = span.asked or (whole if span.full else None)
    for leaf in leaves(stretches, settings, asked or whole):
        inside = within(stretches, leaf)
        window = (leaf.clip(span.asked) if span.asked else None) or leaf
        uncovered = gaps(window.clip(whole) or window, [stretch.window for stretch in inside])
        if not uncovered and all(s.read.run_id == span.run_id for s in inside if s.window.overlaps(window)):
            continue
        if asked is not None:
            yield window, "asked", 0
        elif leaf.overlaps(hot):
            if _is_due(leaf, hot, inside, span.run_id):
                yield leaf, "hot", 0 if uncovered else min(stretch.read.read_at_ms for stretch in inside)
            elif uncovered:
                yield _hull(uncovered), "backfill", -leaf.end_ms
        elif uncovered:
            yield _hull(uncovered), "backfill", -leaf.end_ms
        else:
            yield leaf, "cold", _read_longest_ago(inside, now_ms)


def _beyond(
    stretches: list[Stretch], settings: Settings, span: Span, times: _Times, outside: Iterable[Window]
) -> Iterator[tuple[Window, Reason, int]]:
    """The same for windows that lie outside the whole range, wholly: one that lies across its edge is read with it."""
    if span.asked is not None:
        return
    found = (leaf.clip(_CALENDAR) for part in outside for leaf in leaves(stretches, settings, part))
    for leaf in filter(None, dict.fromkeys(found)):
        inside = within(stretches, leaf)
        uncovered = gaps(leaf, [stretch.window for stretch in inside])
        if leaf.overlaps(times.whole) or (not uncovered and all(s.read.run_id == span.run_id for s in inside)):
            continue
        yield leaf, "asked" if span.full else "cold", 0 if uncovered else _read_longest_ago(inside, times.now_ms)


def _read_longest_ago(inside: list[Stretch], now_ms: int) -> int:
    """When the part read longest ago was read, epoch milliseconds. A read from the future was made by a clock that was
    wrong: how old it is, nobody knows."""
    ages = [stretch.read.read_at_ms for stretch in inside]
    return min(read_at_ms if read_at_ms <= now_ms else 0 for read_at_ms in ages)


def _hull(parts: list[Window]) -> Window:
    """From the first part's start to the last one's end: what has been read beside them is not read again."""
    return Window(parts[0].start_ms, parts[-1].end_ms)


def _is_due(leaf: Window, hot: Window, inside: list[Stretch], run_id: str) -> bool:
    """Whether a part of the hot range in this leaf has not been read by this run."""
    part = leaf.clip(hot)
    fresh = [stretch.window for stretch in inside if stretch.read.run_id == run_id]
    return part is not None and bool(gaps(part, fresh))


def _cold_share(cold: list[tuple[int, PlannedRead]], cadence_ms: int, now_ms: int, elapsed_ms: int) -> int:
    """How many cold windows this run re-reads: all that are due, and the share of the rest that the time since the last
    run asks for, so that the load spreads evenly."""
    due = sum(1 for read_at_ms, _ in cold if now_ms - read_at_ms >= cadence_ms)
    return max(due, ceil(len(cold) * min(max(elapsed_ms, 0) / cadence_ms, 1)))


def leaves(stretches: list[Stretch], settings: Settings, span: Window) -> list[Window]:
    """The windows of the grid that meet `span`, each as long as the density that is known allows; oldest first."""
    target = settings.rows_per_reply
    if settings.reply_cap:
        target = min(target, max(1, settings.reply_cap * 4 // 5))
    chosen: list[Window] = []
    pending = list(grid(span, settings.max_window_days))[::-1]
    density = _density(stretches, settings.window_days * DAY_MS)
    unknown_ms = settings.window_days * DAY_MS if not stretches else _length_for(density, settings, target)
    while pending:
        node = pending.pop()
        if not node.overlaps(span):
            continue
        if not node.can_split or _is_leaf(node, within(stretches, node), target, unknown_ms, density):
            chosen.append(node)
        else:
            earlier, later = node.halves()
            pending += [later, earlier]
    return chosen


def _is_leaf(node: Window, inside: list[Stretch], target: int, unknown_ms: int, density: float) -> bool:
    rows, covered_ms = 0.0, 0
    for stretch in inside:
        part = stretch.window.clip(node)
        assert part is not None  # noqa: S101 - it meets the node
        if part == node and stretch.read.window == node:
            return stretch.read.reply_rows <= KEEP * target
        covered_ms += part.length_ms
        rows += stretch.rows * part.length_ms / stretch.window.length_ms
    if covered_ms == 0:
        return node.length_ms <= unknown_ms
    return rows + density * (node.length_ms - covered_ms) <= JOIN * target


def _density(stretches: list[Stretch], part_ms: int) -> float:
    """Records per millisecond of what has not been read: it lies before the rest mostly, so those of the oldest
    `part_ms` that have been; but no less than a quarter of all, for that may have been a quiet time."""
    rows, known_ms, oldest = 0.0, 0, 0.0
    for stretch in stretches:
        if known_ms < part_ms:
            oldest = (rows + stretch.rows) / (known_ms + stretch.window.length_ms)
        rows += stretch.rows
        known_ms += stretch.window.length_ms
    return max(oldest, rows / known_ms / 4) if known_ms else 0.0


def _length_for(density: float, settings: Settings, target: int) -> int:
    length = settings.max_window_days * DAY_MS
    while length > DAY_MS and density * length > JOIN * target:
        length //= 2
    return length
