"""Generates the contacts and appointments of one location.

Input:  a location with services and members, and a random generator.
Output: contacts and appointments in the location's data, and attendance that is marked later.

The distributions resemble such businesses: busy and quiet services, hours and members, lead times of days, a show rate
of about 80 %. The loop over appointments is simple because a world may have a million of them.
"""

from __future__ import annotations

import random
from bisect import bisect
from datetime import timedelta
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from bookings_sync.sandbox import sample_data
from bookings_sync.sandbox.appointment_json import appointment_head
from bookings_sync.sandbox.calendar_json import contact_json
from bookings_sync.sandbox.listing import recurring_id
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
from bookings_sync.sandbox.simulation import marking_delay
from bookings_sync.sandbox.slots import WEEKDAYS
from bookings_sync.sandbox.times import DAY_MS, MINUTE_MS, day_start_ms, local_day, utc_iso, wall_ms
from bookings_sync.sandbox.world import World

if TYPE_CHECKING:
    from bookings_sync.sandbox.generate import WorldSpec

_TRIES = 4
"""Times that are tried before a slot is double-booked. A very full world has double bookings."""


def split_by_shares(total: int, shares: list[float]) -> list[int]:
    """Whole numbers that add up to `total`, in proportion to `shares`."""
    edges = [round(total * edge / (sum(shares) or 1)) for edge in accumulate(shares, initial=0)]
    return [end - start for start, end in pairwise(edges)]


class AppointmentGenerator:
    """Fills one location. Draws from `rng` in a fixed order, so the same seed gives the same data."""

    def __init__(self, world: World, data: LocationData, spec: WorldSpec, rng: random.Random) -> None:
        self._world, self._data, self._spec, self._rng = world, data, spec, rng
        self._now_ms, self._zone = world.now_ms, data.location.timezone
        today = local_day(self._now_ms, self._zone)
        self._days = [today + timedelta(days=n) for n in range(-spec.past_days, spec.future_days + 1)]
        self._midnights = [day_start_ms(day, self._zone) for day in [*self._days, self._days[-1] + timedelta(days=1)]]
        self._dst_days = [start for start, end in pairwise(self._midnights) if end - start != DAY_MS]
        """Midnights of the days on which DST begins or ends. Some appointments are placed in the hours after them."""
        self._contacts: list[Contact] = []
        self._series_ids: list[str] = []
        self._instances: set[str] = set()

    def fill(self, count: int) -> None:
        """Adds contacts and `count` appointments to the location."""
        data, rng = self._data, self._rng
        self._contacts = [self._contact() for _ in range(max(1, round(count * self._spec.contacts_per_appointment)))]
        services = list(data.services.values())
        rows: list[Appointment] = []
        for service, portion in zip(services, split_by_shares(count, [s.weight for s in services]), strict=True):
            rows += self._service_rows(service, portion)
        for contact in rng.sample(self._contacts, len(self._contacts) // 400):
            del data.contacts[contact.id]
            contact.replace(None)
        data.fill(rows)
        for row in rows:
            appointment_head(row, self._world.switches)
        data.bookings_per_day = count / (self._spec.past_days + 20)

    def _contact(self) -> Contact:
        rng, data = self._rng, self._data
        zone = sample_data.visitor_zone(rng, self._zone)
        added = utc_iso(self._now_ms - int(rng.random() * (self._spec.past_days + 1) * DAY_MS))
        body = contact_json(new_id(rng), data.location.id, new_uuid(rng), added) | sample_data.person(rng, zone)
        if rng.random() < 0.04:
            del body["postalCode"], body["country"]
        contact = data.contacts[body["id"]] = Contact.of(body)
        for field_name in ("emailLowerCase", "phone"):
            if body[field_name]:
                data.contact_by_address[body[field_name]] = contact
        return contact

    def _day_weights(self, hours: dict[str, list[dict[str, int]]]) -> list[float]:
        """The demand on each day. It grows towards now and falls after it. Mondays are busy, closed days have none."""
        weights = []
        for number, day in enumerate(self._days, start=-self._spec.past_days):
            trend = 0.7 + 0.3 * (1 + number / (self._spec.past_days + 1)) if number < 0 else 0.9 ** (number * 0.6)
            weights.append(trend * (1.3 if day.weekday() == 0 else 1.0) if hours.get(WEEKDAYS[day.weekday()]) else 0.0)
        return weights

    def _service_rows(self, service: Service, count: int) -> list[Appointment]:
        rng, timing = self._rng, service.body["availability"]["eventTiming"]
        per_slot = service.body["availability"]["appointmentInfo"]["perSlot"]
        hours = service.body["availability"]["officeHours"]
        minutes = {number: _minutes(hours.get(name) or [], timing) for number, name in enumerate(WEEKDAYS)}
        weights = list(accumulate(self._day_weights(hours)))
        members = [self._data.members[user_id] for user_id in service.user_ids()]
        loads = list(accumulate(1.0 / (1 + rank * 0.6) for rank in range(len(members))))
        show = 0.8 + next((plan.show for plan in sample_data.SERVICES if service.name.startswith(plan.name)), 0.0)
        taken: dict[int, int] = {}
        rows = []
        for _ in range(count):
            at = 0
            for _ in range(_TRIES):
                number = bisect(weights, rng.random() * weights[-1])
                at = self._start(number, minutes[self._days[number].weekday()])
                if taken.get(at, 0) < per_slot:
                    break
            taken[at] = taken.get(at, 0) + 1
            unassigned = not members or rng.random() < 0.01
            member = None if unassigned else members[bisect(loads, rng.random() * loads[-1])]
            rows.append(self._row(service, at, member, show))
        return rows

    def _start(self, number: int, minutes: tuple[list[int], list[float]]) -> int:
        if self._dst_days and self._rng.random() < 0.002:
            return self._rng.choice(self._dst_days) + self._rng.randrange(0, 20) * 15 * MINUTE_MS
        grid, weights = minutes
        minute = grid[bisect(weights, self._rng.random() * weights[-1])]
        midnight = self._midnights[number]
        if self._midnights[number + 1] - midnight == DAY_MS:
            return midnight + minute * MINUTE_MS
        return wall_ms(self._days[number], minute, self._zone) or midnight

    def _row(self, service: Service, at: int, member: Member | None, show: float) -> Appointment:
        rng, row_id, series = self._rng, *self._identity(at)
        block = rng.random() < 0.01
        contact = None if block else self._contacts[int(len(self._contacts) * rng.random() ** 2)]
        length_min = rng.choice((60, 120, 240, 480)) if block else service.duration_min
        row = Appointment(
            id=row_id,
            location_id=self._data.location.id,
            service_id=service.id,
            team_id=service.team_id,
            user_id=member.id if member else None,
            calendar_id=member.calendar_id if member else None,
            contact=contact,
            start_ms=at,
            end_ms=at + length_min * MINUTE_MS,
            zone=sample_data.visitor_zone(rng, self._zone),
            attendance="confirmed",
            title="Blocked" if contact is None else contact.name or service.name,
            created_ms=self._created(at),
            updated_ms=0,
            spelling=sample_data.spelling(rng),
            block=block,
            series=series,
            shape=sample_data.appointment_shape(rng),
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
            row.id = recurring_id(row, self._world.switches)
        return row

    def _identity(self, at: int) -> tuple[str, tuple[str, int, str] | None]:
        """An id and a series: usually 20 characters, sometimes a UUID or an instance of a recurring appointment."""
        rng, chance = self._rng, self._rng.random()
        if chance < 0.945:
            return new_id(rng), None
        if chance < 0.97:
            return new_uuid(rng), None
        if not self._series_ids or rng.random() < 0.3:
            self._series_ids.append(new_id(rng))
        base = rng.choice(self._series_ids[-5:])
        if f"{base}_{at}" in self._instances:
            base = new_id(rng)
        self._instances.add(f"{base}_{at}")
        return "", (base, at, new_id(rng))

    def _created(self, at: int) -> int:
        """When it was booked: days before its start, rarely after its start, never after now."""
        rng = self._rng
        lead = int((rng.expovariate(1 / 6) + 0.02) * DAY_MS)
        if at >= self._now_ms:
            return self._now_ms - lead
        if rng.random() < 0.015:
            return min(self._now_ms, at + int(rng.random() * 3 * DAY_MS))
        return at - lead

    def _outcome(self, row: Appointment, show: float) -> None:
        """Sets the attendance: marked by now, marked later by `simulation`, or never marked."""
        rng, chance = self._rng, self._rng.random()
        if chance < 0.11:
            row.attendance, row.stale = "cancelled", rng.random() < 0.1
            row.updated_ms = row.created_ms + int(
                rng.random() * max(0, min(row.start_ms, self._now_ms) - row.created_ms)
            )
        elif chance < 0.115:
            row.attendance = "invalid"
        elif row.end_ms > self._now_ms:
            row.attendance = "new" if chance < 0.2 else "confirmed"
        elif chance > 0.95:
            row.attendance = "confirmed" if chance > 0.97 else "new"
        else:
            status: Attendance = "showed" if rng.random() < show else "noshow"
            marked = row.end_ms + marking_delay(rng)
            if marked <= self._now_ms:
                row.attendance, row.updated_ms = status, marked
            else:
                self._world.pending_marks.append((marked, len(self._world.pending_marks), row, status))


def _minutes(hours: list[dict[str, int]], timing: dict[str, int]) -> tuple[list[int], list[float]]:
    """The slots of a weekday in minutes after midnight, and the cumulative demand for them."""
    grid = [
        minute
        for span in hours
        for minute in range(
            span["openHour"] * 60 + span["openMinute"],
            span["closeHour"] * 60 + span["closeMinute"] - timing["slotDuration"] + 1,
            timing["slotInterval"],
        )
    ]
    demand = {10: 2.0, 11: 1.7, 14: 1.4, 15: 1.5, 17: 2.2}
    return grid, list(accumulate(demand.get(minute // 60, 1.0) for minute in grid))
