"""The demo: a living calendar, synced into DuckDB, left alone for two weeks, synced again, and reported on.

Input:  nothing: the calendar is the sandbox, in a process of its own, behind a real socket and at the true API's rate
        limit.
Output: a story on the terminal (or one JSON object), a DuckDB file to look into, and the report as a page.

What it tells is counted, not written: by the journal of the sandbox, the connector's own figures, and at the end a
comparison of the warehouse with the sandbox's truth.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.cli.console import Output
from bookings_sync.cli.pages import write_page
from bookings_sync.cli.progress import sync_progress, transform_progress
from bookings_sync.cli.report import figures_of
from bookings_sync.cli.served import Served, serve
from bookings_sync.cli.story import Answer, Story
from bookings_sync.cli.sync import summary_of
from bookings_sync.clock import utc_now
from bookings_sync.config.settings import Location, Settings
from bookings_sync.errors import BookingsError
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.transform import TransformResult, transform
from bookings_sync.report import render
from bookings_sync.sync.pipeline import SyncResult, sync

DAYS = 14
"""How long the calendar is left alone between the two syncs. The world begins so long ago, and ends now."""
_CREDENTIALS = "DESTINATION__DUCKDB__CREDENTIALS"
_COMPARED = {
    "start_time_raw": "startTime",
    "end_time_raw": "endTime",
    "status": "status",
    "appoinment_status": "appoinmentStatus",
    "appointment_status": "appointmentStatus",
    "user_id": "userId",
    "contact_id": "contactId",
    "calendar_id": "calendarId",
    "service_id": "calendarServiceId",
    "title": "title",
}
"""Columns of the raw appointments, and the API's fields they must equal."""

QUESTIONS = (
    (
        "What happened while nobody looked, and how much of it after the appointment's own start?",
        """
SELECT event, count(*) AS seen, count_if(is_after_start) AS after_the_fact,
  min(coalesce(from_starts_at, to_starts_at))::DATE AS oldest_booking
FROM bookings_marts.fct_appointment_events
WHERE observed_at >= TIMESTAMPTZ '{since}'
GROUP BY event ORDER BY seen DESC
""",
    ),
    (
        "Who comes? The show rate by service, last twelve weeks",
        """
SELECT service.name AS service, sum(showed) AS showed, sum(noshow) AS no_show,
  sum(showed) / nullif(sum(showed) + sum(noshow), 0) AS show_rate
FROM bookings_marts.rpt_show_rate JOIN bookings_marts.dim_service AS service USING (location_id, service_id)
WHERE local_week > DATE '{today}' - 84
GROUP BY service.name ORDER BY show_rate DESC
""",
    ),
    (
        "Where is there room? Utilisation of the coming two weeks",
        """
SELECT location.name AS location, round(sum(booked_minutes) / 60) AS booked_hours,
  round(sum(free_minutes) / 60) AS free_hours,
  sum(booked_minutes) / nullif(sum(booked_minutes) + sum(free_minutes), 0) AS utilisation
FROM bookings_marts.rpt_utilisation JOIN bookings_marts.dim_location AS location USING (location_id)
WHERE local_date BETWEEN DATE '{today}' AND DATE '{today}' + 13
GROUP BY location.name ORDER BY utilisation DESC
""",
    ),
)


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """What the sandbox serves: `services` of each location, `appointments` over all of them."""

    locations: int
    services: int
    appointments: int
    seed: int


def run_demo(output: Output, world: DemoWorld, folder: Path) -> int:
    """Runs the demo. Returns the exit code: 1 where the warehouse does not equal the calendar."""
    began = time.monotonic()
    story = Story(output)
    database = _fresh_database(folder)
    begins_at = utc_now().start_of("minute").subtract(days=DAYS)
    with serve(now=begins_at, **asdict(world)) as served, _into(database):
        settings = Settings(
            base_url=served.base_url,
            locations={each["name"]: Location(each["name"], each["api_key"]) for each in served.locations},
        )
        story.opening(served.base_url, world.locations, world.services, world.appointments)
        first = _sync(output, settings, served)
        story.first_sync(first)
        story.transformed(_transform(output, settings, served))
        happened = served.advance(days=DAYS)
        story.time_passed(DAYS, happened)
        second = _sync(output, settings, served)
        story.second_sync(second, first)
        built = _transform(output, settings, served)
        story.transformed(built)
        with open_client(settings) as client:
            compared, differing = _compare(client, settings, served)
            since = second.row["started_at"].to_datetime_string() + "Z"
            answers = [_ask(client, *each, since=since, today=served.now.to_date_string()) for each in QUESTIONS]
            figures = figures_of(client, settings, served.now)
    page = database.with_name("report.html")
    write_page(render(figures), page)
    story.proof(differing, compared)
    for answer in answers:
        story.question(answer)
    took = round(time.monotonic() - began, 1)
    story.ending(database, page, took)
    exit_code = 1 if differing else 0
    output.result(
        outcome="failed" if differing else "ok",
        database=str(database),
        page=str(page),
        seconds=took,
        first=summary_of(first),
        happened=happened,
        second=summary_of(second),
        models=len(built.models),
        compared=compared,
        differing=differing,
        answers=[asdict(answer) for answer in answers],
        exit_code=exit_code,
    )
    return exit_code


def _fresh_database(folder: Path) -> Path:
    """The demo's database, none yet: one of an earlier demo is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    database = folder.absolute() / "bookings.duckdb"
    for path in (database, database.with_name(database.name + ".wal")):
        path.unlink(missing_ok=True)
    return database


@contextmanager
def _into(database: Path) -> Iterator[None]:
    """Whatever is configured, the warehouse is this file. The environment is the strongest of dlt's providers."""
    before = os.environ.get(_CREDENTIALS)
    os.environ[_CREDENTIALS] = str(database)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CREDENTIALS]
        else:
            os.environ[_CREDENTIALS] = before


def _sync(output: Output, settings: Settings, served: Served) -> SyncResult:
    with sync_progress(output) as on_progress:
        result = sync(settings, clock=lambda: served.now, on_progress=on_progress)
    if result.outcome != "ok":
        raise BookingsError(f"the sync ended {result.outcome}: {json.loads(result.row['errors'])[0]}")
    return result


def _transform(output: Output, settings: Settings, served: Served) -> TransformResult:
    with open_client(settings, writes=True, publishes=True) as client, transform_progress(output) as progress:
        return transform(client, datasets(settings), now=served.now, progress=progress)


def _compare(client: SqlClientBase[Any], settings: Settings, served: Served) -> tuple[int, int]:
    """How many appointments were compared with the sandbox's truth, and how many differ, are missing or too many.

    Those of a service that came and went between two syncs are left out: no list ever named it, so nobody could ask.
    """
    held = {
        (location_id, appointment_id): tuple(rest)
        for location_id, appointment_id, *rest in client.execute_sql(
            f"SELECT location_id, id, {', '.join(_COMPARED)} FROM {settings.raw_dataset}.appointments"  # noqa: S608
            " WHERE _dlt_valid_to IS NULL AND deleted_at IS NULL"
        )
        or ()
    }
    named = {row[0] for row in client.execute_sql(f"SELECT DISTINCT id FROM {settings.raw_dataset}.services") or ()}  # noqa: S608
    true: dict[tuple[str, str], tuple[Any, ...]] = {}
    for location_id in (location["location_id"] for location in served.locations):
        truth = served.truth(location_id)
        named |= {service["id"] for service in truth["services"]}
        for each in truth["appointments"]:
            key = location_id, each["id"]
            if each.get("calendarServiceId") in named or key in held:
                true[key] = tuple(each.get(name) for name in _COMPARED.values())
    keys = held.keys() | true.keys()
    return len(keys), sum(1 for key in keys if held.get(key) != true.get(key))


def _ask(client: SqlClientBase[Any], question: str, sql: str, *, since: str, today: str) -> Answer:
    sql = sql.strip().format(since=since, today=today)
    with client.execute_query(sql) as cursor:
        columns = tuple(column[0] for column in cursor.description)
        return Answer(question, sql, columns, tuple(tuple(_plain(each) for each in row) for row in cursor.fetchall()))


def _plain(value: Any) -> Any:
    """DuckDB's sums of whole numbers are Decimals."""
    return int(value) if isinstance(value, Decimal) else value
