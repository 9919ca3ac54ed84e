"""The rate limit, kept as the API keeps it: per key, over a sliding window, and per day.

Input:  one call of `admit` per request that came with a valid key.
Output: the X-RateLimit-* headers (the successor API's, UNK for v1), and whether the request is refused with 429.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from starlette.responses import Response

from bookings_sync.sandbox.replies import HTML, JSON_TYPE
from bookings_sync.sandbox.switches import Switches


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`requests` in any `seconds`, and `per_day` a day, per location (DOC: 100 per 10 s, 200,000)."""

    requests: int = 100
    seconds: float = 10.0
    per_day: int = 200_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """`wait_s` is None for an admitted request, else the seconds until one would be."""

    headers: dict[str, str]
    wait_s: float | None


class Limiter:
    """Refused requests do not count against the limit; `refused` counts them."""

    def __init__(self, limit: RateLimit | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self.refused = 0
        self._clock = clock
        self._recent: dict[str, deque[float]] = {}
        self._today: dict[str, tuple[float, int]] = {}

    def admit(self, location_id: str) -> Verdict:
        limit = self.limit
        if limit is None:
            return Verdict({}, None)
        now = self._clock()
        recent = self._recent.setdefault(location_id, deque())
        while recent and recent[0] <= now - limit.seconds:
            recent.popleft()
        since, used = self._today.get(location_id, (now, 0))
        if now - since >= 86_400:
            since, used = now, 0
        wait_s: float | None = None
        if used >= limit.per_day:
            wait_s = since + 86_400 - now
        elif len(recent) >= limit.requests:
            wait_s = recent[0] + limit.seconds - now
        if wait_s is None:
            recent.append(now)
            used += 1
        else:
            self.refused += 1
        self._today[location_id] = (since, used)
        headers = {
            "X-RateLimit-Limit-Daily": str(limit.per_day),
            "X-RateLimit-Daily-Remaining": str(limit.per_day - used),
            "X-RateLimit-Interval-Milliseconds": str(round(limit.seconds * 1000)),
            "X-RateLimit-Max": str(limit.requests),
            "X-RateLimit-Remaining": str(limit.requests - len(recent)),
        }
        return Verdict(headers, wait_s)


def too_many(switches: Switches, wait_s: float) -> Response:
    """The 429 of the rate limit, as the switches have it (UNK)."""
    headers = retry_after(switches.limit_retry_after, wait_s)
    if switches.limit_body == "html":
        return Response(HTML % 429, 429, headers, "text/html")
    body = b'{"msg":"Too Many Requests"}' if switches.limit_body == "json" else b""
    return Response(body, 429, headers, JSON_TYPE)


def retry_after(form: str, wait_s: float) -> dict[str, str]:
    """`Retry-After` as whole seconds, rounded up, or as an HTTP date of the wall clock; or not at all."""
    seconds = int(-(-wait_s // 1))
    if form == "seconds":
        return {"Retry-After": str(seconds)}
    return {"Retry-After": formatdate(time.time() + seconds + 1, usegmt=True)} if form == "date" else {}
