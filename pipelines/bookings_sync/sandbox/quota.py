"""Enforces the API's quota: a number of requests per location in a sliding window, and per day.

Input:  one `check` per request with a valid key.
Output: the X-RateLimit-* headers, and the wait if the request gets 429. The headers are those of the successor API; UNK
        for v1.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from starlette.responses import Response

from bookings_sync.sandbox.error_replies import HTML, JSON_TYPE
from bookings_sync.sandbox.switches import Switches

_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `requests` in any `seconds`, and `per_day` in a day, per location (DOC: 100 in 10 s, 200,000 a day)."""

    requests: int = 100
    seconds: float = 10.0
    per_day: int = 200_000


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request is accepted. `wait_s` is None if it is, else the seconds until one would be."""

    headers: dict[str, str]
    wait_s: float | None


class QuotaTracker:
    """Counts accepted requests against a quota. Refused requests do not count; `refused` is their number."""

    def __init__(self, quota: Quota | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.quota = quota
        self.refused = 0
        self._clock = clock
        self._recent: dict[str, deque[float]] = {}
        self._today: dict[str, tuple[float, int]] = {}

    def check(self, location_id: str) -> Decision:
        """Decides on one request, and counts it if it is accepted."""
        quota = self.quota
        if quota is None:
            return Decision({}, None)
        now = self._clock()
        recent = self._recent.setdefault(location_id, deque())
        while recent and recent[0] <= now - quota.seconds:
            recent.popleft()
        day_began, used = self._today.get(location_id, (now, 0))
        if now - day_began >= _DAY_SECONDS:
            day_began, used = now, 0
        wait_s: float | None = None
        if used >= quota.per_day:
            wait_s = day_began + _DAY_SECONDS - now
        elif len(recent) >= quota.requests:
            wait_s = recent[0] + quota.seconds - now
        if wait_s is None:
            recent.append(now)
            used += 1
        else:
            self.refused += 1
        self._today[location_id] = (day_began, used)
        headers = {
            "X-RateLimit-Limit-Daily": str(quota.per_day),
            "X-RateLimit-Daily-Remaining": str(quota.per_day - used),
            "X-RateLimit-Interval-Milliseconds": str(round(quota.seconds * 1000)),
            "X-RateLimit-Max": str(quota.requests),
            "X-RateLimit-Remaining": str(quota.requests - len(recent)),
        }
        return Decision(headers, wait_s)


def too_many_requests(switches: Switches, wait_s: float) -> Response:
    """The 429 of an exceeded quota, in the form that the switches choose (UNK)."""
    headers = retry_after(switches.limit_retry_after, wait_s)
    if switches.limit_body == "html":
        return Response(HTML % 429, 429, headers, "text/html")
    body = b'{"msg":"Too Many Requests"}' if switches.limit_body == "json" else b""
    return Response(body, 429, headers, JSON_TYPE)


def retry_after(form: str, wait_s: float) -> dict[str, str]:
    """The Retry-After header: whole seconds rounded up ("seconds"), an HTTP date ("date"), or none."""
    seconds = int(-(-wait_s // 1))
    if form == "seconds":
        return {"Retry-After": str(seconds)}
    return {"Retry-After": formatdate(time.time() + seconds + 1, usegmt=True)} if form == "date" else {}
