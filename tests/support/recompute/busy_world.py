"""A world in which everything happens between syncs: four locations in four time zones, across changes of the clocks.

Input:  a seed. The same seed gives the same world.
Output: `BusyWorld`, whose `live(until)` advances the sandbox's clock and changes the calendars on the way.

The sandbox's own simulation avoids what makes metrics hard: bookings in repeated and skipped hours, double bookings,
members who come and go, changed hours and seats. Here these are frequent.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bookings_sync.sandbox import Appointment, Service, World, office_hours
from bookings_sync.sandbox.calendar_json import opening
from bookings_sync.sandbox.model import LocationData, Shape, Spelling

START = datetime(2026, 6, 5, 9, tzinfo=UTC)
"""When the calendars are set up, three months before the first sync."""

ZONES = ("America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe")
OTHER_ZONES = (
    "America/Santiago", "Pacific/Chatham", "America/St_Johns", "Australia/Adelaide", "Africa/Cairo", "Asia/Kathmandu",
    "Pacific/Kiritimati", "America/Los_Angeles", "Atlantic/Azores", "Asia/Tokyo",
)  # fmt: skip
CHANGES_OF_CLOCKS = (date(2026, 9, 6), date(2026, 9, 27), date(2026, 10, 4), date(2026, 10, 25), date(2026, 11, 1))
"""Days of 2026 on which clocks change: in Santiago, Chatham, Lord Howe, London and New York."""

_STATUSES = ("showed", "showed", "showed", "noshow", "noshow", "invalid")
_SPELLINGS: tuple[Spelling, ...] = ("sic", "right", "both", "disagree")
_SHAPES = (
    Shape(more={"isFree": True}),
    Shape(absent=("createdAt",)),
    Shape(absent=("createdAt", "updatedAt")),
    Shape(null=("updatedAt",)),
    Shape(null=("endTime",)),
    Shape(absent=("contactId",)),
    Shape(absent=("userId",)),
    Shape(null=("status",)),
    Shape(absent=("isFree", "assignedUserId")),
    Shape(null=("createdAt",), more={"isFree": True}),
)
_SOURCES = ("online booking", "walk-in", "referral", None)
_ALWAYS = office_hours("00:00-03:30", "21:00-24:00", saturday=("00:00-04:00",), sunday=("00:00-04:00", "22:00-24:00"))
_ALL_WEEK = office_hours("07:00-20:00", saturday=("08:00-16:00",), sunday=("09:00-12:00", "12:00-15:30"))


def zones(seed: int) -> tuple[str, ...]:
    """The zones of the four locations. With seed 0 always the same."""
    return ZONES if seed == 0 else tuple(random.Random(f"{seed}/zones").sample(ZONES + OTHER_ZONES, 4))


class BusyWorld:
    """The sandbox's world, and the people who change it."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed=seed, now=START)
        self.rng = random.Random(f"{seed}/busy")
        for number, zone in enumerate(zones(seed)):
            self._add_location(f"place-{number}", zone)
        self._places = [_Place(self.world, data, self.rng) for data in self.world.data.values()]

    def live(self, until: datetime, *, per_day: float = 10.0) -> None:
        """Makes about `per_day` changes a day in each location, each at its own moment, until `until`."""
        end_ms = int(until.timestamp() * 1000)
        days = (end_ms - self.world.now_ms) / 86_400_000
        for moment in sorted(self.rng.uniform(self.world.now_ms, end_ms) for _ in range(round(days * per_day * 4))):
            self.world.now_ms = int(moment)
            self.rng.choice(self._places).change()
        self.world.now_ms = end_ms

    def change_calendars(self) -> None:
        """Changes a rule of each location: hours, seats, durations, members, priorities."""
        for place in self._places:
            place.change_calendar()

    def _add_location(self, name: str, zone: str) -> None:
        world = self.world
        location_id = world.add_location(name, zone).id
        users = [
            world.add_member(location_id, f"{first} of {name}", f"{first}@{name}.example.com").id
            for first in ("Ann", "Bob", "Cleo", "Dan", "Eve")
        ]
        front = world.add_team(location_id, "Front", f"front-{name}", users[:3])
        back = world.add_team(location_id, "Back", f"back-{name}", users[2:])
        add: Callable[..., Service] = lambda team, title, **rules: world.add_service(  # noqa: E731
            location_id, team.id, title, f"{title.lower()}-{name}", **rules
        )
        add(front, "Advice", duration_min=30, interval_min=15, notice_hours=2)
        add(front, "Massage", user_ids=users[:2], duration_min=45, interval_min=60, buffer_min=10, notice_hours=24)
        add(back, "Class", user_ids=users[2:4], duration_min=60, interval_min=60, per_slot=8, hours=_ALL_WEEK)
        add(back, "Night", user_ids=users[4:], duration_min=60, interval_min=30, notice_hours=0, hours=_ALWAYS)
        add(front, "Phone", user_ids=[], duration_min=20, interval_min=20, per_slot=2, notice_hours=1)


@dataclass
class _Place:
    """One location, and everything that people do there."""

    world: World
    data: LocationData
    rng: random.Random

    @property
    def id(self) -> str:
        return self.data.location.id

    def change(self) -> None:
        kinds, weights = zip(*_WEIGHTS.items(), strict=True)
        getattr(self, f"_{self.rng.choices(kinds, weights)[0]}")()

    def change_calendar(self) -> None:
        self.rng.choice((self._hours, self._seats, self._duration, self._members, self._priority, self._notice))()

    # -- appointments --------------------------------------------------------------------------------------------------

    def _book(self) -> None:
        service = self.rng.choice(list(self.data.services.values()))
        row = self.world.book(
            self.id,
            service.id,
            self._start(service),
            contact=self._contact(),
            user_id=self.rng.choice([None, None, *service.user_ids(), *self.data.members]),
            status="new" if self.rng.random() < 0.3 else "confirmed",
        )
        row.spelling = self.rng.choices(_SPELLINGS, (50, 30, 15, 5))[0]
        if self.rng.random() < 0.3:
            row.shape = self.rng.choice(_SHAPES)
        if self.rng.random() < 0.03:
            self._repeat(row, service)

    def _repeat(self, row: Appointment, service: Service) -> None:
        """Books the same again for the next weeks, as a series with ids of the form `<master>_<epoch ms>`."""
        start = datetime.fromtimestamp(row.start_ms // 1000, UTC)
        for week in range(1, self.rng.randrange(2, 9)):
            again = start + timedelta(weeks=week)
            self.world.book(
                self.id,
                service.id,
                again,
                contact=row.contact.id if row.contact and row.contact.id in self.data.contacts else None,
                user_id=row.user_id,
                appointment_id=f"{row.id}_{int(again.timestamp() * 1000)}",
            )

    def _start(self, service: Service) -> datetime:
        """Mostly an hour when the service is open, at times in the hours around a change of the clocks."""
        chance, now = self.rng.random(), self.world.now
        if chance < 0.1:
            return self._around_change()
        ahead = now + timedelta(hours=self.rng.choice((1, 3, 9, 20, 40, 90, 200, 400, 800)) * self.rng.random())
        if chance < 0.15:
            return (now - timedelta(days=30 * self.rng.random())).replace(second=0, microsecond=0)
        if chance < 0.25:
            return ahead.replace(second=0, microsecond=0)
        return self._opening(service, ahead)

    def _around_change(self) -> datetime:
        day = self.rng.choice(CHANGES_OF_CLOCKS) + timedelta(days=self.rng.choice((-1, 0)))
        at = datetime.combine(day, time(self.rng.randrange(24), self.rng.choice((0, 15, 30, 45))), self._zone)
        at = at.replace(hour=self.rng.choice((0, 1, 2, 3, 23)), fold=self.rng.randrange(2))
        return at.astimezone(UTC)

    def _opening(self, service: Service, near: datetime) -> datetime:
        """A slot of the service on the local day of `near`, or `near` itself on a day without hours."""
        local = near.astimezone(self._zone)
        hours = service.body["availability"]["officeHours"].get(f"{local:%A}".lower())
        if not hours:
            return near.replace(minute=0, second=0, microsecond=0)
        chosen = self.rng.choice(hours)
        first = chosen["openHour"] * 60 + chosen["openMinute"]
        last = chosen["closeHour"] * 60 + chosen["closeMinute"] - service.duration_min
        step = service.body["availability"]["eventTiming"]["slotInterval"]
        minute = first + step * self.rng.randrange(max(1, (last - first) // step + 1))
        at = datetime.combine(local.date(), time(minute // 60 % 24, minute % 60), self._zone)
        return at.replace(fold=self.rng.randrange(2)).astimezone(UTC)

    def _contact(self) -> str | dict[str, object]:
        known = list(self.data.contacts)
        if known and self.rng.random() < 0.75:
            return self.rng.choice(known[-60:])
        added: dict[str, object] = {"firstName": "Guest", "source": self.rng.choice(_SOURCES)}
        if self.rng.random() < 0.1:
            added["dateAdded"] = None
        return added

    def _block(self) -> None:
        service = self.rng.choice([None, *self.data.services.values()])
        users = list(self.data.members) if service is None else [None, *service.user_ids()]
        start = self._start(service or next(iter(self.data.services.values())))
        minutes = self.rng.choice((30, 60, 90, 240, 600))
        row = self.world.block(
            self.id, service and service.id, start, start + timedelta(minutes=minutes), user_id=self.rng.choice(users)
        )
        if self.rng.random() < 0.2:
            row.shape = Shape(more={"isFree": True})
        if self.rng.random() < 0.1:
            self.world.mark(self.id, row.id, self.rng.choice(("showed", "noshow", "cancelled")))

    def _mark(self) -> None:
        begun = [row for row in self._rows() if row.start_ms < self.world.now_ms and row.contact]
        unmarked = [row for row in begun if row.attendance in ("new", "confirmed")]
        if unmarked:
            self.world.mark(self.id, self.rng.choice(unmarked[-12:]).id, self.rng.choice(_STATUSES))

    def _correct(self) -> None:
        if row := self._row():
            self.world.mark(self.id, row.id, self.rng.choice(("showed", "noshow", "confirmed", "invalid", "cancelled")))

    def _cancel(self) -> None:
        if row := self._near():
            row.stale = self.rng.random() < 0.3
            self.world.cancel(self.id, row.id)

    def _move(self) -> None:
        if row := self._near():
            service = self.data.services.get(row.service_id or "")
            start = self._start(service) if service else self._around_change()
            self.world.reschedule(self.id, row.id, start)

    def _lengthen(self) -> None:
        if row := self._near():
            self.data.remove_from_indexes(row)
            row.end_ms += self.rng.choice((-10, 15, 30)) * 60_000
            self.data.add_to_indexes(row)
            row.updated_ms, row.head = self.world.now_ms, None

    def _reassign(self) -> None:
        if row := self._near():
            service_id = self.rng.choice([row.service_id, *self.data.services])
            user_id = self.rng.choice([*self.data.members, *([] if service_id is None else [None])])
            self.world.reassign(self.id, row.id, service_id=service_id, team_id=row.team_id, user_id=user_id)

    def _lose_service(self) -> None:
        if (row := self._near()) and row.user_id:
            team_id = self.rng.choice((row.team_id, None))
            self.world.reassign(self.id, row.id, service_id=None, team_id=team_id, user_id=row.user_id)

    def _rename(self) -> None:
        if row := self._row():
            row.title = f"{row.title}."
            row.updated_ms, row.head = self.world.now_ms, None

    def _delete(self) -> None:
        if row := self._near():
            self.world.delete(self.id, row.id)

    def _delete_old(self) -> None:
        if row := self._row():
            self.world.delete(self.id, row.id)

    def _restore(self) -> None:
        if self.data.deleted:
            self.world.restore(self.id, self.rng.choice(self.data.deleted[-6:]).id)

    def _flag(self) -> None:
        if row := self._near():
            self.world.flag_as_deleted(self.id, row.id, deleted=not (row.shape and row.shape.more.get("deleted")))

    def _rows(self) -> list[Appointment]:
        return list(self.data.by_start.all())

    def _row(self) -> Appointment | None:
        rows = self._rows()
        return self.rng.choice(rows) if rows else None

    def _near(self) -> Appointment | None:
        """An appointment of the last two days or to come."""
        rows = [row for row in self._rows() if row.start_ms > self.world.now_ms - 2 * 86_400_000]
        return self.rng.choice(rows) if rows else None

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.data.location.timezone)

    # -- contacts, services, teams -------------------------------------------------------------------------------------

    def _change_contact(self) -> None:
        if self.data.contacts:
            contact_id = self.rng.choice(list(self.data.contacts))
            self.world.update_contact(self.id, contact_id, {"source": self.rng.choice(_SOURCES)})

    def _delete_contact(self) -> None:
        if len(self.data.contacts) > 10:
            self.world.delete_contact(self.id, self.rng.choice(list(self.data.contacts)))

    def _service(self) -> Service:
        return self.rng.choice(list(self.data.services.values()))

    def _hours(self) -> None:
        service, weekday = self._service(), self.rng.choice(("monday", "wednesday", "saturday", "sunday"))
        open_at, close_at = self.rng.choice((("08:00", "12:30"), ("10:15", "19:00"), ("00:00", "24:00")))
        hours = dict(service.body["availability"]["officeHours"])
        if weekday in hours and self.rng.random() < 0.3:
            del hours[weekday]
        else:
            hours[weekday] = [opening(open_at, close_at), *([opening("12:00", "13:00")] if open_at == "08:00" else [])]
        service.body["availability"] |= {"officeHours": hours}

    def _seats(self) -> None:
        limits = self._service().body["availability"]["appointmentInfo"]
        limits["perSlot"] = self.rng.choice((1, 2, 3, 6, 8, None))

    def _duration(self) -> None:
        timing = self._service().body["availability"]["eventTiming"]
        timing["slotDuration"] = self.rng.choice((20, 30, 45, 60, 90))

    def _notice(self) -> None:
        schedule = self._service().body["availability"]["schedule"]
        schedule |= self.rng.choice(
            (
                {"allowBookingAfter": 0, "allowBookingAfterUnit": "Hours"},
                {"allowBookingAfter": 4, "allowBookingAfterUnit": "hours"},
                {"allowBookingAfter": 1, "allowBookingAfterUnit": "Days"},
            )
        )

    def _members(self) -> None:
        """A member joins a service, leaves it, or is switched off and on."""
        service = self._service()
        members = service.body["teamMembers"]
        user_id = self.rng.choice(list(self.data.members))
        present = [each for each in members if each["userId"] == user_id]
        if not present:
            members.append({"userId": user_id, "priority": 1, "selected": True, "meetingLocation": ""})
        elif self.rng.random() < 0.5:
            present[0]["selected"] = not present[0]["selected"]
        else:
            members.remove(present[0])

    def _priority(self) -> None:
        for member in self._service().body["teamMembers"]:
            member["priority"] = self.rng.randrange(4)

    def _team(self) -> None:
        team = self.rng.choice(list(self.data.teams.values()))
        users = self.rng.sample(list(self.data.members), 3)
        self.world.update_team(self.id, team.id, f"{team.body['name']}*", team.slug, users)

    def _rename_service(self) -> None:
        service = self._service()
        self.world.rename_service(self.id, service.id, f"{service.name}+")

    def _add_service(self) -> None:
        if len(self.data.services) < 7:
            team_id = self.rng.choice(list(self.data.teams))
            self.world.add_service(self.id, team_id, f"Extra {self.rng.randrange(100)}", duration_min=40)

    def _delete_service(self) -> None:
        if len(self.data.services) > 5:
            self.world.delete_service(self.id, next(iter(self.data.services)))


_WEIGHTS = {
    "book": 100, "block": 8, "mark": 55, "correct": 3, "cancel": 12, "move": 14, "lengthen": 4, "reassign": 6,
    "lose_service": 1, "rename": 2, "delete": 5, "delete_old": 2, "restore": 3, "flag": 2, "change_contact": 4,
    "delete_contact": 1, "team": 0.4, "rename_service": 0.5, "add_service": 0.4,
    "delete_service": 0.3,
}  # fmt: skip
"""How often each kind of change happens, relative to the others."""
