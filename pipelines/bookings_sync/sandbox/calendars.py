"""Holds locations, API keys, members, teams and services, and the world's clock and journal.

Input:  calls from `generate`, `simulation`, the routes and tests.
Output: `Calendars`, the base class of `contacts.Contacts`.

`Calendars`, `Contacts`, `Appointments` and `World` extend one another. They share the lock, and every method takes it,
so tests may change a world while a server serves it. Every method raises KeyError for an unknown id.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Sequence
from datetime import datetime

from bookings_sync.sandbox.calendar_json import Hours, jwt_key, opaque_key, service_json, team_json
from bookings_sync.sandbox.model import Change, Location, LocationData, Member, Service, Team, new_id, new_uuid
from bookings_sync.sandbox.times import from_ms, to_ms

ALL_SCOPES = frozenset(
    {
        "calendars.readonly",
        "calendars/groups.readonly",
        "calendars/events.readonly",
        "calendars/events.write",
        "contacts.readonly",
        "users.readonly",
        "locations.readonly",
    }
)
"""The v2 scopes of the endpoints that the sandbox serves (DOC)."""


class Calendars:
    """Locations with their keys, members, teams and services."""

    def __init__(self, *, seed: int, now: datetime) -> None:
        self.seed = seed
        self.rng = random.Random(f"{seed}/ids")
        self.lock = threading.RLock()
        self.now_ms = to_ms(now)
        self.data: dict[str, LocationData] = {}
        self.keys: dict[str, str] = {}
        """Location ids by v1 API key."""
        self.pits: dict[str, str] = {}
        """Location ids by v2 private integration token."""
        self.scopes: dict[str, frozenset[str]] = {}
        """The scopes of each location's v2 token. By default all of `ALL_SCOPES`."""
        self.company_id = new_id(self.rng)
        """The agency that all locations belong to. v2 needs it to search users."""
        self.wrong_key = jwt_key(self.rng, company_id=self.company_id)
        """The key of an agency instead of a location. It gets 401 "Switch to the new API token" (OBS)."""
        self.journal: list[Change] = []

    @property
    def now(self) -> datetime:
        """The world's clock in UTC. It moves only with `World.advance`."""
        return from_ms(self.now_ms)

    @property
    def locations(self) -> list[Location]:
        return [data.location for data in self.data.values()]

    def note(self, kind: str, location_id: str, object_id: str) -> None:
        """Adds a line to the journal."""
        self.journal.append(Change(self.now_ms, kind, location_id, object_id))

    def add_location(self, name: str, timezone: str, *, opaque: bool = False) -> Location:
        """Adds a location with a v1 key and a v2 token. The key is a JWT with the location's id, or opaque."""
        with self.lock:
            location_id = new_id(self.rng)
            key = opaque_key(self.rng) if opaque else jwt_key(self.rng, location_id=location_id)
            # The token has its own generator, so a world of v1 does not depend on what v2 needs.
            pit = f"pit-{new_uuid(random.Random(f'{self.seed}/pit/{location_id}'))}"
            location = Location(location_id, name, key, timezone, pit)
            self.data[location_id] = LocationData(location)
            self.keys[key], self.pits[pit], self.scopes[location_id] = location_id, location_id, ALL_SCOPES
            self.note("location_added", location_id, location_id)
            return location

    def revoke_key(self, location_id: str) -> None:
        """Revokes the location's v1 key: it gets 401. The v2 token remains valid."""
        with self.lock:
            self.keys.pop(self.data[location_id].location.key, None)
            self.note("key_revoked", location_id, location_id)

    def revoke_pit(self, location_id: str) -> None:
        """Revokes the location's v2 token: it gets 401. The v1 key remains valid."""
        with self.lock:
            self.pits.pop(self.data[location_id].location.pit, None)
            self.note("pit_revoked", location_id, location_id)

    def set_scopes(self, location_id: str, scopes: Iterable[str]) -> None:
        """Sets the scopes of the location's v2 token, a part of `ALL_SCOPES`. Raises ValueError for another scope."""
        with self.lock:
            given = frozenset(scopes)
            if unknown := sorted(given - ALL_SCOPES):
                raise ValueError(f"expected scopes of {sorted(ALL_SCOPES)}, got {unknown}")
            self.scopes[self.data[location_id].location.id] = given

    def add_member(self, location_id: str, name: str, email: str) -> Member:
        with self.lock:
            member = Member(new_id(self.rng), name, email, new_id(self.rng))
            self.data[location_id].members[member.id] = member
            return member

    def add_team(
        self, location_id: str, name: str, slug: str, user_ids: Sequence[str] = (), *, description: str = ""
    ) -> Team:
        """Adds a team. Raises ValueError if the slug is taken."""
        with self.lock:
            data = self.data[location_id]
            self._check_slug(data, slug)
            team_id = new_id(self.rng)
            members = [data.members[user_id] for user_id in user_ids]
            team = Team(team_id, team_json(team_id, name, slug, description, members), list(user_ids))
            data.teams[team_id] = team
            self.note("team_added", location_id, team_id)
            return team

    def rename_team(self, location_id: str, team_id: str, name: str) -> None:
        with self.lock:
            self.data[location_id].teams[team_id].body["name"] = name
            self.note("team_renamed", location_id, team_id)

    def update_team(self, location_id: str, team_id: str, name: str, slug: str, user_ids: Sequence[str]) -> Team:
        """Changes name, slug and members of a team. Raises ValueError if the slug is taken."""
        with self.lock:
            data = self.data[location_id]
            team = data.teams[team_id]
            if slug != team.slug:
                self._check_slug(data, slug)
            members = [data.members[user_id] for user_id in user_ids]
            config = team.body["calendarConfig"]
            fresh = team_json(team_id, name, slug, config["description"], members)
            team.user_ids = list(user_ids)
            team.body |= {"name": name, "members": fresh["members"]}
            config |= {"slug": slug, "link": fresh["calendarConfig"]["link"]}
            self.note("team_updated", location_id, team_id)
            return team

    def delete_team(self, location_id: str, team_id: str) -> None:
        """Deletes a team and its services. Their appointments remain."""
        with self.lock:
            data = self.data[location_id]
            del data.teams[team_id]
            self.note("team_deleted", location_id, team_id)
            for service_id in [service.id for service in data.services.values() if service.team_id == team_id]:
                self.delete_service(location_id, service_id)

    def add_service(
        self,
        location_id: str,
        team_id: str,
        name: str,
        slug: str | None = None,
        *,
        user_ids: Sequence[str] | None = None,
        duration_min: int = 30,
        interval_min: int = 30,
        buffer_min: int = 0,
        per_slot: int = 1,
        per_day: int | None = None,
        notice_hours: int = 2,
        ahead_days: int = 60,
        hours: Hours | None = None,
    ) -> Service:
        """Adds a service to a team, by default with all members of the team. Raises ValueError if the slug is taken."""
        with self.lock:
            team = self.data[location_id].teams[team_id]
            service_id = new_id(self.rng)
            body = service_json(
                service_id,
                team_id,
                name,
                list(dict.fromkeys(team.user_ids)) if user_ids is None else user_ids,
                duration_min=duration_min,
                interval_min=interval_min,
                buffer_min=buffer_min,
                per_slot=per_slot,
                per_day=per_day,
                notice_hours=notice_hours,
                ahead_days=ahead_days,
                hours=hours,
            )
            return self.put_service(location_id, Service(service_id, team_id, slug or f"service-{service_id}", body))

    def put_service(self, location_id: str, service: Service) -> Service:
        """Adds a service, or replaces the service with the same id. Raises ValueError if the slug is taken."""
        with self.lock:
            data = self.data[location_id]
            if service.team_id not in data.teams:
                raise KeyError(service.team_id)
            old = data.services.get(service.id)
            if old is None or old.slug != service.slug:
                self._check_slug(data, service.slug)
            data.services[service.id] = service
            self.note("service_added" if old is None else "service_updated", location_id, service.id)
            return service

    def rename_service(self, location_id: str, service_id: str, name: str) -> None:
        with self.lock:
            self.data[location_id].services[service_id].body["name"] = name
            self.note("service_renamed", location_id, service_id)

    def set_active(self, location_id: str, service_id: str, active: bool) -> None:
        """Makes a service active or a draft. Only v2 shows the difference."""
        with self.lock:
            self.data[location_id].services[service_id].active = active
            self.note("service_updated", location_id, service_id)

    def delete_service(self, location_id: str, service_id: str) -> None:
        """Deletes a service. Its appointments remain."""
        with self.lock:
            data = self.data[location_id]
            data.deleted_services[service_id] = data.services.pop(service_id)
            self.note("service_deleted", location_id, service_id)

    @staticmethod
    def _check_slug(data: LocationData, slug: str) -> None:
        if slug in data.slugs():
            raise ValueError(f"the slug {slug!r} is taken")
