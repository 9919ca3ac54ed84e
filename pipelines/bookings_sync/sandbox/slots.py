"""Computes the free slots of a service.

Input:  a location's data, a service, a time range, and the world's clock.
Output: start times in epoch milliseconds.

A slot is free if all of these hold: the office is open for its whole length; notice and booking horizon allow it; slot
and day are not full (perSlot, perDay); no time blocked off for the service overlaps it; a member is free (round robin).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from bookings_sync.sandbox.model import Appointment, LocationData, Service
from bookings_sync.sandbox.times import DAY_MS, HOUR_MS, MINUTE_MS, day_start_ms, days_between, local_day, wall_ms

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNIT_MS = {"hours": HOUR_MS, "days": DAY_MS, "weeks": 7 * DAY_MS, "months": 30 * DAY_MS}


def free_slots(
    data: LocationData,
    service: Service,
    start_ms: int,
    end_ms: int,
    now_ms: int,
    *,
    user_id: str | None = None,
    moving: Appointment | None = None,
) -> list[int]:
    """The free slots in `[start_ms, end_ms)`, earliest first. With `user_id`, only those of this member.

    `moving` is an appointment that is being rescheduled. Its own time counts as free.
    """
    earliest, latest = _notice(service, now_ms)
    start_ms, end_ms = max(start_ms, earliest), min(end_ms, latest)
    if start_ms >= end_ms:
        return []
    bookings = _Bookings(data, service, moving)
    free: list[int] = []
    for day in days_between(start_ms, end_ms, data.location.timezone):
        if bookings.day_is_full(day):
            continue
        times = openings(service, day, data.location.timezone)
        free.extend(at for at in times if start_ms <= at < end_ms and bookings.free_member(at, user_id)[0])
    return sorted(set(free))


def free_member(
    data: LocationData, service: Service, at: int, now_ms: int, *, user_id: str | None, moving: Appointment | None
) -> tuple[bool, str | None]:
    """Whether the slot at `at` is free, and the member who takes it.

    The member is `user_id` if given, else the first free one, else None if the service has no members.
    """
    if at not in free_slots(data, service, at, at + 1, now_ms, user_id=user_id, moving=moving):
        return False, None
    return _Bookings(data, service, moving).free_member(at, user_id)


def openings(service: Service, day: date, zone_name: str) -> Iterator[int]:
    """All slots in the office hours of a local day, free or not."""
    availability = service.body["availability"]
    timing = availability["eventTiming"]
    duration, interval = timing["slotDuration"], timing.get("slotInterval") or timing["slotDuration"]
    for hours in (availability.get("officeHours") or {}).get(WEEKDAYS[day.weekday()]) or []:
        opens = hours["openHour"] * 60 + hours["openMinute"]
        closes = hours["closeHour"] * 60 + hours["closeMinute"]
        for minute in range(opens, min(closes, 24 * 60) - duration + 1, interval):
            at = wall_ms(day, minute, zone_name)
            if at is not None:
                yield at


def _notice(service: Service, now_ms: int) -> tuple[int, int]:
    """The first and the last instant that can be booked now."""
    schedule = service.body["availability"].get("schedule") or {}
    after = (schedule.get("allowBookingAfter") or 0) * _unit_ms(schedule.get("allowBookingAfterUnit"), HOUR_MS)
    ahead = (schedule.get("allowBookingFor") or 365) * _unit_ms(schedule.get("allowBookingForUnit"), DAY_MS)
    return now_ms + after, now_ms + ahead


def _unit_ms(unit: str | None, default: int) -> int:
    return _UNIT_MS[unit.lower()] if unit else default


class _Bookings:
    """The bookings that limit the slots of one service."""

    def __init__(self, data: LocationData, service: Service, moving: Appointment | None) -> None:
        availability = service.body["availability"]
        timing, limits = availability["eventTiming"], availability.get("appointmentInfo") or {}
        self._data, self._service, self._moving = data, service, moving
        self._length_ms = timing["slotDuration"] * MINUTE_MS
        self._buffer_ms = (timing.get("slotBuffer") or 0) * MINUTE_MS
        self._per_slot: int = limits.get("perSlot") or 1
        self._per_day: int | None = limits.get("perDay")
        self._rows = data.by_service.get(service.id)
        self._members = service.user_ids()

    def day_is_full(self, day: date) -> bool:
        if not self._per_day or self._rows is None:
            return False
        zone = self._data.location.timezone
        start = day_start_ms(day, zone)
        rows = self._rows.starting(start, start + 26 * HOUR_MS)
        booked = [row for row in rows if self._occupies(row) and not row.block and local_day(row.start_ms, zone) == day]
        return len(booked) >= self._per_day

    def free_member(self, at: int, user_id: str | None) -> tuple[bool, str | None]:
        rows = self._rows.overlapping(at, at + self._length_ms) if self._rows else []
        rows = [row for row in rows if self._occupies(row)]
        booked = sum(not row.block and (row.start_ms == at or row.user_id is None) for row in rows)
        if booked >= self._per_slot or any(row.block and row.user_id is None for row in rows):
            return False, None
        if user_id is not None:
            return user_id in self._members and self._member_is_free(user_id, at), user_id
        if not self._members:
            return True, None
        free = next((member for member in self._members if self._member_is_free(member, at)), None)
        return free is not None, free

    def _member_is_free(self, user_id: str, at: int) -> bool:
        index = self._data.by_user.get(user_id)
        if index is None:
            return True
        rows = index.overlapping(at - self._buffer_ms, at + self._length_ms + self._buffer_ms)
        return not any(self._occupies(row) and not self._shares(row, at) for row in rows)

    def _shares(self, row: Appointment, at: int) -> bool:
        """Whether the appointment shares the slot: several customers of one slot have the same member."""
        return self._per_slot > 1 and row.service_id == self._service.id and row.start_ms == at and not row.block

    def _occupies(self, row: Appointment) -> bool:
        return row.active and row is not self._moving
