"""Small pieces of the recomputation: local days, groups of durations, rates with their intervals.

Input:  instants, zones, counts.
Output: dates, group numbers, columns of rates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from math import sqrt
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

Row = dict[str, Any]
Item = TypeVar("Item")

TOO_FEW = 10
Z = 1.959963984540054
SPANS = (
    (1, "under 1 hour"), (4, "1 to 4 hours"), (24, "4 to 24 hours"), (72, "1 to 3 days"), (168, "3 to 7 days"),
    (336, "1 to 2 weeks"), (672, "2 to 4 weeks"),
)  # fmt: skip
"""Upper bounds in hours, and labels. Group 0 is before zero, 8 is the rest, 9 is not known."""


def local(at: datetime, zone: str) -> datetime:
    """The local clock's reading, without a zone."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def hour(at: datetime) -> datetime:
    """The beginning of the hour, in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def midnight(at: datetime) -> datetime:
    """The beginning of the day, in UTC."""
    return hour(at).replace(hour=0)


def first(day: date) -> date:
    return day.replace(day=1)


def months_after(day: date, months: int) -> date:
    """The first day of a later month."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def minutes(duration: timedelta) -> float:
    return duration / timedelta(minutes=1)


def hours(duration: timedelta) -> float:
    return duration / timedelta(hours=1)


def span(number_of_hours: float | None) -> int:
    """The group of a duration."""
    if number_of_hours is None:
        return 9
    if number_of_hours < 0:
        return 0
    return next((number for number, (bound, _) in enumerate(SPANS, start=1) if number_of_hours < bound), 8)


def span_label(number: int) -> str:
    return {0: "afterwards", 8: "4 weeks or more", 9: "not known"}.get(number) or SPANS[number - 1][1]


def rate(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def wilson(part: int, whole: int) -> tuple[float | None, float | None]:
    """The 95 % Wilson interval."""
    if not whole:
        return None, None
    share = part / whole
    middle = share + Z**2 / (2 * whole)
    reach = Z * sqrt(share * (1 - share) / whole + Z**2 / (4 * whole**2))
    scale = 1 + Z**2 / whole
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def rate_columns(name: str, part: int, whole: int) -> Row:
    """A rate and the ends of its interval."""
    low, high = wilson(part, whole)
    return {name: rate(part, whole), f"{name}_low": low, f"{name}_high": high}


def grouped(items: Iterable[Item], key: Callable[[Item], Any]) -> dict[Any, list[Item]]:
    groups: dict[Any, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def covered(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The union of spans of time, in order."""
    union: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(union[-1][1], end))
        else:
            union.append((start, end))
    return union
