"""The objects of a world: locations, teams, services, members, contacts, appointments.

Input:  created by `generate`, `simulation` and `world`.
Output: used by everything else. `calendar_json` and `appointment_json` give their JSON.

A world may hold a million appointments in memory. That is why classes have slots, and why JSON is cached as bytes.
"""

from __future__ import annotations

import base64
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import orjson

from bookings_sync.sandbox.index import StartIndex

Json = dict[str, Any]
"""A JSON object, in a request or a reply."""

Attendance = Literal["new", "confirmed", "cancelled", "showed", "noshow", "invalid"]
Spelling = Literal["sic", "right", "both", "disagree"]
"""Which of appoinmentStatus ("sic") and appointmentStatus ("right") an appointment has. If they disagree, the sic field
is correct."""

_ALPHANUMERIC = bytes.maketrans(b"+/", b"xQ")
CONTACT_PREFIX = b',"contact":'


def new_id(rng: random.Random) -> str:
    """20 letters and digits, the usual form of the API's ids (CODE)."""
    return base64.b64encode(rng.randbytes(15)).translate(_ALPHANUMERIC).decode()


def new_uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


class Location(NamedTuple):
    """A tenant. `key` is for v1, `pit` for v2. Both read only its own data. `timezone` is an IANA name."""

    id: str
    name: str
    key: str
    timezone: str
    pit: str = ""


class Change(NamedTuple):
    """A line of the journal: what happened at `at_ms` (epoch ms) of the world's clock."""

    at_ms: int
    kind: str
    location_id: str
    id: str


@dataclass(slots=True)
class Member:
    """A user of a location. `calendar_id` is the user's own calendar, which appointments show as calendarId."""

    id: str
    name: str
    email: str
    calendar_id: str


@dataclass(slots=True)
class Team:
    """`body` is the team's JSON. `user_ids` are its members, even if the body omits them."""

    id: str
    body: Json
    user_ids: list[str]

    @property
    def slug(self) -> str:
        slug: str = self.body["calendarConfig"]["slug"]
        return slug


@dataclass(slots=True)
class Service:
    """`body` is the service's JSON in v1, which has no slug. `weight` is the relative demand for the service. A service
    that is not `active` is a draft, which only v2 shows.
    """

    id: str
    team_id: str
    slug: str
    body: Json
    weight: float = 1.0
    active: bool = True

    @property
    def name(self) -> str:
        name: str = self.body["name"]
        return name

    @property
    def duration_min(self) -> int:
        minutes: int = self.body["availability"]["eventTiming"]["slotDuration"]
        return minutes

    def user_ids(self) -> list[str]:
        """The members who can take appointments of this service."""
        return [m["userId"] for m in self.body.get("teamMembers") or [] if m.get("selected")]


@dataclass(slots=True, eq=False)
class Contact:
    """A customer.

    - `tail`: the end of an appointment's JSON in v1, `,"contact":{…}}`. It is cached because lists contain it often.
    - `updated_ms`: the last change, `named_ms`: the last change of something else than tags and custom fields. None if
      there was none since the contact was added.
    - `v2`: its JSON in v2, cached with the tail and the switches that it was made from
    - `added`: its `added_ms`, cached with the tail
    """

    id: str
    name: str
    tail: bytes
    updated_ms: int | None = None
    named_ms: int | None = None
    v2: tuple[bytes, object, bytes] | None = None
    added: tuple[bytes, int] | None = None

    @classmethod
    def of(cls, body: Json) -> Contact:
        name = " ".join(part for part in (body.get("firstName"), body.get("lastName")) if part)
        return cls(body["id"], name, CONTACT_PREFIX + orjson.dumps(body) + b"}")

    def body(self) -> Any:
        """The contact's JSON. None after the contact was deleted; its appointments remain."""
        return orjson.loads(self.tail[len(CONTACT_PREFIX) : -1])

    def replace(self, body: Json | None) -> None:
        self.tail = CONTACT_PREFIX + orjson.dumps(body) + b"}"


@dataclass(frozen=True, slots=True)
class Shape:
    """How an appointment's JSON differs from the usual form: additional fields, null fields, missing fields."""

    more: Mapping[str, Any] = field(default_factory=dict)
    null: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Appointment:
    """An appointment, or blocked-off time if `block` is set. Times are epoch milliseconds.

    - `service_id` and `team_id` are None if a user blocked off time in all services.
    - `zone`: the time zone it was booked in. The offsets in its JSON follow it.
    - `attendance`: the value of appoinmentStatus. `stale` keeps `status` at "booked" although it was cancelled.
    - `series`: (base id, first start, plain id) of an instance of a recurring appointment
    - `moved_ms`: when it last got another time, service or user. None if never.
    - `head`: its JSON in v1 up to the contact, cached. Reset it to None after changing another attribute.
    - `event`: its JSON in v2, cached with the head and the switches that it was made from
    """

    id: str
    location_id: str
    service_id: str | None
    team_id: str | None
    user_id: str | None
    calendar_id: str | None
    contact: Contact | None
    start_ms: int
    end_ms: int
    zone: str
    attendance: Attendance
    title: str
    created_ms: int
    updated_ms: int
    notes: str | None = None
    address: str | None = None
    spelling: Spelling = "sic"
    stale: bool = False
    block: bool = False
    deleted: bool = False
    series: tuple[str, int, str] | None = None
    shape: Shape | None = None
    moved_ms: int | None = None
    head: bytes | None = None
    event: tuple[bytes, object, bytes] | None = None

    @property
    def active(self) -> bool:
        """Whether it occupies its time: neither deleted nor cancelled nor invalid."""
        return not self.deleted and self.attendance not in ("cancelled", "invalid")


@dataclass(slots=True)
class LocationData:
    """The data of one location.

    `deleted_services` are no longer listed, but their appointments still are. `appointments` includes deleted
    appointments, so that they can be restored. The indexes do not.
    """

    location: Location
    members: dict[str, Member] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    deleted_services: dict[str, Service] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    contact_by_address: dict[str, Contact] = field(default_factory=dict)
    """Contacts by lower-case e-mail address and by phone number."""
    contact_order: list[Contact] | None = None
    """The contacts in the order of v2's lists. None before they are listed, and after one was added or deleted."""
    appointments: dict[str, Appointment] = field(default_factory=dict)
    deleted: list[Appointment] = field(default_factory=list)
    by_start: StartIndex = field(default_factory=StartIndex)
    by_service: dict[str, StartIndex] = field(default_factory=dict)
    by_team: dict[str, StartIndex] = field(default_factory=dict)
    by_user: dict[str, StartIndex] = field(default_factory=dict)
    bookings_per_day: float = 0.0

    def _indexes(self, row: Appointment) -> list[StartIndex]:
        indexes = [self.by_start]
        for by_id, record_id in (
            (self.by_service, row.service_id),
            (self.by_team, row.team_id),
            (self.by_user, row.user_id),
        ):
            if record_id is not None:
                indexes.append(by_id.setdefault(record_id, StartIndex()))
        return indexes

    def add_to_indexes(self, row: Appointment) -> None:
        """Makes list calls return the appointment."""
        self.appointments[row.id] = row
        for index in self._indexes(row):
            index.add(row)

    def remove_from_indexes(self, row: Appointment) -> None:
        """Removes the appointment from all lists. Call this before changing its start, service, team or user."""
        for index in self._indexes(row):
            index.discard(row)

    def fill(self, rows: list[Appointment]) -> None:
        """Adds the appointments of a new location. Much faster than adding them one by one."""
        rows.sort(key=lambda row: (row.start_ms, row.id))
        for row in rows:
            self.appointments[row.id] = row
            for index in self._indexes(row):
                index.append(row)

    def slugs(self) -> set[str]:
        return {team.slug for team in self.teams.values()} | {service.slug for service in self.services.values()}
