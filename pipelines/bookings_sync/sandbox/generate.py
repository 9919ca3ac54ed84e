"""Worlds from a seed.

Input:  a `WorldSpec`; the same one makes the same world, byte for byte.
Output: a `World` with locations, teams, services, members, contacts, and appointments over past and future.

The rows are made the way such businesses look: busy and quiet services, hours and members, lead times of days, a show
rate around four in five, and the untidiness a connector meets (`people`). Made for a million rows, so the loop over
appointments is plain.
"""

from __future__ import annotations

import gc
import heapq
import random
from bisect import bisect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate, pairwise

from bookings_sync.sandbox import people
from bookings_sync.sandbox.bodies import contact_body
from bookings_sync.sandbox.life import marking_delay
from bookings_sync.sandbox.model import (
    Appointment,
    Attendance,
    Contact,
    LocationData,
    Member,
    Service,
    new_id,
    new_uuid,
)
from bookings_sync.sandbox.reading import recurring_id
from bookings_sync.sandbox.render import appointment_head
from bookings_sync.sandbox.slots import WEEKDAYS
from bookings_sync.sandbox.switches import Switches
from bookings_sync.sandbox.times import DAY_MS, MINUTE_MS, day_start_ms, local_day, utc_iso, wall_ms
from bookings_sync.sandbox.world import World

_TRIES = 4
"""How often another time is tried before a slot is booked twice: a very full world has double bookings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSpec:
    """What kind of world. `now` (aware) is its clock at the start; `appointments` is the total over all locations."""

    now: datetime
    seed: int = 1
    locations: int = 3
    teams_per_location: int = 3
    services_per_location: int = 6
    members_per_location: int = 8
    appointments: int = 20_000
    past_days: int = 400
    future_days: int = 120
    contacts_per_appointment: float = 0.3
    opaque_key_share: float = 0.34
    """The share of locations, rounded down, whose key is an old one that does not tell the location's id."""
    switches: Switches = field(default_factory=Switches)


def generate(spec: WorldSpec) -> World:
    """Make the world: about 25 µs and 1 kB per appointment."""
    with _collector_off():
        world = World(seed=spec.seed, now=spec.now, switches=spec.switches)
        rng = random.Random(f"{spec.seed}/world")
        shares = [rng.uniform(0.5, 1.5) for _ in range(spec.locations)]
        opaque = int(spec.locations * spec.opaque_key_share)
        for number, rows in enumerate(_portions(spec.appointments, shares)):
            name = people.LOCATION_NAMES[number % len(people.LOCATION_NAMES)]
            name += f"-{number // len(people.LOCATION_NAMES) + 1}" if number >= len(people.LOCATION_NAMES) else ""
            zone = people.LOCATION_ZONES[number % len(people.LOCATION_ZONES)]
            location = world.add_location(name, zone, opaque=number >= spec.locations - opaque)
            data = world.data[location.id]
            _staff(world, data, spec, rng)
            if data.services:
                _Diary(world, data, spec, rng).fill(rows)
        heapq.heapify(world.marks)
        world.journal.clear()
    return world


@contextmanager
def _collector_off() -> Iterator[None]:
    """A million new objects make the cycle collector walk all of them again and again; nothing here is a cycle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _portions(total: int, shares: list[float]) -> list[int]:
    """`total` dealt out by `shares`, in whole numbers that add up to it."""
    edges = [round(total * edge / (sum(shares) or 1)) for edge in accumulate(shares, initial=0)]
    return [end - start for start, end in pairwise(edges)]


def _staff(world: World, data: LocationData, spec: WorldSpec, rng: random.Random) -> None:
    """Members, teams and services, some of them odd: a member twice in a team, no members key, unknown fields."""
    location_id = data.location.id
    for number in range(spec.members_per_location):
        first, last = rng.choice(people.FIRST_NAMES), rng.choice(people.LAST_NAMES)
        world.add_member(location_id, f"{first} {last}", f"member.{number}@{data.location.name}.example.com")
    users = list(data.members)
    for number in range(spec.teams_per_location):
        name = people.TEAM_NAMES[number % len(people.TEAM_NAMES)]
        chosen = rng.sample(users, min(len(users), rng.randint(3, 6)))
        if number == 0 and chosen:
            chosen.append(chosen[0])
        team = world.add_team(
            location_id, name, f"team-{number}", chosen, description=f"{name} of {data.location.name}"
        )
        if number == 1:
            team.body["teamColour"] = {"hex": "#00AAFF", "shades": [1, 2, 3]}
        if number >= 2:
            _hide_members(team.body, rng)
    teams = list(data.teams)
    for number in range(spec.services_per_location if teams else 0):
        plan = people.SERVICES[number % len(people.SERVICES)]
        service = world.add_service(
            location_id,
            teams[number % len(teams)],
            plan.name if number < len(people.SERVICES) else f"{plan.name} {number // len(people.SERVICES) + 1}",
            f"service-{number}",
            duration_min=plan.duration_min,
            interval_min=plan.interval_min,
            per_slot=plan.per_slot,
            per_day=20 if number % 4 == 3 else None,
            buffer_min=10 if number % 5 == 4 else 0,
            hours=plan.hours,
        )
        service.weight = plan.weight
        if number % 6 == 1:
            service.body["widget"] = {"theme": "neo", "steps": ["slot", "form"]}
        if number % 6 == 2:
            del service.body["linkedCalendars"]
            service.body["meetingLocation"] = None


def _hide_members(body: dict[str, object], rng: random.Random) -> None:
    kind = rng.randrange(3)
    if kind == 0:
        del body["members"]
    else:
        body["members"] = [] if kind == 1 else None


class _Diary:
    """Fills one location's diary."""

    def __init__(self, world: World, data: LocationData, spec: WorldSpec, rng: random.Random) -> None:
        self.world, self.data, self.spec, self.rng = world, data, spec, rng
        self.now_ms, self.zone = world.now_ms, data.location.timezone
        today = local_day(self.now_ms, self.zone)
        self.days = [today + timedelta(days=n) for n in range(-spec.past_days, spec.future_days + 1)]
        self.midnights = [day_start_ms(day, self.zone) for day in [*self.days, self.days[-1] + timedelta(days=1)]]
        self.changes = [at for at, end in zip(self.midnights, self.midnights[1:], strict=False) if end - at != DAY_MS]
        """Days on which the clocks change: there a row now and then stands in the small hours."""
        self.contacts: list[Contact] = []
        self.bases: list[str] = []
        self.seen: set[str] = set()

    def fill(self, count: int) -> None:
        data, rng = self.data, self.rng
        self.contacts = [self._contact() for _ in range(max(1, round(count * self.spec.contacts_per_appointment)))]
        services = list(data.services.values())
        rows: list[Appointment] = []
        for service, portion in zip(services, _portions(count, [s.weight for s in services]), strict=True):
            rows += self._service_rows(service, portion)
        for contact in rng.sample(self.contacts, len(self.contacts) // 400):
            del data.contacts[contact.id]
            contact.replace(None)
        data.fill(rows)
        for row in rows:
            appointment_head(row, self.world.switches.attendance_spelling)
        data.bookings_per_day = count / (self.spec.past_days + 20)

    def _contact(self) -> Contact:
        rng, data = self.rng, self.data
        zone = people.visitor_zone(rng, self.zone)
        added = utc_iso(self.now_ms - int(rng.random() * (self.spec.past_days + 1) * DAY_MS))
        body = contact_body(new_id(rng), data.location.id, new_uuid(rng), added) | people.person(rng, zone)
        if rng.random() < 0.04:
            del body["postalCode"], body["country"]
        contact = data.contacts[body["id"]] = Contact.of(body)
        for field_name in ("emailLowerCase", "phone"):
            if body[field_name]:
                data.reach[body[field_name]] = contact
        return contact

    def _day_weights(self, hours: dict[str, list[dict[str, int]]]) -> list[float]:
        """How likely each day is: closed, or busier towards now, and ever emptier ahead of it; Mondays are busy."""
        weights = []
        for number, day in enumerate(self.days, start=-self.spec.past_days):
            trend = 0.7 + 0.3 * (1 + number / (self.spec.past_days + 1)) if number < 0 else 0.9 ** (number * 0.6)
            weights.append(trend * (1.3 if day.weekday() == 0 else 1.0) if hours.get(WEEKDAYS[day.weekday()]) else 0.0)
        return weights

    def _service_rows(self, service: Service, count: int) -> list[Appointment]:
        rng, timing = self.rng, service.body["availability"]["eventTiming"]
        per_slot = service.body["availability"]["appointmentInfo"]["perSlot"]
        hours = service.body["availability"]["officeHours"]
        minutes = {number: _minutes(hours.get(name) or [], timing) for number, name in enumerate(WEEKDAYS)}
        weights = list(accumulate(self._day_weights(hours)))
        members = [self.data.members[user_id] for user_id in service.user_ids()]
        loads = list(accumulate(1.0 / (1 + rank * 0.6) for rank in range(len(members))))
        show = 0.8 + next((plan.show for plan in people.SERVICES if service.name.startswith(plan.name)), 0.0)
        taken: dict[int, int] = {}
        rows = []
        for _ in range(count):
            at = 0
            for _ in range(_TRIES):
                number = bisect(weights, rng.random() * weights[-1])
                at = self._start(number, minutes[self.days[number].weekday()])
                if taken.get(at, 0) < per_slot:
                    break
            taken[at] = taken.get(at, 0) + 1
            nobody = not members or rng.random() < 0.01
            member = None if nobody else members[bisect(loads, rng.random() * loads[-1])]
            rows.append(self._row(service, at, member, show))
        return rows

    def _start(self, number: int, minutes: tuple[list[int], list[float]]) -> int:
        if self.changes and self.rng.random() < 0.002:
            return self.rng.choice(self.changes) + self.rng.randrange(0, 20) * 15 * MINUTE_MS
        grid, weights = minutes
        minute = grid[bisect(weights, self.rng.random() * weights[-1])]
        midnight = self.midnights[number]
        if self.midnights[number + 1] - midnight == DAY_MS:
            return midnight + minute * MINUTE_MS
        return wall_ms(self.days[number], minute, self.zone) or midnight

    def _row(self, service: Service, at: int, member: Member | None, show: float) -> Appointment:
        rng, row_id, series = self.rng, *self._identity(at)
        block = rng.random() < 0.01
        contact = None if block else self.contacts[int(len(self.contacts) * rng.random() ** 2)]
        length_min = rng.choice((60, 120, 240, 480)) if block else service.duration_min
        row = Appointment(
            id=row_id,
            location_id=self.data.location.id,
            service_id=service.id,
            team_id=service.team_id,
            user_id=member.id if member else None,
            calendar_id=member.calendar_id if member else None,
            contact=contact,
            start_ms=at,
            end_ms=at + length_min * MINUTE_MS,
            zone=people.visitor_zone(rng, self.zone),
            attendance="confirmed",
            title="Blocked" if contact is None else contact.name or service.name,
            created_ms=self._created(at),
            updated_ms=0,
            spelling=people.spelling(rng),
            block=block,
            series=series,
            shape=people.appointment_shape(rng),
        )
        if rng.random() < 0.2:
            row.notes, row.address = (
                rng.choice(("First visit", "Bring X-rays\nand forms", "", "Wheelchair ♿")),
                "Room 2",
            )
        row.updated_ms = row.created_ms
        if not block:
            self._outcome(row, show)
        if series is not None:
            row.id = recurring_id(row, self.world.switches)
        return row

    def _identity(self, at: int) -> tuple[str, tuple[str, int, str] | None]:
        """An id: 20 alphanumerics, now and then a UUID, or an instance of something recurring."""
        rng, chance = self.rng, self.rng.random()
        if chance < 0.945:
            return new_id(rng), None
        if chance < 0.97:
            return new_uuid(rng), None
        if not self.bases or rng.random() < 0.3:
            self.bases.append(new_id(rng))
        base = rng.choice(self.bases[-5:])
        if f"{base}_{at}" in self.seen:
            base = new_id(rng)
        self.seen.add(f"{base}_{at}")
        return "", (base, at, new_id(rng))

    def _created(self, at: int) -> int:
        """When it was booked: days before its start, seldom after it, never after now."""
        rng = self.rng
        lead = int((rng.expovariate(1 / 6) + 0.02) * DAY_MS)
        if at >= self.now_ms:
            return self.now_ms - lead
        if rng.random() < 0.015:
            return min(self.now_ms, at + int(rng.random() * 3 * DAY_MS))
        return at - lead

    def _outcome(self, row: Appointment, show: float) -> None:
        """What became of it: marked by now, to be marked later (kept for `life`), or never."""
        rng, chance = self.rng, self.rng.random()
        if chance < 0.11:
            row.attendance, row.stale = "cancelled", rng.random() < 0.1
            row.updated_ms = row.created_ms + int(
                rng.random() * max(0, min(row.start_ms, self.now_ms) - row.created_ms)
            )
        elif chance < 0.115:
            row.attendance = "invalid"
        elif row.end_ms > self.now_ms:
            row.attendance = "new" if chance < 0.2 else "confirmed"
        elif chance > 0.95:
            row.attendance = "confirmed" if chance > 0.97 else "new"
        else:
            status: Attendance = "showed" if rng.random() < show else "noshow"
            marked = row.end_ms + marking_delay(rng)
            if marked <= self.now_ms:
                row.attendance, row.updated_ms = status, marked
            else:
                self.world.marks.append((marked, len(self.world.marks), row, status))


def _minutes(hours: list[dict[str, int]], timing: dict[str, int]) -> tuple[list[int], list[float]]:
    """The slots of one weekday, as minutes after midnight, with the running sum of how much each is liked."""
    grid = [
        minute
        for span in hours
        for minute in range(
            span["openHour"] * 60 + span["openMinute"],
            span["closeHour"] * 60 + span["closeMinute"] - timing["slotDuration"] + 1,
            timing["slotInterval"],
        )
    ]
    liked = {10: 2.0, 11: 1.7, 14: 1.4, 15: 1.5, 17: 2.2}
    return grid, list(accumulate(liked.get(minute // 60, 1.0) for minute in grid))
