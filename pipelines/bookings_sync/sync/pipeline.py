"""The pipeline: a run, as many bounded loads as it needs, into the warehouse.

Input:  settings, a clock, what to read.
Output: `SyncResult`, after the loads. Each load is complete in itself, so a run killed anywhere is gone on with by the
        next; the warehouse is the only state, and dlt's working directory is thrown away.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
from dlt.destinations import duckdb
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.exceptions import PipelineStepFailed
from pendulum import DateTime

from bookings_sync.changes.diff import Changes
from bookings_sync.config.settings import Settings
from bookings_sync.errors import BookingsError, LoadError, described
from bookings_sync.planning.plan import PlannedRead
from bookings_sync.planning.windows import Window
from bookings_sync.records.tables import TABLES
from bookings_sync.sync.run import Run
from bookings_sync.sync.source import bookings_source, raw_schema
from bookings_sync.warehouse.dataset import database_file, locked_dataset, open_client, open_pipeline, opening
from bookings_sync.warehouse.postgres import Postgres, create_indexes, drop_stale_staging
from bookings_sync.warehouse.queries import Warehouse

_CONNECTIONS_OF_A_CLIENT = [(2,)]
"""dlt's: the one it opened, and the one it works with."""

_MOST_KEPT = 8_000_000
"""Bytes of a DuckDB file that may stay in memory while a load is written into it."""


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a run did: its row in `runs`, and its warnings with how often each arose."""

    row: dict[str, Any]
    changes: Changes
    warnings: dict[str, int]

    @property
    def outcome(self) -> str:
        """ok, partial or failed."""
        return str(self.row["outcome"])


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would read, the most urgent first; the locations' names by id; those of which nothing is known yet."""

    reads: list[PlannedRead]
    names: dict[str, str]
    never_synced: list[str]


def sync(
    settings: Settings,
    *,
    clock: Callable[[], DateTime],
    asked: Window | None = None,
    full: bool = False,
    on_progress: Callable[[Run], None] | None = None,
    run_id: str | None = None,
) -> SyncResult:
    """Makes the warehouse equal to the API: of what the plan names, everything; of the rest, in turn.

    `asked` is a range to read instead of the planned ones; `full` reads all history. A location that fails stops nobody
    else: see the result's outcome. Raises LockedError where another run is under way, LoadError where the warehouse
    does not take a load (what was loaded before it stands). `run_id` is a UUID's 32 digits, for a caller who must know
    it beforehand.
    """
    run = Run(settings, clock=clock, asked=asked, full=full, on_progress=on_progress, run_id=run_id)
    try:
        with (
            open_pipeline(settings) as pipeline,
            locked_dataset(pipeline, settings, since=clock()) as lock,
            _collecting_seldom(),
        ):
            while True:
                with ExitStack() as opened:
                    file = opened.enter_context(_held_open(pipeline, settings))
                    if not run.has_tables:
                        with lock.alone():
                            _make_tables(pipeline, settings, run)
                        run.has_tables = True
                    lock.check()
                    with _failing_as_ours():
                        pipeline.extract(bookings_source(run=run))
                        if file and _keeps_much(file):
                            opened.close()
                            opened.enter_context(_held_open(pipeline, settings))
                        pipeline.normalize()
                        pipeline.load().raise_on_failed_jobs()
                if not run.plan():
                    break
                gc.collect()  # dlt leaves 3 MB of cycles a load
    finally:
        run.close()
    return SyncResult(run.row(complete=True), run.figures.all_tables, run.warnings)


def plan(settings: Settings, *, clock: Callable[[], DateTime], asked: Window | None, full: bool) -> Plan:
    """What the next run would read, as far as the warehouse tells; nothing is asked of the API.

    Raises LockedError where a run is under way.
    """
    run = Run(settings, clock=clock, asked=asked, full=full)
    try:
        with open_pipeline(settings) as pipeline:
            database = database_file(pipeline)
            is_new = database is not None and not database.exists()
            with locked_dataset(pipeline, settings, since=clock()), open_warehouse(pipeline, settings) as warehouse:
                run.open(warehouse, offline=True)
                reads = run.plan_whole()
            if is_new and database is not None:
                database.unlink(missing_ok=True)  # DuckDB makes a file of whatever is asked: a plan leaves none behind
    finally:
        run.close()
    names = {location_id: location.name for location_id, location in run.by_id.items()}
    return Plan(reads, names, [name for each, name in names.items() if each not in run.ledger.locations])


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Lets Python's garbage collector look for cycles seldom: decoding a reply makes tens of thousands of objects that
    have none, and looking through them again and again took a third of a first load's time."""
    before = gc.get_threshold()
    gc.set_threshold(300_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _held_open(pipeline: dlt.Pipeline, settings: Settings) -> Iterator[SqlClientBase[Any] | None]:
    """Holds a DuckDB file open, and yields a client: dlt opens and closes it for every table, and DuckDB would take
    that for the time to write all of its log into the file. One thread does as much as two, for less CPU, and writes
    each row group as it is full. Between loads the file is closed, and before much is written: what DuckDB keeps of it
    in memory goes. What is appended is not joined to what stands, for that takes a multiple of the time and memory; it
    is left to a transform's own writing.
    """
    if not isinstance(pipeline.destination, duckdb):
        yield None
        return
    with open_client(pipeline, settings) as client:
        client.execute_sql("SET GLOBAL threads = 1")
        client.execute_sql("SET GLOBAL max_vacuum_tasks = 0")  # it must hold at the closing: not set back
        client.execute_sql("SET GLOBAL write_buffer_row_group_count = 1")
        yield client
        # The caller may have the file open, too, and gets the threads back. Else it closes now, and of two threads that
        # write the log into it one would wait in a loop. It closes after a failure, which must be told as it is.
        if client.execute_sql("SELECT count FROM duckdb_connection_count()") != _CONNECTIONS_OF_A_CLIENT:
            client.execute_sql("RESET GLOBAL threads")


def _keeps_much(file: SqlClientBase[Any]) -> bool:
    """Whether DuckDB keeps so much of what was read of its file that it is worth to open it anew, 15 ms of CPU."""
    ((kept,),) = file.execute_sql("SELECT sum(memory_usage_bytes) FROM duckdb_memory()") or ()
    return int(kept) > _MOST_KEPT


@contextmanager
def open_warehouse(pipeline: dlt.Pipeline, settings: Settings) -> Iterator[Warehouse]:
    """The raw dataset, to be asked. Raises as `open_client` does."""
    with open_client(pipeline, settings) as client:
        yield Warehouse(client)


def _make_tables(pipeline: dlt.Pipeline, settings: Settings, run: Run) -> None:
    """Makes what is missing of the raw dataset, before any load: every table, and PostgreSQL's indexes."""
    if isinstance(pipeline.destination, duckdb) and _has_all_tables(pipeline, settings):
        return
    schema = raw_schema(run)
    with opening(settings):
        pipeline.schemas.save_schema(schema)
        pipeline.sync_schema(schema.name)
        if isinstance(pipeline.destination, Postgres):
            with pipeline.sql_client(schema.name) as client:
                create_indexes(client)
                drop_stale_staging(client, settings.part)


def _has_all_tables(pipeline: dlt.Pipeline, settings: Settings) -> bool:
    """Whether every table stands, with every column: dlt needs half as long as an eventless sync to find that out."""
    wanted = {(table.name, column) for table in TABLES.values() for column in table.names}
    with open_client(pipeline, settings) as client:
        found = client.execute_sql(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s",
            settings.raw_dataset,
        )
    return wanted <= {(table, column) for table, column in found or ()}


def _quotes_no_record(line: logging.LogRecord) -> bool:
    """dlt logs what a database says of a record that it refuses, the record's values in it. Whatever a load fails at is
    raised, and told without them."""
    folders = Path(line.pathname).parts[:-1]
    return line.levelno < logging.WARNING or not {"load", "destination", "destinations"} & {*folders}


@contextmanager
def _failing_as_ours() -> Iterator[None]:
    """Raises what a resource raised; LoadError for what dlt fails at."""
    of_dlt = logging.getLogger("dlt")
    of_dlt.addFilter(_quotes_no_record)
    try:
        yield
    except PipelineStepFailed as error:
        cause: BaseException | None = error.exception
        while cause is not None and not isinstance(cause, BookingsError):
            cause = cause.__cause__  # dlt wraps what a resource raises
        if cause is not None:
            raise cause from None
        raise LoadError(f"the load failed at {error.step}: {described(error.exception or error)}") from error
    finally:
        of_dlt.removeFilter(_quotes_no_record)
