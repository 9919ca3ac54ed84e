"""Following: the windows that gain most are read first, and nothing that is due is forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

import pendulum
import pytest

from bookings_sync.config.settings import Settings
from bookings_sync.planning.calendar import Calendar, KnownCalendars
from bookings_sync.planning.change_rates import ChangeRates, SeenChanges
from bookings_sync.planning.following import Following
from bookings_sync.planning.ledger import Ledger, Read
from bookings_sync.planning.plan import PlannedRead, Reason, Span, window_of
from bookings_sync.planning.planner import Planner
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import DAY_MS, Window, to_ms

NOW = pendulum.datetime(2026, 11, 4, 9)
NOW_MS = to_ms(NOW)
ANN = Scope("service", "ann")
TODAY = Window(NOW_MS // DAY_MS * DAY_MS, (NOW_MS // DAY_MS + 1) * DAY_MS)


def planned(scope: Scope = ANN, window: Window = TODAY, reason: Reason = "hot") -> PlannedRead:
    return PlannedRead("L", "appointments", scope, window, reason)


def done(read: PlannedRead, at_ms: int, *, reply_bytes: int = 0, run_id: str = "") -> Read:
    return Read("L", "appointments", read.scope, read.window, at_ms, run_id, "", "digest", reply_bytes, 1, 0.0)


def following(rates: ChangeRates | None = None, *, reads: int = 1_000, near_weight: float = 1.0) -> Following:
    return Following(lambda _: reads, {"L": rates or ChangeRates()}, near_weight)


def chosen(
    reads: Sequence[PlannedRead], ledger: Ledger, budget: int, *, rates: ChangeRates | None = None, now_ms: int = NOW_MS
) -> list[PlannedRead]:
    return following(rates).choose(reads, ledger, Settings(), now_ms, budget)


def unseen_seconds(shares: Sequence[float], per_round: int, *, is_uniform: bool) -> float:
    """The mean time that a change stays unseen if scopes with these shares of the changes are read in turn, one round
    each second."""
    seen = SeenChanges()
    scopes = [Scope("service", f"{number}") for number in range(len(shares))]
    for scope, share in zip(scopes, shares, strict=True):
        seen.by_scope[scope] += 1e6 * share  # type: ignore[assignment]
    rates = ChangeRates(seen, dict.fromkeys(scopes, 1.0))
    reads = [planned(scope) for scope in scopes]
    ledger = Ledger([done(read, NOW_MS - 1_000 * number) for number, read in enumerate(reads)])
    last = {read.scope: NOW_MS for read in reads}
    waited, rounds = 0.0, 6_000
    for second in range(rounds):
        now_ms = NOW_MS + second * 1_000
        if is_uniform:
            now = sorted(reads, key=lambda read: last[read.scope])[:per_round]
        else:
            now = chosen(reads, ledger, per_round, rates=rates, now_ms=now_ms)
        for read in now:
            if second > rounds / 4:
                waited += shares[scopes.index(read.scope)] * ((now_ms - last[read.scope]) / 1_000) ** 2 / 2
            last[read.scope] = now_ms
            ledger.add(done(read, now_ms))
    return waited / (rounds * 3 / 4)


def test_the_mean_time_unseen_is_near_the_least_possible() -> None:
    weights = [2.0**-number for number in range(12)]
    shares = [each / sum(weights) for each in weights]
    least = sum(map(sqrt, shares)) ** 2 / 2  # the square-root rule, with one read a second
    assert unseen_seconds(shares, 1, is_uniform=True) == pytest.approx(6, rel=0.05)
    assert unseen_seconds(shares, 1, is_uniform=False) < 1.1 * least


def test_a_read_with_a_large_reply_is_chosen_less_often() -> None:
    small, large = planned(Scope("service", "small")), planned(Scope("service", "large"))
    ledger = Ledger([done(small, NOW_MS - 9_000), done(large, NOW_MS - 10_000, reply_bytes=20_000_000)])
    assert chosen([large, small], ledger, 1) == [small]
    ledger = Ledger([done(small, NOW_MS - 1_000), done(large, NOW_MS - 10_000, reply_bytes=20_000_000)])
    assert chosen([large, small], ledger, 1) == [large]


def test_unread_history_gets_one_read_in_four() -> None:
    hot = [planned(Scope("service", f"{number}")) for number in range(10)]
    old = [planned(window=Window(day * DAY_MS, (day + 1) * DAY_MS), reason="backfill") for day in range(10)]
    found = chosen([*hot, *old], Ledger(), 8)
    assert Counter(read.reason for read in found) == {"hot": 6, "backfill": 2}
    assert len(chosen([*hot, *old], Ledger(), 100)) == 20
    assert chosen([*hot, *old], Ledger(), 0) == []
    assert chosen([*hot, *old], Ledger(), -7) == []  # slots and retries may have spent more than was left


def test_overdue_cold_windows_are_read_whatever_they_gain() -> None:
    hot = [planned(Scope("service", f"{number}")) for number in range(10)]
    long_ago = Window(TODAY.start_ms - 800 * DAY_MS, TODAY.start_ms - 799 * DAY_MS)
    cold = planned(window=long_ago, reason="cold")
    last = NOW_MS - 60_000
    reads = [done(read, last) for read in hot]
    recent = Ledger([*reads, done(cold, NOW_MS - 26 * DAY_MS)])
    overdue = Ledger([*reads, done(cold, NOW_MS - 28 * DAY_MS)])
    assert cold in chosen([*hot, cold], overdue, 4)
    assert chosen([*hot, cold], recent, 11)[0] == cold  # 26 days gain more than a minute near today
    assert cold not in chosen([*hot, cold], Ledger([*reads, done(cold, last)]), 10)


def test_a_read_in_the_future_counts_as_long_ago() -> None:
    one, other = planned(Scope("service", "one")), planned(Scope("service", "other"))
    ledger = Ledger([done(one, NOW_MS - 3_600_000), done(other, NOW_MS + 3_600_000)])
    assert chosen([one, other], ledger, 1) == [other]


def test_a_window_that_is_read_in_part_counts_as_unread() -> None:
    whole, part = planned(Scope("service", "whole")), planned(Scope("service", "part"))
    half = PlannedRead("L", "appointments", part.scope, TODAY.halves()[0], "hot")
    ledger = Ledger([done(whole, NOW_MS - 3_600_000), done(half, NOW_MS)])
    assert chosen([whole, part], ledger, 1) == [part]


def test_reads_without_news_need_not_be_in_the_ledger() -> None:
    one, other = planned(Scope("service", "one")), planned(Scope("service", "other"))
    ledger = Ledger([done(one, NOW_MS - 60_000), done(other, NOW_MS - 50_000)])
    assert chosen([one, other], ledger, 1) == [one]
    seen = Following(lambda _: 1, {}, 1.0, {("L", one.scope, TODAY): NOW_MS - 10_000})
    assert seen.choose([one, other], ledger, Settings(), NOW_MS, 1) == [other]


# -- with the planner ------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """A planner over one service whose history was read at different times."""

    reads: int
    settings: Settings = field(default_factory=lambda: Settings(history_start=NOW.subtract(days=700).date()))
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        calendars = KnownCalendars({"L": Calendar(services=("ann",))}, ("service",))
        self.done = 0
        plan = Following(lambda _: self.reads - self.done, {}, 1.0)
        span = Span("this run", NOW)
        self.planner = Planner(self.settings, span, self.ledger, calendars, {}, lambda _: 500, following=plan)

    def carry_out(self) -> list[PlannedRead]:
        found: list[PlannedRead] = []
        while reads := self.planner.next_reads(["L"], 100):
            self.done += len(reads)
            found += reads
            self.planner.add([done(read, NOW_MS, run_id="this run") for read in reads])
        return found


def test_a_run_reads_as_much_as_it_may_and_is_over() -> None:
    run = Run(reads=5)
    first = run.carry_out()
    assert first[0].reason == "first"
    assert len(first) <= 5
    assert run.planner.remaining(["L"]).reads == []
    assert run.planner.remaining(["L"]).over_budget == {}


def test_in_time_everything_is_read_and_no_window_twice_in_a_run() -> None:
    ledger, seen = Ledger(), set[Window]()
    for number in range(40):
        run = Run(reads=10, ledger=ledger)
        found = [window_of(read) for read in run.carry_out()]
        assert len(found) == len(set(found))
        seen |= set(found)
        reads = [Read(*(getattr(each, name) for name in each.__slots__)) for each in ledger.all()]
        ledger = Ledger(
            [done(planned(window=each.window), each.read_at_ms, run_id=f"{number}") for each in reads if each.window]
        )
    assert min(window.start_ms for window in seen) <= to_ms(NOW.subtract(days=700))
    assert max(window.end_ms for window in seen) >= to_ms(NOW.add(days=365))
