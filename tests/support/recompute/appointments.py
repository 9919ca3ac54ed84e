"""Appointments as the syncs saw them: their last state, their events, and what they count as.

Input:  `Place`.
Output: `Booked`, one per appointment that any sync saw; rows of `fct_appointments` and `fct_appointment_events`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from .figures import Row, first, hours, local, minutes, monday, span
from .sights import Place, State

FINAL = ("showed", "noshow", "cancelled", "invalid")
Version = tuple[datetime, State | None]
"""When a sync first saw it, and what it saw; None if the appointment was gone."""


@dataclass(frozen=True)
class Event:
    event: str
    observed_at: datetime
    changed_at: datetime
    changed_at_source: str
    before: State | None
    after: State


@dataclass(frozen=True)
class Booked:
    """An appointment, with the names that docs/metrics.md uses."""

    place: Place
    id: str
    versions: tuple[Version, ...]

    @cached_property
    def state(self) -> State:
        """The last that a sync saw of it."""
        return next(state for _, state in reversed(self.versions) if state)

    @property
    def status(self) -> str:
        return self.state.status

    @property
    def starts_at(self) -> datetime:
        assert self.state.starts_at
        return self.state.starts_at

    @property
    def first_starts_at(self) -> datetime:
        state = self.versions[0][1]
        assert state
        assert state.starts_at
        return state.starts_at

    @property
    def first_seen_at(self) -> datetime:
        return self.versions[0][0]

    @property
    def deleted_at(self) -> datetime | None:
        at, state = self.versions[-1]
        return None if state else at

    # -- what it counts as ---------------------------------------------------------------------------------------------

    @property
    def is_blocked(self) -> bool:
        return self.state.contact_id is None and self.status not in ("showed", "noshow")

    @property
    def is_deleted_before_start(self) -> bool:
        return not self.is_blocked and self.deleted_at is not None and self.deleted_at < self.starts_at

    @property
    def is_deleted_after_start(self) -> bool:
        return not self.is_blocked and self.deleted_at is not None and self.deleted_at >= self.starts_at

    @property
    def is_booking(self) -> bool:
        return not self.is_blocked and not self.is_deleted_before_start

    @property
    def is_expected(self) -> bool:
        return self.is_booking and self.status not in ("cancelled", "invalid")

    @property
    def takes_time(self) -> bool:
        return self.is_expected and not self.state.is_free

    @property
    def blocks_time(self) -> bool:
        is_off = self.status in ("cancelled", "invalid")
        return self.is_blocked and self.deleted_at is None and not is_off and not self.state.is_free

    @property
    def is_open(self) -> bool:
        return self.is_booking and self.status not in FINAL

    @property
    def is_seen_ahead(self) -> bool:
        """Whether a sync saw it before its start."""
        return self.is_booking and (self.first_seen_at < self.starts_at or self.times("rescheduled") > 0)

    @property
    def series_id(self) -> str | None:
        """The master of the series, if the id has the form `<master>_<epoch milliseconds>`."""
        master, _, at = self.id.partition("_")
        return master if len(at) == 13 and at.isdigit() else None

    # -- who and what --------------------------------------------------------------------------------------------------

    @property
    def service_id(self) -> str | None:
        return self.state.service_id

    @property
    def member_id(self) -> str | None:
        return self.state.member_id

    @property
    def contact_id(self) -> str | None:
        return self.state.contact_id

    @cached_property
    def team_id(self) -> str | None:
        """The team booked, else the service's team."""
        if self.state.team_id or self.service_id is None:
            return self.state.team_id
        return next((s.services[self.service_id].team_id for s in reversed(self.place.sights)
                     if self.service_id in s.services), None)  # fmt: skip

    # -- times ---------------------------------------------------------------------------------------------------------

    @cached_property
    def local_start(self) -> datetime:
        return local(self.starts_at, self.place.zone)

    @cached_property
    def local_date(self) -> date:
        return self.local_start.date()

    @cached_property
    def duration(self) -> float | None:
        """In minutes; the service's slot duration if the end is missing or before the start."""
        if self.state.ends_at and self.state.ends_at >= self.starts_at:
            return minutes(self.state.ends_at - self.starts_at)
        if self.service_id is None:
            return None
        return next((s.services[self.service_id].duration for s in reversed(self.place.sights)
                     if self.service_id in s.services), None)  # fmt: skip

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.duration or 0)

    @property
    def is_dated(self) -> bool:
        """Whether the API says when it was booked."""
        return self.state.created_at is not None

    @property
    def booked_at(self) -> datetime:
        return self.state.created_at or self.first_seen_at

    @property
    def lead_hours(self) -> float:
        return hours(self.first_starts_at - self.booked_at)

    @property
    def lead_span(self) -> int:
        return span(self.lead_hours if self.is_dated else None)

    @cached_property
    def events(self) -> list[Event]:
        return list(_events(self))

    def times(self, event: str) -> int:
        return sum(each.event == event for each in self.events)


def booked(place: Place) -> list[Booked]:
    """Every appointment that a sync saw."""
    versions: dict[str, list[Version]] = {}
    for sight in place.sights:
        for key in versions.keys() | sight.appointments.keys():
            now, past = sight.appointments.get(key), versions.setdefault(key, [])
            if not past or past[-1][1] != now:
                past.append((sight.at, now))
    return [Booked(place, key, tuple(past)) for key, past in versions.items()]


def _events(row: Booked) -> Iterator[Event]:
    at, state = row.versions[0]
    assert state
    if state.created_at and state.created_at <= at:
        yield Event("booked", at, state.created_at, "created_at", None, state)
    else:
        yield Event("booked", at, at, "observed", None, state)
    last = state
    for (seen_at, before), (at, after) in zip(row.versions, row.versions[1:], strict=False):
        if after is None:
            yield Event("deleted", at, at, "observed", last, last)
            continue
        kinds = []
        if before is None:
            kinds.append("restored")
        if after.status != last.status:
            kinds.append("status changed")
        if after.starts_at != last.starts_at:
            kinds.append("rescheduled")
        if after.member_id != last.member_id:
            kinds.append("reassigned")
        known = after.updated_at
        is_known = known is not None and seen_at < known <= at
        for kind in kinds:
            yield Event(
                kind, at, known if is_known and known else at, "updated_at" if is_known else "observed", last, after
            )
        last = after


def fct_appointments(rows: list[Booked]) -> list[Row]:
    return [
        {
            "location_id": row.place.id,
            "appointment_id": row.id,
            "service_id": row.service_id,
            "team_id": row.team_id,
            "member_id": row.member_id,
            "contact_id": row.contact_id,
            "status": row.status,
            "is_blocked": row.is_blocked,
            "is_deleted": row.deleted_at is not None,
            "is_deleted_before_start": row.is_deleted_before_start,
            "is_deleted_after_start": row.is_deleted_after_start,
            "is_booking": row.is_booking,
            "is_expected": row.is_expected,
            "takes_time": row.takes_time,
            "blocks_time": row.blocks_time,
            "is_open": row.is_open,
            "is_seen_ahead": row.is_seen_ahead,
            "series_id": row.series_id,
            "starts_at": row.starts_at,
            "ends_at": row.state.ends_at,
            "first_starts_at": row.first_starts_at,
            "local_start": row.local_start,
            "local_date": row.local_date,
            "local_week": monday(row.local_date),
            "local_month": first(row.local_date),
            "local_weekday": row.local_date.isoweekday(),
            "local_hour": row.local_start.hour,
            "duration_minutes": row.duration,
            "booked_at": row.booked_at,
            "booked_at_source": "created_at" if row.is_dated else "first_seen",
            "lead_time_hours": row.lead_hours,
            "lead_time_span": row.lead_span,
            "times_rescheduled": row.times("rescheduled"),
            "times_reassigned": row.times("reassigned"),
            "first_seen_at": row.first_seen_at,
            "last_changed_at": row.versions[-1][0],
            "deleted_at": row.deleted_at,
        }
        for row in rows
    ]


def fct_appointment_events(rows: list[Booked]) -> list[Row]:
    return [
        {
            "location_id": row.place.id,
            "appointment_id": row.id,
            "event": each.event,
            "observed_at": each.observed_at,
            "changed_at": each.changed_at,
            "changed_at_source": each.changed_at_source,
            "service_id": each.after.service_id,
            "from_status": each.before.status if each.before else None,
            "to_status": each.after.status,
            "from_starts_at": each.before.starts_at if each.before else None,
            "to_starts_at": each.after.starts_at,
            "from_member_id": each.before.member_id if each.before else None,
            "to_member_id": each.after.member_id,
            "is_after_start": each.changed_at > ((each.before or each.after).starts_at or each.changed_at),
        }
        for row in rows
        for each in row.events
    ]
