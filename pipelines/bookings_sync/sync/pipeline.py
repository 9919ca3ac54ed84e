"""The pipeline: one run, as many bounded loads as it needs.

Input:  settings, a clock, and optionally the range to read.
Output: `SyncResult`, after the last load.

Each load is complete in itself, and the warehouse is the only state. A run can be killed at any point: the next run
resumes where it stopped.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import dlt
from dlt.destinations import duckdb
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.exceptions import PipelineStepFailed
from duckdb import connect
from pendulum import DateTime

from bookings_sync.changes.diff import Changes
from bookings_sync.config.settings import Settings
from bookings_sync.dialects import dialect_of
from bookings_sync.error_text import described
from bookings_sync.errors import BookingsError, LoadError
from bookings_sync.planning.plan import PlannedRead
from bookings_sync.planning.windows import Window
from bookings_sync.records.tables import TABLES
from bookings_sync.sync.follower import Follower
from bookings_sync.sync.report_row import held_back
from bookings_sync.sync.run import Run
from bookings_sync.sync.source import bookings_source, raw_schema
from bookings_sync.warehouse.closed_days import closed_days
from bookings_sync.warehouse.dataset import (
    database_file,
    locked_dataset,
    open_client,
    open_pipeline,
    open_pipeline_into,
    open_to_read,
    opening,
)
from bookings_sync.warehouse.dlt_compat.duckdb import DuckDb
from bookings_sync.warehouse.dlt_compat.loads import collect_cycles, keep_records_out_of_logs
from bookings_sync.warehouse.dlt_compat.postgres import Postgres
from bookings_sync.warehouse.dlt_compat.tables import DLT_COLUMNS, create_missing_tables
from bookings_sync.warehouse.duckdb_file import has_columns, has_large_cache, writing_session
from bookings_sync.warehouse.lock import Lock
from bookings_sync.warehouse.migrations import check_version, due, migrate
from bookings_sync.warehouse.postgres import create_indexes, drop_stale_staging
from bookings_sync.warehouse.properties import Properties
from bookings_sync.warehouse.unread_times import unread_times


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a run did: its row in `runs`, the changes of all tables, and each warning with its count."""

    row: dict[str, Any]
    changes: Changes
    warnings: dict[str, int]

    @property
    def outcome(self) -> str:
        """ok, held (some deletions are held back), partial or failed."""
        return str(self.row["outcome"])

    @property
    def held(self) -> list[str]:
        """A sentence for each group of deletions that the run holds back."""
        return held_back(json.loads(self.row["locations"]))


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run would read, most urgent first.

    `names` maps location ids to names. `never_synced` are the names of locations without any complete read.
    `migrations` are what the run would do first to a warehouse of an earlier version.
    """

    reads: list[PlannedRead]
    names: dict[str, str]
    never_synced: list[str]
    migrations: list[str]


def sync(
    settings: Settings,
    *,
    clock: Callable[[], DateTime],
    asked: Window | None = None,
    full: bool = False,
    accept_deletions: Collection[str] = (),
    on_progress: Callable[[Run], None] | None = None,
    run_id: str | None = None,
    follower: Follower | None = None,
) -> SyncResult:
    """Makes the warehouse equal to the API: all of what the plan covers now, the rest over the next runs.

    `asked` is a range to read instead of the planned ones; `full` reads all history. `accept_deletions` names the
    locations in which this run deletes what it would hold back. A failing location does not stop
    the others: see the result's outcome. `run_id` is 32 hexadecimal digits and identifies the run in `runs`. With a
    `follower`, the run reads only what gains most, and writes nothing if it finds nothing.
    Raises LockedError if another run is active, and LoadError if the warehouse rejects a load. Earlier loads stay.
    """
    run = Run(
        settings,
        clock=clock,
        asked=asked,
        full=full,
        accept_deletions=accept_deletions,
        on_progress=on_progress,
        run_id=run_id,
        follower=follower,
    )
    try:
        with (
            open_pipeline(settings) as pipeline,
            locked_dataset(pipeline, settings, since=clock()) as lock,
            _rare_garbage_collection(),
        ):
            _load_once(pipeline, settings, run, lock, is_first=True)
            while run.goes_on:
                collect_cycles()
                _load_once(pipeline, settings, run, lock, is_first=False)
    finally:
        run.close()
    findings = run.findings
    return SyncResult(run.row(complete=True), findings.figures.all_tables, dict(findings.warnings))


def plan_run(settings: Settings, *, clock: Callable[[], DateTime], asked: Window | None, full: bool) -> RunPlan:
    """What the next run would read, according to the warehouse. Sends no request to the API.

    Raises LockedError if a run is active.
    """
    run = Run(settings, clock=clock, asked=asked, full=full)
    try:
        with open_pipeline(settings) as pipeline, _open_or_empty(pipeline, settings, since=clock()) as client:
            run.open(client, offline=True)
            migrations = due(client)
            reads = run.planner.everything(run.findings.active)
    finally:
        run.close()
    names = {location_id: run.findings.of(location_id).name for location_id in run.findings.location_ids}
    return RunPlan(
        reads, names, [name for each, name in names.items() if each not in run.planner.ledger.locations], migrations
    )


@contextmanager
def _open_or_empty(pipeline: dlt.Pipeline, settings: Settings, *, since: DateTime) -> Iterator[SqlClientBase[Any]]:
    """dlt's client for reading the warehouse, or an empty one in memory if there is no DuckDB file yet: opening would
    create the file."""
    database = database_file(pipeline)
    with ExitStack() as stack:
        if database is not None and not database.exists():
            memory = stack.enter_context(connect(":memory:"))
            pipeline = stack.enter_context(open_pipeline_into(duckdb(memory), settings))
            yield stack.enter_context(open_client(pipeline, settings))
        else:
            yield stack.enter_context(open_to_read(pipeline, settings, since=since))


def _load_once(pipeline: dlt.Pipeline, settings: Settings, run: Run, lock: Lock, *, is_first: bool) -> None:
    """One load: extract what the run plans next, normalize, load. The last load warns of what the warehouse holds."""
    with ExitStack() as stack:
        file = stack.enter_context(_open_file(pipeline, settings))
        if is_first:
            with lock.exclusive():
                _prepare(pipeline, settings, run)
        lock.check()
        with _translated_errors(), keep_records_out_of_logs():
            pipeline.extract(bookings_source(run=run))
            if run.follower is not None and not run.is_worth_writing():
                run.follower.dropped(run.planner.ledger, run.span.run_id)
                return  # dlt's folder is temporary, and the extracted package goes with it
            if file and has_large_cache(file):
                stack.close()  # frees what DuckDB has cached of the file
                stack.enter_context(_open_file(pipeline, settings))
            pipeline.normalize()
            pipeline.load().raise_on_failed_jobs()
        if run.follower is not None:
            run.follower.written(run.clock())
        elif not run.goes_on:  # here, because the file is open
            _warn_of_unread_times(pipeline, settings, run)
            _warn_of_closed_days(pipeline, settings, run)


def _warn_of_unread_times(pipeline: dlt.Pipeline, settings: Settings, run: Run) -> None:
    """An appointment without a usable start is in no report, so each run says so, not only the one that reads it."""
    with open_client(pipeline, settings) as client:
        found = unread_times(client)
    for each in found:
        if each.location_id in run.findings.location_ids:
            name = run.findings.of(each.location_id).name
            what, so = _UNREAD[each.column]
            hint = (
                "" if settings.locations[name].timezone else " If these are local times, set the location's timezone."
            )
            run.findings.warn(
                f"{name}: {each.records:,} appointments have {what} that cannot be read as a time, such as "
                f"{each.examples}. {so}{hint}"
            )


def _warn_of_closed_days(pipeline: dlt.Pipeline, settings: Settings, run: Run) -> None:
    """An API that numbers weekdays may count them in another way than the settings say."""
    dialects = {each: dialect_of(settings.locations[run.findings.of(each).name]) for each in run.findings.location_ids}
    numbered = {each: dialect.weekday_setting for each, dialect in dialects.items() if dialect.weekday_setting}
    if not numbered:
        return
    with open_client(pipeline, settings) as client:
        found = closed_days(client, now=run.span.now)
    for each in found:
        if each.location_id in numbered and each.closed > _CLOSED_SHARE * each.days:
            run.findings.warn(
                f"{run.findings.of(each.location_id).name}: services are closed on {each.closed:,} of {each.days:,} "
                f"days with free slots, so {numbered[each.location_id]} may be wrong. Run bookings check."
            )


_CLOSED_SHARE = 0.1
"""A calendar that opens from Monday to Friday is closed on one day of five if its weekdays are off by one."""

_UNREAD = {
    "start_time": ("a start", "They are kept, but are in no report by day."),
    "end_time": ("an end", "Reports use their services' slot duration instead."),
}
"""By column: what cannot be read, and what follows."""


@contextmanager
def _open_file(pipeline: dlt.Pipeline, settings: Settings) -> Iterator[SqlClientBase[Any] | None]:
    """Keeps a DuckDB file open during a load. Yields its client, or None for another destination."""
    if not isinstance(pipeline.destination, duckdb):
        yield None
        return
    is_file = isinstance(pipeline.destination, DuckDb)  # a lake or MotherDuck stores rows in its own way
    with open_client(pipeline, settings) as client, writing_session(client, merges=is_file):
        yield client


def _prepare(pipeline: dlt.Pipeline, settings: Settings, run: Run) -> None:
    """Brings the raw dataset to this version before the first load: its tables, columns, indexes, and digests."""
    with open_client(pipeline, settings) as client:
        check_version(Properties(client).read())
        complete = isinstance(pipeline.destination, duckdb) and has_columns(client, settings.raw_dataset, _COLUMNS)
        if complete:
            migrate(client, settings, at=run.clock(), announce=run.announce)
        else:
            run.warn_of_dropped_columns(client)
    if not complete:
        _create_tables(pipeline, settings, run)
        with open_client(pipeline, settings) as client:
            migrate(client, settings, at=run.clock(), announce=run.announce)


_COLUMNS = {(table.name, column) for table in TABLES.values() for column in table.names} | DLT_COLUMNS


def _create_tables(pipeline: dlt.Pipeline, settings: Settings, run: Run) -> None:
    """Creates missing tables and columns of the raw dataset, and PostgreSQL's indexes."""
    schema = raw_schema(run)
    with opening(settings):
        pipeline.schemas.save_schema(schema)
        create_missing_tables(pipeline, schema.name)
        if isinstance(pipeline.destination, Postgres):
            with pipeline.sql_client(schema.name) as client:
                create_indexes(client)
                drop_stale_staging(client, settings.part)


@contextmanager
def _rare_garbage_collection() -> Iterator[None]:
    """Makes Python look for reference cycles less often.

    Decoding a reply creates tens of thousands of objects without cycles. Scanning them repeatedly took a third of a
    first load's time.
    """
    before = gc.get_threshold()
    gc.set_threshold(300_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Raises the connector's own error if dlt has wrapped one, and LoadError for dlt's errors."""
    try:
        yield
    except PipelineStepFailed as error:
        cause: BaseException | None = error.exception
        while cause is not None and not isinstance(cause, BookingsError):
            cause = cause.__cause__
        if cause is not None:
            raise cause from None
        raise LoadError(f"the load failed at {error.step}: {described(error.exception or error)}") from error
