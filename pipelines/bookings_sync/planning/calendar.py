"""Each location's calendar: the services, teams and users that exist, and the scopes that have appointments.

Input:  calendars from the warehouse; the lists of teams and services, and the appointments, that a run reads.
Output: `Calendar` and `KnownCalendars`, from which the planner derives the scopes to ask by. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bookings_sync.planning.scopes import Kind, Scope


@dataclass(frozen=True, slots=True)
class Calendar:
    """What is known of one location. All ids are sorted.

    `appointment_scopes` are the scopes of the appointments in the warehouse. `notice_ms` is the least notice for a
    booking of each service, in milliseconds.
    """

    services: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    appointment_scopes: tuple[Scope, ...] = ()
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
        return list(scopes)

    def with_teams(self, ids: Iterable[str], users: Iterable[str]) -> Calendar:
        """The calendar after a list of all teams. `users` are their members."""
        return replace(self, teams=tuple(ids), users=_union(self.users, users))

    def with_services(self, ids: Iterable[str], users: Iterable[str], notice_ms: Mapping[str, int]) -> Calendar:
        """The calendar after a list of all services. `users` are their members."""
        return replace(self, services=tuple(ids), users=_union(self.users, users), notice_ms=notice_ms)


class KnownCalendars:
    """The calendars of a run's locations, and what the run has learnt about them.

    `version` changes with every change of a calendar, so that callers know when an answer is out of date.
    """

    def __init__(self, known: Mapping[str, Calendar], kinds: Sequence[Kind]) -> None:
        self.version = 0
        self._known = dict(known)
        self._kinds = kinds
        self._extra: dict[str, dict[Scope, None]] = defaultdict(dict)
        """Scopes that no list names: services that disappeared since the last run, and scopes found in appointments."""
        self._held_back: dict[str, frozenset[Scope]] = {}

    def of(self, location_id: str) -> Calendar:
        return self._known.get(location_id, _NOTHING_KNOWN)

    def lists(self, location_id: str, scope: Scope) -> bool:
        """Whether the API lists this service, team or user today: not if only a deletion held back keeps it."""
        return self.of(location_id).lists(scope) and scope not in self._held_back.get(location_id, ())

    def hold_back(self, location_id: str, kind: Kind, ids: Iterable[str]) -> None:
        """Takes in which teams or services the API no longer lists, although their deletion is held back."""
        others = (each for each in self._held_back.get(location_id, ()) if each.kind != kind)
        self._held_back[location_id] = frozenset([*others, *(Scope(kind, each) for each in ids)])

    def scopes(self, location_id: str) -> list[Scope]:
        """The scopes that the location's appointments are listed by."""
        return self.of(location_id).scopes(self._kinds, self._extra.get(location_id, ()))

    def learn_teams(self, location_id: str, ids: Iterable[str], users: Iterable[str]) -> None:
        """Takes in a list of all teams. `users` are their members."""
        self.version += 1
        self._known[location_id] = self.of(location_id).with_teams(ids, users)

    def learn_services(
        self, location_id: str, ids: Collection[str], users: Iterable[str], notice_ms: Mapping[str, int]
    ) -> None:
        """Takes in a list of all services. A service that disappeared is still asked for its last appointments."""
        self.version += 1
        before = self.of(location_id)
        disappeared = sorted(set(before.services).difference(ids))
        self._extra[location_id].update(dict.fromkeys(Scope("service", each) for each in disappeared))
        self._known[location_id] = before.with_services(ids, users, notice_ms)

    def learn_scopes(self, location_id: str, found: Iterable[Scope]) -> None:
        """Takes in the scopes of appointments that were read. A user's list may name a service that no list names."""
        if new := sorted(set(found).difference(self.scopes(location_id))):
            self.version += 1
            self._extra[location_id].update(dict.fromkeys(new))


def _union(known: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*known, *more}))


_NOTHING_KNOWN = Calendar()
