"""Pacing: how many requests `bookings follow` may send now, and when it tries again after a failure. Pure.

Input:  the rate of requests, failures, and a monotonic clock's time in seconds, which is an argument.
Output: `Allowance` and `Backoff`, one of each per location.
"""

from __future__ import annotations

from dataclasses import dataclass

_MOST_SECONDS = 6.0
"""Unused requests of this time are kept. More would make a long round after a pause, and long rounds delay each other:
the rate limiter makes a round last as long as its requests took to accumulate."""

_MOST_DEBT_SECONDS = 120.0
"""What accumulates in this time is a large debt: all that accumulates repays it."""

_MOST_AT_LEAST = 10
"""Requests that accumulate even at a low rate."""

_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 5.0, 15 * 60.0
"""A location that fails again and again is tried every 15 minutes at last: one request, and it is soon back."""

_LONGEST_PARTIAL_SECONDS = 30.0
"""The same for a location with answers and errors. Its good windows are worth reading."""


class Allowance:
    """Requests that accumulate at `per_second`, times a pace that changes with the hour, but never faster than at
    `most_per_second`. A run may send more than it was allowed, for retries and for appointments that turn out to be
    missing. Half of what accumulates repays that debt, so rounds get smaller for a while instead of stopping. All of it
    repays a large debt."""

    def __init__(self, per_second: float, most_per_second: float, *, now: float) -> None:
        self._mean = per_second
        self._fastest = most_per_second
        self._per_second = per_second = min(per_second, most_per_second)
        self._most = self._left = max(per_second * _MOST_SECONDS, _MOST_AT_LEAST)
        self._debt, self._large_debt = 0.0, per_second * _MOST_DEBT_SECONDS
        self._at = now

    def set_pace(self, pace: float, now: float) -> None:
        """Sets how fast requests accumulate from now on, relative to the mean."""
        self.available(now)
        self._per_second = min(self._mean * pace, self._fastest)
        self._most = max(self._per_second * _MOST_SECONDS, _MOST_AT_LEAST)

    def available(self, now: float) -> int:
        """The requests that may be sent now."""
        accumulated = max(now - self._at, 0.0) * self._per_second
        is_large = self._debt > self._large_debt
        repaid = min(self._debt, accumulated if is_large else accumulated / 2)
        self._debt -= repaid
        self._left = min(self._left + accumulated - repaid, self._most)
        self._at = now
        return int(self._left)

    def spend(self, requests: int) -> None:
        self._left -= requests
        self._debt += max(-self._left, 0.0)
        self._left = max(self._left, 0.0)

    def seconds_until(self, requests: int, now: float) -> float:
        """How long until this many requests may be sent, at most."""
        self.available(now)
        missing = max(0.0, min(requests, self._most) - self._left)
        too_much = max(0.0, self._debt - self._large_debt) if missing else 0.0
        return (missing * (2 if self._debt else 1) + too_much) / self._per_second


@dataclass(slots=True)
class Backoff:
    """When something that failed is tried again. The time doubles with each failure in a row."""

    failures: int = 0
    until: float = float("-inf")

    def failed(self, now: float, *, is_partial: bool = False) -> None:
        self.failures += 1
        longest = _LONGEST_PARTIAL_SECONDS if is_partial else _LONGEST_BACKOFF_SECONDS
        self.until = now + min(_FIRST_BACKOFF_SECONDS * 2.0 ** min(self.failures - 1, 20), longest)

    def succeeded(self) -> None:
        self.failures, self.until = 0, float("-inf")

    def seconds_left(self, now: float) -> float:
        return max(0.0, self.until - now)
