"""How the record of a reply becomes a row of a raw table: columns by path, instants, and the rest in `extra`.

Input:  records as JSON objects.
Output: `Shape.row`, used by `truth` and `truth_v2`. Nothing of the connector is imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Json = dict[str, Any]
Expected = dict[tuple[Any, ...], Json]
"""Rows by key (without the location): column to value."""


@dataclass(frozen=True)
class Shape:
    """How a record becomes a row: columns by path, columns with instants, fields with their own tables."""

    key: tuple[str, ...]
    texts: str = ""
    """`column=path` pairs: values that are kept as they came."""
    instants: str = ""
    elsewhere: tuple[str, ...] = ()
    extra: bool = True

    @property
    def paths(self) -> dict[str, str]:
        return dict(pair.split("=") for pair in self.texts.split())

    @property
    def instant_paths(self) -> dict[str, str]:
        return dict(pair.split("=") for pair in self.instants.split())

    def row(self, record: Json) -> Json:
        row = {column: _at(record, path) for column, path in self.paths.items()}
        row |= {column: utc(_at(record, path)) for column, path in self.instant_paths.items()}
        if self.extra:
            named = {*self.paths.values(), *self.instant_paths.values(), *self.elsewhere}
            row["extra"] = _beyond(record, named) or None
        return row


def slot_rows(truth: Json, days: int) -> Expected:
    """The free slots of the next days, by service and start."""
    until = instant(truth["now"]) + timedelta(days=days)
    return {
        (service_id, instant(start)): {"start_time_raw": start, "slot_date": start[:10]}
        for service_id, starts in truth["slots"].items()
        for start in starts
        if instant(start) < until
    }


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def utc(value: str | int | None) -> datetime | None:
    """The instant of ISO text or of epoch milliseconds."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC)
    return None if value is None else instant(value)


def known_zone(name: str | None) -> str | None:
    try:
        return str(ZoneInfo(name)) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _at(record: Json, path: str) -> Any:
    value: Any = record
    for name in path.split("."):
        value = (value or {}).get(name)
    return value


def _beyond(record: Json, named: Iterable[str], prefix: str = "") -> Json:
    """The fields without a column. Null counts as missing, and empty branches are left out."""
    named = set(named)
    rest: Json = {}
    for name, value in record.items():
        path = prefix + name
        if value is None or path in named:
            continue
        if any(each.startswith(path + ".") for each in named):
            value = _beyond(value, named, path + ".")
            if not value:
                continue
        rest[name] = value
    return rest
