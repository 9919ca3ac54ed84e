"""Ids, members and notices in the lists of teams and services: the planner reads their appointments and slots next.

Input:  the records of `GET /calendars/teams` or `GET /calendars/services`, which may have any JSON type.
Output: `Listed`. Pure.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, NamedTuple

from bookings_sync.planning.windows import DAY_MS
from bookings_sync.records.columns import value_at
from bookings_sync.records.json_text import Record, Records
from bookings_sync.records.tables import SERVICE_MEMBERS, TEAM_MEMBERS, Table
from bookings_sync.records.values import usable_id

_UNIT_MS = {"minute": 60_000, "hour": 3_600_000, "day": DAY_MS, "week": 7 * DAY_MS, "month": 31 * DAY_MS}
"""Milliseconds per unit of a service's notice. A month counts as 31 days, as in `stg_services`: if it were shorter,
slots that the API stops listing because of the notice would look withdrawn."""


class Listed(NamedTuple):
    """The ids in a list, the users that its records name, and the notice of each service in milliseconds."""

    ids: tuple[str, ...]
    users: frozenset[str]
    notice_ms: dict[str, int]


def listed_teams(records: Records) -> Listed:
    return _listed(records, TEAM_MEMBERS)


def listed_services(records: Records) -> Listed:
    return _listed(records, SERVICE_MEMBERS)


def _listed(records: Records, members: Table) -> Listed:
    path = members.nested.path if members.nested else ""
    known = objects(records)
    notices = {key: notice_ms(record) for record in known if (key := usable_id(record.get("id")))}
    users = (usable_id(each.get(members.item_id)) for record in known for each in objects(value_at(record, path)))
    return Listed(tuple(notices), frozenset(filter(None, users)), notices)


def objects(value: Any) -> list[Record]:
    """The JSON objects of a list, which may contain anything; none if the value is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def notice_ms(service: Any) -> int:
    """The least notice before a slot's start, in milliseconds; 0 if the service has none or an unreadable one."""
    amount = value_at(service, "availability.schedule.allowBookingAfter")
    unit = value_at(service, "availability.schedule.allowBookingAfterUnit")
    length = _UNIT_MS.get(unit.lower().removesuffix("s"), 0) if isinstance(unit, str) else 0
    try:
        return int(amount) * length if isinstance(amount, int | float) and isfinite(amount) else 0
    except OverflowError:  # an integer of more than 308 digits
        return 0
