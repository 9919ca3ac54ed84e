"""Counts of bookings by day, week and month.

Input:  `Booked` rows of all locations; now.
Output: rows of the reports that count bookings.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from .appointments import Booked
from .figures import TOO_FEW, Row, first, grouped, hour, local, minutes, monday, months_after, rate_columns, span_label

_STATUSES = ("showed", "noshow", "cancelled", "invalid")
_RECENT_DAYS = 28


def _by_status(rows: Iterable[Booked]) -> Row:
    rows = list(rows)
    return {"open": sum(row.is_open for row in rows)} | {
        status: sum(row.status == status for row in rows) for status in _STATUSES
    }


def rpt_daily_bookings(rows: list[Booked]) -> list[Row]:
    days = grouped(rows, lambda row: (row.place.id, row.service_id, row.local_date))
    found = []
    for (location_id, service_id, day), group in days.items():
        bookings = [row for row in group if row.is_booking]
        counts = {
            "bookings": len(bookings),
            **_by_status(bookings),
            "rescheduled": sum(row.times("rescheduled") > 0 for row in bookings),
            "booked_minutes": sum(row.duration or 0 for row in bookings if row.takes_time),
            "deleted_before_start": sum(row.is_deleted_before_start for row in group),
            "deleted_after_start": sum(row.is_deleted_after_start for row in group),
            "blocked": sum(row.is_blocked and row.deleted_at is None for row in group),
        }
        found.append({"location_id": location_id, "service_id": service_id, "local_date": day, **counts})
    return found


def rpt_bookings(rows: list[Booked], sources: dict[tuple[str, str], str | None], now: datetime) -> list[Row]:
    """`sources`: where each contact came from, by location and contact."""

    def key(row: Booked) -> tuple[object, ...]:
        source = sources.get((row.place.id, row.contact_id or ""))
        return (row.place.id, row.local_date, row.service_id, row.team_id, row.member_id, source, row.status)

    names = ("location_id", "local_date", "service_id", "team_id", "member_id", "source", "status")
    return [
        {
            **dict(zip(names, group_key, strict=True)),
            "local_week": monday(group_key[1]),
            "local_month": first(group_key[1]),
            "bookings": len(group),
            "begun": sum(row.starts_at <= now for row in group),
            "rescheduled": sum(row.times("rescheduled") > 0 for row in group),
            "reassigned": sum(row.times("reassigned") > 0 for row in group),
            "begun_seen_ahead": sum(row.starts_at <= now and row.is_seen_ahead for row in group),
            "begun_rescheduled": sum(row.starts_at <= now and row.times("rescheduled") > 0 for row in group),
            "booked_minutes": sum(row.duration or 0 for row in group if row.takes_time),
        }
        for group_key, group in grouped((row for row in rows if row.is_booking), key).items()
    ]


def rpt_bookings_made(rows: list[Booked]) -> list[Row]:
    made = [row for row in rows if row.is_dated and (row.is_booking or row.is_deleted_before_start)]
    days = grouped(made, lambda row: (row.place.id, row.service_id, local(row.booked_at, row.place.zone).date()))
    return [
        {
            "location_id": location_id,
            "service_id": service_id,
            "local_date": day,
            "made": len(group),
            "expected": sum(row.is_expected for row in group),
            "cancelled": sum(row.is_booking and row.status == "cancelled" for row in group),
            "invalid": sum(row.is_booking and row.status == "invalid" for row in group),
            "deleted_before_start": sum(row.is_deleted_before_start for row in group),
            "for_the_same_day": sum(local(row.first_starts_at, row.place.zone).date() == day for row in group),
        }
        for (location_id, service_id, day), group in days.items()
    ]


def rpt_lead_times(rows: list[Booked]) -> list[Row]:
    groups = grouped(
        (row for row in rows if row.is_booking),
        lambda row: (row.place.id, row.service_id, first(row.local_date), row.lead_span),
    )
    return [
        {
            "location_id": location_id,
            "service_id": service_id,
            "local_month": month,
            "lead_time_span": number,
            "lead_time": span_label(number),
            "bookings": len(group),
            **_by_status(group),
        }
        for (location_id, service_id, month, number), group in groups.items()
    ]


def rpt_pace(rows: list[Booked], now: datetime) -> list[Row]:
    """This month's bookings so far, and last month's as long after its beginning."""
    found = []
    made = [row for row in rows if row.is_dated and (row.is_booking or row.is_deleted_before_start)]
    groups = grouped(made, lambda row: (row.place.id, row.service_id, first(row.local_date)))
    for (location_id, service_id, month), group in groups.items():
        zone = group[0].place.zone
        clock = local(hour(now) + timedelta(hours=1), zone)
        this = first(local(now, zone).date())
        if month not in (this, months_after(this, -1)):
            continue
        since = clock - datetime.combine(this, time())
        until = datetime.combine(month, time()) + since
        until = min(until, datetime.combine(months_after(month, 1), time()))
        found.append(
            {
                "location_id": location_id,
                "service_id": service_id,
                "local_month": month,
                "is_this_month": month == this,
                "made_by_then": sum(local(row.booked_at, zone) <= until for row in group),
                "made": len(group),
            }
        )
    return found


def rpt_worklist(rows: list[Booked], now: datetime) -> list[Row]:
    missed = [row for row in rows if row.is_booking and row.status == "noshow" and row.starts_at <= now]

    def earlier_noshows(row: Booked) -> int:
        theirs = (each for each in missed if (each.place, each.contact_id) == (row.place, row.contact_id))
        return sum(each.starts_at < row.starts_at for each in theirs)

    found = []
    for row in rows:
        today = local(now, row.place.zone).date()
        days = (today - row.local_date).days
        task = None
        if row.is_open and row.deleted_at is None:
            if row.starts_at <= now and days <= _RECENT_DAYS:
                task = "to mark"
            elif days == -1 and row.status != "confirmed":
                task = "to confirm"
        if task:
            found.append(
                {
                    "location_id": row.place.id,
                    "task": task,
                    "appointment_id": row.id,
                    "member_id": row.member_id,
                    "service_id": row.service_id,
                    "contact_id": row.contact_id,
                    "status": row.status,
                    "starts_at": row.starts_at,
                    "local_start": row.local_start,
                    "days_since": days,
                    "prior_noshows": earlier_noshows(row) if row.contact_id else None,
                }
            )
    return found


def rpt_double_bookings(rows: list[Booked], now: datetime) -> list[Row]:
    found = []
    timed = [row for row in rows if row.takes_time and row.member_id]
    for group in grouped(timed, lambda row: (row.place.id, row.member_id)).values():
        place = group[0].place
        since = local(now, place.zone).date() - timedelta(days=_RECENT_DAYS)
        group = sorted((row for row in group if row.local_date >= since), key=lambda row: (row.starts_at, row.id))
        for number, one in enumerate(group):
            for other in group[number + 1 :]:
                overlap = min(one.ends_at, other.ends_at) - other.starts_at
                if overlap <= timedelta(0) or _is_class(one, other):
                    continue
                found.append(
                    {
                        "location_id": place.id,
                        "member_id": one.member_id,
                        "appointment_id": one.id,
                        "service_id": one.service_id,
                        "starts_at": one.starts_at,
                        "local_start": one.local_start,
                        "other_appointment_id": other.id,
                        "other_service_id": other.service_id,
                        "other_starts_at": other.starts_at,
                        "overlap_minutes": minutes(overlap),
                    }
                )
    return found


def _is_class(one: Booked, other: Booked) -> bool:
    if one.service_id is None or one.service_id != other.service_id or one.starts_at != other.starts_at:
        return False
    sights = [s for s in one.place.sights if one.service_id in s.services]
    return bool(sights) and sights[-1].services[one.service_id].seats > 1


def rpt_member_load(rows: list[Booked]) -> list[Row]:
    expected = [row for row in rows if row.is_expected]
    weeks = grouped(expected, lambda row: (row.place.id, monday(row.local_date)))
    groups = grouped(expected, lambda row: (row.place.id, row.member_id, monday(row.local_date)))
    return [
        {
            "location_id": location_id,
            "member_id": member_id,
            "local_week": week,
            "bookings": len(group),
            "booked_minutes": sum(row.duration or 0 for row in group if row.takes_time),
            "showed": sum(row.status == "showed" for row in group),
            "noshow": sum(row.status == "noshow" for row in group),
            "location_bookings": len(weeks[location_id, week]),
            "is_too_few": len(weeks[location_id, week]) < TOO_FEW,
            **rate_columns("share", len(group), len(weeks[location_id, week])),
        }
        for (location_id, member_id, week), group in groups.items()
    ]


def rpt_series(rows: list[Booked], now: datetime) -> list[Row]:
    """A series: the appointments with the ids `<master>_<13 digits>`, and the master if it is an appointment."""
    now = hour(now)
    masters = {(row.place.id, row.series_id) for row in rows if row.series_id}
    found = []
    groups = grouped(
        (row for row in rows if (row.place.id, row.series_id or row.id) in masters and not row.is_blocked),
        lambda row: (row.place.id, row.series_id or row.id),
    )
    for (location_id, series_id), group in groups.items():
        bookings = sorted((row for row in group if row.is_booking), key=lambda row: (row.starts_at, row.id))
        if not bookings:
            continue
        of = {status: sum(row.status == status for row in bookings) for status in _STATUSES}
        expected = [row for row in bookings if row.is_expected]
        ahead = [row for row in bookings if row.is_open and row.starts_at > now]
        ends_soon = bool(ahead) and ahead[-1].starts_at <= now + timedelta(days=_RECENT_DAYS)
        found.append(
            {
                "location_id": location_id,
                "series_id": series_id,
                "service_id": bookings[-1].service_id,
                "member_id": bookings[-1].member_id,
                "contact_id": bookings[-1].contact_id,
                "occurrences": len(bookings),
                **of,
                "unmarked": sum(row.is_open and row.starts_at <= now for row in bookings),
                "ahead": len(ahead),
                "deleted_before_start": sum(row.is_deleted_before_start for row in group),
                "first_starts_at": bookings[0].starts_at,
                "last_starts_at": expected[-1].starts_at if expected else None,
                "last_date": expected[-1].local_date if expected else None,
                "state": "ended" if not ahead else "ending" if ends_soon else "running",
            }
        )
    return found
