"""Working time: how much of each member's and each service's hours was booked, hour by hour.

Input:  `Rules` of all locations, and the `SlotDay`s.
Output: rows of the marts about staff hours, and of hourly utilisation.

All times are readings of the local clock. A booking over a change of the clocks keeps its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta

from .appointments import Booked
from .figures import Row, covered, grouped, local, minutes, monday, rate
from .services import Rules
from .slots import SlotDay

Span = tuple[datetime, datetime]
"""From one reading of the local clock to another."""

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def _length(spans: Iterable[Span]) -> float:
    return sum(minutes(end - start) for start, end in spans)


def _within(spans: Iterable[Span], others: list[Span]) -> list[Span]:
    """What two sets of spans have in common."""
    pairs = ((max(a, c), min(b, d)) for a, b in spans for c, d in others)
    return [(start, end) for start, end in pairs if start < end]


def _hours(spans: Iterable[Span]) -> Iterator[tuple[datetime, Span]]:
    """The spans, cut at full hours; each with its hour."""
    for start, end in spans:
        hour = start.replace(minute=0, second=0, microsecond=0)
        while start < end and hour < end:
            yield hour, (max(start, hour), min(end, hour + _HOUR))
            hour += _HOUR


def _span(row: Booked) -> Span:
    """At most 24 hours."""
    return row.local_start, row.local_start + min(timedelta(minutes=row.duration or 0), _DAY)


def _openings(rules: Rules, service_id: str, day: date) -> list[Span]:
    midnight = datetime.combine(day, time())
    return [
        (midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes))
        for opens, closes in rules.on(service_id, day).openings
    ]


def fct_staff_hours(all_rules: list[Rules]) -> list[Row]:
    found = []
    for rules in all_rules:
        office: dict[str, list[Span]] = {}
        for service_id in rules.service_ids:
            for day in rules.days(service_id):
                for member_id in rules.on(service_id, day).members:
                    office.setdefault(member_id, []).extend(_openings(rules, service_id, day))
        booked = grouped((row for row in rules.rows if row.takes_time and row.member_id), lambda row: row.member_id)
        blocked = grouped((row for row in rules.rows if row.blocks_time and row.member_id), lambda row: row.member_id)
        for member_id in office.keys() | booked.keys():
            of_office = _by_hour(office.get(member_id, ()))
            of_booked = _by_hour(map(_span, booked.get(member_id, ())))
            of_blocked = _by_hour(map(_span, blocked.get(member_id, ())))
            for hour in of_office.keys() | of_booked.keys():
                open_spans, booked_spans = of_office.get(hour, []), of_booked.get(hour, [])
                within = _length(_within(booked_spans, open_spans))
                taken = covered([*booked_spans, *of_blocked.get(hour, ())])
                found.append(
                    {
                        "location_id": rules.place.id,
                        "member_id": member_id,
                        "local_date": hour.date(),
                        "local_hour": hour.hour,
                        "office_minutes": _length(open_spans),
                        "blocked_minutes": _length(_within(taken, open_spans)) - within,
                        "booked_minutes": within,
                        "booked_outside_minutes": _length(booked_spans) - within,
                    }
                )
    return found


def _by_hour(spans: Iterable[Span]) -> dict[datetime, list[Span]]:
    """By hour, the time that any of the spans covers."""
    hours: dict[datetime, list[Span]] = {}
    for hour, span in _hours(spans):
        hours.setdefault(hour, []).append(span)
    return {hour: covered(group) for hour, group in hours.items()}


def rpt_staff_utilisation(all_rules: list[Rules]) -> list[Row]:
    found = []
    first_seen = {rules.place.id: rules.date_of(rules.place.syncs[0]) for rules in all_rules}
    days = grouped(fct_staff_hours(all_rules), lambda row: (row["location_id"], row["member_id"], row["local_date"]))
    for (location_id, member_id, day), group in days.items():
        names = ("office_minutes", "blocked_minutes", "booked_minutes", "booked_outside_minutes")
        sums = {name: sum(row[name] for row in group) for name in names}
        available = sums["office_minutes"] - sums["blocked_minutes"]
        found.append(
            {
                "location_id": location_id,
                "member_id": member_id,
                "local_date": day,
                "local_week": monday(day),
                **sums,
                "available_minutes": available,
                "staff_utilisation": rate(sums["booked_minutes"], available),
                "is_hours_known": first_seen[location_id] <= day,
            }
        )
    return found


def rpt_hourly_utilisation(all_rules: list[Rules], days: list[SlotDay]) -> list[Row]:
    found = []
    for rules in all_rules:
        known = {(each.service_id, each.day) for each in days if each.is_known and each.rules is rules}
        free: dict[str, list[SlotDay]] = grouped(
            (each for each in days if each.rules is rules), lambda each: each.service_id
        )
        timed = [row for row in rules.rows if row.takes_time and row.service_id]
        bookings = grouped(timed, lambda row: row.service_id)
        for service_id in rules.all_ids:
            open_of = _by_hour(span for day in rules.days(service_id) for span in _openings(rules, service_id, day))
            booked_of: dict[datetime, list[Span]] = {}
            for row in bookings.get(service_id, ()):
                for hour, span in _hours([_span(row)]):
                    booked_of.setdefault(hour, []).append(span)
            free_of = _free_minutes(free.get(service_id, []))
            for hour in open_of.keys() | booked_of.keys() | free_of.keys():
                seats = rules.on(service_id, hour.date()).seats
                open_spans, booked_spans = open_of.get(hour, []), booked_of.get(hour, [])
                open_minutes, booked_minutes = _length(open_spans), _length(booked_spans)
                booked_open = min(_length(_within(booked_spans, open_spans)), open_minutes * seats)
                free_minutes = free_of.get(hour, 0) if (service_id, hour.date()) in known else None
                found.append(
                    {
                        "location_id": rules.place.id,
                        "service_id": service_id,
                        "local_date": hour.date(),
                        "local_week": monday(hour.date()),
                        "local_weekday": hour.date().isoweekday(),
                        "local_hour": hour.hour,
                        "open_minutes": open_minutes,
                        "open_seat_minutes": open_minutes * seats,
                        "booked_seat_minutes": booked_minutes,
                        "booked_open_seat_minutes": booked_open,
                        "booked_share": rate(booked_open, open_minutes * seats),
                        "free_seat_minutes": free_minutes,
                        "seat_utilisation": None
                        if free_minutes is None
                        else rate(booked_minutes, booked_minutes + free_minutes),
                    }
                )
    return found


def _free_minutes(days: list[SlotDay]) -> dict[datetime, float]:
    """Free seat-minutes by hour of the local clock."""
    found: dict[datetime, float] = {}
    for day in days:
        zone = day.rules.place.zone
        for slot in day.slots:
            if slot.state == "free" and slot.minutes:
                start = local(slot.starts_at, zone)
                for hour, (begin, end) in _hours([(start, start + timedelta(minutes=slot.minutes))]):
                    share = minutes(end - begin) / slot.minutes
                    found[hour] = found.get(hour, 0) + share * (slot.seat_minutes or 0)
    return found
