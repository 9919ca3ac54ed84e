"""Keeps one location within the API's rate limit.

Input:  `acquire` before each request, `release` when its reply begins.
Output: `acquire` returns when the next request may be sent.

The API allows `rate_limit` requests in any `rate_period_seconds` (DOC), counted when requests arrive. How long a
request travels is unknown: the handshake of a new connection alone can take 0.3 s. A limiter that counts departures can
let the slow requests of one burst arrive together with the fast requests of the next burst.

This limiter hands out `rate_limit` permits. A permit becomes usable again one period after its reply *began*. The API
has counted the request by then, so two requests with the same permit arrive at least one period apart. The price is
the time to first byte, once per period: 50 ms in 10 s is 0.5 %.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

_CLOCK_DRIFT = 1.002
"""Factor on the period: the API's clock may run slightly slower than ours."""


class RateLimiter:
    """Allows `limit` requests in any `period_seconds`, and none during a `pause`. Thread-safe.

    Tests pass their own `monotonic` (seconds) and `sleep`.
    """

    def __init__(
        self,
        limit: int,
        period_seconds: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._period = period_seconds * _CLOCK_DRIFT
        self._monotonic = monotonic
        self._sleep = sleep
        # Permits are counted, not stored: each location has a limiter, and a limit can be a million.
        self._limit = self._unused = limit
        self._surplus = 0
        """Permits in use that are not returned, because the limit was lowered."""
        # When each released permit becomes usable. Permits are released in this order, so the deque stays sorted.
        self._usable_at: deque[float] = deque()
        self._paused_until = float("-inf")
        self._changed = threading.Condition()

    def acquire(self) -> None:
        """Takes a permit. Waits until the permit is usable and any pause is over."""
        with self._changed:
            usable_at = self._take()
        try:
            # A pause can start during the sleep, so check again.
            while (seconds := max(usable_at, self._paused_until) - self._monotonic()) > 0:
                self._sleep(seconds)
        except BaseException:  # interrupted: no request was sent, so the permit keeps its time
            self._return(usable_at, first=True)
            raise

    def release(self) -> None:
        """Returns a permit, usable one period from now. Call when the reply has begun or the request has failed."""
        self._return(self._monotonic() + self._period, first=False)

    def pause(self, seconds: float) -> None:
        """Stops all requests for a time. A longer pause that is already running stays in force."""
        with self._changed:
            self._paused_until = max(self._paused_until, self._monotonic() + seconds)

    @property
    def paused_seconds(self) -> float:
        """How long the present pause still lasts; 0 without one."""
        with self._changed:
            return max(0.0, self._paused_until - self._monotonic())

    def lower(self, limit: int, period_seconds: float | None) -> None:
        """Keeps to a lower limit or a longer period from now on. Higher limits and shorter periods change nothing."""
        with self._changed:
            if period_seconds is not None:
                self._period = max(self._period, period_seconds * _CLOCK_DRIFT)
            if limit < self._limit:
                self._surplus += self._limit - limit
                self._limit = limit
                unused = min(self._unused, self._surplus)
                self._unused -= unused
                self._surplus -= unused

    def _take(self) -> float:
        """Takes a permit and returns the time when it becomes usable."""
        if self._unused:
            self._unused -= 1
            return float("-inf")
        while not self._usable_at:
            self._changed.wait()
        return self._usable_at.popleft()

    def _return(self, usable_at: float, *, first: bool) -> None:
        with self._changed:
            if self._surplus:
                self._surplus -= 1
            elif first:
                self._usable_at.appendleft(usable_at)
            else:
                self._usable_at.append(usable_at)
            self._changed.notify()
