"""Scopes: what a list of appointments is asked by.

Input:  ids of services, teams or members.
Output: `Scope`, planned by `plan`, asked for by `client`, recorded in the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass

from bookings_sync.settings import ScopeKind


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """One service, team or member (`kind` "user", the API's word), by its id. Which kind lists everything is UNK."""

    kind: ScopeKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
