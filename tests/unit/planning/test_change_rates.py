"""Change rates: learnt from the changes that were seen, and sensible before any was."""

from __future__ import annotations

import pendulum
import pytest

from bookings_sync.planning.change_rates import (
    AGES,
    HOUR_MS,
    NEAR_DAYS,
    WEEK_HOURS,
    ChangeRates,
    SeenChanges,
    age_of,
    hour_of_week,
)
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import DAY_MS, Window, to_ms

NOW = to_ms(pendulum.datetime(2026, 11, 4, 9))
ANN, BOB = Scope("service", "ann"), Scope("service", "bob")


def day(offset: int) -> Window:
    return Window(NOW + offset * DAY_MS, NOW + (offset + 1) * DAY_MS)


def waiting(rates: ChangeRates, window: Window, hours: float = 1, scope: Scope = ANN, weight: float = 1.0) -> float:
    return rates.waiting(window, scope, NOW - round(hours * HOUR_MS), NOW, weight)


def test_without_history_today_changes_most_and_both_directions_fade() -> None:
    rates = ChangeRates()
    ahead = [waiting(rates, day(offset)) for offset in (0, 2, 5, 10, 20, 100, 300)]
    back = [waiting(rates, day(offset)) for offset in (-1, -2, -5, -10, -30, -400)]
    assert ahead == sorted(ahead, reverse=True)
    assert back == sorted(back, reverse=True)
    assert back[-1] > 0


def test_the_waiting_grows_with_the_square_of_the_time() -> None:
    rates = ChangeRates()
    assert waiting(rates, day(0), hours=6) == pytest.approx(9 * waiting(rates, day(0), hours=2))
    assert waiting(rates, day(0), hours=500) == pytest.approx(100 * waiting(rates, day(0), hours=50))
    assert waiting(rates, day(0), hours=0) == waiting(rates, day(0), hours=-5) == 0


def test_a_window_counts_the_days_that_it_covers() -> None:
    rates = ChangeRates()
    week = Window(day(-1).start_ms, day(5).end_ms)
    assert waiting(rates, week) == pytest.approx(sum(waiting(rates, day(offset)) for offset in range(-1, 6)))


def test_days_near_today_weigh_more() -> None:
    rates = ChangeRates()
    for offset in (NEAR_DAYS[0], 0, NEAR_DAYS[1] - 1):
        assert waiting(rates, day(offset), weight=4) == pytest.approx(4 * waiting(rates, day(offset)))
    for offset in (NEAR_DAYS[0] - 1, NEAR_DAYS[1]):
        assert waiting(rates, day(offset), weight=4) == pytest.approx(waiting(rates, day(offset)))


def test_the_shares_of_ages_hours_and_scopes_are_learnt() -> None:
    seen = SeenChanges()
    for _ in range(5_000):
        seen.add(ANN, NOW + 20 * DAY_MS, NOW - HOUR_MS, NOW)
    rates = ChangeRates(seen, {ANN: 10.0, BOB: 10.0})
    assert waiting(rates, day(20)) > 20 * waiting(rates, day(0))
    assert waiting(rates, day(20)) > 20 * waiting(rates, day(20), scope=BOB)
    earlier = rates.waiting(day(20), ANN, NOW - 3 * HOUR_MS, NOW - 2 * HOUR_MS)
    assert waiting(rates, day(20)) > 20 * earlier


def test_larger_services_change_more_before_any_change_was_seen() -> None:
    rates = ChangeRates(rows={ANN: 900.0, BOB: 100.0})
    assert waiting(rates, day(0), scope=ANN) == pytest.approx(901 / 101 * waiting(rates, day(0), scope=BOB))


def test_a_change_between_two_reads_is_spread_over_the_time_between() -> None:
    seen = SeenChanges()
    seen.add(ANN, NOW, NOW - 4 * HOUR_MS, NOW, changes=8)
    assert sum(seen.by_age.values()) == pytest.approx(8)
    assert seen.by_age[age_of(0), hour_of_week(NOW - 4 * HOUR_MS)] == pytest.approx(2)
    seen = SeenChanges()
    seen.add(ANN, NOW, NOW - 1_000 * HOUR_MS, NOW)
    assert len(seen.by_age) == WEEK_HOURS


def test_a_change_waits_from_the_hour_in_which_it_happened() -> None:
    seen = SeenChanges()
    seen.add(ANN, NOW, NOW - 3 * HOUR_MS, NOW - 2 * HOUR_MS, changes=1e9)
    rates = ChangeRates(seen)

    def since(hours: int) -> float:
        return rates.waiting(day(0), ANN, NOW - hours * HOUR_MS, NOW)

    assert since(2) == pytest.approx(0, abs=since(4) / 1_000)
    assert since(12) / since(4) == pytest.approx(9.5 / 1.5, rel=0.001)
    assert since(100) / since(4) == pytest.approx(97.5 / 1.5, rel=0.001)


def test_busy_hours_get_more_requests_by_the_root_of_their_changes() -> None:
    seen = SeenChanges()
    midnight = NOW // DAY_MS * DAY_MS
    for hour in range(24):
        began = midnight + hour * HOUR_MS
        seen.add(ANN, NOW, began, began + HOUR_MS, changes=9e6 if 8 <= hour < 18 else 1e6)
    rates = ChangeRates(seen)
    paces = [rates.pace(midnight + hour * HOUR_MS) for hour in range(24)]
    assert sum(paces) == pytest.approx(24)  # no day has more requests than another
    assert paces[8] / paces[7] == pytest.approx(3, rel=0.01)
    assert rates.pace(midnight + 30 * HOUR_MS) == pytest.approx(1)
    assert ChangeRates().pace(NOW) == pytest.approx(1)


def test_every_time_has_an_age() -> None:
    assert [age_of(start) for start, _ in AGES] == list(range(len(AGES)))
    assert age_of(-1e9) == 0
    assert age_of(1e9) == len(AGES) - 1
