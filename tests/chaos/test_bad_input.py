"""Fuzzed replies: each record is loaded, kept in `extra`, or quarantined with its reason. None is lost in
silence, none stops the run, and reading them again finds nothing new.
"""

from __future__ import annotations

import json
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import orjson
import pendulum
import pytest
import stamina

from bookings_sync.config.settings import Location, Settings
from bookings_sync.sync import pipeline
from integration.sync.conftest import Tally
from support import nasty
from support.fake_api import Asked, FakeApi, Replied

from .conftest import CHAOS_SEED, amount

NOW = pendulum.datetime(2026, 11, 2, 9)
SERVICES = amount(30, 120)
LOCATIONS = 2
HERE = "location-0"
NINE = ("2026-11-03T09:00:00Z", "2026-11-03T09:30:00Z")
KEPT_AS_ROWS = {"members", "teamMembers", "contact", "customField"}


@dataclass
class Sent:
    """Everything that the fake API sent: records by (location id, table), and each reply, so that the same question
    always has the same answer."""

    seed: int
    records: dict[tuple[str, str], list[Any]] = field(default_factory=lambda: defaultdict(list))
    replies: dict[Any, bytes] = field(default_factory=dict)
    by_id: dict[tuple[str, str], Any] = field(default_factory=dict)
    windows: dict[tuple[str, str], list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    lists: int = 0

    def answer(self, asked: Asked) -> Replied:
        location_id = "location-" + asked.headers["Authorization"].removeprefix("Bearer key-")
        identity = (location_id, asked.path, tuple(sorted(asked.query.items())))
        if asked.path.startswith("/v1/appointments/") and not asked.query:
            found = self.by_id.get((location_id, unquote(asked.path.rsplit("/", 1)[1])))
            return Replied(nasty.as_json(found)) if found else Replied(b'{"msg":"Not found"}', 404)
        if identity not in self.replies:
            self.lists += 1
            self.replies[identity] = nasty.as_json(
                self._list(location_id, asked, random.Random(f"{self.seed}{identity}"))
            )
        return Replied(self.replies[identity])

    def _list(self, location_id: str, asked: Asked, rng: random.Random) -> Any:
        path = asked.path.removeprefix("/v1").rstrip("/")
        if path == "/calendars/teams":
            records = [nasty.mauled(nasty.team(n), rng) for n in range(40)]
            self.records[location_id, "teams"] += records
            return {"teams": records}
        if path == "/calendars/services":
            # Half keep their id, so that some can be asked for.
            records = [nasty.mauled(nasty.service(n), rng, ("id",) if n % 2 else ()) for n in range(SERVICES)]
            self.records[location_id, "services"] += records
            return {"services": records}
        if path == "/appointments/slots":
            starts = [f"2026-11-03T{hour:02}:00:00+01:00" for hour in range(8, 12)] + [
                nasty.nasty(rng) for _ in range(3)
            ]
            self.records[location_id, "slots"] += [(asked.query["calendarId"], each) for each in starts]
            return {"2026-11-03": {"slots": starts}, "traceId": "t", "": None}
        return {"appointments": self._appointments(location_id, asked, rng)}

    def _appointments(self, location_id: str, asked: Asked, rng: random.Random) -> list[Any]:
        start = datetime.fromtimestamp(int(asked.query["startDate"]) / 1000, UTC)
        if not asked.query["calendarId"].startswith("service-"):
            return []
        begins, ends = int(asked.query["startDate"]), int(asked.query["endDate"])
        listed = self.windows[location_id, asked.query["calendarId"]]
        is_part = any(first <= begins and ends <= last for first, last in listed)
        listed.append((begins, ends))
        if is_part or abs(start - NOW) > timedelta(days=60):  # a part of a list, or read because of a row there
            return self._sent_before(location_id, asked)
        records = []
        for _ in range(rng.choice((0, 1, 3, 6))):
            number = rng.getrandbits(60)
            at = start + timedelta(minutes=rng.randrange(1440))
            record = nasty.appointment(
                number, asked.query["calendarId"], at.isoformat(), (at + timedelta(minutes=30)).isoformat()
            ) | {"locationId": location_id}
            if rng.random() < 0.1:  # the same id twice, or but for its case
                twin = json.loads(json.dumps(record))
                twin["id"] = rng.choice((record["id"], record["id"].upper()))
                twin["title"] = "twin"
                twin["contact"]["id"] = twin["contactId"] = f"twin-{number}"
                records.append(twin)
            records.append(nasty.mauled(record, rng, protect=("locationId",)))  # another location's would be refused
        window = int(asked.query["startDate"]) // (8 * 86_400_000) % 8
        if asked.query["calendarId"] != f"service-{2 * window + 1}":
            # Nasty ids in few replies only: if two replies differ about an id, neither is known to be true.
            for number, each in enumerate(records):
                row_id = each.get("id") if isinstance(each, dict) else None
                if isinstance(row_id, str | int | float) and not str(row_id).lower().startswith("app"):
                    each["id"] = f"{row_id}{asked.query['calendarId']}{window}/{number}"
        self.records[location_id, "appointments"] += records
        for each in records:
            if isinstance(each, dict) and isinstance(each.get("id"), str | int | float):  # other values are no id
                self.by_id[location_id, str(_decoded(each["id"]))] = each
        return records

    def _sent_before(self, location_id: str, asked: Asked) -> list[Any]:
        window = [datetime.fromtimestamp(int(asked.query[name]) / 1000, UTC) for name in ("startDate", "endDate")]
        found = []
        for each in self.records[location_id, "appointments"]:
            own = isinstance(each, dict) and each.get("calendarServiceId") == asked.query["calendarId"]
            if own and (at := _instant(each.get("startTime"))) and window[0] <= at < window[1]:
                found.append(each)
        return found


@pytest.fixture(autouse=True)
def no_backoff() -> Iterator[None]:
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.mark.parametrize("round_", range(amount(1, 11)))
def test_every_record_is_accounted_for(folder: Path, tally: Tally, round_: int) -> None:
    sent = Sent(CHAOS_SEED * 1_000 + round_)
    with FakeApi(sent.answer) as api:
        first = sync(api)
        assert first.row["errors"] == "[]"
        with deep_recursion():
            lost = list(Held(folder / "warehouse.duckdb").lost(sent))
        assert lost == []
        again = json.loads(sync(api).row["tables"])
        news = {(name, kind) for name, counts in again.items() for kind, count in counts.items() if count}
        assert {(name, kind) for name, kind in news if kind != "rejected"} == set()
    assert sent.lists >= amount(200, 1_000)
    tally("fuzzed replies", sent.lists)
    tally("fuzzed records", sum(len(records) for records in sent.records.values()))


ODD_IDS = [
    "..", ".", "", " ", "\x00", "a\x00b", "a/b?c=d#e", "%2e%2e", "é🦷", "\u202e", "\n", "'", "\\", "%s", "a&endDate=0",
    "'); DROP TABLE appointments; --", "x" * 900, "x" * 100_000, "ID", "id", 0, -1, 2**63, 1.5, True, [], {},
]  # fmt: skip


def test_rows_with_odd_ids_can_be_deleted(folder: Path) -> None:
    """Each is loaded or rejected. When the list drops them, each is asked for by its id and becomes a tombstone."""
    records = [
        nasty.appointment(n, "service-1", *NINE) | {"id": odd, "locationId": None} for n, odd in enumerate(ODD_IDS)
    ]
    with FakeApi(lambda asked: _calendar(asked, records)) as api:
        assert sync(api).row["errors"] == "[]"
        rows = f"SELECT count(*) FROM appointments WHERE location_id = '{HERE}' AND"
        ((loaded,),) = _query(folder, f"{rows} deleted_at IS NULL")
        ((rejected,),) = _query(folder, f"SELECT count(*) FROM rejected_records WHERE location_id = '{HERE}'")
        assert loaded + rejected == len(ODD_IDS)
        records.clear()
        at_once = {"deletion_guard_percent": 100, "deletion_evidence_runs": 1, "deletion_evidence_hours": 0}
        assert sync(api, **at_once).row["errors"] == "[]"
    alive = "_dlt_valid_to IS NULL AND deleted_at IS NULL"
    assert _query(folder, f"SELECT id FROM appointments WHERE {alive}") == []
    assert loaded >= 18


def test_services_with_odd_ids(folder: Path) -> None:
    """Everything else is loaded, also an appointment of such a service."""
    record = nasty.appointment(1, "x" * 100_000, *NINE) | {"locationId": None}
    with FakeApi(lambda asked: _calendar(asked, [record], *({"id": odd} for odd in ODD_IDS))) as api:
        for _ in range(2):
            assert sync(api, window_days=32, max_window_days=32).row["errors"] == "[]"
    assert _query(folder, "SELECT DISTINCT id FROM appointments WHERE deleted_at IS NULL") == [("appointment-1",)]
    ((loaded, rejected),) = _query(
        folder,
        f"SELECT (SELECT count(*) FROM services WHERE location_id = '{HERE}'),"
        f" (SELECT count(*) FROM rejected_records WHERE location_id = '{HERE}' AND table_name = 'services')",
    )
    assert loaded + rejected == len(ODD_IDS) + 1


def test_ten_megabytes_in_a_field(folder: Path) -> None:
    record = nasty.appointment(1, "service-1", *NINE) | {"locationId": None}
    record["notes"] = "🦷x" * 500_000 + "x" * 9_000_000
    record["unknown"] = record["notes"]
    with FakeApi(lambda asked: _calendar(asked, [record])) as api:
        assert sync(api).row["errors"] == "[]"
    lengths = _query(folder, "SELECT DISTINCT length(notes), length(extra) FROM appointments")
    assert lengths == [(10_000_000, 10_000_000 + len('{"unknown":""}'))]


@pytest.mark.parametrize("day", ["all day", 7, {"slots": "09:00"}, {"slots": {"a": 1}}])
def test_slots_of_an_unknown_shape(folder: Path, day: Any) -> None:
    """The run reports that the service's slots cannot be read, and loads everything else."""
    record = nasty.appointment(1, "service-1", *NINE) | {"locationId": None}
    with FakeApi(lambda asked: _calendar(asked, [record], slots={"2026-11-03": day})) as api:
        result = sync(api)
    assert "slots" in result.row["errors"]
    assert _query(folder, "SELECT DISTINCT id FROM appointments") == [("appointment-1",)]


def _calendar(asked: Asked, records: list[Any], *services: Any, slots: Any = None) -> Replied:
    """A small calendar with one service and these records."""
    path = asked.path.rstrip("/")
    if path == "/v1/appointments":
        at = [datetime.fromisoformat(each.get("startTime", "2026-11-03T00:00:00Z")).timestamp() for each in records]
        window = int(asked.query["startDate"]), int(asked.query["endDate"])
        own = asked.query["calendarId"] == "service-1"
        found = [row for row, start in zip(records, at, strict=True) if own and window[0] <= start * 1000 < window[1]]
        return Replied(nasty.as_json({"appointments": found}))
    lists = {
        "/v1/calendars/teams": {"teams": [nasty.team(1)]},
        "/v1/calendars/services": {"services": [*services, nasty.service(1)]},
        "/v1/appointments/slots": slots or {},
    }
    return Replied(nasty.as_json(lists[path])) if path in lists else Replied(b'{"msg":"Not found"}', 404)


def _query(folder: Path, sql: str) -> list[Any]:
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute("USE bookings_raw").execute(sql).fetchall()


def sync(api: FakeApi, **knobs: Any) -> pipeline.SyncResult:
    locations = {f"l{n}": Location(f"l{n}", f"key-{n}", location_id=f"location-{n}") for n in range(LOCATIONS)}
    plain: dict[str, Any] = {
        "base_url": api.base_url,
        "locations": locations,
        "rate_limit": 100_000,
        "history_start": date(2026, 10, 20),
        "lookback_days": 10,
        "horizon_days": 20,
        "window_days": 8,
        "max_window_days": 8,
        "rows_per_reply": 100,
        "slots_horizon_days": 3,
    }
    return pipeline.sync(Settings(**plain | knobs), clock=lambda: NOW)


@contextmanager
def deep_recursion() -> Iterator[None]:
    """For the comparison only: the connector does not have it."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


class Held:
    """The warehouse's rows, and whether they contain a record."""

    def __init__(self, database: Path) -> None:
        with duckdb.connect(str(database), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'; USE bookings_raw")
            self._connection = connection
            self._rows = {name: self._by_id(name) for name in ("teams", "services", "appointments", "contacts")}
            self._slots = set(connection.sql("SELECT location_id, service_id, start_time FROM slots").fetchall())
            rejected = connection.sql("SELECT location_id, record FROM rejected_records WHERE reason <> ''").fetchall()
        self._rejected = {(location_id, _canonical(orjson.loads(record))) for location_id, record in rejected}

    def _by_id(self, table: str) -> dict[tuple[str, str], dict[str, Any]]:
        rows = self._connection.sql(f"SELECT * FROM {table} WHERE _dlt_valid_to IS NULL").to_arrow_table().to_pylist()
        return {(row["location_id"], row["id"]): row for row in rows}

    def lost(self, sent: Sent) -> Iterator[str]:
        """What of all that was sent is nowhere to be found."""
        for (location_id, table), records in sent.records.items():
            for record in records:
                if table == "slots":
                    service_id, start = record
                    if isinstance(start, str) and (location_id, service_id, _to_the_millisecond(start)) in self._slots:
                        continue
                    if not self._is_rejected(location_id, {"date": "2026-11-03", "start": _decoded(start)}):
                        yield f"slot {start!r}"
                elif why := self._missing_of(location_id, table, _decoded(record)):
                    yield f"{table}: {why} of {_short(record)}"

    def _missing_of(self, location_id: str, table: str, record: Any) -> str | None:
        if record is None or self._is_rejected(location_id, record):
            return None
        row_id = record.get("id") if isinstance(record, dict) else None
        row = self._rows[table].get((location_id, str(row_id)))
        if row is None:
            return "all"
        kept = orjson.loads(row["extra"] or "{}")
        texts = {value for value in row.values() if isinstance(value, str)}
        for name, value in record.items():
            if name in KEPT_AS_ROWS or value is None:
                continue
            if not self._is_kept(value, kept.get(name), kept, texts, row, location_id):
                return f"{name} = {_short(value)}"
        contact = record.get("contact") if table == "appointments" else None
        if isinstance(contact, dict) and contact.get("id") is None:  # then it is known by the appointment's contactId
            contact = contact | {"id": record.get("contactId")}
        if contact is not None and (why := self._missing_of(location_id, "contacts", contact)):
            return f"contact: {why}"
        return None

    def _is_kept(
        self, value: Any, extra: Any, extras: dict[str, Any], texts: set[str], row: dict[str, Any], location_id: str
    ) -> bool:
        """Whether the value is in a column, in `extra` under its name or path, or in a child table."""
        if value is None or _canonical(value) == _canonical(extra):
            return True
        if isinstance(value, str) and (value in texts or json.dumps(value, ensure_ascii=False) in texts):
            return True
        if any(_same(value, each) for each in row.values()):
            return True
        if any(_canonical(value) == _canonical(each) for each in extras.values()):
            return True
        if isinstance(value, dict | list | bool) and any(_parses_to(text, value) for text in texts):
            return True  # in a column of JSON text
        if isinstance(value, dict):
            inner = extra if isinstance(extra, dict) else {}
            return all(
                name == "officeHours" or self._is_kept(each, inner.get(name), extras, texts, row, location_id)
                for name, each in value.items()
            )
        return False

    def _is_rejected(self, location_id: str, record: Any) -> bool:
        return (location_id, _canonical(record)) in self._rejected


def _decoded(value: Any) -> Any:
    """The value as a lenient reader takes it: NaN and infinity become null, half a surrogate pair and NUL become
    U+FFFD, an integer beyond 64 bits the text of its digits."""
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    if isinstance(value, dict):
        return {_decoded(name): _decoded(each) for name, each in value.items()}
    return value


def _canonical(value: Any) -> str:
    """Equal for equal content: ignores the order of fields, null fields, and integers written as floats."""
    return nasty.spelt(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return {name: _plain(value[name]) for name in sorted(value) if value[name] is not None}


def _same(value: Any, held: Any) -> bool:
    if isinstance(value, bool) or isinstance(held, bool) or isinstance(value, dict | list):
        return value is held
    if isinstance(value, int | float) and isinstance(held, int | float):
        return value == held
    if isinstance(held, datetime):
        return _instant(value) == held
    if isinstance(value, str) and isinstance(held, float):
        return value in {str(held), f"{held:.0f}"}  # a number as text
    return bool(value == held) or (isinstance(value, int | float) and str(value) == held) or value == str(held)


def _instant(value: Any) -> datetime | None:
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value).astimezone(UTC)
        seconds = value / 1000 if abs(value) >= 100_000_000_000 else value
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _to_the_millisecond(start: str) -> datetime | None:
    at = _instant(start)
    return at and at.replace(microsecond=at.microsecond // 1000 * 1000)


def _parses_to(text: str, value: Any) -> bool:
    try:
        return _canonical(orjson.loads(text)) == _canonical(value)
    except ValueError:
        return False


def _short(value: Any) -> str:
    return nasty.spelt(value)[:300]


def test_deep_records_are_hashed(folder: Path) -> None:
    """A deep record does not stop a run that hashes personal values."""
    record = nasty.appointment(1, "service-1", *NINE) | {"locationId": None}
    record["notes"] = record["contact"]["odd"] = nasty.deep()
    with FakeApi(lambda asked: _calendar(asked, [record])) as api:
        assert sync(api, pii="hash", pii_key="k" * 16).row["errors"] == "[]"
    assert _query(folder, "SELECT DISTINCT id FROM appointments") == [("appointment-1",)]
