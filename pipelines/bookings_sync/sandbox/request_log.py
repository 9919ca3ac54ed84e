"""Logs the API requests that the sandbox received, without keys and bodies.

Input:  one `add` per reply, from `endpoint`.
Output: counts by location, endpoint and status, and the latest requests. Tests use them to check the requests of a
        sync.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import Any, NamedTuple

MAX_RECORDS = 200_000
"""Requests kept in full. Older ones are only counted."""


class LoggedRequest(NamedTuple):
    """One request.

    `at` is in seconds of the monotonic clock. `location_id` is None without a valid key. `endpoint` is the method and
    path template, such as `GET /appointments/:id`. `status` is 0 if the connection was reset.
    """

    at: float
    location_id: str | None
    endpoint: str
    path: str
    query: str
    status: int


class RequestLog:
    """Thread-safe: tests read it while the server writes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[LoggedRequest] = deque(maxlen=MAX_RECORDS)
        self._counts: Counter[tuple[str | None, str, int]] = Counter()

    def add(self, request: LoggedRequest) -> None:
        with self._lock:
            self._records.append(request)
            self._counts[request.location_id, request.endpoint, request.status] += 1

    def reset(self) -> None:
        with self._lock:
            self._records.clear()
            self._counts.clear()

    @property
    def records(self) -> list[LoggedRequest]:
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
        """The number of requests that match all given arguments."""
        wanted = (location_id, endpoint, status)
        return sum(
            count
            for key, count in self.counts.items()
            if all(expected is None or expected == actual for expected, actual in zip(wanted, key, strict=True))
        )

    def summary(self) -> dict[str, Any]:
        """`{"total", "counts": [{"location", "endpoint", "status", "count"}]}`, for JSON."""
        counts = sorted(self.counts.items(), key=lambda item: (item[0][0] or "", item[0][1:]))
        return {
            "total": sum(count for _, count in counts),
            "counts": [
                {"location": location_id, "endpoint": endpoint, "status": status, "count": count}
                for (location_id, endpoint, status), count in counts
            ],
        }
