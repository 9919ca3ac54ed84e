"""A calendar of one location behind the fake API, with answers that the sandbox cannot give.

Input:  records, the lists that each is in, and the answer to each id.
Output: a server, settings for it, and the requests that it got. `sync` runs into a DuckDB file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pendulum

from bookings_sync.config.settings import Location, Settings
from bookings_sync.sync import pipeline
from bookings_sync.sync.pipeline import SyncResult

from .fake_api import Asked, FakeApi, Replied

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)

Listed = tuple[str, str]
"""The parameter and the id of a list: `("calendarId", "s1")`."""

UNKNOWN = Replied(b'{"msg":"Not found"}', 404)


def appointment(record_id: str, days_from_now: float = 3, **fields: Any) -> dict[str, Any]:
    """A record of the service s1. A field that is None is left out."""
    start = NOW + timedelta(days=days_from_now)
    plain = {
        "id": record_id,
        "calendarServiceId": "s1",
        "locationId": "L",
        "startTime": start.isoformat(),
        "endTime": (start + timedelta(hours=1)).isoformat(),
        "status": "booked",
        "title": record_id,
    }
    return {name: value for name, value in (plain | fields).items() if value is not None}


class FakeCalendar:
    """Serves while the `with` block lasts.

    `lists` has the records of each list. `by_id` replaces the answer to an id, which by default is the record of any
    list, or a refusal. Both may be changed between two syncs.
    """

    def __init__(self, database: Path, **knobs: Any) -> None:
        self.database = database
        self.now = NOW
        self.services = ["s1"]
        self.teams: list[str] = []
        self.lists: dict[Listed, list[dict[str, Any]]] = {("calendarId", "s1"): []}
        self.by_id: dict[str, Replied] = {}
        self.ids: set[str] = set()
        """Every id that was ever listed or answered."""
        self.slots: Mapping[str, Any] = {}
        self.starts: dict[str, datetime] = {}
        """By id, when an appointment starts whose startTime is not ISO 8601 with an offset."""
        self._knobs = {"slots": False, "history_start": (NOW - timedelta(days=200)).date(), "attempts": 2} | knobs
        self.api = FakeApi(self._answer)

    def __enter__(self) -> FakeCalendar:
        self.api.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.api.__exit__()

    @property
    def settings(self) -> Settings:
        location = Location("first", "a-key-of-the-first", location_id="L")
        plain: dict[str, Any] = {"base_url": self.api.base_url, "rate_limit": 100_000}
        return Settings(**plain | {"locations": {"first": location}} | self._knobs)

    def sync(self, *, full: bool = False, **knobs: Any) -> SyncResult:
        """One sync. `asked_by_id` returns afterwards what it asked."""
        self.api.requests.clear()
        settings = replace(self.settings, **knobs)
        return pipeline.sync(settings, clock=lambda: pendulum.instance(self.now), full=full)

    def asked_by_id(self, *controls: str) -> list[str]:
        """The ids that the last sync asked for, each as often as it was asked for; without these control samples, and
        without ids that never existed."""
        paths = [request.path.removeprefix("/v1/appointments/") for request in self.api.requests]
        return sorted(path for path in paths if path in self.ids and path not in controls)

    def query(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'; USE bookings_raw")
            rows: list[dict[str, Any]] = connection.execute(sql, list(values)).to_arrow_table().to_pylist()
        return rows

    def change(self, sql: str) -> None:
        """Changes the warehouse, as another program might."""
        with duckdb.connect(str(self.database)) as connection:
            connection.execute("USE bookings_raw")
            connection.execute(sql)

    def live(self) -> list[str]:
        """The ids of the appointments that are current and no tombstones."""
        current = "_dlt_valid_to IS NULL AND deleted_at IS NULL"
        return [row["id"] for row in self.query(f"SELECT id FROM appointments WHERE {current} ORDER BY id")]

    def _answer(self, asked: Asked) -> Replied:
        path = asked.path.removeprefix("/v1")
        if path.startswith("/calendars/"):
            name = path.removeprefix("/calendars/")
            ids = {"teams": self.teams, "services": self.services}[name]
            return _json({name: [{"id": each, "name": each} for each in ids]})
        if path == "/appointments/slots":
            return _json(self.slots)
        if path == "/appointments/":
            return _json({"appointments": self._listed(asked.query)})
        record_id = path.removeprefix("/appointments/")
        if record_id in self.by_id:
            return self.by_id[record_id]
        found = [each for records in self.lists.values() for each in records if each["id"] == record_id]
        return _json(found[0]) if found else UNKNOWN

    def _listed(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        (list_,) = (each for each in query.items() if each[0] in ("calendarId", "teamId", "userId"))
        start, end = (int(query[name]) / 1000 for name in ("startDate", "endDate"))
        self.ids.update(str(each["id"]) for each in self.lists.get(list_, []))
        return [
            each
            for each in self.lists.get(list_, [])
            if "startTime" in each and start <= self._start_of(each).timestamp() < end
        ]

    def _start_of(self, record: Mapping[str, Any]) -> datetime:
        return self.starts.get(record["id"]) or datetime.fromisoformat(record["startTime"])


def found(record: Mapping[str, Any]) -> Replied:
    """The answer to an id: this record."""
    return _json(record)


def _json(body: Any) -> Replied:
    return Replied(json.dumps(body).encode())
