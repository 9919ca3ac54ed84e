"""Free slots: what became of each, how many seats it has left, and on which days that is known.

Input:  `Rules` of all locations.
Output: rows of the marts about slots, and of utilisation by service.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from math import floor

from .appointments import Booked
from .figures import Row, covered, grouped, hour, hours, local, minutes, monday, rate
from .services import Day, Rules

_MOST_HOURS = 30
"""How old the last read may be when a slot or booking begins."""


@dataclass(eq=False)
class Slot:
    """A slot that a sync saw. `seats` are the bookings that each calendar could still take."""

    service_id: str
    starts_at: datetime
    day: date
    rules: Day
    seen_at: datetime
    gone_at: datetime | None
    seats: dict[str, int]
    bookings: int
    has_booked_member: bool
    state: str = ""
    minutes: int | None = 0
    seat_minutes: int | None = 0
    calendar_minutes: int | None = 0
    """Minutes of the seats that the calendars show, without the seat that the API offers."""

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.rules.duration or 0)

    @property
    def free_seats(self) -> int:
        return sum(self.seats.values())


@dataclass(eq=False)
class Slots:
    """The slots of one location."""

    rules: Rules

    @cached_property
    def entries(self) -> dict[str, list[Booked]]:
        """Bookings and time off by calendar: a member's, or the service's if no member is named."""
        timed = [row for row in self.rules.rows if row.takes_time or row.blocks_time]
        return grouped(timed, lambda row: row.member_id or row.service_id or "")

    @cached_property
    def begins(self) -> dict[tuple[str | None, datetime], list[Booked]]:
        """Bookings by service and start."""
        return grouped((row for row in self.rules.rows if row.takes_time), lambda row: (row.service_id, row.starts_at))

    @cached_property
    def all(self) -> list[Slot]:
        """By service and start."""
        listed: dict[tuple[str, datetime], set[datetime]] = {}
        for sight in self.rules.place.sights:
            for key in sight.slots:
                listed.setdefault(key, set()).add(sight.at)
        slots = [self._slot(service_id, at, listed[service_id, at]) for service_id, at in sorted(listed)]
        for of_service in grouped(slots, lambda slot: slot.service_id).values():
            self._decide(of_service)
        return slots

    def _slot(self, service_id: str, starts_at: datetime, listed: set[datetime]) -> Slot:
        seen_at, gone_at = self._seen_and_gone(service_id, starts_at, listed)
        day = self.rules.date_of(starts_at)
        rules = self.rules.on(service_id, day)
        bookings = len(self.begins.get((service_id, starts_at), ()))
        slot = Slot(service_id, starts_at, day, rules, seen_at, gone_at, {}, bookings, False)
        for calendar in rules.members or (service_id,):
            near = self._near(calendar, slot)
            own = [row for row in near if self._begins_with(row, slot)]
            slot.seats[calendar] = 0 if len(near) > len(own) else max(0, rules.seats_per_slot - len(own))
            slot.has_booked_member |= any(row.takes_time for row in near)
        if rules.members:
            unnamed = self._near(service_id, slot)
            slot.has_booked_member |= any(row.takes_time for row in unnamed)
            for _ in unnamed:
                somebody = max(slot.seats, key=lambda member: slot.seats[member])
                slot.seats[somebody] = max(0, slot.seats[somebody] - 1)
        if gone_at is not None and not self._is_within_notice(slot):
            slot.seats = dict.fromkeys(slot.seats, 0)
        return slot

    def _seen_and_gone(
        self, service_id: str, start: datetime, listed: set[datetime]
    ) -> tuple[datetime, datetime | None]:
        """When the slot was first seen as it was last, and when it was found to be gone.

        A slot that had begun, or was nearer than the notice, cannot be found to be gone. Slots are read in the
        configured zone of the location: another zone gives the slot another offset.
        """
        changed_at, gone_at, shown = min(listed), None, ""
        for sight in self.rules.place.sights:
            service = sight.services.get(service_id)
            notice = timedelta(minutes=service.notice if service else 0)
            if sight.at in listed:
                now_shown = local(start, sight.zone).isoformat()
                if gone_at is not None or now_shown != shown:
                    changed_at, gone_at, shown = sight.at, None, now_shown
            elif shown and gone_at is None and start >= sight.at + notice and start > sight.at:
                changed_at = gone_at = sight.at
        return changed_at, gone_at

    def _is_within_notice(self, slot: Slot) -> bool:
        """Whether the slot was too late to book, by the notice then, when it was found to be gone."""
        assert slot.gone_at
        notice = [s.notice for sight, s in self.rules.versions(slot.service_id) if sight.at <= slot.gone_at][-1]
        return slot.starts_at < slot.gone_at + timedelta(minutes=notice)

    def _near(self, calendar: str, slot: Slot) -> list[Booked]:
        """The entries of a calendar that overlap the slot."""
        rows = self.entries.get(calendar, ())
        return [row for row in rows if row.starts_at < slot.ends_at and row.ends_at > slot.starts_at]

    @staticmethod
    def _begins_with(row: Booked, slot: Slot) -> bool:
        return row.takes_time and row.service_id == slot.service_id and row.starts_at == slot.starts_at

    def _decide(self, slots: list[Slot]) -> None:
        """State and minutes of the slots of one service, by start."""
        for slot in slots:
            is_offered = slot.gone_at is None and slot.starts_at > self.rules.now
            if is_offered or slot.free_seats > 0:
                slot.state = "free"
            elif slot.bookings:
                slot.state = "taken"
            else:
                slot.state = "busy" if slot.has_booked_member else "withdrawn"
        free = [slot for slot in slots if slot.state == "free"]
        for number, slot in enumerate(free):
            if slot.rules.duration is None:
                slot.minutes = slot.seat_minutes = slot.calendar_minutes = None
                continue
            later = free[number + 1 :]
            slot.minutes = floor(minutes(min([slot.ends_at, *(each.starts_at for each in later[:1])]) - slot.starts_at))
            slot.seat_minutes = 0
            for member, seats in slot.seats.items():
                following = next((each.starts_at for each in later if each.seats.get(member)), slot.ends_at)
                slot.seat_minutes += seats * floor(minutes(min(slot.ends_at, following) - slot.starts_at))
            slot.calendar_minutes = slot.seat_minutes
            if not slot.free_seats:
                slot.seat_minutes = slot.minutes


def fct_slot_seats(all_slots: list[Slots]) -> list[Row]:
    return [
        {
            "location_id": slots.rules.place.id,
            "service_id": slot.service_id,
            "starts_at": slot.starts_at,
            "local_start": local(slot.starts_at, slots.rules.place.zone),
            "local_date": slot.day,
            "slot_duration_minutes": slot.rules.duration,
            "free_seats": slot.free_seats,
            "free_seat_minutes": slot.calendar_minutes,
            "bookings": slot.bookings,
            "has_booked_member": slot.has_booked_member,
            "first_seen_at": slot.seen_at,
            "gone_at": slot.gone_at,
        }
        for slots in all_slots
        for slot in slots.all
    ]


def fct_slots(all_slots: list[Slots]) -> list[Row]:
    return [
        {
            "location_id": slots.rules.place.id,
            "service_id": slot.service_id,
            "starts_at": slot.starts_at,
            "local_start": local(slot.starts_at, slots.rules.place.zone),
            "local_date": slot.day,
            "local_weekday": slot.day.isoweekday(),
            "local_hour": local(slot.starts_at, slots.rules.place.zone).hour,
            "slot_duration_minutes": slot.rules.duration,
            "state": slot.state,
            "free_seats": max(1, slot.free_seats) if slot.state == "free" else 0,
            "free_minutes": slot.minutes,
            "free_seat_minutes": slot.seat_minutes,
            "first_seen_at": slot.seen_at,
            "gone_at": slot.gone_at,
        }
        for slots in all_slots
        for slot in slots.all
    ]


@dataclass(frozen=True)
class SlotDay:
    """A service's day with slots or bookings. `age`: the longest time without a read, in hours."""

    rules: Rules
    service_id: str
    day: date
    slots: list[Slot]
    bookings: list[Booked]
    age: float | None
    is_known: bool


def slot_days(all_slots: list[Slots]) -> list[SlotDay]:
    found = []
    for each in all_slots:
        rules = each.rules
        slots = grouped(each.all, lambda slot: (slot.service_id, slot.day))
        timed = [row for row in rules.rows if row.takes_time and row.service_id]
        bookings = grouped(timed, lambda row: (row.service_id, row.local_date))
        for service_id, day in slots.keys() | bookings.keys():
            of_day, booked = slots.get((service_id, day), []), bookings.get((service_id, day), [])
            age = _age(rules, service_id, [x.starts_at for x in (*of_day, *booked)])
            found.append(SlotDay(rules, service_id, day, of_day, booked, age, _is_known(rules, service_id, day, age)))
    return found


def reads(rules: Rules, service_id: str) -> list[datetime]:
    """The syncs that read the service's slots: from the first slot of the location on, while the service exists."""
    first_slot = next((sight.at for sight in rules.place.sights if sight.slots), rules.now)
    return [s.at for s in rules.place.sights if s.at >= first_slot and service_id in s.services]


def _age(rules: Rules, service_id: str, starts: list[datetime]) -> float | None:
    known, ages = reads(rules, service_id), []
    for start in starts:
        moment = min(start, hour(rules.now) + timedelta(hours=1))
        last = max((at for at in known if at <= moment), default=None)
        if last is None:
            return None
        ages.append(hours(moment - last))
    return max(ages)


def _is_known(rules: Rules, service_id: str, day: date, age: float | None) -> bool:
    known = rules.slots_known(service_id)
    if age is None or age > _MOST_HOURS or known is None or rules.on(service_id, day).duration is None:
        return False
    return known[0] <= day <= known[1]


def fct_slot_days(days: list[SlotDay]) -> list[Row]:
    return [
        {
            "location_id": each.rules.place.id,
            "service_id": each.service_id,
            "local_date": each.day,
            "hours_without_read": each.age,
            "is_known": each.is_known,
        }
        for each in days
    ]


def rpt_slot_coverage(days: list[SlotDay]) -> list[Row]:
    weeks = grouped(days, lambda each: (each.rules.place.id, each.service_id, monday(each.day)))
    return [
        {
            "location_id": location_id,
            "service_id": service_id,
            "local_week": week,
            "days": len(group),
            "known_days": sum(each.is_known for each in group),
            "known_share": sum(each.is_known for each in group) / len(group),
            "hours_without_read": None
            if any(each.age is None for each in group)
            else max(each.age for each in group if each.age is not None),
        }
        for (location_id, service_id, week), group in weeks.items()
    ]


def rpt_utilisation(days: list[SlotDay]) -> list[Row]:
    found = []
    covered_before: defaultdict[tuple[str, str], list[tuple[datetime, datetime]]] = defaultdict(list)
    for each in sorted(days, key=lambda each: each.day):
        if not each.is_known or not (each.bookings or any(slot.state != "withdrawn" for slot in each.slots)):
            continue
        free = [slot for slot in each.slots if slot.state == "free"]
        booked_minutes = sum(row.duration or 0 for row in each.bookings)
        free_minutes = sum(slot.seat_minutes or 0 for slot in free)
        bookable_minutes = sum(slot.minutes or 0 for slot in free)
        before = covered_before[each.rules.place.id, each.service_id]
        offered = _length(covered([*before, *_offered(each)])) - _length(covered(before))
        before += _offered(each)
        offered_minutes = max(offered, bookable_minutes)
        found.append(
            {
                "location_id": each.rules.place.id,
                "service_id": each.service_id,
                "local_date": each.day,
                "local_week": monday(each.day),
                "booked_appointments": len(each.bookings),
                "booked_seat_minutes": booked_minutes,
                "free_slots": len(free),
                "free_seat_minutes": free_minutes,
                "seat_utilisation": rate(booked_minutes, booked_minutes + free_minutes),
                "offered_minutes": offered_minutes,
                "bookable_minutes": bookable_minutes,
                "slot_utilisation": rate(offered_minutes - bookable_minutes, offered_minutes),
                "hours_without_read": each.age,
            }
        )
    return found


def _offered(each: SlotDay) -> list[tuple[datetime, datetime]]:
    slots = [(slot.starts_at, slot.ends_at) for slot in each.slots if slot.state != "withdrawn"]
    return slots + [(row.starts_at, row.ends_at) for row in each.bookings]


def _length(spans: list[tuple[datetime, datetime]]) -> float:
    return sum(minutes(end - start) for start, end in spans)
