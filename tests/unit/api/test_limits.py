"""The rate limiter: no period has more requests than allowed, counted when they arrive, and little time is wasted."""

from __future__ import annotations

import threading
import time
import tracemalloc
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bookings_sync.api.limits import RateLimiter


def most_in_any(times: list[float], period: float) -> int:
    """The highest number of `times` in any half-open interval `[t, t + period)`."""
    times = sorted(times)
    return max(bisect_left(times, start + period) - i for i, start in enumerate(times))


def test_burst_then_steady_rate(fake_time: Any) -> None:
    limit = RateLimiter(100, 10, monotonic=fake_time.monotonic, sleep=fake_time.sleep)
    seen = []
    for _ in range(1_000):
        limit.acquire()
        fake_time.seconds += 0.05  # the request arrives and its reply begins
        seen.append(fake_time.seconds)
        limit.release()
    assert most_in_any(seen, 10) == 100
    assert 90 <= seen[999] - seen[99] < 90 * 1.01  # nine periods, with less than 1 % waste
    assert all(seconds > 0 for seconds in fake_time.slept)


def test_slow_handshake_does_not_break_the_limit() -> None:
    """The first 20 requests take 0.2 s to arrive and the later ones 1 ms.

    A limiter that counts departures would let 40 requests arrive in one period.
    """
    limit, period, arrivals = RateLimiter(20, 0.4), 0.4, []
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


def test_shorter_pause_does_not_end_a_longer_one(fake_time: Any) -> None:
    limit = RateLimiter(100, 10, monotonic=fake_time.monotonic, sleep=fake_time.sleep)
    limit.pause(30)
    limit.pause(5)
    limit.acquire()
    assert fake_time.seconds == 30
    limit.acquire()
    assert fake_time.slept == [30]


def test_pause_that_starts_during_a_wait(fake_time: Any) -> None:
    def sleep(seconds: float) -> None:
        if not fake_time.slept:
            limit.pause(60)
        fake_time.sleep(seconds)

    limit = RateLimiter(1, 10, monotonic=fake_time.monotonic, sleep=sleep)
    limit.acquire()
    limit.release()
    limit.acquire()
    assert fake_time.seconds == 60


def test_interrupted_wait_returns_its_permit(fake_time: Any) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    sleeps: list[Callable[[float], None]] = [interrupted, fake_time.sleep]
    limit = RateLimiter(1, 10, monotonic=fake_time.monotonic, sleep=lambda seconds: sleeps.pop(0)(seconds))
    limit.acquire()
    limit.release()
    with pytest.raises(KeyboardInterrupt):
        limit.acquire()
    limit.acquire()  # would block forever if the permit were lost


def test_thread_waits_until_another_releases_a_permit() -> None:
    limit, order = RateLimiter(1, 0.01), []
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


def test_high_limit_needs_little_memory() -> None:
    # Each location has its own limiter. One object per permit took 8 MB for a million permits.
    tracemalloc.start()
    try:
        limit = RateLimiter(1_000_000, 10)
        limit.acquire()
        limit.release()
        assert tracemalloc.get_traced_memory()[1] < 100_000  # bytes
    finally:
        tracemalloc.stop()
