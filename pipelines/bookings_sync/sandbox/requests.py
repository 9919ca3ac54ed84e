"""The log of requests: what a sync cost, and whether it asked what it should.

Input:  one call of `add` per reply, from `gate`.
Output: counts per location, endpoint and status, and the latest requests themselves. It holds no key and no body.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import Any, NamedTuple

KEPT = 200_000
"""Requests kept in full; the counts go on beyond it."""


class Request(NamedTuple):
    """One request. `at` is seconds of a monotonic clock; `status` 0 is a connection that was reset. `endpoint` is a
    method and a path template, `GET /appointments/:id`; `location_id` is None where no valid key was given."""

    at: float
    location_id: str | None
    endpoint: str
    path: str
    query: str
    status: int


class RequestLog:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[Request] = deque(maxlen=KEPT)
        self._counts: Counter[tuple[str | None, str, int]] = Counter()

    def add(self, request: Request) -> None:
        with self._lock:
            self._records.append(request)
            self._counts[request.location_id, request.endpoint, request.status] += 1

    def reset(self) -> None:
        with self._lock:
            self._records.clear()
            self._counts.clear()

    @property
    def records(self) -> list[Request]:
        """The latest requests, oldest first."""
        with self._lock:
            return list(self._records)

    @property
    def counts(self) -> Counter[tuple[str | None, str, int]]:
        """Requests by (location id, endpoint, status)."""
        with self._lock:
            return self._counts.copy()

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def count(self, *, location_id: str | None = None, endpoint: str | None = None, status: int | None = None) -> int:
        """How many requests fit all that is given."""
        asked = (location_id, endpoint, status)
        return sum(
            n
            for key, n in self.counts.items()
            if all(want is None or want == had for want, had in zip(asked, key, strict=True))
        )

    def summary(self) -> dict[str, Any]:
        """As JSON: `{"total", "counts": [{"location", "endpoint", "status", "count"}]}`."""
        counts = sorted(self.counts.items(), key=lambda item: (item[0][0] or "", item[0][1:]))
        return {
            "total": sum(n for _, n in counts),
            "counts": [
                {"location": who, "endpoint": what, "status": how, "count": n} for (who, what, how), n in counts
            ],
        }
