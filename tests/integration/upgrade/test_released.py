"""Warehouses as each released version left them: the next sync migrates them and finds that nothing has changed.

`released/make.py` makes them. The API answers exactly what the released version saw.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pytest

from bookings_sync.config.settings import Location, Settings
from bookings_sync.models.access import open_client
from bookings_sync.models.destination import Datasets
from bookings_sync.models.transform import transform
from bookings_sync.sync import pipeline
from support.fake_api import FakeApi
from support.recorded_api import answers
from support.victims import NEVER, Death, Victims

from .released.make import HISTORY_START, LOCATION, NOW, SETTINGS

RELEASED = sorted((Path(__file__).parent / "released").glob("*.zip"))
RECORDS: dict[str, Any] = json.loads((Path(__file__).parent / "released" / "records.json").read_text(encoding="utf-8"))
LATER = pendulum.instance(NOW).add(minutes=10)
TABLES = (
    "teams", "team_members", "services", "service_members", "service_hours", "appointments", "contacts",
    "contact_custom_fields", "slots",
)  # fmt: skip


def restore(archive: Path, folder: Path) -> Path:
    """The released warehouse as a DuckDB file."""
    export, database = folder / "export", folder / "warehouse.duckdb"
    with zipfile.ZipFile(archive) as files:
        files.extractall(export)
    with duckdb.connect(str(database)) as connection:
        connection.execute((export / "schema.sql").read_text(encoding="utf-8"))
        connection.execute((export / "load.sql").read_text(encoding="utf-8").replace("{folder}", str(export)))
    return database


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.chdir(tmp_path)
    found = restore(request.param, tmp_path)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(found))
    return found


@pytest.fixture
def settings() -> Iterator[Settings]:
    with FakeApi(answers(RECORDS)) as api:
        location = Location(LOCATION, RECORDS["key"], timezone=RECORDS["timezone"])
        start = date.fromisoformat(HISTORY_START)
        yield Settings(base_url=api.base_url, locations={LOCATION: location}, history_start=start, **SETTINGS)


def versions(database: Path) -> dict[str, list[Any]]:
    """The current and past versions of every record, without what the connector made of them."""
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'; USE bookings_raw")
        return {
            table: connection.execute(f"SELECT count(*), count(DISTINCT row_digest) FROM {table}").fetchall()
            for table in TABLES
        }


every_release = pytest.mark.parametrize("database", RELEASED, indirect=True, ids=[each.stem for each in RELEASED])


@every_release
def test_nothing_has_changed(database: Path, settings: Settings) -> None:
    before = versions(database)
    assert before["appointments"][0][0] > 50
    result = pipeline.sync(settings, clock=lambda: LATER)
    assert result.row["errors"] == "[]"
    counted = json.loads(result.row["tables"])
    assert {kind for each in counted.values() for kind, count in each.items() if count} <= {"rewritten"}
    # The earliest build had another hash function. The digest of a contact's custom fields is a column made by it.
    others = {table: each for table, each in versions(database).items() if counted.keys().isdisjoint({table})}
    assert others == {table: before[table] for table in others}
    assert counted.keys() <= {"contacts"}
    again = pipeline.sync(settings, clock=lambda: LATER.add(minutes=10))
    assert again.changes.total == 0
    assert again.row["reads_unchanged"] > 0
    with open_client(settings, writes=True) as client:
        transform(client, Datasets(), now=LATER)
    with duckdb.connect(str(database), read_only=True) as connection:
        events = connection.execute("SELECT DISTINCT event FROM bookings_marts.fct_appointment_events").fetchall()
    assert events == [("booked",)]


@every_release
def test_models_do_not_wait_for_the_next_sync(database: Path, settings: Settings) -> None:
    """The columns that the next sync adds are null."""
    with open_client(settings, writes=True) as client:
        transform(client, Datasets(), now=LATER)
    with duckdb.connect(str(database), read_only=True) as connection:
        ((rows,),) = connection.execute("SELECT count(*) FROM bookings_marts.fct_appointments").fetchall()
    assert rows > 50


@every_release
def test_numbers_may_have_fractions_now(database: Path) -> None:
    """Their columns were integers, so a load would have rounded 7.5."""
    records = json.loads(json.dumps(RECORDS))
    records["services"][0]["availability"]["eventTiming"]["slotInterval"] = 7.5
    with FakeApi(answers(records)) as api:
        location = Location(LOCATION, RECORDS["key"], timezone=RECORDS["timezone"])
        start = date.fromisoformat(HISTORY_START)
        settings = Settings(base_url=api.base_url, locations={LOCATION: location}, history_start=start, **SETTINGS)
        pipeline.sync(settings, clock=lambda: LATER)
    with duckdb.connect(str(database), read_only=True) as connection:
        sql = "SELECT slot_interval FROM bookings_raw.services WHERE id = ? AND _dlt_valid_to IS NULL"
        assert connection.execute(sql, [records["services"][0]["id"]]).fetchall() == [(7.5,)]


@pytest.mark.parametrize("database", RELEASED[:1], indirect=True, ids=[RELEASED[0].stem])
def test_a_migration_that_is_killed(database: Path, settings: Settings) -> None:
    """After each kill the next run goes on, and in the end nothing has changed."""
    before = versions(database)
    kills = 0
    with Victims() as victims:
        for statement in range(1, 60, 3):
            kills += victims.order("sync", str(database), LATER, Death("statement", statement), settings)
        victims.order("sync", str(database), LATER, NEVER, settings)
    assert kills > 10
    after = versions(database)
    del before["contacts"], after["contacts"]  # rewritten, see above
    assert after == before
    with duckdb.connect(str(database), read_only=True) as connection:
        outcome = connection.execute(
            "SELECT outcome, rows_changed FROM bookings_raw.runs ORDER BY started_at"
        ).fetchall()
    assert outcome[-1] == ("ok", 0)
