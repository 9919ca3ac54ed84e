"""Carries out `bookings demo`: syncs a simulated calendar, lets two weeks pass, syncs again, follows a change live, and
writes the report.

Input:  nothing. The sandbox serves the calendar in a subprocess, over a real socket, with the real API's rate limit.
Output: an explanation on the terminal or one JSON object, a DuckDB file, and the report.

Every number is measured: by the sandbox's journal, by the connector's own figures, and by comparing the warehouse with
the calendar at the end.
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
from pendulum import Date, DateTime

from bookings_sync.catalogue import load_metrics
from bookings_sync.catalogue.query import metric_query
from bookings_sync.cli.demo_live import follow_one_change
from bookings_sync.cli.demo_output import DemoAnswer, DemoOutput
from bookings_sync.cli.demo_proof import compare_with_calendar
from bookings_sync.cli.html_file import write_html
from bookings_sync.cli.output import Output
from bookings_sync.cli.progress import sync_progress, transform_progress
from bookings_sync.cli.report import report_figures
from bookings_sync.cli.sandbox_process import SandboxProcess, run_sandbox_process
from bookings_sync.cli.sync import result_json
from bookings_sync.clock import utc_now
from bookings_sync.config.settings import Location, Settings
from bookings_sync.errors import BookingsError
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.transform import TransformResult, transform
from bookings_sync.report import render
from bookings_sync.sync.pipeline import SyncResult, sync

DAYS = 14
"""Days simulated between the two syncs. The calendar starts this many days ago, so that the second sync is now."""

_CREDENTIALS = "DESTINATION__DUCKDB__CREDENTIALS"

_CHANGES = """
SELECT event, count(*) AS changes, count_if(is_after_start) AS after_start,
  min(coalesce(from_starts_at, to_starts_at))::DATE AS oldest_appointment
FROM bookings_marts.fct_appointment_events
WHERE observed_at >= TIMESTAMPTZ '{since}'
GROUP BY event ORDER BY changes DESC
"""


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """The size of the calendar: `services` per location, `appointments` in all locations together."""

    locations: int
    services: int
    appointments: int
    seed: int


def run_demo(output: Output, world: DemoWorld, folder: Path, api: str) -> int:
    """Runs the demo with the calendar behind this API. Returns the exit code, which is 1 if the warehouse differs from
    the calendar."""
    began = time.monotonic()
    text = DemoOutput(output)
    database = _new_database(folder)
    starts_at = utc_now().start_of("minute").subtract(days=DAYS)
    with run_sandbox_process(now=starts_at, **asdict(world)) as sandbox, _destination(database):
        settings = _settings(sandbox, api)
        text.calendar(sandbox.base_urls[api], world.locations, world.services, world.appointments)
        first = _sync(output, settings, sandbox)
        text.first_sync(first)
        text.transformed(_transform(output, settings, sandbox))
        changes = sandbox.advance(days=DAYS)
        text.days_passed(DAYS, changes)
        second = _sync(output, settings, sandbox)
        text.second_sync(second, first)
        built = _transform(output, settings, sandbox)
        text.transformed(built)
        page = database.with_name("report.html")
        text.live_begins()
        live = follow_one_change(settings, sandbox, page)
        text.live(live)
        with open_client(settings) as client:
            compared, differing = compare_with_calendar(client, settings, sandbox, api)
            questions = _questions(second.row["started_at"], sandbox.now.date())
            answers = [_ask(client, question, sql) for question, sql in questions]
            figures = report_figures(client, settings, sandbox.now)
    write_html(render(figures), page)
    text.comparison(compared, differing)
    for answer in answers:
        text.answer(answer)
    seconds = round(time.monotonic() - began, 1)
    text.next_steps(database, page, seconds)
    exit_code = 1 if differing else 0
    output.print_json(
        outcome="failed" if differing else "ok",
        database=str(database),
        page=str(page),
        seconds=seconds,
        first=result_json(first),
        happened=changes,
        second=result_json(second),
        models=len(built.models),
        live=asdict(live),
        compared=compared,
        differing=differing,
        answers=[asdict(answer) for answer in answers],
        exit_code=exit_code,
    )
    return exit_code


def _settings(sandbox: SandboxProcess, api: str) -> Settings:
    keys = {"v1": "key", "v2": "pit"}
    locations = [Location(each["name"], each[keys[api]], each["id"], api=api) for each in sandbox.locations]
    return Settings(
        base_url=sandbox.base_urls["v1"],
        v2_base_url=sandbox.base_urls["v2"],
        locations={each.name: each for each in locations},
    )


def _new_database(folder: Path) -> Path:
    """The path of the demo's database. Deletes the database of an earlier demo."""
    folder.mkdir(parents=True, exist_ok=True)
    database = folder.absolute() / "bookings.duckdb"
    for path in (database, database.with_name(database.name + ".wal")):
        path.unlink(missing_ok=True)
    return database


@contextmanager
def _destination(database: Path) -> Iterator[None]:
    """Makes this file the destination. For dlt, the environment overrides every configuration file."""
    configured = os.environ.get(_CREDENTIALS)
    os.environ[_CREDENTIALS] = str(database)
    try:
        yield
    finally:
        if configured is None:
            del os.environ[_CREDENTIALS]
        else:
            os.environ[_CREDENTIALS] = configured


def _sync(output: Output, settings: Settings, sandbox: SandboxProcess) -> SyncResult:
    with sync_progress(output) as on_progress:
        result = sync(settings, clock=lambda: sandbox.now, on_progress=on_progress)
    if result.outcome != "ok":
        problems = [*json.loads(result.row["errors"]), *result.held]
        raise BookingsError(f"the sync ended with {result.outcome}: {problems[0]}")
    return result


def _transform(output: Output, settings: Settings, sandbox: SandboxProcess) -> TransformResult:
    with open_client(settings, writes=True, publishes=True) as client, transform_progress(output) as progress:
        return transform(client, datasets(settings), now=sandbox.now, progress=progress)


def _questions(second_sync: DateTime, today: Date) -> Iterator[tuple[str, str]]:
    """Questions about the calendar, each with its SQL. The catalogue writes that of the metrics."""
    yield (
        "What changed between the two syncs, and how much of it after the appointment had started?",
        _CHANGES.format(since=second_sync.to_datetime_string() + "Z"),
    )
    metrics, marts = load_metrics(), "bookings_marts"
    yield (
        "Show rate by service, last 12 weeks (84 days up to yesterday)",
        metric_query(
            metrics["show_rate"], ["service"], first=today.subtract(days=84), last=today.subtract(days=1), schema=marts
        ),
    )
    yield (
        "Staff utilisation by location, next two weeks",
        metric_query(metrics["staff_utilisation"], ["location"], first=today, last=today.add(days=13), schema=marts),
    )


def _ask(client: SqlClientBase[Any], question: str, sql: str) -> DemoAnswer:
    sql = sql.strip()
    with client.execute_query(sql) as cursor:
        columns = tuple(column[0] for column in cursor.description)
        rows = tuple(tuple(_int_if_decimal(value) for value in row) for row in cursor.fetchall())
    return DemoAnswer(question, sql, columns, rows)


def _int_if_decimal(value: Any) -> Any:
    """DuckDB returns sums of integers as Decimal."""
    return int(value) if isinstance(value, Decimal) else value
