"""The loop of `bookings follow`: rounds of a sync that reads a few windows, and a publication if rows differ.

Input:  settings, a function that syncs and one that publishes, and clocks.
Output: calls to both, and a line per round with news or per minute.

Each round is a whole run, the same that `bookings sync` makes, so it may be killed at any point. It holds the lock only
while it runs, so other commands find the warehouse free between two rounds. Locations that failed get rounds of their
own, with short time-outs, so that healthy ones need not wait for them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from dlt.destinations.exceptions import DatabaseException

from bookings_sync.cli import signals
from bookings_sync.config.settings import Settings
from bookings_sync.error_text import described
from bookings_sync.errors import (
    AuditError,
    BookingsError,
    ConfigurationError,
    FileHeld,
    LockedError,
    NewerWarehouseError,
)
from bookings_sync.sync.pacing import Allowance, Backoff
from bookings_sync.sync.pipeline import SyncResult

_ROUND_SECONDS = 5.0
"""The shortest time from one round's start to the next. A round without news takes half a second of CPU time."""

_CPU_SHARE = 0.5
"""The most of one core that the rounds may use, on average."""

_LEAST_REQUESTS = 4
"""A location waits until it may send this many requests: a round costs CPU time, whatever it reads."""

_DAY_SECONDS = 86_400

_PUBLISH_SECONDS = 300.0
"""Publish at least this often: some tables depend on the time."""

_SAY_SECONDS = 60.0
_LOCKED_SECONDS = 1.0
_TRIES, _TRIES_ON_PROBATION = 2, 1
_PROBATION_TIMEOUT = 10.0
"""Seconds to wait for each part of a reply of a location that failed before."""

_FATAL = (ConfigurationError, NewerWarehouseError)
"""Errors that no later round can be without."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """`monotonic` and `cpu` give seconds, `sleep` takes them."""

    monotonic: Callable[[], float]
    cpu: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(slots=True)
class Totals:
    """What the rounds have done."""

    rounds: int = 0
    requests: int = 0
    changes: int = 0
    publications: int = 0


class FollowLoop:
    """Follows the locations of `settings`.

    `sync` makes one run with the given settings, allowing each location by name so many requests. `publish` builds and
    publishes the tables. `say` prints a line. `pace` gives how fast requests of a location accumulate at this hour,
    relative to the mean.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sync: Callable[[Settings, Mapping[str, int]], SyncResult],
        publish: Callable[[], object],
        say: Callable[[str], None],
        pace: Callable[[str], float],
        clocks: Clocks,
    ) -> None:
        self._settings = settings
        self._sync = sync
        self._publish = publish
        self._say = say
        self._clocks = clocks
        self._pace = pace
        now, share = clocks.monotonic(), settings.follow_percent / 100
        a_day = share * settings.daily_limit / _DAY_SECONDS
        at_most = share * settings.rate_limit / settings.rate_period_seconds
        self._allowances = {name: Allowance(a_day, at_most, now=now) for name in settings.locations}
        self._backoffs = {name: Backoff() for name in settings.locations}
        self._warehouse = Backoff()
        """For failures that are no location's."""
        self._errors: dict[str, str] = {}
        self._is_stale = True
        """Whether rows were loaded that are not published."""
        self._published_at = float("-inf")
        self._publishing = Backoff()
        self._quiet, self._said_at = Totals(), now
        self._waits_for = ""
        self._news: list[str] = []
        """What was loaded and not printed."""
        self.totals = Totals()

    def run(self, seconds: float | None) -> None:
        """Follows for this long, or until a signal ends it. Raises BookingsError only if no later round can succeed."""
        end = None if seconds is None else self._clocks.monotonic() + seconds
        while end is None or self._clocks.monotonic() < end:
            started, cpu = self._clocks.monotonic(), self._clocks.cpu()
            wait = self._step(started)
            used = self._clocks.cpu() - cpu
            now = self._clocks.monotonic()
            next_at = max(now + wait, started + _ROUND_SECONDS if wait == 0 else now, started + used / _CPU_SHARE)
            self._say_if_quiet(now)
            self._clocks.sleep(max(0.0, (next_at if end is None else min(next_at, end)) - now))

    def _step(self, now: float) -> float:
        """Makes the rounds that are due, and publishes. Returns how long to wait for what keeps it from doing so."""
        if wait := self._warehouse.seconds_left(now):
            return wait
        try:
            for names, is_on_probation in self._due(now):
                self._round(names, is_on_probation=is_on_probation)
            self._publish_if_due()
            self._say_news()
        except _FATAL:
            raise
        except (LockedError, FileHeld) as error:
            self._say_waiting(str(error))
            return _LOCKED_SECONDS
        except (BookingsError, DatabaseException) as error:
            if signals.exit_code(error) is not None:
                raise  # dlt has wrapped the interrupt
            self._warehouse.failed(self._clocks.monotonic())
            message = str(error) if isinstance(error, BookingsError) else f"the warehouse failed: {described(error)}."
            self._say(f"{message} Trying again in {self._warehouse.seconds_left(self._clocks.monotonic()):.0f} s.")
        else:
            self._warehouse.succeeded()
            self._waits_for = ""
        return 0.0

    def _due(self, now: float) -> list[tuple[list[str], bool]]:
        """The locations of each round that is due: the healthy ones, and those that failed before."""
        for name, allowance in self._allowances.items():
            allowance.set_pace(self._pace(name), now)
        ready = [
            name
            for name, allowance in self._allowances.items()
            if not allowance.seconds_until(_LEAST_REQUESTS, now) and not self._backoffs[name].seconds_left(now)
        ]
        groups = [
            ([name for name in ready if bool(self._backoffs[name].failures) is failed], failed)
            for failed in (False, True)
        ]
        return [group for group in groups if group[0]]

    def _round(self, names: list[str], *, is_on_probation: bool) -> None:
        now = self._clocks.monotonic()
        result = self._sync(
            self._settings_of(names, is_on_probation), {n: self._allowances[n].available(now) for n in names}
        )
        self.totals.rounds += 1
        self._quiet.rounds += 1
        self._is_stale |= bool(result.changes.total)
        for location in json.loads(result.row["locations"]):
            self._take_outcome(location["name"], location["outcome"], location["requests"], location["errors"])
        if result.changes.total:
            self._take_news(result)

    def _settings_of(self, names: list[str], is_on_probation: bool) -> Settings:
        of_names = self._settings if len(names) == len(self._settings.locations) else self._settings.only(names)
        return replace(
            of_names,
            request_budget=min(
                of_names.request_budget, max(3 * of_names.rate_limit * of_names.follow_percent // 100, 20)
            ),
            attempts=min(of_names.attempts, _TRIES_ON_PROBATION if is_on_probation else _TRIES),
            read_timeout_seconds=min(
                of_names.read_timeout_seconds, _PROBATION_TIMEOUT if is_on_probation else of_names.read_timeout_seconds
            ),
        )

    def _take_outcome(self, name: str, outcome: str, requests: int, errors: list[str]) -> None:
        self._allowances[name].spend(requests)
        self.totals.requests += requests
        self._quiet.requests += requests
        now, backoff = self._clocks.monotonic(), self._backoffs[name]
        if outcome in ("failed", "partial"):
            backoff.failed(now, is_partial=outcome == "partial")
            error = errors[0] if errors else outcome
            if self._errors.get(name) != error:
                self._errors[name] = error
                self._say(f"{name}: {error} Trying again in {backoff.seconds_left(now):.0f} s, then less often.")
            return
        backoff.succeeded()
        if self._errors.pop(name, None) is not None:
            self._say(f"{name}: answers again")

    def _take_news(self, result: SyncResult) -> None:
        changes = result.changes
        self.totals.changes += changes.total
        counted = Counter({kind: getattr(changes, kind) for kind in changes.__slots__})
        what = ", ".join(f"{count:,} {kind}" for kind, count in counted.items() if count)
        self._news.append(f"{what}: {', '.join(json.loads(result.row['tables']))}")

    def _publish_if_due(self) -> None:
        now = self._clocks.monotonic()
        is_due = self._is_stale or now - self._published_at >= _PUBLISH_SECONDS
        if not is_due or self._publishing.seconds_left(now):
            return
        try:
            self._publish()
        except AuditError as error:
            self._publishing.failed(now)
            self._say(f"{error}. Trying again in {self._publishing.seconds_left(now):.0f} s.")
            return
        self._publishing.succeeded()
        self._is_stale, self._published_at = False, self._clocks.monotonic()
        self.totals.publications += 1

    def _say_news(self) -> None:
        for news in self._news:
            self._say(f"{news}; not published yet" if self._is_stale else f"{news}; published")
            self._quiet, self._said_at = Totals(), self._clocks.monotonic()
        self._news.clear()

    def _say_waiting(self, message: str) -> None:
        if self._waits_for != message:
            self._waits_for = message
            self._say(f"waiting: {message}")

    def _say_if_quiet(self, now: float) -> None:
        if now - self._said_at >= _SAY_SECONDS:
            if self._quiet.rounds:
                self._say(f"no change in {self._quiet.rounds} rounds, {self._quiet.requests:,} requests")
            self._quiet, self._said_at = Totals(), now
