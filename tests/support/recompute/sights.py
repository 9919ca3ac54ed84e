"""What each sync saw: the calendars at the moments of the syncs, as plain values.

Input:  `World.truth` of each location at the moment of a sync.
Output: `Place`: a location with one `Sight` per sync.

Fields are read from the API's JSON here a second time; nothing of the connector is imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MINUTES = {"hours": 60, "days": 24 * 60}


@dataclass(frozen=True)
class State:
    """An appointment as one reply showed it. `text` is all that it said, to find changes."""

    service_id: str | None
    team_id: str | None
    member_id: str | None
    contact_id: str | None
    status: str
    starts_at: datetime | None
    ends_at: datetime | None
    created_at: datetime | None
    updated_at: datetime | None
    is_free: bool
    text: str


@dataclass(frozen=True)
class Service:
    """The rules of a service at one moment. `openings` are minutes of the day by weekday, 1 Monday to 7 Sunday."""

    name: str
    team_id: str
    duration: int | None
    seats: int
    notice: int
    members: Mapping[str, str]
    """The members who are switched on, and what the API says of each."""
    openings: Mapping[int, tuple[tuple[int, int], ...]]


@dataclass(frozen=True)
class Team:
    name: str
    slug: str
    members: Mapping[str, tuple[str, str]]
    """Names and addresses by member."""


@dataclass(frozen=True)
class Contact:
    source: str | None
    added_at: datetime | None


@dataclass(frozen=True)
class Sight:
    """A location at the moment of one sync."""

    at: datetime
    zone: str
    """The zone in the configuration."""
    appointments: Mapping[str, State]
    services: Mapping[str, Service]
    teams: Mapping[str, Team]
    contacts: Mapping[str, Contact]
    slots: frozenset[tuple[str, datetime]]
    """The free slots: service and start."""


@dataclass
class Place:
    """A location and all that the syncs saw of it, the oldest first."""

    id: str
    name: str
    sights: list[Sight] = field(default_factory=list)

    @property
    def zone(self) -> str:
        return self.sights[-1].zone

    @property
    def syncs(self) -> list[datetime]:
        return [sight.at for sight in self.sights]


def sight(truth: Json, zone: str) -> Sight:
    """Reads `World.truth`."""
    rows = [row for row in truth["appointments"] if row.get("deleted") is not True]
    return Sight(
        at=_instant(truth["now"]),
        zone=zone,
        appointments={row["id"]: _state(row) for row in rows},
        services={each["id"]: _service(each) for each in truth["services"]},
        teams={each["id"]: _team(each) for each in truth["teams"]},
        contacts=dict(_contacts(truth["appointments"])),
        slots=frozenset((key, _instant(start)) for key, starts in truth["slots"].items() for start in starts),
    )


def _state(row: Json) -> State:
    contact_id = (row.get("contact") or {}).get("id") or row.get("contactId")
    text = json.dumps({name: value for name, value in row.items() if name != "contact"} | {"contactId": contact_id})
    return State(
        service_id=row.get("calendarServiceId"),
        team_id=row.get("calendarProviderId"),
        member_id=row.get("userId") or row.get("assignedUserId"),
        contact_id=contact_id,
        status=row.get("appoinmentStatus") or row.get("appointmentStatus") or row.get("status") or "unknown",
        starts_at=_optional(row.get("startTime")),
        ends_at=_optional(row.get("endTime")),
        created_at=_optional(row.get("createdAt")),
        updated_at=_optional(row.get("updatedAt")),
        is_free=row.get("isFree") is True,
        text=text,
    )


def _service(body: Json) -> Service:
    availability = body["availability"]
    schedule = availability["schedule"]
    return Service(
        name=body["name"],
        team_id=body["teamId"],
        duration=availability["eventTiming"]["slotDuration"],
        seats=availability["appointmentInfo"]["perSlot"] or 1,
        notice=schedule["allowBookingAfter"] * _MINUTES[schedule["allowBookingAfterUnit"].lower()],
        members={each["userId"]: json.dumps(each) for each in body["teamMembers"] if each["selected"]},
        openings={
            WEEKDAYS.index(weekday) + 1: tuple(
                (each["openHour"] * 60 + each["openMinute"], each["closeHour"] * 60 + each["closeMinute"])
                for each in openings
            )
            for weekday, openings in availability["officeHours"].items()
        },
    )


def _team(body: Json) -> Team:
    members = {each["id"]: (each["name"], each["email"].lower()) for each in body["members"]}
    return Team(body["name"], body["calendarConfig"]["slug"], members)


def _contacts(rows: list[Json]) -> Iterator[tuple[str, Contact]]:
    for row in rows:
        if body := row.get("contact"):
            yield body["id"], Contact(body["source"], _optional(body["dateAdded"]))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _optional(text: str | None) -> datetime | None:
    return None if text is None else _instant(text)
