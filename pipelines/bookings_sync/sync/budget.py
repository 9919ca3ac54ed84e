"""The request budget: how many requests a run has sent for each location, and how many it may still send."""

from __future__ import annotations

from collections.abc import Mapping

from bookings_sync.api.client import Client


class RequestBudget:
    """Counts the requests of a run. `limit` is the most that a run may send for one location."""

    def __init__(self, limit: int, clients: Mapping[str, Client]) -> None:
        self._limit = limit
        self._clients = clients

    @property
    def sent(self) -> int:
        """The requests that the run has sent to all locations together."""
        return sum(client.requests_sent for client in self._clients.values())

    def sent_for(self, name: str) -> int:
        """The requests that the run has sent for the location of this name."""
        client = self._clients.get(name)
        return client.requests_sent if client else 0

    def left_for(self, name: str) -> int:
        """The requests that the run may still send for the location of this name."""
        return self._limit - self.sent_for(name)
