"""One location's calendar: the services, teams and users that exist, and the scopes that have appointments.

Input:  what the warehouse holds of a location, and what its lists of teams and services say.
Output: `Calendar`, from which the planner derives the scopes to ask by. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bookings_sync.planning.scopes import Kind, Scope


@dataclass(frozen=True, slots=True)
class Calendar:
    """What is known of one location. All ids are sorted.

    `appointment_scopes` are the scopes of the appointments in the warehouse. `unlisted` counts the appointments that no
    list call can return, because they have no start or no service, team and user. `notice_ms` is the least notice for a
    booking of each service, in milliseconds.
    """

    services: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    appointment_scopes: tuple[Scope, ...] = ()
    unlisted: int = 0
    notice_ms: Mapping[str, int] = field(default_factory=dict)

    def ids(self, kind: Kind) -> tuple[str, ...]:
        """The services, teams or users that exist."""
        return {"service": self.services, "team": self.teams, "user": self.users}[kind]

    def lists(self, scope: Scope) -> bool:
        """Whether the API lists this service, team or user today."""
        return scope.id in self.ids(scope.kind)

    def scopes(self, kinds: Sequence[Kind], extra: Iterable[Scope] = ()) -> list[Scope]:
        """The scopes that together list every appointment: what exists, what exists no more but has appointments (they
        can still change), and `extra`."""
        scopes = {Scope(kind, each): None for kind in kinds for each in self.ids(kind)}
        scopes.update({scope: None for scope in (*self.appointment_scopes, *extra) if scope.kind in kinds})
        if self.unlisted:
            scopes[unlisted_scope(kinds)] = None
        return list(scopes)

    def with_teams(self, ids: Iterable[str], users: Iterable[str]) -> Calendar:
        """The calendar after a list of all teams. `users` are their members."""
        return replace(self, teams=tuple(ids), users=_union(self.users, users))

    def with_services(self, ids: Iterable[str], users: Iterable[str], notice_ms: Mapping[str, int]) -> Calendar:
        """The calendar after a list of all services. `users` are their members."""
        return replace(self, services=tuple(ids), users=_union(self.users, users), notice_ms=notice_ms)


def unlisted_scope(kinds: Sequence[Kind]) -> Scope:
    """The scope of the appointments that no list of these kinds returns. Each is asked for by its id."""
    return Scope("unlisted", "+".join(kinds))


def _union(known: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*known, *more}))
