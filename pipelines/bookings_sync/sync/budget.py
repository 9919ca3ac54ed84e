"""The request budget: how many requests a run has sent for each location, and how many it may still send.

Each client refuses to send more than the budget (`BudgetSpent`), whatever the request is for. This room divides the
budget, so that no kind of read starves the others: slots and contacts, which are read last, each keep a share in
reserve.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bookings_sync.api.client import Client

_SLOTS_SHARE = 4
"""At least one request in so many is for slots, if they need it."""

_CONTACTS_SHARE = 4
"""The same for contacts that an API lists on their own."""

_For = Literal["slots", "contacts"]


class RequestBudget:
    """Counts the requests of a run. `limit` is the most that a run sends for one location."""

    def __init__(self, limit: int, clients: Mapping[str, Client]) -> None:
        self._limit = limit
        self._clients = clients
        self._reserved: dict[str, dict[_For, int]] = {name: {} for name in clients}
        for client in clients.values():
            client.limit_requests(limit)

    @property
    def sent(self) -> int:
        """The requests that the run has sent to all locations together."""
        return sum(client.requests_sent for client in self._clients.values())

    def sent_for(self, name: str) -> int:
        """The requests that the run has sent for the location of this name."""
        client = self._clients.get(name)
        return client.requests_sent if client else 0

    def left_for(self, name: str) -> int:
        """The requests that the run may still send for the location of this name, without the reserve."""
        return self._limit - sum(self._reserved.get(name, {}).values()) - self.sent_for(name)

    def reserve_for_slots(self, name: str, reads: int, requests_each: int) -> None:
        """Keeps a share of what is left for this many reads of slots, until `release`."""
        left = max(self.left_for(name), 0)
        share = max(left // _SLOTS_SHARE, requests_each if requests_each <= left // 2 else 0)
        self._reserve(name, "slots", min(reads * requests_each, share))

    def reserve_for_contacts(self, name: str) -> None:
        """Keeps a share of what is left for contacts, until `release`. How many there are is not known beforehand."""
        if "contacts" not in self._reserved[name]:
            self._reserve(name, "contacts", max(self.left_for(name), 0) // _CONTACTS_SHARE)

    def _reserve(self, name: str, what: _For, requests: int) -> None:
        self._reserved[name][what] = requests
        self._clients[name].limit_requests(self._limit - sum(self._reserved[name].values()))

    def release(self, name: str, what: _For) -> int:
        """Ends a reserve, and returns its size."""
        size = self._reserved[name].pop(what, 0)
        self._clients[name].limit_requests(self._limit - sum(self._reserved[name].values()))
        return size
