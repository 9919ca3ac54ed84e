"""Services and their people: which rules, members and openings each day had.

Input:  `Place`s, `Booked` rows of all locations; now.
Output: `Rules` of a location, and rows of the dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

from .appointments import Booked
from .figures import SPANS, TOO_FEW, Row, first, local, monday, rate_columns, span_label
from .sights import Place, Service, Sight

_DAY = timedelta(days=1)
_AHEAD = timedelta(days=28)
_MIDNIGHT = 24 * 60
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Assignment:
    """A time for which a member took a service's bookings in one way, such as with one priority.

    `since` is None if the service's first sync saw it.
    """

    service_id: str
    member_id: str
    seen_at: datetime
    since: date | None
    before: date | None

    def covers(self, day: date) -> bool:
        return (self.since is None or self.since <= day) and (self.before is None or day < self.before)


@dataclass(frozen=True)
class Day:
    """A service's rules on one local day. `openings` are minutes of the day; those that touch are one."""

    duration: int | None
    seats_per_slot: int
    members: tuple[str, ...]
    openings: tuple[tuple[int, int], ...]

    @property
    def seats(self) -> int:
        return self.seats_per_slot * max(1, len(self.members))


@dataclass(eq=False)
class Rules:
    """The rules of a location's services on each local day, as syncs had seen them by that day."""

    place: Place
    rows: Sequence[Booked]
    """The location's appointments."""
    now: datetime
    _days: dict[tuple[str, date], Day] = field(default_factory=dict)

    def date_of(self, at: datetime) -> date:
        return local(at, self.place.zone).date()

    @cached_property
    def today(self) -> date:
        return self.date_of(self.now)

    @cached_property
    def service_ids(self) -> list[str]:
        """Every service that a sync saw."""
        return list(dict.fromkeys(key for sight in self.place.sights for key in sight.services))

    def versions(self, service_id: str) -> list[tuple[Sight, Service]]:
        return [(s, s.services[service_id]) for s in self.place.sights if service_id in s.services]

    def last(self, service_id: str) -> Service:
        return self.versions(service_id)[-1][1]

    def deleted_at(self, service_id: str) -> datetime | None:
        """When a sync found the service gone."""
        last = self.versions(service_id)[-1][0].at
        return next((sight.at for sight in self.place.sights if sight.at > last), None)

    def seen_date(self, service_id: str) -> date:
        return self.date_of(self.versions(service_id)[0][0].at)

    def on(self, service_id: str, day: date) -> Day:
        """The rules as a sync had seen them by that day; else as the first sync saw them."""
        if (service_id, day) not in self._days:
            self._days[service_id, day] = self._on(service_id, day)
        return self._days[service_id, day]

    def _on(self, service_id: str, day: date) -> Day:
        if service_id not in self.service_ids:
            return Day(None, 1, (), ())
        versions = self.versions(service_id)
        by_then = [service for sight, service in versions if self.date_of(sight.at) <= day]
        service = by_then[-1] if by_then else versions[0][1]
        gone = self.deleted_at(service_id)
        is_gone = gone is not None and self.date_of(gone) <= day
        members = {each.member_id for each in self.assignments if each.service_id == service_id and each.covers(day)}
        openings = () if is_gone else united(service.openings.get(day.isoweekday(), ()))
        return Day(service.duration, service.seats, tuple(sorted(members)), tuple(openings))

    @cached_property
    def assignments(self) -> list[Assignment]:
        return [each for key in self.service_ids for each in self._assignments(key)]

    def _assignments(self, service_id: str) -> Iterator[Assignment]:
        sights = self.place.sights
        start = next(number for number, sight in enumerate(sights) if service_id in sight.services)
        assigned = [s.services[service_id].members if service_id in s.services else {} for s in sights]
        for member_id in sorted({each for members in assigned for each in members}):
            said = [members.get(member_id) for members in assigned]
            for number, version in enumerate(said):
                if version is None or (number > start and said[number - 1] == version):
                    continue
                until = next((later for later in range(number, len(said)) if said[later] != version), None)
                yield Assignment(
                    service_id,
                    member_id,
                    sights[number].at,
                    None if number == start else self.date_of(sights[number].at),
                    None if until is None else self.date_of(sights[until].at),
                )

    def slots_known(self, service_id: str) -> tuple[date, date] | None:
        """The first and the last local day on which the service's free slots can be known; None if it never had any."""
        slots = [at for sight in self.place.sights for key, at in sight.slots if key == service_id]
        if not slots:
            return None
        first_slot = next(sight.at for sight in self.place.sights if sight.slots)
        last, gone = self.date_of(max(slots)), self.deleted_at(service_id)
        if gone:
            last = min(last, self.date_of(gone) - _DAY)
        return max(self.date_of(first_slot), self.seen_date(service_id)) + _DAY, last

    @cached_property
    def unseen_ids(self) -> list[str]:
        """Services that no sync saw, because they were deleted before, but that have appointments."""
        return sorted({row.service_id for row in self.rows if row.service_id} - {*self.service_ids})

    @property
    def all_ids(self) -> list[str]:
        return [*self.service_ids, *self.unseen_ids]

    def days(self, service_id: str) -> list[date]:
        """The local days on which the service existed."""
        edges = [row.local_date for row in self.rows if row.service_id == service_id]
        edges += [self.date_of(at) for sight in self.place.sights for key, at in sight.slots if key == service_id]
        if service_id in self.service_ids:
            edges.append(self.seen_date(service_id))
            if self.deleted_at(service_id) is None:
                edges.append(self.today + _AHEAD - _DAY)
        start, end = min(edges), max(edges)
        return [start + number * _DAY for number in range((end - start).days + 1)]


def united(openings: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    union: list[tuple[int, int]] = []
    for start, end in sorted(openings):
        if end <= start:
            continue
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(union[-1][1], end))
        else:
            union.append((start, end))
    return union


def fct_service_days(all_rules: list[Rules]) -> list[Row]:
    found = []
    for rules in all_rules:
        for key in rules.all_ids:
            for day in rules.days(key):
                on = rules.on(key, day)
                found.append(
                    {
                        "location_id": rules.place.id,
                        "service_id": key,
                        "local_date": day,
                        "slot_duration_minutes": on.duration,
                        "seats_per_slot": on.seats_per_slot,
                        "members": len(on.members),
                        "seats": on.seats,
                        "is_rule_known": key in rules.service_ids and rules.seen_date(key) <= day,
                    }
                )
    return found


def fct_openings(all_rules: list[Rules]) -> list[Row]:
    return [
        {
            "location_id": rules.place.id,
            "service_id": key,
            "local_date": day,
            "opens_at_minute": opens,
            "closes_at_minute": closes,
        }
        for rules in all_rules
        for key in rules.all_ids
        for day in rules.days(key)
        for opens, closes in rules.on(key, day).openings
    ]


def dim_service_member(all_rules: list[Rules]) -> list[Row]:
    return [
        {
            "location_id": rules.place.id,
            "service_id": each.service_id,
            "member_id": each.member_id,
            "from_date": each.since,
            "before_date": each.before,
            "first_seen_at": each.seen_at,
        }
        for rules in all_rules
        for each in rules.assignments
    ]


def dim_service(all_rules: list[Rules]) -> list[Row]:
    found = []
    for rules in all_rules:
        found += [_unseen_service(rules.place.id, key) for key in rules.unseen_ids]
        for key in rules.service_ids:
            service, gone = rules.last(key), rules.deleted_at(key)
            known_from, known_to = rules.slots_known(key) or (None, None)
            openings = [o for weekday in service.openings.values() for o in weekday]
            found.append(
                {
                    "location_id": rules.place.id,
                    "service_id": key,
                    "team_id": service.team_id,
                    "name": service.name,
                    "slot_duration_minutes": service.duration,
                    "booking_notice_minutes": service.notice,
                    "open_minutes_per_week": 0 if gone else sum(close - start for start, close in openings),
                    "members": 0 if gone else len(service.members),
                    "slots_known_from": known_from,
                    "slots_known_to": known_to,
                    "is_deleted": gone is not None,
                    "is_inferred": False,
                }
            )
    return found


def _unseen_service(location_id: str, service_id: str) -> Row:
    """A service that was deleted before the first sync, but has appointments."""
    unknown = ("team_id", "name", "slot_duration_minutes", "slots_known_from", "slots_known_to")
    return {
        "location_id": location_id,
        "service_id": service_id,
        **dict.fromkeys(unknown),
        "booking_notice_minutes": 0,
        "open_minutes_per_week": 0,
        "members": 0,
        "is_deleted": False,
        "is_inferred": True,
    }


def dim_team(all_rules: list[Rules]) -> list[Row]:
    found = []
    for rules in all_rules:
        sights = rules.place.sights
        for key in {key for sight in sights for key in sight.teams}:
            last = next(sight.teams[key] for sight in reversed(sights) if key in sight.teams)
            is_deleted = key not in sights[-1].teams
            found.append(
                {
                    "location_id": rules.place.id,
                    "team_id": key,
                    "name": last.name,
                    "slug": last.slug,
                    "members": 0 if is_deleted else len(last.members),
                    "is_deleted": is_deleted,
                    "is_inferred": False,
                }
            )
    return found


def dim_member(all_rules: list[Rules]) -> list[Row]:
    found = []
    for rules in all_rules:
        sights, now = rules.place.sights, rules.place.sights[-1]
        named = {key: named for s in sights for team in s.teams.values() for key, named in team.members.items()}
        in_services = {e.member_id for e in rules.assignments}
        in_rows = {state.member_id for row in rules.rows for _, state in row.versions if state and state.member_id}
        for key in named.keys() | in_services | in_rows:
            teams = sum(key in team.members for team in now.teams.values())
            services = sum(key in service.members for service in now.services.values())
            found.append(
                {
                    "location_id": rules.place.id,
                    "member_id": key,
                    "name": named.get(key, (None, None))[0],
                    "email": named.get(key, (None, None))[1],
                    "teams": teams,
                    "services": services,
                    "is_active": teams + services > 0,
                }
            )
    return found


def dim_location(all_rules: list[Rules]) -> list[Row]:
    return [
        {
            "location_id": rules.place.id,
            "name": rules.place.name,
            "timezone": rules.place.zone,
            "timezone_source": "configured",
            "is_deleted": False,
        }
        for rules in all_rules
    ]


def dim_date(rows: list[Booked], now: datetime) -> list[Row]:
    days = [row.starts_at.date() for row in rows]
    start, end = min([*days, now.date()]) - _DAY, max([*days, now.date()]) + _DAY
    return [
        {
            "date": day,
            "week": monday(day),
            "month": first(day),
            "quarter": date(day.year, (day.month - 1) // 3 * 3 + 1, 1),
            "year": day.year,
            "weekday": day.isoweekday(),
            "weekday_name": _WEEKDAYS[day.weekday()],
            "is_weekend": day.isoweekday() > 5,
        }
        for day in (start + number * _DAY for number in range((end - start).days + 1))
    ]


def dim_time_span() -> list[Row]:
    bounds = [None, 0, *(bound for bound, _ in SPANS), None]
    rows = [
        {"time_span": number, "label": span_label(number), "from_hours": bounds[number], "to_hours": bounds[number + 1]}
        for number in range(9)
    ]
    return [*rows, {"time_span": 9, "label": span_label(9), "from_hours": None, "to_hours": None}]


def rpt_member_fairness(all_rules: list[Rules]) -> list[Row]:
    found = []
    for rules in all_rules:
        weeks: dict[tuple[str, date], list[Booked]] = {}
        for row in rules.rows:
            if row.is_expected and row.service_id and row.member_id:
                weeks.setdefault((row.service_id, monday(row.local_date)), []).append(row)
        for (key, week), group in weeks.items():
            took = {row.member_id for row in group}
            pool = took | assigned(rules, key, week)
            seen_at = next((sight.at for sight in rules.place.sights if key in sight.services), None)
            is_known = seen_at is not None and rules.date_of(seen_at) <= week
            for member_id in pool:
                theirs = [row for row in group if row.member_id == member_id]
                found.append(
                    {
                        "location_id": rules.place.id,
                        "service_id": key,
                        "local_week": week,
                        "member_id": member_id,
                        "bookings": len(theirs),
                        "booked_minutes": sum(row.duration or 0 for row in theirs if row.takes_time),
                        "service_bookings": len(group),
                        "pool_members": len(pool),
                        "is_too_few": len(group) < TOO_FEW,
                        **rate_columns("share", len(theirs), len(group)),
                        "is_pool_known": is_known,
                        "fair_share": 1 / len(pool) if is_known else None,
                        "load_index": len(theirs) * len(pool) / len(group) if is_known else None,
                    }
                )
    return found


def assigned(rules: Rules, service_id: str, week: date) -> set[str]:
    """The members who were assigned on the Monday, as a sync had seen by then."""
    return {
        each.member_id
        for each in rules.assignments
        if each.service_id == service_id and each.covers(week) and rules.date_of(each.seen_at) <= week
    }
