"""Show rates, cancellations, no-show risk, rebooking and first changes.

Input:  `Booked` rows of all locations; now.
Output: rows of the reports about what became of bookings.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from math import floor
from zoneinfo import ZoneInfo

from .appointments import Booked, Event
from .figures import (
    TOO_FEW,
    Row,
    first,
    grouped,
    hours,
    local,
    minutes,
    monday,
    rate,
    rate_columns,
    span,
    span_label,
    wilson,
)

_DAY = timedelta(days=1)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def rpt_show_rate(rows: list[Booked], now: datetime) -> list[Row]:
    begun = [row for row in rows if row.starts_at <= now and (row.is_booking or row.is_deleted_before_start)]
    found = []
    weeks = grouped(begun, lambda row: (row.place.id, row.service_id, monday(row.local_date)))
    for (location_id, service_id, week), group in weeks.items():
        bookings = [row for row in group if row.is_booking]
        of = {
            status: sum(row.status == status for row in bookings)
            for status in ("showed", "noshow", "cancelled", "invalid")
        }
        unmarked = sum(row.is_open for row in bookings)
        deleted = sum(row.is_deleted_before_start for row in group)
        rescheduled = sum(row.times("rescheduled") > 0 for row in bookings)
        marked = of["showed"] + of["noshow"]
        found.append(
            {
                "location_id": location_id,
                "service_id": service_id,
                "local_week": week,
                "bookings": len(bookings),
                **of,
                "unmarked": unmarked,
                "marked": marked,
                "rescheduled": rescheduled,
                "deleted_before_start": deleted,
                "is_too_few": marked < TOO_FEW,
                **rate_columns("show_rate", of["showed"], marked),
                "show_rate_least": rate(of["showed"], marked + unmarked),
                "show_rate_most": rate(of["showed"] + unmarked, marked + unmarked),
                **rate_columns("noshow_rate", of["noshow"], marked),
                **rate_columns("cancellation_rate", of["cancelled"], len(bookings)),
                **rate_columns("reschedule_rate", rescheduled, len(bookings)),
                **rate_columns("loss_rate", of["cancelled"] + deleted, len(bookings) + deleted),
            }
        )
    return found


def rpt_show_rate_as_known(rows: list[Booked], now: datetime) -> list[Row]:
    """What the last sync of a day after the appointment had seen, if one ran in the 24 hours before that moment."""

    def known(row: Booked, days: int) -> str | None:
        midnight = datetime.combine(row.local_date + (days + 1) * _DAY, time(), ZoneInfo(row.place.zone))
        moment = midnight.astimezone(UTC)
        if moment > now:
            return None
        close = [at for at in row.place.syncs if max(row.starts_at, moment - _DAY) < at <= moment]
        by_then = [version for version in row.versions if version[0] <= moment]
        last = next((state for _, state in reversed(by_then) if state), None)
        if not close or last is None or last.starts_at is None:
            return None
        is_gone = by_then[-1][1] is None and by_then[-1][0] < last.starts_at
        return None if is_gone else last.status

    found = []
    for days in (1, 3, 7):
        groups = grouped(
            ((row, status) for row in rows if row.is_booking and (status := known(row, days))),
            lambda pair: (pair[0].place.id, pair[0].service_id, pair[0].local_date),
        )
        for (location_id, service_id, day), group in groups.items():
            then = [status for _, status in group]
            showed, noshow = then.count("showed"), then.count("noshow")
            others = then.count("cancelled") + then.count("invalid")
            now_of = [row.status for row, _ in group]
            unmarked = len(group) - showed - noshow - others
            since = sum(
                status not in ("showed", "noshow", "cancelled", "invalid") and row.status in ("showed", "noshow")
                for row, status in group
            )
            found.append(
                {
                    "location_id": location_id,
                    "service_id": service_id,
                    "local_date": day,
                    "local_week": monday(day),
                    "days_after": days,
                    "bookings": len(group),
                    "showed": showed,
                    "noshow": noshow,
                    "unmarked": unmarked,
                    "others": others,
                    "is_too_few": min(showed + noshow, now_of.count("showed") + now_of.count("noshow")) < TOO_FEW,
                    **rate_columns("show_rate", showed, showed + noshow),
                    "showed_now": now_of.count("showed"),
                    "noshow_now": now_of.count("noshow"),
                    **_now_columns(now_of.count("showed"), now_of.count("noshow")),
                    "marked_since": since,
                }
            )
    return found


def _now_columns(showed: int, noshow: int) -> Row:
    low, high = wilson(showed, showed + noshow)
    return {"show_rate_now": rate(showed, showed + noshow), "show_rate_now_low": low, "show_rate_now_high": high}


def cancellation(row: Booked) -> Event | None:
    """The cancellation, if a sync saw it happen."""
    seen = [each for each in row.events if each.event == "status changed" and each.after.status == "cancelled"]
    return seen[-1] if seen else None


def rpt_cancellations(rows: list[Booked]) -> list[Row]:
    def notice(row: Booked) -> str | None:
        event = cancellation(row)
        if row.status != "cancelled":
            return None
        if event is None or event.before is None or event.before.starts_at is None:
            return "not_known"
        start = event.before.starts_at
        if event.changed_at >= start:
            return "after_start"
        if start - event.changed_at >= _DAY:
            return "over_24_hours"
        days = [local(at, row.place.zone).date() for at in (event.changed_at, start)]
        return "same_day" if days[0] == days[1] else "under_24_hours"

    found = []
    weeks = grouped(
        (row for row in rows if row.is_booking), lambda row: (row.place.id, row.service_id, monday(row.local_date))
    )
    for (location_id, service_id, week), group in weeks.items():
        notices = [notice(row) for row in group]
        kinds = ("over_24_hours", "under_24_hours", "same_day", "after_start", "not_known")
        counts = {kind: notices.count(kind) for kind in kinds}
        late = counts["under_24_hours"] + counts["same_day"] + counts["after_start"]
        by_sync = sum(
            kind not in (None, "not_known") and (event := cancellation(row)) is not None
            and event.changed_at_source == "observed"
            for row, kind in zip(group, notices, strict=True)
        )  # fmt: skip
        found.append(
            {
                "location_id": location_id,
                "service_id": service_id,
                "local_week": week,
                "bookings": len(group),
                "cancelled": sum(counts.values()),
                **counts,
                "timed_by_sync": by_sync,
                "late": late,
                "is_too_few": len(group) < TOO_FEW,
                **rate_columns("late_cancellation_rate", late, len(group)),
            }
        )
    return found


def rpt_noshow_risk(rows: list[Booked]) -> list[Row]:
    marked = [row for row in rows if row.is_booking and row.status in ("showed", "noshow")]
    missed = grouped((row for row in marked if row.status == "noshow"), lambda row: (row.place.id, row.contact_id))

    def priors(row: Booked) -> int | None:
        if row.contact_id is None:
            return None
        earlier = [each for each in missed.get((row.place.id, row.contact_id), ()) if each.starts_at < row.starts_at]
        return min(3, len(earlier))

    def label(by: str, value: int) -> str:
        if by == "lead time":
            return span_label(value)
        if by == "weekday":
            return _WEEKDAYS[value - 1]
        return f"{value:02}:00" if by == "hour" else ("none", "1", "2", "3 or more")[value]

    kinds: dict[str, Callable[[Booked], int | None]] = {
        "lead time": lambda row: row.lead_span,
        "weekday": lambda row: row.local_date.isoweekday(),
        "hour": lambda row: row.local_start.hour,
        "prior no-shows": priors,
    }
    found = []
    for by, value_of in kinds.items():
        groups = grouped(marked, lambda row, value_of=value_of: (row.place.id, row.service_id, value_of(row)))  # type: ignore[misc]
        for (location_id, service_id, value), group in groups.items():
            if value is None:
                continue
            noshow = sum(row.status == "noshow" for row in group)
            found.append(
                {
                    "location_id": location_id,
                    "service_id": service_id,
                    "risk_by": by,
                    "value": value,
                    "label": label(by, value),
                    "marked": len(group),
                    "noshow": noshow,
                    "is_too_few": len(group) < TOO_FEW,
                    **rate_columns("noshow_rate", noshow, len(group)),
                }
            )
    return found


def rpt_rebooking(rows: list[Booked], now: datetime) -> list[Row]:
    month = timedelta(days=30)
    by_contact = grouped((row for row in rows if row.contact_id), lambda row: (row.place.id, row.contact_id))

    def lost_at(row: Booked) -> datetime:
        event = cancellation(row)
        return row.starts_at if row.status == "noshow" or event is None else event.changed_at

    def is_rebooked(row: Booked) -> bool:
        return any(
            other is not row
            and other.is_expected
            and other.is_dated
            and lost_at(row) < other.booked_at <= lost_at(row) + month
            for other in by_contact[row.place.id, row.contact_id]
        )

    lost = [
        row
        for row in rows
        if row.is_booking and row.status in ("noshow", "cancelled") and row.contact_id and lost_at(row) + month <= now
    ]
    groups = grouped(lost, lambda row: (row.place.id, row.service_id, first(row.local_date), row.status))
    found = []
    for (location_id, service_id, local_month, loss), group in groups.items():
        rebooked = sum(map(is_rebooked, group))
        found.append(
            {
                "location_id": location_id,
                "service_id": service_id,
                "local_month": local_month,
                "loss": loss,
                "lost": len(group),
                "rebooked": rebooked,
                "is_too_few": len(group) < TOO_FEW,
                **rate_columns("rebooking_rate", rebooked, len(group)),
            }
        )
    return found


def rpt_first_change(rows: list[Booked]) -> list[Row]:
    changes = [(row, *_first_change(row)) for row in rows if not row.is_blocked]
    groups = grouped(
        changes, lambda each: (each[0].place.id, each[0].service_id, each[1], span(each[2] and hours(each[2])))
    )
    return [
        {
            "location_id": location_id,
            "service_id": service_id,
            "first_change": change,
            "time_span": number,
            "time_to_change": span_label(number),
            "bookings": len(group),
            "minutes_to_change": sum(floor(minutes(took)) for _, _, took in group if took is not None),
        }
        for (location_id, service_id, change, number), group in groups.items()
    ]


_PRECEDENCE = ("deleted", "status changed", "rescheduled", "reassigned", "restored")


def _first_change(row: Booked) -> tuple[str, timedelta | None]:
    state = row.versions[0][1]
    assert state
    is_edited = state.updated_at and state.created_at and state.updated_at > state.created_at
    if state.status in ("showed", "noshow", "cancelled", "invalid") or is_edited:
        return "not known", None
    changes = row.events[1:]
    if not changes:
        return "none yet", None
    at = changes[0].observed_at
    event = min((each for each in changes if each.observed_at == at), key=lambda each: _PRECEDENCE.index(each.event))
    name = event.after.status if event.event == "status changed" else event.event
    return name, (at - row.booked_at if row.is_dated else None)
