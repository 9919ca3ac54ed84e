"""The part of a world that changes seldom: its clock, locations, keys, teams, services, and the journal.

Input:  calls from `generate`, `life`, the write endpoints and tests.
Output: `Calendars`, which `world.World` completes with appointments. Every method takes the world's lock, so tests may
        change a world while a server serves it.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from datetime import datetime

from bookings_sync.sandbox.bodies import Hours, jwt_key, opaque_key, service_body, team_body
from bookings_sync.sandbox.model import Change, Location, LocationData, Member, Service, Team, new_id
from bookings_sync.sandbox.times import from_ms, to_ms


class Calendars:
    """Locations with their teams and services. Ids that are not there raise KeyError, in every method."""

    def __init__(self, *, seed: int, now: datetime) -> None:
        self.seed = seed
        self.rng = random.Random(f"{seed}/ids")
        self.lock = threading.RLock()
        self.now_ms = to_ms(now)
        self.data: dict[str, LocationData] = {}
        self.keys: dict[str, str] = {}
        """Location id by key."""
        self.wrong_key = jwt_key(self.rng, company_id=new_id(self.rng))
        """A key of the wrong kind, as an agency has: 401 "Switch to the new API token" (OBS)."""
        self.journal: list[Change] = []

    @property
    def now(self) -> datetime:
        """The world's own clock, UTC; only `advance` moves it."""
        return from_ms(self.now_ms)

    @property
    def locations(self) -> list[Location]:
        return [data.location for data in self.data.values()]

    def note(self, kind: str, location_id: str, object_id: str) -> None:
        """Write one line of the journal."""
        self.journal.append(Change(self.now_ms, kind, location_id, object_id))

    # Locations and keys

    def add_location(self, name: str, timezone: str, *, opaque: bool = False) -> Location:
        """A location without teams, its key a JWT, or an opaque one that does not tell the location's id."""
        with self.lock:
            location_id = new_id(self.rng)
            key = opaque_key(self.rng) if opaque else jwt_key(self.rng, location_id=location_id)
            location = Location(location_id, name, key, timezone)
            self.data[location_id] = LocationData(location)
            self.keys[key] = location_id
            self.note("location_added", location_id, location_id)
            return location

    def revoke_key(self, location_id: str) -> None:
        """From now on the location's key gets 401."""
        with self.lock:
            self.keys.pop(self.data[location_id].location.key, None)
            self.note("key_revoked", location_id, location_id)

    # Members and teams

    def add_member(self, location_id: str, name: str, email: str) -> Member:
        with self.lock:
            member = Member(new_id(self.rng), name, email, new_id(self.rng))
            self.data[location_id].members[member.id] = member
            return member

    def add_team(
        self, location_id: str, name: str, slug: str, user_ids: Sequence[str] = (), *, description: str = ""
    ) -> Team:
        """A new team. Raises ValueError where the slug is taken."""
        with self.lock:
            data = self.data[location_id]
            self._claim(data, slug)
            team_id = new_id(self.rng)
            members = [data.members[user_id] for user_id in user_ids]
            team = Team(team_id, team_body(team_id, name, slug, description, members), list(user_ids))
            data.teams[team_id] = team
            self.note("team_added", location_id, team_id)
            return team

    def rename_team(self, location_id: str, team_id: str, name: str) -> None:
        with self.lock:
            self.data[location_id].teams[team_id].body["name"] = name
            self.note("team_renamed", location_id, team_id)

    def update_team(self, location_id: str, team_id: str, name: str, slug: str, user_ids: Sequence[str]) -> Team:
        """Rename a team and set its slug and members. Raises ValueError where another calendar has the slug."""
        with self.lock:
            data = self.data[location_id]
            team = data.teams[team_id]
            if slug != team.slug:
                self._claim(data, slug)
            members = [data.members[user_id] for user_id in user_ids]
            config = team.body["calendarConfig"]
            fresh = team_body(team_id, name, slug, config["description"], members)
            team.user_ids = list(user_ids)
            team.body |= {"name": name, "members": fresh["members"]}
            config |= {"slug": slug, "link": fresh["calendarConfig"]["link"]}
            self.note("team_updated", location_id, team_id)
            return team

    def delete_team(self, location_id: str, team_id: str) -> None:
        """The team and its services leave the lists; their appointments stand."""
        with self.lock:
            data = self.data[location_id]
            del data.teams[team_id]
            self.note("team_deleted", location_id, team_id)
            for service_id in [service.id for service in data.services.values() if service.team_id == team_id]:
                self.delete_service(location_id, service_id)

    # Services

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
        """A new service of a team, by default with all its members. Raises ValueError where the slug is taken."""
        with self.lock:
            team = self.data[location_id].teams[team_id]
            service_id = new_id(self.rng)
            body = service_body(
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
        """Add a service, or replace the one with its id. Raises ValueError where another calendar has its slug."""
        with self.lock:
            data = self.data[location_id]
            if service.team_id not in data.teams:
                raise KeyError(service.team_id)
            old = data.services.get(service.id)
            if old is None or old.slug != service.slug:
                self._claim(data, service.slug)
            data.services[service.id] = service
            self.note("service_added" if old is None else "service_updated", location_id, service.id)
            return service

    def rename_service(self, location_id: str, service_id: str, name: str) -> None:
        with self.lock:
            self.data[location_id].services[service_id].body["name"] = name
            self.note("service_renamed", location_id, service_id)

    def delete_service(self, location_id: str, service_id: str) -> None:
        """The service leaves the list; its appointments stand."""
        with self.lock:
            data = self.data[location_id]
            data.vanished[service_id] = data.services.pop(service_id)
            self.note("service_deleted", location_id, service_id)

    @staticmethod
    def _claim(data: LocationData, slug: str) -> None:
        if slug in data.slugs():
            raise ValueError(f"the slug {slug!r} is taken")
