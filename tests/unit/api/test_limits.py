"""The rate limit: never more than allowed in any window as the API sees it, and next to nothing wasted."""

from __future__ import annotations

import threading
import time
import tracemalloc
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bookings_sync.api.limits import RateLimit


def most_in_any(times: list[float], period: float) -> int:
    """The most of `times` that any half-open window `[t, t + period)` holds."""
    times = sorted(times)
    return max(bisect_left(times, start + period) - i for i, start in enumerate(times))


def test_a_burst_then_a_steady_rate_and_little_waste(fake_time: Any) -> None:
    limit = RateLimit(100, 10, monotonic=fake_time.monotonic, sleep=fake_time.sleep)
    seen = []
    for _ in range(1_000):
        limit.acquire()
        fake_time.seconds += 0.05  # the API sees it and its reply begins
        seen.append(fake_time.seconds)
        limit.release()
    assert most_in_any(seen, 10) == 100
    assert 90 <= seen[999] - seen[99] < 90 * 1.01  # nine periods, and less than 1 % beside them
    assert all(seconds > 0 for seconds in fake_time.slept)


def test_a_slow_handshake_does_not_break_the_limit() -> None:
    """The first 20 requests take 0.2 s to arrive, the later ones next to nothing: a limiter that counts departures
    lets 40 arrive in one period."""
    limit, period, arrivals = RateLimit(20, 0.4), 0.4, []
    lock = threading.Lock()

    def request(number: int) -> None:
        limit.acquire()
        time.sleep(0.2 if number < 20 else 0.001)
        with lock:
            arrivals.append(time.monotonic())
        time.sleep(0.001)
        limit.release()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(request, range(100)))
    assert most_in_any(arrivals, period) == 20


def test_a_pause_holds_for_every_thread_and_a_shorter_one_does_not_cut_it(fake_time: Any) -> None:
    limit = RateLimit(100, 10, monotonic=fake_time.monotonic, sleep=fake_time.sleep)
    limit.pause(30)
    limit.pause(5)
    limit.acquire()
    assert fake_time.seconds == 30
    limit.acquire()
    assert fake_time.slept == [30]


def test_a_pause_that_begins_during_a_wait_is_kept(fake_time: Any) -> None:
    def sleep(seconds: float) -> None:
        if not fake_time.slept:
            limit.pause(60)
        fake_time.sleep(seconds)

    limit = RateLimit(1, 10, monotonic=fake_time.monotonic, sleep=sleep)
    limit.acquire()
    limit.release()
    limit.acquire()
    assert fake_time.seconds == 60


def test_an_interrupted_wait_gives_its_permit_back(fake_time: Any) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    sleeps: list[Callable[[float], None]] = [interrupted, fake_time.sleep]
    limit = RateLimit(1, 10, monotonic=fake_time.monotonic, sleep=lambda seconds: sleeps.pop(0)(seconds))
    limit.acquire()
    limit.release()
    with pytest.raises(KeyboardInterrupt):
        limit.acquire()
    limit.acquire()  # would wait for ever, had the permit been lost


def test_without_a_permit_at_rest_threads_wait_for_one() -> None:
    limit, order = RateLimit(1, 0.01), []
    limit.acquire()

    def second() -> None:
        limit.acquire()
        order.append("acquired")

    thread = threading.Thread(target=second)
    thread.start()
    order.append("released")
    limit.release()
    thread.join(timeout=10)
    assert order == ["released", "acquired"]


def test_a_limit_costs_the_same_however_high_it_is() -> None:
    # Each location has one of its own: a permit for each request allowed took 8 MB where a million are.
    tracemalloc.start()
    try:
        limit = RateLimit(1_000_000, 10)
        limit.acquire()
        limit.release()
        assert tracemalloc.get_traced_memory()[1] < 100_000  # bytes
    finally:
        tracemalloc.stop()
