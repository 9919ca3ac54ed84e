"""Simulates what happens in a business over time.

Input:  a world, and a length of time.
Output: changes of the world, made with its own methods. The journal lists them.

Each day, customers book, reschedule and cancel. Staff mark attendance, some of it weeks late, correct it, delete and
restore appointments, and change contacts. Services and teams are added, renamed and deleted.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from datetime import timedelta
from itertools import accumulate
from math import exp
from typing import TYPE_CHECKING

from bookings_sync.sandbox import sample_data
from bookings_sync.sandbox.model import Appointment, Attendance, LocationData, Service
from bookings_sync.sandbox.slots import free_slots, openings
from bookings_sync.sandbox.times import DAY_MS, HOUR_MS, from_ms, local_day

if TYPE_CHECKING:
    from bookings_sync.sandbox.world import World

# Probabilities per day and upcoming appointment.
_RESCHEDULE, _CANCEL = 0.012, 0.008
# Rates per booking.
_DELETE, _CORRECT, _CHANGE_CONTACT = 0.05, 0.03, 0.06
# Probabilities per day and location.
_RESTORE = 0.15
_RENAME_SERVICE, _ADD_SERVICE, _DELETE_SERVICE = 0.05, 0.03, 0.015
_RENAME_TEAM, _ADD_TEAM, _DELETE_TEAM = 0.03, 0.01, 0.006
# Shares of all appointments and of all bookings.
_NEVER_MARKED, _BACKDATED = 0.05, 0.02


def advance(world: World, delta: timedelta, seed: int | None) -> dict[str, int]:
    """Advances the world's clock and makes the changes of that time. Returns their number by kind."""
    if delta < timedelta(0):
        raise ValueError(f"expected a positive length of time, got {delta}")
    rng = random.Random(f"{world.seed if seed is None else seed}/life/{world.advances}")
    world.advances += 1
    before, left = len(world.journal), delta // timedelta(milliseconds=1)
    while left > 0:
        step = min(DAY_MS, left)
        left -= step
        world.now_ms += step
        for data in list(world.data.values()):
            _Step(world, data, rng, step).run()
        _apply_due_marks(world)
    return dict(sorted(Counter(change.kind for change in world.journal[before:]).items()))


def marking_delay(rng: random.Random) -> int:
    """Milliseconds from the end of an appointment until its attendance is marked. Usually hours, sometimes weeks."""
    chance = rng.random()
    if chance < 0.8:
        return int(rng.random() * 6 * HOUR_MS)
    return int(rng.uniform(1, 3) * DAY_MS) if chance < 0.94 else int(rng.uniform(4, 40) * DAY_MS)


def _apply_due_marks(world: World) -> None:
    while world.pending_marks and world.pending_marks[0][0] <= world.now_ms:
        _, _, row, status = heapq.heappop(world.pending_marks)
        if row.active and row.start_ms < world.now_ms:
            world.mark(row.location_id, row.id, status)


def _poisson(rng: random.Random, mean: float) -> int:
    """A Poisson-distributed number."""
    if mean > 50:
        return max(0, round(rng.gauss(mean, mean**0.5)))
    count, product, limit = 0, rng.random(), exp(-mean)
    while product > limit:
        count += 1
        product *= rng.random()
    return count


class _Step:
    """The changes of one location in a step of at most a day. The world's clock already shows the end of the step."""

    def __init__(self, world: World, data: LocationData, rng: random.Random, step_ms: int) -> None:
        self.world, self.data, self.rng, self.step_ms = world, data, rng, step_ms
        self.location_id, self.days = data.location.id, step_ms / DAY_MS

    def run(self) -> None:
        self._calendars()
        self._attendance()
        self._upcoming()
        self._bookings()
        self._corrections()

    def _repetitions(self, per_booking: float) -> range:
        """A range to loop over: how often something happens in the step, given its rate per booking."""
        return range(_poisson(self.rng, self.data.bookings_per_day * self.days * per_booking))

    def _happens(self, per_day: float) -> bool:
        return self.rng.random() < per_day * self.days

    def _random_appointment(self) -> Appointment | None:
        """A random appointment. None if there is none, or if the draw hits blocked-off time."""
        index = self.data.by_start
        row = index[self.rng.randrange(len(index))] if len(index) else None
        return None if row is None or row.block else row

    def _attendance(self) -> None:
        world, rng, now = self.world, self.rng, self.world.now_ms
        for row in self.data.by_start.starting(now - self.step_ms, now):
            if row.block or row.attendance not in ("new", "confirmed") or rng.random() < _NEVER_MARKED:
                continue
            status: Attendance = "showed" if rng.random() < 0.8 else "noshow"
            heapq.heappush(world.pending_marks, (row.end_ms + marking_delay(rng), rng.getrandbits(62), row, status))

    def _upcoming(self) -> None:
        now = self.world.now_ms
        for row in self.data.by_start.starting(now, now + 60 * DAY_MS):
            if row.block or not row.active:
                continue
            chance = self.rng.random() / self.days
            if chance < _CANCEL:
                self.world.cancel(self.location_id, row.id)
            elif chance < _CANCEL + _RESCHEDULE:
                self._move(row)

    def _move(self, row: Appointment) -> None:
        service = self.data.services.get(row.service_id or "")
        if service is None:
            return
        far = self.rng.random() < 0.4
        near_ms = row.start_ms + int(self.rng.uniform(-3, 4) * DAY_MS)
        wanted = row.start_ms + int(self.rng.uniform(10, 50) * DAY_MS) if far else near_ms
        at = self._free(service, max(wanted, self.world.now_ms))
        if at is not None and at != row.start_ms:
            zone = sample_data.visitor_zone(self.rng, self.data.location.timezone)
            self.world.reschedule(self.location_id, row.id, from_ms(at), timezone=zone)

    def _free(self, service: Service, wanted_ms: int) -> int | None:
        """A random free slot in the three days after `wanted_ms`."""
        free = free_slots(self.data, service, wanted_ms, wanted_ms + 3 * DAY_MS, self.world.now_ms)
        return self.rng.choice(free) if free else None

    def _bookings(self) -> None:
        world, rng, data = self.world, self.rng, self.data
        services = list(data.services.values())
        weights = list(accumulate(service.weight for service in services))
        for _ in self._repetitions(1.0) if services else ():
            service = rng.choices(services, cum_weights=weights)[0]
            if rng.random() < _BACKDATED:
                at = self._past_opening(service)
            else:
                at = self._free(service, world.now_ms + int(rng.expovariate(1 / 6) * DAY_MS))
            if at is None:
                continue
            zone = sample_data.visitor_zone(rng, data.location.timezone)
            known = self._random_appointment() if rng.random() < 0.6 else None
            returning = known.contact.id if known and known.contact and known.contact.id in data.contacts else None
            contact = returning or sample_data.person(rng, zone)
            status: Attendance = "new" if rng.random() < 0.1 else "confirmed"
            row = world.book(self.location_id, service.id, from_ms(at), contact=contact, timezone=zone, status=status)
            row.spelling, row.shape = sample_data.spelling(rng), sample_data.appointment_shape(rng)

    def _past_opening(self, service: Service) -> int | None:
        day = local_day(self.world.now_ms - int(self.rng.uniform(1, 30) * DAY_MS), self.data.location.timezone)
        times = list(openings(service, day, self.data.location.timezone))
        return self.rng.choice(times) if times else None

    def _corrections(self) -> None:
        world, rng = self.world, self.rng
        for _ in self._repetitions(_DELETE):
            if row := self._random_appointment():
                world.delete(self.location_id, row.id)
        if self.data.deleted and self._happens(_RESTORE):
            world.restore(self.location_id, rng.choice(self.data.deleted).id)
        for _ in self._repetitions(_CORRECT):
            row = self._random_appointment()
            if row and row.attendance in ("showed", "noshow"):
                world.mark(self.location_id, row.id, "noshow" if row.attendance == "showed" else "showed")
        for _ in self._repetitions(_CHANGE_CONTACT):
            row = self._random_appointment()
            if row and row.contact and row.contact.id in self.data.contacts:
                change = sample_data.contact_change(rng, row.contact.body())
                world.update_contact(self.location_id, row.contact.id, change)

    def _calendars(self) -> None:
        """Adds, renames and deletes services and teams. At least two of each remain."""
        world, rng, data, location_id = self.world, self.rng, self.data, self.location_id
        if data.services and self._happens(_RENAME_SERVICE):
            service = rng.choice(list(data.services.values()))
            world.rename_service(location_id, service.id, f"{service.name.split(' · ')[0]} · {rng.randrange(100)}")
        if data.teams and self._happens(_ADD_SERVICE):
            plan = rng.choice(sample_data.SERVICES)
            world.add_service(
                location_id,
                rng.choice(list(data.teams)),
                plan.name,
                duration_min=plan.duration_min,
                interval_min=plan.interval_min,
                per_slot=plan.per_slot,
                hours=plan.hours,
            )
        if len(data.services) > 2 and self._happens(_DELETE_SERVICE):
            world.delete_service(location_id, rng.choice(list(data.services)))
        if data.teams and self._happens(_RENAME_TEAM):
            team = rng.choice(list(data.teams.values()))
            world.rename_team(location_id, team.id, f"{team.body['name'].split(' · ')[0]} · {rng.randrange(100)}")
        if data.members and self._happens(_ADD_TEAM):
            users = rng.sample(list(data.members), min(3, len(data.members)))
            world.add_team(location_id, rng.choice(sample_data.TEAM_NAMES), f"team-{rng.getrandbits(32)}", users)
        if len(data.teams) > 2 and self._happens(_DELETE_TEAM):
            world.delete_team(location_id, rng.choice(list(data.teams)))
