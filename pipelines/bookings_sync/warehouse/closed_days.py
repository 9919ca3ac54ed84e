"""Closed days: days with free slots on which their service is closed, by its opening hours.

Input:  dlt's SQL client on the raw dataset, and the present.
Output: the number of such days by location.

A few are normal, because a calendar may open on a holiday. Many show that the weekdays of the opening hours are wrong.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any, NamedTuple

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.warehouse.raw_tables import RawTables

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class ClosedDays(NamedTuple):
    """`days` counts the days with free slots of a location's services with opening hours, `closed` those of them on
    which the service is closed."""

    location_id: str
    days: int
    closed: int


def closed_days(client: SqlClientBase[Any], *, now: DateTime) -> list[ClosedDays]:
    """The locations with free slots ahead."""
    raw = RawTables(client)
    live = "_dlt_valid_to IS NULL AND deleted_at IS NULL"
    hours = raw.dicts(
        f"SELECT DISTINCT location_id, service_id, weekday FROM {raw.name('service_hours')} WHERE {live}"  # noqa: S608
    )
    slots = raw.dicts(
        f"SELECT DISTINCT location_id, service_id, slot_date FROM {raw.name('slots')}"  # noqa: S608 - our own names
        f" WHERE {live} AND start_time >= {raw.literal(str(now))}"
    )
    opened: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for row in hours:
        opened[row["location_id"], row["service_id"]].add(str(row["weekday"]).lower())
    counts: defaultdict[str, list[bool]] = defaultdict(list)
    for row in slots:
        if weekdays := opened.get((row["location_id"], row["service_id"])):
            weekday = _WEEKDAYS[date.fromisoformat(row["slot_date"]).weekday()]
            counts[row["location_id"]].append(weekday not in weekdays)
    return [ClosedDays(location_id, len(each), sum(each)) for location_id, each in sorted(counts.items())]
