"""Change rates: how often the appointments of a window change, by their distance from now and the hour of the week.

Input:  `SeenChanges`: the changes that earlier runs saw, counted.
Output: `ChangeRates`, from which `following` computes how long a window's changes have been waiting. Pure.

A calendar changes mostly around today: bookings and cancellations shortly before an appointment, attendance shortly
after it. So an appointment's distance from now, in `AGES`, is the main predictor. Within each age, changes follow the
opening hours, so each age has its own week of 168 hours. Services differ in size, so each scope has a factor.

All three are shares of the changes that were seen, smoothed by a Dirichlet prior: `_PRIOR_CHANGES` imagined changes,
spread as `AGES`, a flat week and the sizes of the scopes say. A calendar without history is read by the prior alone.

Cho and Garcia-Molina ("Estimating frequency of change", 2003) correct a page's rate for changes between two visits that
are seen as one. Here each appointment is compared on its own, and two changes of one appointment between two reads are
rare, so the counts are used as they are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import sqrt

from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import DAY_MS, Window

HOUR_MS = DAY_MS // 24
WEEK_HOURS = 168
_WEEK_MS = WEEK_HOURS * HOUR_MS
_MONDAY_MS = 4 * DAY_MS
"""Epoch milliseconds of the first Monday after 1 January 1970, which was a Thursday."""

AGES: tuple[tuple[float, float], ...] = (
    (float("-inf"), 0.002),
    (-45, 0.02),
    (-14, 0.06),
    (-7, 0.15),
    (-3, 0.4),
    (-1, 1.0),
    (0, 1.0),
    (1, 0.7),
    (3, 0.5),
    (7, 0.3),
    (14, 0.15),
    (30, 0.06),
    (60, 0.03),
    (120, 0.01),
    (366, 0.002),
)
"""From how many days after now each age of appointments begins, and the prior's changes per day of the calendar,
relative to today's."""

NEAR_DAYS = (-7, 14)
"""The days around now that weigh more, by the setting `follow_near_weight`. Both are limits of `AGES`."""

_LONGEST_AGE_DAYS = 365.0
"""Length of the first and of the last age, for the prior. Both are unbounded."""

_PRIOR_CHANGES = 50.0
"""Imagined changes of the prior. After 50 changes were seen, they count as much as the prior."""

_PRIOR_CHANGES_OF_WEEK = 500.0
"""The same for the hours of a week: 168 shares need more evidence than 15."""

_STARTS = [start for start, _ in AGES]
_ENDS = [*_STARTS[1:], float("inf")]


def age_of(days_after_now: float) -> int:
    """The index in `AGES` of an appointment that starts this many days after now."""
    return bisect_right(_STARTS, days_after_now) - 1


def hour_of_week(instant_ms: int) -> int:
    """The hour since Monday 00:00 UTC, 0 to 167."""
    return (instant_ms - _MONDAY_MS) % _WEEK_MS // HOUR_MS


@dataclass(slots=True)
class SeenChanges:
    """Changes of one location's appointments. `by_age` counts them by age and by hour of the week, `by_scope` by the
    scope that lists them."""

    by_age: Counter[tuple[int, int]] = field(default_factory=Counter)
    by_scope: Counter[Scope] = field(default_factory=Counter)

    def add(self, scope: Scope, start_ms: int, after_ms: int, until_ms: int, changes: float = 1) -> None:
        """Counts changes that were seen at `until_ms` and not yet at `after_ms`. They happened in between, so they are
        spread evenly over the hours of that time, at most a week."""
        age = age_of((start_ms - until_ms) / DAY_MS)
        hours = max(1, min(WEEK_HOURS, round((until_ms - after_ms) / HOUR_MS)))
        for back in range(hours):
            self.by_age[age, hour_of_week(until_ms - 1 - back * HOUR_MS)] += changes / hours  # type: ignore[assignment]
        self.by_scope[scope] += changes  # type: ignore[assignment]


class ChangeRates:
    """The relative change rates of one location. `rows` are the appointments that each scope has around now, for the
    prior. Only ratios of rates mean something: the unit is arbitrary."""

    def __init__(self, seen: SeenChanges | None = None, rows: Mapping[Scope, float] | None = None) -> None:
        seen = seen or SeenChanges()
        self._per_day = _per_day(seen)
        common, self._weeks = _weeks(seen)
        roots = [sqrt(share) for share in common]
        days = [roots[first : first + 24] for first in range(0, WEEK_HOURS, 24)]
        self._pace = [root * 24 / sum(day) for day in days for root in day]
        self._seen_by_scope = seen.by_scope
        self._rows = dict(rows or {})
        self._all_seen = sum(seen.by_scope.values())
        self._all_rows = sum(self._rows.values()) + len(self._rows)

    def pace(self, instant_ms: int) -> float:
        """How much of a day's requests belong into this hour, relative to the mean hour of the day (UTC).

        The best interval between reads is proportional to 1/√λ (`planning.following`), so requests follow √λ. Without
        any change, the pace is 1.
        """
        return self._pace[hour_of_week(instant_ms)]

    def waiting(self, window: Window, scope: Scope, since_ms: int, now_ms: int, near_weight: float = 1.0) -> float:
        """∫ λ(s)·(s − since) ds from `since_ms` to `now_ms`, where λ is the window's rate of changes at a time.

        `planning.following` derives why this is the gain of a read now. Changes near today are multiplied by
        `near_weight`.
        """
        if now_ms <= since_ms:
            return 0.0
        total = 0.0
        first = age_of((window.start_ms - now_ms) / DAY_MS)
        for age in range(first, len(AGES)):
            begins = max(_STARTS[age], (window.start_ms - now_ms) / DAY_MS)
            ends = min(_ENDS[age], (window.end_ms - now_ms) / DAY_MS)
            if begins >= ends:
                break
            weight = near_weight if NEAR_DAYS[0] <= _STARTS[age] < NEAR_DAYS[1] else 1.0
            total += weight * (ends - begins) * self._per_day[age] * self._weeks[age].moment(since_ms, now_ms)
        return total * self._of_scope(scope)

    def _of_scope(self, scope: Scope) -> float:
        """The share of the changes that concern this scope."""
        if not self._rows:
            return 1.0
        prior = (self._rows.get(scope, 0.0) + 1) / self._all_rows
        return (self._seen_by_scope[scope] + _PRIOR_CHANGES * prior) / (self._all_seen + _PRIOR_CHANGES)


class _Week:
    """A rate that repeats each week, as shares of its 168 hours."""

    def __init__(self, shares: list[float]) -> None:
        self._rates = [share * WEEK_HOURS for share in shares]
        """Relative to the mean rate of the week."""
        twice = self._rates * 2
        self._sum = [0.0, *accumulate(twice)]
        self._first_moment = [0.0, *accumulate(rate * (hour + 0.5) for hour, rate in enumerate(twice))]

    def moment(self, since_ms: int, now_ms: int) -> float:
        """∫ rate(s)·(s − since) ds over hours. Of times longer than a week, the rate is taken as the mean."""
        hours = (now_ms - since_ms) / HOUR_MS
        if hours >= WEEK_HOURS:
            return hours * hours / 2
        start = (since_ms - _MONDAY_MS) % _WEEK_MS / HOUR_MS
        end = start + hours
        changes = self._until(end)[0] - self._until(start)[0]
        return self._until(end)[1] - self._until(start)[1] - start * changes

    def _until(self, hour: float) -> tuple[float, float]:
        """The integrals of rate(s) and of rate(s)·s from 0 to `hour`, of two weeks."""
        whole = int(hour)
        if whole == hour:
            return self._sum[whole], self._first_moment[whole]
        rate = self._rates[whole % WEEK_HOURS]
        return (
            self._sum[whole] + rate * (hour - whole),
            self._first_moment[whole] + rate * (hour * hour - whole * whole) / 2,
        )


def _per_day(seen: SeenChanges) -> list[float]:
    """The changes per day of the calendar, by age."""
    days = [min(end - start, _LONGEST_AGE_DAYS) for start, end in zip(_STARTS, _ENDS, strict=True)]
    imagined = [length * rate for length, (_, rate) in zip(days, AGES, strict=True)]
    counts = [sum(seen.by_age[age, hour] for hour in range(WEEK_HOURS)) for age in range(len(AGES))]
    return [
        (count + _PRIOR_CHANGES * prior / sum(imagined)) / length
        for count, prior, length in zip(counts, imagined, days, strict=True)
    ]


def _weeks(seen: SeenChanges) -> tuple[list[float], list[_Week]]:
    """The shares of a week's hours in all changes, smoothed by a flat week; and the week of each age, smoothed by
    these."""
    hours = range(WEEK_HOURS)
    together = [sum(seen.by_age[age, hour] for age in range(len(AGES))) for hour in hours]
    common = _smoothed(together, [1 / WEEK_HOURS for _ in hours])
    weeks = [_Week(_smoothed([seen.by_age[age, hour] for hour in hours], common)) for age in range(len(AGES))]
    return common, weeks


def _smoothed(counts: Sequence[float], prior: Sequence[float]) -> list[float]:
    total = sum(counts) + _PRIOR_CHANGES_OF_WEEK
    return [(count + _PRIOR_CHANGES_OF_WEEK * share) / total for count, share in zip(counts, prior, strict=True)]
