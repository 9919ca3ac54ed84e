"""Simulated calendars with different rhythms, and policies that read them: days in minutes.

Input:  a rhythm, a policy, and the requests that it may send.
Output: for each change of a day, how many seconds it stayed unseen.

Nothing is sent. The windows are those that the planner gives a calendar of this density, and the learnt policy takes
its rates and its value of a read from `planning`. Time passes in the rounds of `bookings follow`.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import nlargest

from bookings_sync.config.settings import Settings
from bookings_sync.planning.change_rates import NEAR_DAYS, ChangeRates, SeenChanges
from bookings_sync.planning.ledger import Ledger, Read
from bookings_sync.planning.plan import leaves
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import DAY_MS, Window

ROUND_S = 5
"""Seconds from one round to the next."""

TUESDAY = 1_795_478_400_000 // DAY_MS
"""A Tuesday in November 2026, in days since the epoch."""

_MOST_KEPT = 10
"""Reads that a round may do although its own time allows fewer."""

_AFTER_S = 6 * 3_600
"""How long the rounds go on after the day, so that its last changes are seen."""

PAST_DAYS, FUTURE_DAYS = 400, 120
LOOKBACK_DAYS, HORIZON_DAYS = 45, 365
BYTES_PER_ROW = 900
_BYTES_PER_REQUEST = 4_000_000


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How a calendar changes. `hours` are relative rates by hour of the week from Monday 00:00 UTC. `sizes` are the
    shares of the services. `offset` draws how many days after the change its appointment starts."""

    name: str
    hours: Sequence[float]
    sizes: Sequence[float]
    offset: Callable[[random.Random], float]


def _week(day: Sequence[float], weekend: float) -> list[float]:
    return [rate * (1.0 if number < 5 else weekend) for number in range(7) for rate in day]


def _office(rng: random.Random) -> float:
    """Half marks of today's and earlier appointments, half bookings and cancellations ahead."""
    if rng.random() < 0.5:
        return -rng.random() * 0.3 if rng.random() < 0.85 else -rng.expovariate(1 / 6)
    return rng.expovariate(1 / 5)


def _far(rng: random.Random) -> float:
    """A third marks, two thirds bookings weeks ahead."""
    return -rng.random() * 0.8 if rng.random() < 0.33 else rng.expovariate(1 / 25)


_DAY = [0.0] * 7 + [1, 3, 3, 2, 2, 1, 2, 3, 3, 2, 1] + [0.2] * 6
_EVENING = [0.1] * 9 + [0.5] * 7 + [2, 3, 4, 4, 3, 2] + [0.5, 0.2]
_EVEN = [0.05] * 20
_FEW_BUSY = [1 / (number + 1) ** 1.3 for number in range(100)]

RHYTHMS = (
    Rhythm("office hours, mostly near today", _week(_DAY, 0.1), _EVEN, _office),
    Rhythm("evenings and weekends, weeks ahead", _week(_EVENING, 2.0), _EVEN, _far),
    Rhythm("100 services, few of them busy", _week(_DAY, 0.1), _FEW_BUSY, _office),
    Rhythm("no rhythm: anywhere, at any time", [1.0] * 168, _EVEN, lambda rng: rng.uniform(-PAST_DAYS, FUTURE_DAYS)),
)


@dataclass(slots=True)
class Place:
    """One window of one service. `rows` is the number of its appointments."""

    scope: Scope
    window: Window
    rows: float

    @property
    def cost(self) -> float:
        return 1 + self.rows * BYTES_PER_ROW / _BYTES_PER_REQUEST


@dataclass(frozen=True, slots=True)
class Change:
    """A change in `place`, at a second of the day. `offset` is the days until its appointment."""

    at: float
    place: int
    offset: float


class Calendar:
    """The windows of a calendar with `rows` appointments, on TUESDAY."""

    def __init__(self, rhythm: Rhythm, rows: int, *, seed: int = 1) -> None:
        self.rhythm, self.rows = rhythm, rows
        self.now_ms = TUESDAY * DAY_MS
        total = sum(rhythm.sizes)
        self.places: list[Place] = []
        self._starts: list[list[int]] = []
        self._first: list[int] = []
        span = Window(self.now_ms - PAST_DAYS * DAY_MS, self.now_ms + HORIZON_DAYS * DAY_MS)
        busy = Window(span.start_ms, self.now_ms + FUTURE_DAYS * DAY_MS)
        self.scopes = [Scope("service", f"{number}") for number in range(len(rhythm.sizes))]
        for scope, size in zip(self.scopes, rhythm.sizes, strict=True):
            per_ms = rows * size / total / busy.length_ms
            windows = _windows(scope, span, busy, per_ms)
            self._first.append(len(self.places))
            self._starts.append([window.start_ms for window in windows])
            for window in windows:
                part = window.clip(busy)
                self.places.append(Place(scope, window, per_ms * part.length_ms if part else 0.0))
        self._cumulated = [sum(rhythm.sizes[: number + 1]) for number in range(len(rhythm.sizes))]
        self._rng = random.Random(f"{rhythm.name}/{seed}")

    @property
    def hot(self) -> list[int]:
        """The places in the hot range."""
        hot = Window(self.now_ms - LOOKBACK_DAYS * DAY_MS, self.now_ms + HORIZON_DAYS * DAY_MS)
        return [number for number, place in enumerate(self.places) if place.window.overlaps(hot)]

    def changes(self, days_after: int = 0) -> list[Change]:
        """The changes of one day, oldest first. Each appointment changes two and a half times."""
        rng, weekday = self._rng, (1 + days_after) % 7
        mean = sum(self.rhythm.hours) / 7
        rates = self.rhythm.hours[24 * weekday : 24 * weekday + 24]
        per_day = 2.5 * self.rows / (PAST_DAYS + FUTURE_DAYS)
        found: list[Change] = []
        for hour, rate in enumerate(rates):
            expected = per_day * rate / mean
            count = int(expected) + (rng.random() < expected % 1)
            for _ in range(count):
                at = (hour + rng.random()) * 3_600
                offset = max(-PAST_DAYS, min(self.rhythm.offset(rng), FUTURE_DAYS))
                service = rng.choices(range(len(self.scopes)), cum_weights=self._cumulated)[0]
                start_ms = self.now_ms + round(at * 1_000 + offset * DAY_MS)
                found.append(Change(at, self._place(service, start_ms), offset))
        return sorted(found, key=lambda change: change.at)

    def _place(self, service: int, start_ms: int) -> int:
        return self._first[service] + max(bisect_right(self._starts[service], start_ms) - 1, 0)

    def rates(self, days: int, seen_every_s: float) -> ChangeRates:
        """The rates that are learnt from the changes of the last days, if a run every so often saw them."""
        seen = SeenChanges()
        every_ms = round(seen_every_s * 1_000)
        for back in range(1, days + 1):
            for change in self.changes(-back):
                at_ms = self.now_ms - back * DAY_MS + round(change.at * 1_000)
                until_ms = (at_ms // every_ms + 1) * every_ms
                start_ms = at_ms + round(change.offset * DAY_MS)
                seen.add(self.places[change.place].scope, start_ms, until_ms - every_ms, until_ms)
        rows: dict[Scope, float] = dict.fromkeys(self.scopes, 0.0)
        for number in self.hot:
            rows[self.places[number].scope] += self.places[number].rows
        return ChangeRates(seen, rows)


def _windows(scope: Scope, span: Window, busy: Window, per_ms: float) -> list[Window]:
    """The windows that the planner settles on: read, and cut again, until they stay the same."""
    settings, windows = Settings(), [span]
    for _ in range(8):
        reads = [_read(scope, window, busy, per_ms) for window in windows]
        stretches = Ledger(reads).stretches("L", scope)
        found = leaves(stretches, settings, span)
        if found == windows:
            break
        windows = found
    return windows


def _read(scope: Scope, window: Window, busy: Window, per_ms: float) -> Read:
    part = window.clip(busy)
    rows = round(per_ms * part.length_ms) if part else 0
    return Read("L", "appointments", scope, window, 0, "", "", "", rows * BYTES_PER_ROW, rows, 0.0)


# -- policies --------------------------------------------------------------------------------------------------------

Choose = Callable[[int, Sequence[float], Sequence[int], int], Iterable[int]]
"""Chooses places to read: from the second, when each was last read, how many changes wait in each, and how many reads
are allowed."""


def in_turn(_second: int, last: Sequence[float], _waiting: Sequence[int], most: int) -> Iterable[int]:
    """Uniform following: all windows in turn."""
    return sorted(range(len(last)), key=last.__getitem__)[:most]


def by_rates(calendar: Calendar, rates: ChangeRates, near_weight: float) -> Choose:
    """The policy of `bookings follow`: the highest value of `planning.following` first."""
    places = calendar.places

    def choose(second: int, last: Sequence[float], _waiting: Sequence[int], most: int) -> Iterable[int]:
        now_ms = calendar.now_ms + second * 1_000

        def gain(number: int) -> float:
            place, since_ms = places[number], calendar.now_ms + round(last[number] * 1_000)
            return rates.waiting(place.window, place.scope, since_ms, now_ms, near_weight) / place.cost

        return nlargest(most, range(len(places)), key=gain)

    return choose


def clairvoyant(_second: int, _last: Sequence[float], waiting: Sequence[int], most: int) -> Iterable[int]:
    """The oracle: the windows with the most waiting changes."""
    changed = [number for number, count in enumerate(waiting) if count]
    return nlargest(most, changed, key=waiting.__getitem__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How long the changes of a day were unseen, in seconds: all, those near today, and those in the hot range."""

    requests: int
    all: list[float]
    near: list[float]
    hot: list[float]
    oldest_cold_h: float
    """Hours since the cold window read longest ago was read."""

    @property
    def mean(self) -> float:
        return sum(self.all) / len(self.all)


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)] if values else 0.0


def follow(
    calendar: Calendar, changes: Sequence[Change], choose: Choose, per_second: Callable[[float], float]
) -> Outcome:
    """Follows for a day, with `per_second` reads at a second of the day. Few unused reads are kept."""
    last = _read_before(calendar, per_second(0))

    def allowance(rest: float, second: int) -> float:
        reads = per_second(second)
        return min(rest + reads * ROUND_S, max(reads * ROUND_S, _MOST_KEPT))

    return _day(calendar, changes, last, ROUND_S, allowance, choose)


def cron(calendar: Calendar, changes: Sequence[Change], minutes: int, lists: int) -> Outcome:
    """A run every so often, which reads the whole hot range. Cold windows are read once in 30 days."""
    hot = calendar.hot

    def choose(_second: int, _last: Sequence[float], _waiting: Sequence[int], _most: int) -> Iterable[int]:
        return hot

    last = [-float(minutes * 60)] * len(calendar.places)
    outcome = _day(calendar, changes, last, minutes * 60, lambda _rest, _second: float(len(hot)), choose)
    return Outcome(outcome.requests + lists * 24 * 60 // minutes, outcome.all, outcome.near, outcome.hot, 30 * 24.0)


def _read_before(calendar: Calendar, per_second: float) -> list[float]:
    """When each window was read last: spread over the time that reading all in turn takes."""
    rng = random.Random("before")
    return [-rng.random() * len(calendar.places) / per_second for _ in calendar.places]


def _day(
    calendar: Calendar,
    changes: Sequence[Change],
    last: list[float],
    every_s: int,
    allowance: Callable[[float, int], float],
    choose: Choose,
) -> Outcome:
    waiting: list[list[Change]] = [[] for _ in calendar.places]
    counts = [0] * len(calendar.places)
    hot, near = set(calendar.hot), NEAR_DAYS
    unseen: list[tuple[Change, float]] = []
    requests, rest, arrived = 0, 0.0, 0
    for second in range(0, 86_400 + _AFTER_S, every_s):
        while arrived < len(changes) and changes[arrived].at <= second:
            waiting[changes[arrived].place].append(changes[arrived])
            counts[changes[arrived].place] += 1
            arrived += 1
        rest = allowance(rest, second)
        most = max(int(rest), 0)
        rest -= most
        for number in choose(second, last, counts, most):
            requests += second < 86_400
            last[number] = second
            unseen += [(change, second - change.at) for change in waiting[number]]
            waiting[number], counts[number] = [], 0
    end = 86_400 + _AFTER_S
    cold = [end - at for number, at in enumerate(last) if number not in hot]
    # What is still unseen is in cold windows. cron reads these in 30 days; following in the longest time that it took.
    late = 15 * 86_400 if every_s > ROUND_S else max(cold, default=0.0)
    unseen += [(change, late) for left in waiting for change in left]
    return Outcome(
        requests,
        [seconds for _, seconds in unseen],
        [seconds for change, seconds in unseen if near[0] <= change.offset < near[1]],
        [seconds for change, seconds in unseen if change.place in hot],
        max(cold, default=0.0) / 3_600,
    )
