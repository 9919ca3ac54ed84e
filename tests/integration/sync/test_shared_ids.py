"""Two locations whose records have the same ids, with different content: neither may affect the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pytest

from bookings_sync.config.settings import Location, Settings
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.transform import transform
from bookings_sync.sync import pipeline
from bookings_sync.sync.pipeline import SyncResult
from support.fake_api import Asked, FakeApi, Replied

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
NAMES = {"A": "alpha", "B": "beta"}


@dataclass
class Tenant:
    """One location's records: all ids count from 1 in each location, only texts and times differ."""

    location_id: str
    appointments: dict[str, dict[str, Any]] = field(default_factory=dict)

    def book(self, number: int, *, day: float, status: str = "confirmed", service: int = 1) -> None:
        start = NOW + timedelta(days=day)
        contact = {
            "id": f"contact-{number % 3}",
            "locationId": self.location_id,
            "firstName": f"{self.location_id}-{number % 3}",
            "customField": [{"id": "field-1", "value": f"{self.location_id} {number % 3}"}],
        }
        self.appointments[f"appointment-{number}"] = {
            "id": f"appointment-{number}",
            "locationId": self.location_id,
            "calendarServiceId": f"service-{service}",
            "calendarProviderId": "team-1",
            "userId": "user-1",
            "contactId": contact["id"],
            "appoinmentStatus": status,
            "title": f"{self.location_id} {number}",
            "startTime": start.isoformat(),
            "endTime": (start + timedelta(hours=1)).isoformat(),
            "contact": contact,
        }

    def answer(self, asked: Asked) -> Replied:
        path = asked.path.removeprefix("/v1")
        own = self.location_id
        if path == "/calendars/teams":
            members = [{"id": "user-1", "name": f"{own} Bo"}]
            return _json({"teams": [{"id": "team-1", "name": f"{own} desk", "members": members}]})
        if path == "/calendars/services":
            services = [{"id": f"service-{n}", "name": f"{own} service {n}", "teamId": "team-1"} for n in (1, 2)]
            return _json({"services": services})
        if path == "/appointments/slots":
            hour = 10 if own == "A" else 11
            day = (NOW + timedelta(days=1)).date().isoformat()
            return _json({day: {"slots": [f"{day}T{hour}:00:00+00:00"]}})
        if path == "/appointments/":
            start, end = (int(asked.query[name]) / 1000 for name in ("startDate", "endDate"))
            found = [
                each
                for each in self.appointments.values()
                if each["calendarServiceId"] == asked.query["calendarId"]
                and start <= datetime.fromisoformat(each["startTime"]).timestamp() < end
            ]
            return _json({"appointments": found})
        record = self.appointments.get(path.removeprefix("/appointments/"))
        return _json(record) if record else Replied(b'{"msg":"Not found"}', 404)


def _json(body: Any) -> Replied:
    return Replied(json.dumps(body).encode())


@dataclass
class Calendars:
    api: FakeApi
    database: Path
    tenants: dict[str, Tenant]

    @property
    def settings(self) -> Settings:
        return Settings(
            base_url=self.api.base_url,
            locations=self.locations("A", "B"),
            rate_limit=100_000,
            lookback_days=30,
            horizon_days=30,
            slots_horizon_days=3,
            history_start=(NOW - timedelta(days=60)).date(),
        )

    def locations(self, of_alpha: str, of_beta: str) -> dict[str, Location]:
        """The configured locations, with the keys of these tenants."""
        return {
            "alpha": Location("alpha", f"key-{of_alpha}", location_id="A"),
            "beta": Location("beta", f"key-{of_beta}", location_id="B"),
        }

    def sync(self, locations: dict[str, Location] | None = None) -> SyncResult:
        settings = replace(self.settings, locations=locations) if locations else self.settings
        return pipeline.sync(settings, clock=lambda: pendulum.instance(NOW))

    def transform(self) -> None:
        with open_client(self.settings, writes=True) as client:
            transform(client, datasets(self.settings), now=pendulum.instance(NOW), full=True)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'; USE bookings_raw")
            return connection.execute(sql).fetchall()

    def dump(self, location_id: str) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of a location, of all history tables."""
        tables = [
            name
            for (name,) in self.query(
                "SELECT DISTINCT table_name FROM information_schema.columns "
                "WHERE table_schema = 'bookings_raw' AND column_name = '_dlt_valid_from'"
            )
        ]
        return {
            table: sorted(
                self.query(f"SELECT * EXCLUDE (_dlt_load_id) FROM {table} WHERE location_id = '{location_id}'"),
                key=repr,
            )
            for table in tables
        }


@pytest.fixture
def calendars(warehouse_file: Path) -> Iterator[Calendars]:
    tenants = {each: Tenant(each) for each in ("A", "B")}
    for number in range(1, 41):
        tenants["A"].book(number, day=number / 2 - 15)
        tenants["B"].book(number, day=number / 2 - 14, service=1 + number % 2)

    def answer(asked: Asked) -> Replied:
        return tenants[asked.headers["Authorization"].removeprefix("Bearer key-")].answer(asked)

    with FakeApi(answer) as api:
        yield Calendars(api, warehouse_file, tenants)


def test_changes_of_one_location_leave_the_other_alone(calendars: Calendars) -> None:
    assert calendars.sync().outcome == "ok"
    assert calendars.query("SELECT location_id, count(*) FROM appointments GROUP BY ALL ORDER BY ALL") == [
        ("A", 40),
        ("B", 40),
    ]
    before = calendars.dump("B")
    first = calendars.tenants["A"]
    first.book(1, day=9, status="cancelled")
    first.book(2, day=-14, status="noshow")
    del first.appointments["appointment-5"]
    first.book(41, day=1)
    assert calendars.sync().changes.total >= 4
    assert calendars.dump("B") == before
    states = calendars.query(
        "SELECT location_id, count(*) FILTER (deleted_at IS NULL), count(*) FILTER (deleted_at IS NOT NULL)"
        " FROM appointments WHERE _dlt_valid_to IS NULL GROUP BY ALL ORDER BY ALL"
    )
    assert states == [("A", 40, 1), ("B", 40, 0)]
    assert calendars.sync().changes.total == 0


def test_an_id_that_moves_to_another_location(calendars: Calendars) -> None:
    """The second location books an id that the first one holds, then the first one loses it."""
    del calendars.tenants["B"].appointments["appointment-7"]
    calendars.sync()
    before = calendars.dump("A")
    calendars.tenants["B"].book(7, day=2)
    calendars.sync()
    assert calendars.dump("A") == before
    del calendars.tenants["A"].appointments["appointment-7"]
    calendars.sync()
    current = "SELECT location_id, title, deleted_at IS NULL FROM appointments WHERE _dlt_valid_to IS NULL"
    rows = calendars.query(f"{current} AND id = 'appointment-7' ORDER BY ALL")
    assert rows == [("A", "A 7", False), ("B", "B 7", True)]


def test_swapped_keys(calendars: Calendars) -> None:
    """The ids of teams and services are the same in both locations, so only the appointments show the swap."""
    calendars.sync()
    before = calendars.dump("A"), calendars.dump("B")
    result = calendars.sync(calendars.locations("B", "A"))
    assert result.outcome == "failed"
    assert "opens the calendar of `beta` (location id B)" in result.row["errors"]
    assert (calendars.dump("A"), calendars.dump("B")) == before
    again = calendars.sync()
    assert (again.outcome, again.changes.total) == ("ok", 0)


def test_models_keep_the_locations_apart(calendars: Calendars) -> None:
    """Each model gives a location the same rows whether or not the other location is in the warehouse."""
    calendars.sync()
    calendars.transform()
    both = _models(calendars)
    for location_id in ("A", "B"):
        other = "B" if location_id == "A" else "A"
        with duckdb.connect(str(calendars.database)) as connection:
            connection.execute("USE bookings_raw")
            names = connection.execute(
                "SELECT DISTINCT table_name FROM information_schema.columns"
                " WHERE table_schema = 'bookings_raw' AND column_name = 'location_id'"
            ).fetchall()
            kept = {name: connection.execute(f"FROM {name}").to_arrow_table() for (name,) in names}
            for (name,) in names:
                connection.execute(f"DELETE FROM {name} WHERE location_id = '{other}'")
        calendars.transform()
        alone = _models(calendars)
        for name, rows in both.items():
            assert alone[name].get(location_id) == rows.get(location_id), name
        with duckdb.connect(str(calendars.database)) as connection:
            connection.execute("USE bookings_raw")
            for (name,) in names:
                connection.execute(f"DELETE FROM {name}")
                connection.register("kept_rows", kept[name])
                connection.execute(f"INSERT INTO {name} FROM kept_rows")


def _models(calendars: Calendars) -> dict[str, dict[str, list[str]]]:
    """Every row of every model that has a location, as text, by model and location."""
    tables = calendars.query(
        "SELECT DISTINCT table_schema, table_name FROM information_schema.columns"
        " WHERE table_schema IN ('bookings_staging', 'bookings_marts') AND column_name = 'location_id'"
        " AND table_name NOT LIKE '\\_%' ESCAPE '\\'"
    )
    found: dict[str, dict[str, list[str]]] = {}
    for schema, table in tables:
        of_table = found.setdefault(f"{schema}.{table}", {})
        for row in calendars.query(f"SELECT location_id, to_json(t)::VARCHAR FROM {schema}.{table} AS t ORDER BY ALL"):
            of_table.setdefault(row[0], []).append(row[1])
    return found
