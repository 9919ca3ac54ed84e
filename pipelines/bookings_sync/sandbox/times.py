"""Converts between instants, local times and the API's formats.

Input:  epoch milliseconds, the sandbox's unit for all instants; IANA zone names and aliases such as `US/Central`.
Output: ISO 8601 strings and local days.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The time zone. Raises `zoneinfo.ZoneInfoNotFoundError` or ValueError for an unknown name."""
    return ZoneInfo(name)


def to_ms(instant: datetime) -> int:
    """Epoch milliseconds of an aware datetime, rounded down. Raises ValueError for a naive one."""
    if instant.tzinfo is None:
        raise ValueError(f"expected a datetime with a time zone, got {instant}")
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The instant in UTC."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def local_iso(ms: int, zone_name: str) -> str:
    """`2020-07-22T16:00:00+05:30`, as in startTime, endTime and slots (DOC)."""
    return datetime.fromtimestamp(ms // 1000, zone(zone_name)).isoformat()


def utc_iso(ms: int) -> str:
    """`2020-07-22T10:30:00.000Z`, as in createdAt and dateAdded (CODE)."""
    return datetime.fromtimestamp(ms // 1000, UTC).isoformat()[:19] + f".{ms % 1000:03d}Z"


def local_day(ms: int, zone_name: str) -> date:
    return datetime.fromtimestamp(ms // 1000, zone(zone_name)).date()


def days_between(start_ms: int, end_ms: int, zone_name: str) -> Iterator[date]:
    """The local days that overlap `[start_ms, end_ms)`, in order."""
    day, last = local_day(start_ms, zone_name), local_day(end_ms - 1, zone_name)
    while day <= last:
        yield day
        day += timedelta(days=1)


def wall_ms(day: date, minute: int, zone_name: str) -> int | None:
    """The instant when local clocks show `minute` minutes after midnight. None if DST skips that time."""
    wall = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone(zone_name))
    seconds = int(wall.timestamp())
    shown = datetime.fromtimestamp(seconds, zone(zone_name))
    return seconds * 1000 if shown.hour * 60 + shown.minute == minute else None


def day_start_ms(day: date, zone_name: str) -> int:
    """The first instant of a local day. Later than midnight where DST skips midnight."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone(zone_name)).timestamp()) * 1000
