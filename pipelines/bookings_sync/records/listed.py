"""What lists of teams and services say about whom to ask next: their ids, their members, each service's notice.

Input:  the records of `GET /calendars/teams` or `GET /calendars/services`. Anything may stand in such a list.
Output: ids for the planner. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from bookings_sync.planning.windows import DAY_MS
from bookings_sync.records.json_text import Record, Records
from bookings_sync.records.values import usable_id

_UNIT_MS = {"minute": 60_000, "hour": 3_600_000, "day": DAY_MS, "week": 7 * DAY_MS, "month": 31 * DAY_MS}


class Listed(NamedTuple):
    """The ids in a list, the users that its records name, and the notice of each service in milliseconds."""

    ids: tuple[str, ...]
    users: frozenset[str]
    notice_ms: dict[str, int]


def listed_teams(records: Records) -> Listed:
    return _listed(records, "members", "id")


def listed_services(records: Records) -> Listed:
    return _listed(records, "teamMembers", "userId")


def _listed(records: Records, members: str, user_id: str) -> Listed:
    known = [record for record in records if isinstance(record, dict)]
    ids = tuple(filter(None, (usable_id(record.get("id")) for record in known)))
    users = (usable_id(member.get(user_id)) for record in known for member in _objects(record.get(members)))
    return Listed(ids, frozenset(filter(None, users)), {str(each.get("id")): notice_ms(each) for each in known})


def _objects(value: Any) -> Iterable[Record]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def notice_ms(service: Any) -> int:
    """The least notice before a slot's start, in milliseconds; 0 if the service names none that can be read."""
    availability = service.get("availability") if isinstance(service, dict) else None
    schedule = availability.get("schedule") if isinstance(availability, dict) else None
    if not isinstance(schedule, dict):
        return 0
    amount, unit = schedule.get("allowBookingAfter"), str(schedule.get("allowBookingAfterUnit") or "").lower()
    length = _UNIT_MS.get(unit.removesuffix("s"), 0)
    return int(amount) * length if isinstance(amount, int | float) else 0
