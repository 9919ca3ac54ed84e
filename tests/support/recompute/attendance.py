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
    midnight,
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
        seen_ahead = sum(row.is_seen_ahead for row in bookings)
        seen_cancelled = sum(row.is_seen_ahead and row.status == "cancelled" for row in bookings)
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
                "seen_ahead": seen_ahead,
                "seen_ahead_cancelled": seen_cancelled,
                "deleted_before_start": deleted,
                "is_too_few": marked < TOO_FEW,
                **rate_columns("show_rate", of["showed"], marked),
                "show_rate_least": rate(of["showed"], marked + unmarked),
                "show_rate_most": rate(of["showed"] + unmarked, marked + unmarked),
                **rate_columns("noshow_rate", of["noshow"], marked),
                **rate_columns("cancellation_rate", of["cancelled"], len(bookings)),
                **rate_columns("reschedule_rate", rescheduled, seen_ahead),
                **rate_columns("loss_rate", seen_cancelled + deleted, seen_ahead + deleted),
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


def cancelled_between(row: Booked) -> tuple[datetime, datetime] | None:
    """The earliest and the latest time of the cancellation, if a sync saw the booking before."""
    event = cancellation(row)
    if row.status != "cancelled" or event is None:
        return None
    if event.changed_at_source == "updated_at":
        return event.changed_at, event.changed_at
    return max(at for at in row.place.syncs if at < event.observed_at), event.observed_at


def fct_cancellations(rows: list[Booked]) -> list[Row]:
    return [
        {
            "location_id": row.place.id,
            "appointment_id": row.id,
            "starts_at": event.before.starts_at,
            "cancelled_after": between[0],
            "cancelled_by": between[1],
            "cancelled_at_source": event.changed_at_source,
        }
        for row in rows
        if (between := cancelled_between(row)) and (event := cancellation(row)) and event.before
    ]


def rpt_cancellations(rows: list[Booked], now: datetime) -> list[Row]:
    def notice(row: Booked) -> str | None:
        if row.status != "cancelled":
            return None
        event, between = cancellation(row), cancelled_between(row)
        if event is None or between is None or event.before is None or event.before.starts_at is None:
            return "not_known"
        start = event.before.starts_at
        kinds = {_notice(row.place.zone, at, start) for at in between}
        return kinds.pop() if len(kinds) == 1 else "not_known"

    found = []
    weeks = grouped(
        (row for row in rows if row.is_booking and row.starts_at <= now),
        lambda row: (row.place.id, row.service_id, monday(row.local_date)),
    )
    for (location_id, service_id, week), group in weeks.items():
        notices = [notice(row) for row in group]
        kinds = ("over_24_hours", "under_24_hours", "same_day", "after_start", "not_known")
        counts = {kind: notices.count(kind) for kind in kinds}
        late = counts["under_24_hours"] + counts["same_day"] + counts["after_start"]
        seen = [kind for row, kind in zip(group, notices, strict=True) if row.is_seen_ahead]
        known = [kind for kind in seen if kind != "not_known"]
        known_late = sum(kind in ("under_24_hours", "same_day", "after_start") for kind in known)
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
                "seen_ahead": len(seen),
                "known": len(known),
                "known_late": known_late,
                "is_too_few": len(known) < TOO_FEW,
                **rate_columns("late_cancellation_rate", known_late, len(known)),
                "late_cancellation_rate_least": rate(known_late, len(seen)),
                "late_cancellation_rate_most": rate(known_late + len(seen) - len(known), len(seen)),
            }
        )
    return found


def _notice(zone: str, at: datetime, start: datetime) -> str:
    if at > start:
        return "after_start"
    if local(at, zone).date() == local(start, zone).date():
        return "same_day"
    return "over_24_hours" if start - at >= _DAY else "under_24_hours"


def rpt_noshow_risk(rows: list[Booked], now: datetime) -> list[Row]:
    marked = [row for row in rows if row.is_booking and row.status in ("showed", "noshow") and row.starts_at <= now]
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

    def lost_between(row: Booked) -> tuple[datetime, datetime] | None:
        return (row.starts_at, row.starts_at) if row.status == "noshow" else cancelled_between(row)

    def is_rebooked(row: Booked) -> bool | None:
        """None: not known."""
        if not (between := lost_between(row)):
            return None
        others = [other for other in by_contact[row.place.id, row.contact_id] if other is not row and other.is_expected]
        if any(other.is_dated and between[0] < other.booked_at <= between[1] + month for other in others):
            return True
        return None if any(not other.is_dated and other.first_seen_at > between[0] for other in others) else False

    lost = [
        row
        for row in rows
        if row.is_booking
        and row.status in ("noshow", "cancelled")
        and row.contact_id
        and (lost_between(row) or (row.starts_at, row.starts_at))[1] + month <= midnight(now)
    ]
    groups = grouped(lost, lambda row: (row.place.id, row.service_id, first(row.local_date), row.status))
    found = []
    for (location_id, service_id, local_month, loss), group in groups.items():
        known = [found_again for row in group if (found_again := is_rebooked(row)) is not None]
        rebooked = sum(known)
        found.append(
            {
                "location_id": location_id,
                "service_id": service_id,
                "local_month": local_month,
                "loss": loss,
                "lost": len(known),
                "rebooked": rebooked,
                "not_known": len(group) - len(known),
                "is_too_few": len(known) < TOO_FEW,
                **rate_columns("rebooking_rate", rebooked, len(known)),
            }
        )
    return found


def rpt_first_change(rows: list[Booked]) -> list[Row]:
    changes = [(row, *_first_change(row)) for row in rows if not row.is_blocked]
    groups = grouped(
        changes,
        lambda each: (each[0].place.id, each[0].service_id, each[1], span(None if each[2] is None else hours(each[2]))),
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
    if state.status in ("showed", "noshow", "cancelled", "invalid"):
        return "not known", None
    if state.created_at and state.updated_at:
        if state.updated_at > state.created_at:
            return "not known", None
    else:
        before = [at for at in row.place.syncs if at < row.first_seen_at]
        made_after = state.created_at or (before[-1] if before else None)
        if made_after is None or row.first_seen_at - made_after > timedelta(hours=30):
            return "not known", None
    changes = row.events[1:]
    if not changes:
        return "none yet", None
    at = changes[0].observed_at
    event = min((each for each in changes if each.observed_at == at), key=lambda each: _PRECEDENCE.index(each.event))
    name = event.after.status if event.event == "status changed" else event.event
    return name, (max(timedelta(0), event.changed_at - row.booked_at) if row.is_dated else None)
