"""Contacts: where they came from, who returns, and how long a first booking takes.

Input:  `Place`s, `Booked` rows of all locations; now.
Output: rows of the dimension and the reports about contacts.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from .appointments import Booked
from .figures import (
    TOO_FEW,
    Row,
    first,
    grouped,
    hours,
    local,
    midnight,
    monday,
    months_after,
    rate_columns,
    span,
    span_label,
)
from .sights import Contact, Place

_DAY = timedelta(days=1)


def last_seen(place: Place) -> dict[str, Contact]:
    """The last that a sync saw of each contact."""
    return {key: contact for sight in place.sights for key, contact in sight.contacts.items()}


def sources(places: list[Place]) -> dict[tuple[str, str], str | None]:
    return {(place.id, key): contact.source for place in places for key, contact in last_seen(place).items()}


def _visits(rows: list[Booked], now: datetime) -> list[Booked]:
    return [r for r in rows if r.is_booking and r.status == "showed" and r.contact_id and r.starts_at <= now]


def _first_months_end(rows: list[Booked]) -> dict[str, date]:
    """By location, the first day after the first three months with a booking."""
    by_place = grouped((row for row in rows if row.is_booking), lambda row: row.place.id)
    return {key: months_after(min(first(row.local_date) for row in group), 3) for key, group in by_place.items()}


def rpt_returning_contacts(rows: list[Booked], now: datetime) -> list[Row]:
    visits, early = _visits(rows, now), _first_months_end(rows)
    by_contact = grouped(
        (row for row in rows if row.is_dated and (row.is_booking or row.is_deleted_before_start)),
        lambda row: (row.place.id, row.contact_id),
    )
    undated = grouped(
        (row for row in rows if not row.is_dated and (row.is_booking or row.is_deleted_before_start)),
        lambda row: (row.place.id, row.contact_id),
    )
    first_week = {
        key: min(monday(row.local_date) for row in group)
        for key, group in grouped(visits, lambda row: (row.place.id, row.contact_id)).items()
    }

    def is_prebooked(visit: Booked) -> bool:
        return any(
            visit.starts_at <= row.booked_at <= min(visit.ends_at, visit.starts_at + _DAY) + _DAY
            and row.booked_at < row.starts_at
            for row in by_contact.get((visit.place.id, visit.contact_id), ())
        )

    def is_followed(visit: Booked) -> bool:
        """Whether it is known if the visit was followed by a booking."""
        return is_prebooked(visit) or not any(
            min(row.first_seen_at, row.starts_at) > visit.starts_at
            for row in undated.get((visit.place.id, visit.contact_id), ())
        )

    found = []
    for (location_id, week), group in grouped(visits, lambda row: (row.place.id, monday(row.local_date))).items():
        came = {row.contact_id for row in group}
        new = sum(first_week[location_id, contact_id] == week for contact_id in came)
        followed = [
            row for row in group if min(row.ends_at, row.starts_at + _DAY) + _DAY <= midnight(now) and is_followed(row)
        ]
        prebooked = sum(map(is_prebooked, followed))
        found.append(
            {
                "location_id": location_id,
                "local_week": week,
                "visits": len(group),
                "contacts": len(came),
                "new_contacts": new,
                "returning_contacts": len(came) - new,
                "is_first_months": week < early[location_id],
                "followed_visits": len(followed),
                "prebooked_visits": prebooked,
                "is_too_few": len(followed) < TOO_FEW,
                **rate_columns("prebooking_rate", prebooked, len(followed)),
            }
        )
    return found


def rpt_contact_cohorts(rows: list[Booked], now: datetime) -> list[Row]:
    visits, early = _visits(rows, now), _first_months_end(rows)
    found = []
    months_of = {
        key: sorted(first(row.local_date) for row in group)
        for key, group in grouped(visits, lambda row: (row.place.id, row.contact_id)).items()
    }
    cohorts = grouped(months_of, lambda key: (key[0], months_of[key][0]))
    zones = {row.place.id: row.place.zone for row in rows}
    for (location_id, cohort), contacts in cohorts.items():
        this = first(local(now, zones[location_id]).date())
        since = 0
        while (month := months_after(cohort, since)) <= this:
            visits_then = [sum(each == month for each in months_of[key]) for key in contacts]
            repeat = sum(sum(each <= month for each in months_of[key]) >= 2 for key in contacts)
            active = sum(number > 0 for number in visits_then)
            found.append(
                {
                    "location_id": location_id,
                    "cohort_month": cohort,
                    "months_since": since,
                    "is_first_months": cohort < early[location_id],
                    "is_month_over": month < this,
                    "contacts": len(contacts),
                    "active_contacts": active,
                    "visits": sum(visits_then),
                    "repeat_contacts": repeat,
                    "is_too_few": len(contacts) < TOO_FEW,
                    **rate_columns("retention_rate", active, len(contacts)),
                    **rate_columns("repeat_rate", repeat, len(contacts)),
                }
            )
            since += 1
    return found


def rpt_first_bookings(places: list[Place], rows: list[Booked]) -> list[Row]:
    made = (row for row in rows if (row.is_booking or row.is_deleted_before_start) and row.is_dated)
    bookings = grouped(made, lambda row: (row.place.id, row.contact_id))
    groups: dict[tuple[str, date, int], int] = {}
    for place in places:
        for key, contact in last_seen(place).items():
            if contact.added_at is None:
                continue
            booked_at = min((row.booked_at for row in bookings.get((place.id, key), ())), default=None)
            number = 9 if booked_at is None else span(max(0.0, hours(booked_at - contact.added_at)))
            month = first(local(contact.added_at, place.zone).date())
            groups[place.id, month, number] = groups.get((place.id, month, number), 0) + 1
    return [
        {
            "location_id": location_id,
            "local_month": month,
            "time_span": number,
            "time_to_booking": span_label(number),
            "contacts": contacts,
        }
        for (location_id, month, number), contacts in groups.items()
    ]


def dim_contact(places: list[Place], rows: list[Booked]) -> list[Row]:
    found = []
    for place in places:
        seen = last_seen(place)
        in_rows = {row.contact_id for row in rows if row.place is place and row.contact_id}
        for key in seen.keys() | in_rows:
            contact = seen.get(key)
            found.append(
                {
                    "location_id": place.id,
                    "contact_id": key,
                    "source": contact.source if contact else None,
                    "added_at": contact.added_at if contact else None,
                    "is_deleted": False,
                    "is_inferred": contact is None,
                }
            )
    return found
