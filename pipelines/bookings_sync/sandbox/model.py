"""What a world is made of: locations, teams, services, members, contacts, appointments.

Input:  made by `generate`, `life` and `world`.
Output: the objects those share; `render` turns them into the API's JSON.

A world holds up to a million appointments in memory, hence slots, shared strings, and bytes kept as they will be sent.
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
"""A JSON object as the API gives or takes it."""

Attendance = Literal["new", "confirmed", "cancelled", "showed", "noshow", "invalid"]
Spelling = Literal["sic", "right", "both", "disagree"]
"""Which of appoinmentStatus (sic) and appointmentStatus a row carries; where they disagree, the sic one is right."""

_ALPHANUMERIC = bytes.maketrans(b"+/", b"xQ")
_CONTACT_PREFIX = b',"contact":'


def new_id(rng: random.Random) -> str:
    """20 alphanumerics, the common form of the API's ids (CODE)."""
    return base64.b64encode(rng.randbytes(15)).translate(_ALPHANUMERIC).decode()


def new_uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


class Location(NamedTuple):
    """A tenant: one API key sees this location's data and nothing else. `timezone` is an IANA name."""

    id: str
    name: str
    key: str
    timezone: str


class Change(NamedTuple):
    """One line of the journal: what happened after the world was made, at `at_ms` (epoch ms) of its clock."""

    at_ms: int
    kind: str
    location_id: str
    id: str


@dataclass(slots=True)
class Member:
    """A user of a location; `calendar_id` is the user's own calendar, the third id of an appointment."""

    id: str
    name: str
    email: str
    calendar_id: str


@dataclass(slots=True)
class Team:
    """`body` is the team as the API shows it; `user_ids` are its members even where the body leaves them out."""

    id: str
    body: Json
    user_ids: list[str]

    @property
    def slug(self) -> str:
        slug: str = self.body["calendarConfig"]["slug"]
        return slug


@dataclass(slots=True)
class Service:
    """`body` is the service as the API shows it. The reply has no slug and no weight, so they stand here."""

    id: str
    team_id: str
    slug: str
    body: Json
    weight: float = 1.0

    @property
    def name(self) -> str:
        name: str = self.body["name"]
        return name

    @property
    def duration_min(self) -> int:
        minutes: int = self.body["availability"]["eventTiming"]["slotDuration"]
        return minutes

    def user_ids(self) -> list[str]:
        """The members who take this service's appointments."""
        return [m["userId"] for m in self.body.get("teamMembers") or [] if m.get("selected")]


@dataclass(slots=True, eq=False)
class Contact:
    """A customer. `tail` is how a listed appointment ends, `,"contact":{…}}`: joined as it is, not rendered again."""

    id: str
    name: str
    tail: bytes

    @classmethod
    def of(cls, body: Json) -> Contact:
        name = " ".join(part for part in (body.get("firstName"), body.get("lastName")) if part)
        return cls(body["id"], name, _CONTACT_PREFIX + orjson.dumps(body) + b"}")

    def body(self) -> Any:
        """The contact as the API shows it; None once it was deleted while its appointments stay."""
        return orjson.loads(self.tail[len(_CONTACT_PREFIX) : -1])

    def replace(self, body: Json | None) -> None:
        self.tail = _CONTACT_PREFIX + orjson.dumps(body) + b"}"


@dataclass(frozen=True, slots=True)
class Shape:
    """How one row departs from the plain form: more fields, fields that are null, fields that are missing."""

    more: Mapping[str, Any] = field(default_factory=dict)
    null: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Appointment:
    """One appointment, or a stretch of blocked-off time (`block`). Times are epoch milliseconds.

    `zone` is the zone it was booked in, so offsets differ from row to row. `series` is (base id, first start, plain id)
    of an instance of a recurring one. `head` is its JSON up to the contact, kept until something changes.
    """

    id: str
    location_id: str
    service_id: str
    team_id: str
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
    head: bytes | None = None

    @property
    def active(self) -> bool:
        """Takes its time: neither deleted nor called off."""
        return not self.deleted and self.attendance not in ("cancelled", "invalid")


@dataclass(slots=True)
class LocationData:
    """All that one location holds. `vanished` services are no longer in the list; their appointments are.

    `appointments` keeps deleted ones too, so that they can be restored; the indexes hold only those that stand.
    """

    location: Location
    members: dict[str, Member] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    vanished: dict[str, Service] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    reach: dict[str, Contact] = field(default_factory=dict)
    """Contacts by e-mail address and by telephone number."""
    appointments: dict[str, Appointment] = field(default_factory=dict)
    deleted: list[Appointment] = field(default_factory=list)
    by_start: StartIndex = field(default_factory=StartIndex)
    by_service: dict[str, StartIndex] = field(default_factory=dict)
    by_team: dict[str, StartIndex] = field(default_factory=dict)
    by_user: dict[str, StartIndex] = field(default_factory=dict)
    bookings_per_day: float = 0.0

    def _indexes(self, row: Appointment) -> list[StartIndex]:
        indexes = [
            self.by_start,
            self.by_service.setdefault(row.service_id, StartIndex()),
            self.by_team.setdefault(row.team_id, StartIndex()),
        ]
        if row.user_id is not None:
            indexes.append(self.by_user.setdefault(row.user_id, StartIndex()))
        return indexes

    def stand(self, row: Appointment) -> None:
        """Put a row where list calls find it."""
        self.appointments[row.id] = row
        for index in self._indexes(row):
            index.add(row)

    def lift(self, row: Appointment) -> None:
        """Take a row out of every list: before it moves, or when it is deleted."""
        for index in self._indexes(row):
            index.discard(row)

    def fill(self, rows: list[Appointment]) -> None:
        """Put many rows at once, into lists that were empty."""
        rows.sort(key=lambda row: (row.start_ms, row.id))
        for row in rows:
            self.appointments[row.id] = row
            for index in self._indexes(row):
                index.append(row)

    def slugs(self) -> set[str]:
        return {team.slug for team in self.teams.values()} | {service.slug for service in self.services.values()}
