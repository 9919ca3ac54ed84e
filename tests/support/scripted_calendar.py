"""A calendar that shows its records in whatever way a test wants: twice, differently in each list, in any order.

Input:  `lists`, the appointments of each service, team or user; the records of the other lists.
Output: `answer` for a `FakeApi`, and syncs into a DuckDB warehouse.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pendulum

from bookings_sync.config.settings import Location, Settings
from bookings_sync.planning.windows import to_ms
from bookings_sync.sync import pipeline

from .fake_api import Asked, FakeApi, Replied

NOW = pendulum.datetime(2026, 11, 2, 8, tz="UTC")
Record = dict[str, Any]


def booked(record_id: str, service_id: str = "s1", **fields: Any) -> Record:
    """An appointment tomorrow at nine."""
    plain = {"id": record_id, "calendarServiceId": service_id, "locationId": "L", "startTime": at(1), "endTime": at(1)}
    return plain | fields


def at(days: float) -> str:
    """An instant this many days from now, at nine."""
    return NOW.add(hours=1).add(seconds=round(days * 86_400)).to_iso8601_string()


@dataclass
class ScriptedCalendar:
    """One location. `late` are the scopes with slow replies: their lists arrive last."""

    api: FakeApi
    database: Path
    lists: dict[str, list[Any]] = field(default_factory=dict)
    services: list[Any] | None = None
    teams: list[Any] = field(default_factory=list)
    slots: Record = field(default_factory=dict)
    overlap: bool = False
    """Whether lists also contain what begins before their window and ends in it."""
    late: tuple[str, ...] = ()
    knobs: dict[str, Any] = field(default_factory=dict)
    now: pendulum.DateTime = NOW
    noise: int = 0

    def answer(self, asked: Asked) -> Replied:
        path, query = asked.path.removeprefix("/v1"), asked.query
        if path == "/appointments/":
            scope = next(query[name] for name in ("calendarId", "teamId", "userId") if name in query)
            if scope in self.late:
                time.sleep(0.2)
            body: Any = {"appointments": [each for each in self.lists.get(scope, []) if self._is_in(each, query)]}
        elif path == "/appointments/slots":
            body = self.slots
        elif path == "/calendars/teams":
            body = {"teams": self.teams}
        elif path == "/calendars/services":
            services = [{"id": each} for each in self.lists] if self.services is None else self.services
            body = {"services": services}
        else:
            found = [each for told in self.lists.values() for each in told if each["id"] == path.rsplit("/", 1)[-1]]
            return _reply(found[0]) if found else Replied(b'{"msg": "not found"}', status=404)
        return _reply(body)

    def _is_in(self, record: Any, query: Mapping[str, str]) -> bool:
        if not isinstance(record, dict) or "startTime" not in record:
            return True
        start, end = (to_ms(pendulum.parse(record[name])) for name in ("startTime", "endTime"))  # type: ignore[arg-type]
        return int(query["startDate"]) <= (end if self.overlap else start) and start < int(query["endDate"])

    def sync(self, *, full: bool = False, **knobs: Any) -> pipeline.SyncResult:
        self.now = self.now.add(minutes=10)
        plain: dict[str, Any] = {
            "base_url": self.api.base_url,
            "locations": {"one": Location("one", "key", location_id="L")},
            "lookback_days": 10,
            "horizon_days": 10,
            "window_days": 16,
            "history_start": NOW.subtract(days=20).date(),
            "slots_horizon_days": 3,
            "slots": bool(self.slots),
            "rate_limit": 100_000,
        }
        settings = Settings(**plain | self.knobs | knobs)
        return pipeline.sync(settings, clock=lambda: self.now, full=full)

    def idle(self, runs: int = 4) -> int:
        """The changes of some syncs in which the calendar has no news."""
        return sum(self.sync().changes.total for _ in range(runs))

    def query(self, sql: str, *values: Any) -> list[Record]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'; USE bookings_raw")
            rows: list[Record] = connection.execute(sql, list(values)).to_arrow_table().to_pylist()
        return rows

    def live(self, table: str, column: str) -> list[Any]:
        """The column's values in the current rows, by key."""
        rows = self.query(f"SELECT * FROM {table} WHERE _dlt_valid_to IS NULL AND deleted_at IS NULL ORDER BY ALL")
        return [row[column] for row in rows]

    def versions(self, table: str) -> int:
        return int(self.query(f"SELECT count(*) AS n FROM {table}")[0]["n"])


def _reply(body: Any) -> Replied:
    return Replied(json.dumps(body).encode())
