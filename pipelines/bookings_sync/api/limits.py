"""The rate limit of one location.

Input:  permits asked for by the threads that send its requests.
Output: `acquire` returns when the next request may be sent; `release` is told when its reply began.

The API allows `rate_limit` requests in any `rate_period_seconds` (api.md, DOC), as *it* sees them, and a request is on
its way for an unknown time: a new connection's handshake alone may take 0.3 s. A limiter that counts requests as they
leave lets the late ones of one burst meet the early ones of the next. Here a permit comes back one period after its
reply *began*: the API has surely seen that request before, so between two requests of one permit lies a whole period by
any clock, and with `rate_limit` permits no window of that length ever holds more. The cost is the time to the first
byte, once a period: 50 ms in 10 s is 0.5 %.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

_CLOCK_DRIFT = 1.002
"""The API's clock may run a little slower than ours."""


class RateLimit:
    """At most `limit` requests in any `period_seconds`, and none while `pause` lasts. Safe to share between threads.

    `monotonic` (seconds) and `sleep` can be a test's own.
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
        self._unused = limit
        # When each other permit at rest may be used again, the earliest first: they come back in order.
        self._usable_at: deque[float] = deque()
        self._paused_until = float("-inf")
        self._changed = threading.Condition()

    def acquire(self) -> None:
        """Waits for a permit to be usable, and for any pause to end; takes the permit."""
        with self._changed:
            usable_at = self._take()
        try:
            while (seconds := max(usable_at, self._paused_until) - self._monotonic()) > 0:
                self._sleep(seconds)
        except BaseException:  # interrupted: the permit was not used
            self._return(usable_at, first=True)
            raise

    def release(self) -> None:
        """The reply has begun, or the request failed: the permit is usable again one period from now."""
        self._return(self._monotonic() + self._period, first=False)

    def pause(self, seconds: float) -> None:
        """No request for so long: the API asked for it. A longer pause that is already on stays."""
        with self._changed:
            self._paused_until = max(self._paused_until, self._monotonic() + seconds)

    def _take(self) -> float:
        """A permit, and when it may be used."""
        if self._unused:
            self._unused -= 1
            return float("-inf")
        while not self._usable_at:
            self._changed.wait()
        return self._usable_at.popleft()

    def _return(self, usable_at: float, *, first: bool) -> None:
        with self._changed:
            if first:
                self._usable_at.appendleft(usable_at)
            else:
                self._usable_at.append(usable_at)
            self._changed.notify()
