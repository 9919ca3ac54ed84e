"""Pacing: the share of the rate limit is kept on average, and failures are tried again less and less often."""

from __future__ import annotations

import random

import pytest

from bookings_sync.sync.pacing import Allowance, Backoff


@pytest.mark.parametrize("seed", range(5))
def test_on_average_no_more_requests_than_allowed(seed: int) -> None:
    rng, now, sent = random.Random(seed), 0.0, 0
    allowance = Allowance(3.3, 10, now=now)
    for _ in range(2_000):
        now += rng.uniform(1, 10)
        if allowed := allowance.available(now):
            spent = allowed + rng.choice([0, 0, 0, 5, 40])  # retries and verifications are not planned
            allowance.spend(spent)
            sent += spent
    assert sent <= 3.3 * (now + 120) + 100
    assert sent >= 0.5 * 3.3 * now


def test_what_was_sent_too_much_makes_rounds_smaller_and_stops_none() -> None:
    allowance = Allowance(1, 10, now=0)
    allowance.spend(allowance.available(0) + 30)  # a small debt
    assert [allowance.available(now) for now in (0, 10, 20)] == [0, 5, 10]
    allowance.spend(10)
    assert allowance.available(60) == 10
    allowance.spend(10)
    assert allowance.available(65) == 5  # the debt is repaid


def test_a_large_debt_stops_the_rounds() -> None:
    allowance = Allowance(1, 10, now=0)
    allowance.spend(allowance.available(0) + 200)
    assert [allowance.available(now) for now in (70, 85, 95)] == [0, 0, 5]


def test_a_pause_of_hours_allows_no_burst() -> None:
    allowance = Allowance(3.3, 10, now=0)
    assert allowance.available(8 * 3_600) == allowance.available(8 * 3_600 + 60) < 25


def test_a_slow_rate_allows_a_few_requests_at_last() -> None:
    allowance = Allowance(0.01, 10, now=0)
    allowance.spend(allowance.available(0))
    assert allowance.seconds_until(8, 0) == pytest.approx(800)
    assert allowance.available(800) == 8
    assert allowance.seconds_until(1_000, 0) < float("inf")


def test_the_pace_changes_how_fast_requests_accumulate_up_to_the_rate_limit() -> None:
    allowance = Allowance(1, 3, now=0)
    for pace, expected in ((0.5, 2), (2, 8), (9, 12)):
        allowance.spend(allowance.available(0))
        allowance.set_pace(pace, 0)
        assert allowance.seconds_until(expected, 0) == pytest.approx(4)


def test_a_clock_that_goes_back_takes_nothing_away() -> None:
    allowance = Allowance(1, 10, now=100)
    before = allowance.available(100)
    assert allowance.available(50) == before


def test_failures_in_a_row_are_tried_again_less_and_less_often() -> None:
    backoff, waits = Backoff(), []
    for _ in range(12):
        backoff.failed(1_000)
        waits.append(backoff.seconds_left(1_000))
    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == 900
    assert backoff.seconds_left(2_000) == 0
    backoff.failed(1_000, is_partial=True)
    assert backoff.seconds_left(1_000) == 30
    backoff.succeeded()
    assert (backoff.failures, backoff.seconds_left(1_000)) == (0, 0)
