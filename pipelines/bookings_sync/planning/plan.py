"""The plan: the windows of each scope that are due, in the order of their urgency. Pure.

Input:  the ledger, the settings, a location's scopes, the instant at which the run began, a range if one was asked for,
        and the days outside the whole range that hold appointments.
Output: `PlannedRead`s. `planner` decides which of them the next load reads.

A scope's time is divided into leaves of the dyadic grid (`windows`). A quiet service gets long leaves and a busy one
short leaves, so that each reply holds about `rows_per_reply` records. Each leaf is read for the first reason that fits:

- first:    Nothing of the scope was ever read. The window around now shows how dense the calendar is.
- asked:    The run was given a range (`--from`, `--to`, an orchestrator's interval) or `--full`.
- hot:      The leaf overlaps `[now − lookback, now + horizon)`, where calendars change. Every run reads it. For both of
            these the leaf read longest ago comes first, so that a small request budget starves none.
- backfill: Part of the leaf was never read. Newest first.
- outdated: Part of the leaf was last read in another way (`records.interpretation`): by a version of the program with
            other columns, or under other privacy rules. Newest first.
- cold:     The rest, oldest read first, as many as keep every leaf's age under `cold_reread_days`. This includes days
            outside the whole range that hold appointments: they moved there, or the settings were different.

A calendar that was never read has no known density, so only its first window, of `window_days`, is planned. The rest is
planned by what that window held.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from math import ceil
from typing import Literal, NamedTuple

import pendulum
from pendulum import DateTime

from bookings_sync.config.settings import Settings
from bookings_sync.planning.ledger import Endpoint, Ledger, Stretch, within
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import ALL_TIME, DAY_MS, Window, gaps, grid, to_ms

Reason = Literal["list", "first", "asked", "hot", "backfill", "outdated", "cold"]

KEEP = 1.5
"""Multiple of `rows_per_reply` up to which a window that was read before is kept as it is."""
JOIN = 1.25
"""Multiple of `rows_per_reply` up to which windows are joined. Between JOIN and KEEP nothing changes from run to run,
so replies stay comparable."""

_CALENDAR = Window(to_ms(pendulum.datetime(1, 1, 1)), to_ms(pendulum.datetime(9999, 12, 31, 23, 59, 59)))
"""All time that `DateTime` can express."""


@dataclass(frozen=True, slots=True)
class PlannedRead:
    """One list call. `requests` is its cost without verifications."""

    location_id: str
    endpoint: Endpoint
    scope: Scope
    window: Window | None
    reason: Reason
    requests: int = 1
    sends: Window | None = None
    """The window that the request names, if it is not `window`: an API that ignores windows need not be asked for all
    time."""
    is_probe: bool = False
    """Whether the reply is decoded whole, because it is compared with another reply."""

    def halves(self) -> list[PlannedRead]:
        """The same read in two, the earlier half first."""
        return [replace(self, window=half) for half in self.window.halves()] if self.window else []


def window_of(read: PlannedRead) -> Window:
    """The window of a read that has one: all but the lists of teams and services."""
    assert read.window is not None  # noqa: S101 - callers read appointments or slots
    return read.window


@dataclass(frozen=True, slots=True)
class Span:
    """What a run is to read: the hot range and all history, or a range asked for. `rules` fingerprint how it reads
    a location's appointments; without them, no earlier read is outdated."""

    run_id: str
    now: DateTime
    asked: Window | None = None
    full: bool = False
    rules: Callable[[str], str] | None = None


def hot_range(settings: Settings, now: DateTime) -> Window:
    now_ms = to_ms(now)
    return Window(now_ms - settings.lookback_days * DAY_MS, now_ms + settings.horizon_days * DAY_MS)


def whole_range(settings: Settings, now: DateTime) -> Window:
    """From the start of history to the horizon."""
    start_ms = (settings.history_start - date(1970, 1, 1)).days * DAY_MS
    hot = hot_range(settings, now)
    return Window(min(start_ms, hot.start_ms), hot.end_ms)


class _Times(NamedTuple):
    """Now, epoch milliseconds, and the ranges around it. Computed once per plan, because every window needs them."""

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
    *,
    take_turns: bool = False,
    all_cold: bool = False,
) -> list[PlannedRead]:
    """The reads of one location's appointments, most urgent first, without those that this run has done.

    `beyond` are windows outside the whole range that hold appointments. `tried` are scopes with a first window that
    this run failed to read: it plans their other windows. With `take_turns`, windows of the same age come in another
    order in each run, so that a small request budget does not read the same ones again and again. `all_cold` plans
    every cold window, and not only this run's share.
    """
    reasons: tuple[Reason, ...] = ("first", "asked", "hot", "backfill", "outdated", "cold")
    by_reason: dict[Reason, list[tuple[int, PlannedRead]]] = {reason: [] for reason in reasons}
    times = _Times.of(settings, span)
    ignoring = {kind for kind in ledger.kinds if ledger.ignores_windows(location_id, kind)}
    with_caps = {kind: _with_cap(settings, ledger.reply_cap(location_id, kind)) for kind in ledger.kinds}
    for scope in scopes:
        of_kind = with_caps.get(scope.kind, settings)
        stretches = ledger.stretches(location_id, scope)
        if scope.kind in ignoring:
            if any(stretch.read.run_id != span.run_id for stretch in stretches) or not stretches:
                age_rank = min((stretch.read.read_at_ms for stretch in stretches), default=0)
                everything = _everything(location_id, scope, of_kind, span)
                by_reason[everything.reason].append((age_rank, everything))
            continue
        outside = _beyond(stretches, of_kind, span, times, (beyond or {}).get(scope, ()))
        is_new = not stretches and span.asked is None and scope not in tried
        inside = _first(of_kind, times.now_ms) if is_new else _windows(stretches, of_kind, span, times)
        for window, reason, age_rank in (*inside, *outside):
            by_reason[reason].append((age_rank, PlannedRead(location_id, "appointments", scope, window, reason)))
    cold = sorted(by_reason["cold"], key=lambda ranked: ranked[0])
    elapsed_ms = times.now_ms - ledger.last_run(location_id, other_than=span.run_id)
    share = _cold_share(cold, settings.cold_reread_days * DAY_MS, times.now_ms, elapsed_ms)
    by_reason["cold"] = cold if all_cold else cold[:share]
    for reason in ("asked", "hot", "backfill", "outdated"):
        if take_turns:
            by_reason[reason].sort(key=lambda ranked: hash((span.run_id, ranked[1].scope, ranked[1].window)))
        by_reason[reason].sort(key=lambda ranked: ranked[0])
    return [read for ranked in by_reason.values() for _, read in ranked]


def _with_cap(settings: Settings, cap: int | None) -> Settings:
    """The settings with a reply cap that was found out."""
    return settings if cap is None else replace(settings, reply_cap=min(cap, settings.reply_cap or cap))


def _everything(location_id: str, scope: Scope, settings: Settings, span: Span) -> PlannedRead:
    """The one read of a scope if its lists ignore windows. The request names the window around now."""
    around_now, _, _ = next(_first(settings, to_ms(span.now)))
    reason: Reason = "asked" if span.asked is not None or span.full else "hot"
    return PlannedRead(location_id, "appointments", scope, ALL_TIME, reason, sends=around_now)


def plan_slots(settings: Settings, location_id: str, service_ids: Iterable[str], now: DateTime) -> list[PlannedRead]:
    """One read per service: its free slots from now on, up to `slots_horizon_days` ahead."""
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
    """The calls of one read of slots, each at most `slots_days_per_call` long."""
    length = settings.slots_days_per_call * DAY_MS
    starts = range(window.start_ms, window.end_ms, length)
    return [Window(start, min(start + length, window.end_ms)) for start in starts]


def _first(settings: Settings, now_ms: int) -> Iterator[tuple[Window, Reason, int]]:
    """The window around now."""
    for leaf in leaves([], settings, Window(now_ms, now_ms + 1)):
        yield leaf, "first", 0


def _windows(
    stretches: list[Stretch], settings: Settings, span: Span, times: _Times
) -> Iterator[tuple[Window, Reason, int]]:
    """Each window that may be due, the reason, and its rank among windows of the same reason (lower is sooner)."""
    now_ms, hot, whole = times
    asked = span.asked or (whole if span.full else None)
    for leaf in leaves(stretches, settings, asked or whole):
        inside = within(stretches, leaf)
        window = (leaf.clip(span.asked) if span.asked else None) or leaf
        uncovered = gaps(window.clip(whole) or window, [stretch.window for stretch in inside])
        if not uncovered and all(s.read.run_id == span.run_id for s in inside if s.window.overlaps(window)):
            continue
        if asked is not None:
            yield window, "asked", _first_if_unread(uncovered, inside)
        elif leaf.overlaps(hot):
            if _is_due(leaf, hot, inside, span.run_id):
                yield leaf, "hot", _first_if_unread(uncovered, inside)
            elif uncovered:
                yield _hull(uncovered), "backfill", -leaf.end_ms
        elif uncovered:
            yield _hull(uncovered), "backfill", -leaf.end_ms
        elif _is_outdated(inside, span):
            yield leaf, "outdated", -leaf.end_ms
        else:
            yield leaf, "cold", _read_longest_ago(inside, now_ms)


def _beyond(
    stretches: list[Stretch], settings: Settings, span: Span, times: _Times, outside: Iterable[Window]
) -> Iterator[tuple[Window, Reason, int]]:
    """The same for windows entirely outside the whole range."""
    if span.asked is not None:
        return
    found = (leaf.clip(_CALENDAR) for part in outside for leaf in leaves(stretches, settings, part))
    for leaf in filter(None, dict.fromkeys(found)):
        inside = within(stretches, leaf)
        uncovered = gaps(leaf, [stretch.window for stretch in inside])
        if leaf.overlaps(times.whole) or (not uncovered and all(s.read.run_id == span.run_id for s in inside)):
            continue
        if span.full:
            yield leaf, "asked", 0
        elif _is_outdated(inside, span):
            yield leaf, "outdated", -leaf.end_ms
        else:
            yield leaf, "cold", 0 if uncovered else _read_longest_ago(inside, times.now_ms)


def _is_outdated(inside: list[Stretch], span: Span) -> bool:
    """Whether part of the time was last read in another way than this run reads."""
    return span.rules is not None and any(
        stretch.read.rules != span.rules(stretch.read.location_id) for stretch in inside
    )


def _read_longest_ago(inside: list[Stretch], now_ms: int) -> int:
    """When the oldest part was read, epoch milliseconds; 0 if a read lies in the future, because its clock was
    wrong."""
    ages = [stretch.read.read_at_ms for stretch in inside]
    return min(read_at_ms if read_at_ms <= now_ms else 0 for read_at_ms in ages)


def _first_if_unread(uncovered: list[Window], inside: list[Stretch]) -> int:
    """When the oldest part was read, epoch milliseconds; 0 if a part was never read."""
    return 0 if uncovered else min(stretch.read.read_at_ms for stretch in inside)


def _hull(parts: list[Window]) -> Window:
    """The window from the first part's start to the last part's end."""
    return Window(parts[0].start_ms, parts[-1].end_ms)


def _is_due(leaf: Window, hot: Window, inside: list[Stretch], run_id: str) -> bool:
    """Whether this run has yet to read part of the hot range in this leaf."""
    part = leaf.clip(hot)
    fresh = [stretch.window for stretch in inside if stretch.read.run_id == run_id]
    return part is not None and bool(gaps(part, fresh))


def _cold_share(cold: list[tuple[int, PlannedRead]], cadence_ms: int, now_ms: int, elapsed_ms: int) -> int:
    """The number of cold windows to read again: all that are due, and a share of the rest in proportion to the time
    since the last run, so that the work is spread evenly."""
    due = sum(1 for read_at_ms, _ in cold if now_ms - read_at_ms >= cadence_ms)
    return max(due, ceil(len(cold) * min(max(elapsed_ms, 0) / cadence_ms, 1)))


def leaves(stretches: list[Stretch], settings: Settings, span: Window) -> list[Window]:
    """The windows of the grid that overlap `span`, each as long as the known density allows, oldest first."""
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
        assert part is not None  # noqa: S101 - it overlaps the node
        if part == node and stretch.read.window == node:
            return stretch.read.reply_rows <= KEEP * target
        covered_ms += part.length_ms
        rows += stretch.rows * part.length_ms / stretch.window.length_ms
    if covered_ms == 0:
        return node.length_ms <= unknown_ms
    return rows + density * (node.length_ms - covered_ms) <= JOIN * target


def _density(stretches: list[Stretch], part_ms: int) -> float:
    """The expected records per millisecond of unread time, which is mostly in the past: the density of the oldest
    `part_ms` that was read, but at least a quarter of the overall density, in case that was a quiet time."""
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
