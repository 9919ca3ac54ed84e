"""Enforces the API's quota: a number of requests per location in a sliding window, and per day.

Input:  one `check` per request with a valid key.
Output: the X-RateLimit-* headers, and the wait if the request gets 429. The headers are those of v2 (DOC); UNK for v1.

v1 and v2 are counted apart: the limits hold per app and location (DOC), and each key is an app of its own.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
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


TRIAL_REQUESTS, TRIAL_PER_DAY = 25, 10_000
"""The v2 limits of trial accounts: requests in 10 s, and in a day (DOC)."""


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

    def check(self, location_id: str, *, version: str = "v1", trial: bool = False) -> Decision:
        """Decides on one request, and counts it if it is accepted. `trial` lowers the limits to those of a trial."""
        quota = self.quota
        if trial:
            quota = replace(quota or Quota(), requests=TRIAL_REQUESTS, per_day=TRIAL_PER_DAY)
        if quota is None:
            return Decision({}, None)
        return self._decide(f"{version} {location_id}", quota)

    def _decide(self, counter: str, quota: Quota) -> Decision:
        now = self._clock()
        recent = self._recent.setdefault(counter, deque())
        while recent and recent[0] <= now - quota.seconds:
            recent.popleft()
        day_began, used = self._today.get(counter, (now, 0))
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
        self._today[counter] = (day_began, used)
        headers = {
            "X-RateLimit-Limit-Daily": str(quota.per_day),
            "X-RateLimit-Daily-Remaining": str(quota.per_day - used),
            "X-RateLimit-Interval-Milliseconds": str(round(quota.seconds * 1000)),
            "X-RateLimit-Max": str(quota.requests),
            "X-RateLimit-Remaining": str(quota.requests - len(recent)),
        }
        return Decision(headers, wait_s)


def too_many_requests(switches: Switches, wait_s: float, json_body: bytes) -> Response:
    """The 429 of an exceeded quota, in the form that the switches choose (UNK)."""
    headers = retry_after(switches.limit_retry_after, wait_s)
    if switches.limit_body == "html":
        return Response(HTML % 429, 429, headers, "text/html")
    return Response(json_body if switches.limit_body == "json" else b"", 429, headers, JSON_TYPE)


def retry_after(form: str, wait_s: float) -> dict[str, str]:
    """The Retry-After header: whole seconds rounded up ("seconds"), an HTTP date ("date"), or none."""
    seconds = int(-(-wait_s // 1))
    if form == "seconds":
        return {"Retry-After": str(seconds)}
    return {"Retry-After": formatdate(time.time() + seconds + 1, usegmt=True)} if form == "date" else {}
