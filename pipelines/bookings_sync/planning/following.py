"""Following: which windows a run of `bookings follow` reads, within its few requests. Pure.

Input:  the reads of the plan that are due, the ledger, and the location's change rates (`change_rates`).
Output: the same reads, the one with the highest gain per request first.

The goal is the least mean time that a change stays unseen. The literature on crawling the web asks a close question:
Cho and Garcia-Molina ("Effective page refresh policies for web crawlers", 2003) for pages with Poisson changes and a
budget of visits; Azar, Horvitz, Lubetzky, Peres and Shahaf ("Tractable near-optimal policies for crawling", 2018) give
the policy "visit the page with the highest value w/λ·(1 − e^(−λt)(1 + λt))", t after its last visit. That value counts
whether a page is stale. A second change of a stale page costs nothing there; here each change waits on its own. The
same derivation with our cost gives another value:

    A window has changes at rate λ and weight w, and a read costs c. T after the last read, its changes have waited
    C(T) = w·∫₀ᵀ λ(T − s) ds = w·λ·T²/2 together.
    Reading every T costs (C(T) + μ·c)/T per second, where the multiplier μ is the price of a request.
    The best T solves T·C'(T) − C(T) = μ·c. So read the window with the highest (t·C'(t) − C(t))/c.
    For Azar's cost, C'(T) = w·(1 − e^(−λT)), this is their value. For ours it is w·λ·t²/(2c).

So the best interval of a window is proportional to √(c/(w·λ)). If λ changes with the hour, then t·C'(t) − C(t) is
w·∫₀ᵗ λ(s)·s ds (`ChangeRates.waiting`). The value of a window grows with t², so each window is read in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from bookings_sync.config.settings import Settings
from bookings_sync.planning.change_rates import ChangeRates
from bookings_sync.planning.in_turn import mixed
from bookings_sync.planning.ledger import Ledger, within
from bookings_sync.planning.plan import PlannedRead, window_of
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import DAY_MS, Window, gaps

_BYTES_PER_REQUEST = 4_000_000
"""Bytes of a reply that cost as much as a request does: receiving and comparing them takes CPU time."""

_OVERDUE = 0.9
"""Share of `cold_reread_days` after which a cold window is read even if little would be gained."""

SeenAt = Mapping[tuple[str, Scope, Window], int]
"""When windows were read that the ledger does not say yet, in epoch milliseconds, by location, scope and window."""


@dataclass(frozen=True, slots=True)
class Following:
    """How one run of `bookings follow` is planned.

    `reads_left` returns the reads that a location may still have, by its id. `rates` are the locations' change rates.
    Changes near today weigh `near_weight` times as much as others. `seen_at` are reads with no news that were not
    written to the ledger.
    """

    reads_left: Callable[[str], int]
    rates: Mapping[str, ChangeRates]
    near_weight: float
    seen_at: SeenAt = field(default_factory=dict)

    def choose(
        self, due: Iterable[PlannedRead], ledger: Ledger, settings: Settings, now_ms: int, budget: int
    ) -> list[PlannedRead]:
        """The reads of one location's appointments to do now, at most `budget`.

        Hot and cold windows compete by their gain. Unread and outdated history, and cold windows that are overdue, get
        one read in four.
        """
        first: list[PlannedRead] = []
        owed: list[PlannedRead] = []
        ranked: list[tuple[float, PlannedRead]] = []
        for read in due:
            if read.reason == "first":
                first.append(read)
                continue
            since_ms = self._read_at(read, ledger, now_ms)
            overdue_ms = settings.cold_reread_days * DAY_MS * _OVERDUE
            if read.reason in ("backfill", "outdated") or (read.reason == "cold" and now_ms - since_ms >= overdue_ms):
                owed.append(read)
            else:
                ranked.append((self._gain(read, ledger, since_ms, now_ms), read))
        ranked.sort(key=lambda each: -each[0])
        return mixed([*first, *(read for _, read in ranked)], owed, budget)

    def _read_at(self, read: PlannedRead, ledger: Ledger, now_ms: int) -> int:
        """When the part of the window that was read longest ago was read; 0 if a part never was, or if a read lies in
        the future, because its clock was wrong."""
        window = window_of(read)
        inside = within(ledger.stretches(read.location_id, read.scope), window)
        if not inside or gaps(window, [stretch.window for stretch in inside]):
            return 0
        read_at = min(at if (at := stretch.read.read_at_ms) <= now_ms else 0 for stretch in inside)
        seen_at = self.seen_at.get((read.location_id, read.scope, window), 0)
        return max(read_at, seen_at if seen_at <= now_ms else 0)

    def _gain(self, read: PlannedRead, ledger: Ledger, since_ms: int, now_ms: int) -> float:
        window = window_of(read)
        inside = within(ledger.stretches(read.location_id, read.scope), window)
        rates = self.rates.get(read.location_id) or _UNKNOWN
        cost = read.requests + sum(each.read.reply_bytes for each in inside if each.is_whole) / _BYTES_PER_REQUEST
        return rates.waiting(window, read.scope, since_ms, now_ms, self.near_weight) / cost


_UNKNOWN = ChangeRates()
