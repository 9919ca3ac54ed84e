"""Follower: what `bookings follow` remembers from one run to the next.

Input:  the settings; then, for each run, the reads that each location may have.
Output: `Following` for a run's planner, connections and rate limiters that several runs share, and whether a load is
        worth writing.

Nothing here is needed to continue after a kill. The change rates are learnt again from the warehouse, and windows are
read again if their reads were not written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.api.connections import ConnectionPool, open_http
from bookings_sync.api.limits import RateLimiter
from bookings_sync.config.settings import Settings
from bookings_sync.planning.change_rates import ChangeRates
from bookings_sync.planning.following import Following
from bookings_sync.planning.ledger import Ledger
from bookings_sync.planning.plan import hot_range
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window, to_ms
from bookings_sync.warehouse.seen_changes import seen_changes

_LEARN_EVERY_SECONDS = 3_600.0
"""Shares of four weeks change slowly, and counting changes scans the newest part of `appointments`."""

_WRITE_EVERY_SECONDS = 60.0
"""Loads without news are written this often. They only move the times of reads, and each adds rows to dlt's tables."""

_LISTS_EVERY_SECONDS = 60.0
"""Teams and services change rarely, and take two requests. They also prove whose calendar a key opens."""

_SLOTS_EVERY_SECONDS = 600.0
"""Free slots take one request per service, and follow from appointments."""

_IDLE_SECONDS = 60.0
"""Idle time after which connections are not used again. Many servers close them sooner."""

LONGEST_PAUSE_SECONDS = 20.0
"""A longer pause that the API asks for ends the location's run, so that the other locations need not wait."""


class Follower:
    """The memory of `bookings follow`. `monotonic` gives seconds."""

    def __init__(self, settings: Settings, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._http: ConnectionPool | None = None
        self._http_used_at: DateTime | None = None
        limit = max(1, settings.rate_limit * settings.follow_percent // 100)
        self.limiters = {
            name: RateLimiter(limit, settings.rate_period_seconds, monotonic=monotonic) for name in settings.locations
        }
        self.reads: Mapping[str, int] = {}
        """The requests that each location may have in the next run, by name: reads and whole lists."""
        self._ids: dict[str, str] = {}
        self._rates: dict[str, ChangeRates] = {}
        self._learnt_at = self._written_at = float("-inf")
        self._lists_at: dict[str, float] = {}
        self._slots_at: dict[str, float] = {}
        """When whole lists and free slots were read last, by the location's name."""
        self._seen_at: dict[tuple[str, Scope, Window], int] = {}

    def close(self) -> None:
        if self._http is not None:
            self._http.close()

    def connections(self, now: DateTime) -> ConnectionPool:
        """The connections for the next run. After a pause they are new: a computer that was suspended finds its old
        connections dead, and would wait for each of them in vain."""
        last, self._http_used_at = self._http_used_at, now
        if self._http is None or last is None or abs((now - last).total_seconds()) > _IDLE_SECONDS:
            self.close()
            self._http = open_http(self._settings)
        return self._http

    def learn(self, client: SqlClientBase[Any], ledger: Ledger, ids: Mapping[str, str], now: DateTime) -> None:
        """Learns the change rates, if that was long ago. `ids` are the locations' ids by name."""
        self._ids.update(ids)
        location_ids = list(ids.values())
        unknown = [each for each in location_ids if each not in self._rates]
        if not unknown and self._monotonic() - self._learnt_at < _LEARN_EVERY_SECONDS:
            return
        self._learnt_at = self._monotonic()
        seen = seen_changes(client, self._settings.scopes, now=now)
        hot = hot_range(self._settings, now)
        for location_id in location_ids:
            rows: dict[Scope, float] = {}
            for scope in ledger.scopes(location_id):
                near = (each for each in ledger.stretches(location_id, scope) if each.window.overlaps(hot))
                rows[scope] = sum(each.rows for each in near)
            self._rates[location_id] = ChangeRates(seen.get(location_id), rows)

    def following(self, reads_left: Callable[[str], int]) -> Following:
        """How the next run is planned."""
        return Following(reads_left, self._rates, self._settings.follow_near_weight, self._seen_at)

    def read_at(self, location_id: str, scope: Scope, window: Window) -> int:
        """When the window was read without news, if that is not in the ledger yet; 0 otherwise."""
        return self._seen_at.get((location_id, scope, window), 0)

    def pace(self, name: str, now: DateTime) -> float:
        """How fast requests of a location should accumulate at this hour, relative to the mean."""
        rates = self._rates.get(self._ids.get(name, ""))
        return rates.pace(to_ms(now)) if rates else 1.0

    def is_lists_turn(self, names: Iterable[str]) -> bool:
        """Whether the next run, of these locations, reads teams and services."""
        return self._is_turn(self._lists_at, names, _LISTS_EVERY_SECONDS)

    def is_slots_turn(self, names: Iterable[str]) -> bool:
        """Whether the next run reads free slots, and asks for appointments that no list has."""
        return self._is_turn(self._slots_at, names, _SLOTS_EVERY_SECONDS)

    def _is_turn(self, read_at: Mapping[str, float], names: Iterable[str], every: float) -> bool:
        now = self._monotonic()
        return any(now - read_at.get(name, float("-inf")) >= every for name in names)

    def lists_read(self, names: Iterable[str]) -> None:
        """The present run reads teams and services."""
        self._lists_at.update(dict.fromkeys(names, self._monotonic()))

    def slots_read(self, names: Iterable[str]) -> None:
        """The present run reads free slots. Its load is written: what is free depends on when it was read."""
        self._slots_at.update(dict.fromkeys(names, self._monotonic()))
        self._written_at = float("-inf")

    def may_drop(self) -> bool:
        """Whether a load without news need not be written."""
        return self._monotonic() - self._written_at < _WRITE_EVERY_SECONDS

    def dropped(self, ledger: Ledger, run_id: str) -> None:
        """Remembers the reads of a load that was not written."""
        for read in ledger.all():
            if read.run_id == run_id and read.endpoint == "appointments" and read.window is not None:
                self._seen_at[read.location_id, read.scope, read.window] = read.read_at_ms

    def written(self, now: DateTime) -> None:
        """Forgets reads that the ledger has by now. Windows read longer ago have other lengths now."""
        self._written_at = self._monotonic()
        before_ms = to_ms(now) - 60 * round(_WRITE_EVERY_SECONDS * 1_000)
        self._seen_at = {key: at for key, at in self._seen_at.items() if at > before_ms}
