"""Owners: decides which location the data of a reply belongs to. Pure.

Input:  the records or rows of a reply, and the ids that the warehouse holds of every location.
Output: `Whose`: the location's own data, another location's, unknown, or silent.

An appointment names its location (`locationId`). Teams and services do not, so their ids are compared with the held
ones. An id that two locations hold proves nothing: some APIs count from 1 in each location. If all teams or all
services are new, the list is still the location's own if this location holds all of its members, and no other does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import pyarrow as pa

from bookings_sync.records.json_text import Records
from bookings_sync.records.listed import listed_services, listed_teams
from bookings_sync.records.rows import Rows
from bookings_sync.records.values import usable_id

Listed = Literal["teams", "services"]

_SCOPE_COLUMNS: dict[Listed, str] = {"services": "service_id", "teams": "team_id"}
_SCOPE_FIELDS: dict[Listed, str] = {"services": "calendarServiceId", "teams": "calendarProviderId"}


class Whose(NamedTuple):
    """Whose data a reply holds.

    `unknown`: the location has records of this kind, and the reply contains none of them. `silent`: the reply says
    nothing about its owner. `other_id` is the owner's location id if the verdict is `other`.
    """

    verdict: Literal["own", "other", "unknown", "silent"]
    other_id: str = ""

    @property
    def is_doubtful(self) -> bool:
        return self.verdict in {"other", "unknown"}


OWN, UNKNOWN, SILENT = Whose("own"), Whose("unknown"), Whose("silent")


@dataclass(frozen=True, slots=True)
class Owners:
    """The ids of teams and services by the locations that hold them, tombstones included; and every location's name."""

    names: Mapping[str, str] = field(default_factory=dict)
    holders: Mapping[tuple[Listed, str], frozenset[str]] = field(default_factory=dict)
    with_lists: frozenset[tuple[Listed, str]] = frozenset()
    """The lists for which a location holds at least one live record."""
    holders_of_users: Callable[[Iterable[str]], Mapping[str, frozenset[str]]] = lambda _: {}
    """Which locations hold these users as members. Asked only if nothing else in a list is known."""

    def of_list(self, endpoint: Listed, location_id: str, records: Iterable[Any]) -> Whose:
        """Whose teams or services these are."""
        known = [record for record in records if isinstance(record, dict)]
        named = of_ids(location_id, Counter(_texts(record.get("locationId") for record in known)))
        if named is not SILENT:
            return named
        ids: list[tuple[Listed, str]] = [(endpoint, each) for each in _texts(record.get("id") for record in known)]
        found = self._of_held(location_id, ids)
        if found is SILENT and endpoint == "services":
            teams: list[tuple[Listed, str]] = [
                ("teams", each) for each in _texts(record.get("teamId") for record in known)
            ]
            found = self._of_held(location_id, teams)
        if found is not SILENT or not ids or (endpoint, location_id) not in self.with_lists:
            return found
        if any(location_id in self.holders.get(each, ()) for each in ids):
            return SILENT
        return OWN if self._are_own_users(endpoint, location_id, known) else UNKNOWN

    def _are_own_users(self, endpoint: Listed, location_id: str, records: Records) -> bool:
        """Whether the records name users, and only this location holds them."""
        users = (listed_teams if endpoint == "teams" else listed_services)(records).users
        holders, own = self.holders_of_users(users), frozenset([location_id])
        return bool(users) and all(holders.get(each) == own for each in users)

    def of_records(self, location_id: str, appointments: Iterable[Any]) -> Whose:
        """Whose appointments these decoded records are."""
        known = [record for record in appointments if isinstance(record, dict)]
        named = of_ids(location_id, Counter(_texts(record.get("locationId") for record in known)))
        if named is SILENT:
            contacts = [record.get("contact") for record in known]
            of_contacts = _texts(contact.get("locationId") for contact in contacts if isinstance(contact, dict))
            named = of_ids(location_id, self._known(location_id, Counter(of_contacts)))
        if named is not SILENT:
            return named
        ids: list[tuple[Listed, str]] = []
        for kind, name in _SCOPE_FIELDS.items():
            ids += [(kind, each) for each in _texts(record.get(name) for record in known)]
        return self._of_held(location_id, ids)

    def of_rows(self, location_id: str, appointments: Rows, contacts: Rows, unchanged: int = 0) -> Whose:
        """Whose appointments these rows are. `unchanged` further records of the reply are the location's own."""
        named = of_ids(location_id, _named(appointments) + Counter({location_id: unchanged}))
        if named is SILENT:
            named = of_ids(location_id, self._known(location_id, _named(contacts)))
        if named is not SILENT or not len(appointments):
            return named
        scopes = ((kind, appointments.columns[column].unique().to_pylist()) for kind, column in _SCOPE_COLUMNS.items())
        return self._of_held(location_id, [(kind, each) for kind, ids in scopes for each in ids if each is not None])

    def strays(self, rows: Rows) -> list[int]:
        """The positions of single records that name another location.

        A contact counts only if it names a location that is known: nothing documents that a contact's location is the
        appointment's.
        """
        named = rows.columns["api_location_id"]
        own = rows.location_id
        if all(not each or each == own for each in named.unique().to_pylist()):
            return []
        is_contact = rows.table.name == "contacts"
        return [
            position
            for position, each in enumerate(named.to_pylist())
            if each and each != own and (not is_contact or each in self.names)
        ]

    def _known(self, location_id: str, named: Counter[str]) -> Counter[str]:
        """The counts of known locations: a contact may name a location that no other record names."""
        return Counter({each: n for each, n in named.items() if each == location_id or each in self.names})

    def _of_held(self, location_id: str, ids: list[tuple[Listed, str]]) -> Whose:
        """By the locations that hold these ids."""
        others: Counter[str] = Counter()
        count = 0
        for each in ids:
            held_by = self.holders.get(each, frozenset())
            if held_by == {location_id}:
                return OWN
            if held_by and location_id not in held_by:
                count += 1
                others.update(held_by)
        return Whose("other", others.most_common(1)[0][0]) if 2 * count > len(ids) else SILENT


def of_ids(location_id: str, named: Mapping[str, int]) -> Whose:
    """By the location ids that records name, with their counts. The majority decides: a single record may be wrong."""
    total = sum(named.values())
    if not total:
        return SILENT
    others = Counter({each: count for each, count in named.items() if each != location_id})
    return Whose("other", others.most_common(1)[0][0]) if 2 * others.total() > total else OWN


def _named(rows: Rows) -> Counter[str]:
    counted: pa.Array = rows.columns["api_location_id"].value_counts()
    values, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    return Counter({value: count for value, count in zip(values, counts, strict=True) if value})


def _texts(values: Iterable[Any]) -> list[str]:
    return [found for each in values if (found := usable_id(each)) is not None]
