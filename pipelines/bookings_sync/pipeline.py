"""The pipeline: a run, as many bounded loads as it needs, into the warehouse.

Input:  settings, a clock, what to read.
Output: `SyncResult`, after the loads. Each load is complete in itself, so a run killed anywhere is gone on with by the
        next; the warehouse is the only state, and dlt's working directory is thrown away.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.destination import Destination
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.exceptions import MissingDependencyException
from dlt.destinations import duckdb, postgres
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.exceptions import PipelineStepFailed
from pendulum import DateTime

from bookings_sync import configuration
from bookings_sync.diff import Changes
from bookings_sync.errors import BookingsError, ConfigurationError, LoadError, described
from bookings_sync.locations import SECRETS_FILE
from bookings_sync.lock import Lock, locked, locked_on_server
from bookings_sync.plan import PlannedRead
from bookings_sync.postgres import Postgres, create_indexes, drop_stale_staging
from bookings_sync.run import Run
from bookings_sync.settings import CONFIG_FILE, Settings
from bookings_sync.source import bookings_source, raw_schema
from bookings_sync.tables import TABLES
from bookings_sync.warehouse import Warehouse
from bookings_sync.windows import Window


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
            with lock.alone():
                _make_tables(pipeline, settings, run)
                run.has_tables = True
            while True:
                lock.check()
                _load(pipeline, run)
                if not run.plan():
                    break
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
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


_MERGES = {"scd2", "delete-insert"}
"""The ways of merging that the raw tables are loaded by."""


@contextmanager
def open_pipeline(settings: Settings) -> Iterator[dlt.Pipeline]:
    """The dlt pipeline into the raw dataset, in a working directory that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="bookings-sync-") as folder:
        pipeline = dlt.pipeline(
            pipeline_name=settings.pipeline_name,
            destination=destination(settings),
            dataset_name=settings.raw_dataset,
            pipelines_dir=folder,
        )
        pipeline.config.restore_from_destination = False  # nothing of dlt's own state is relied on
        try:
            yield pipeline
        finally:
            pipeline.deactivate()


def destination(settings: Settings) -> Destination[Any, Any]:
    """The configured destination. Raises ConfigurationError for one that cannot keep the raw tables' history."""
    # Parts of a sharded run would stand in one another's way in one staging dataset: each has its own.
    part = settings.part
    own: dict[str, Any] = {"staging_dataset_name_layout": f"%s_staging_{part.index}_of_{part.of}"} if part else {}
    try:
        found = Destination.from_reference(settings.destination, _duckdb_file(settings.destination), **own)
    except UnknownDestinationModule:
        found = None
    if found is None:
        raise ConfigurationError(
            f"dlt knows no destination called {settings.destination}",
            key="bookings.destination",
            where=CONFIG_FILE,
            fix="Write one of docs/destinations.md, or the whole name of a class.",
        )
    if not set(found.capabilities().supported_merge_strategies or ()) >= _MERGES:
        # Of plain files dlt makes an append of a merge without a word.
        raise ConfigurationError(
            f"{settings.destination} keeps no history: dlt has no slowly changing dimensions there",
            key="bookings.destination",
            where=CONFIG_FILE,
            fix='Write "duckdb", "postgres" or "ducklake". How to hand tables on as Delta, Iceberg or Parquet says '
            "docs/destinations.md.",
        )
    if isinstance(found, postgres):
        return Postgres(destination_name=found.destination_name, **own)
    return found


def _duckdb_file(name: str) -> Any:
    """What [destination.<name>] credentials say of a DuckDB file; None of anything else. A path is no secret and may
    stand in config.toml, but by itself dlt takes credentials from the secrets alone."""
    kind, _ = configuration.find(f"destination.{name}.destination_type")
    if (kind or name).rpartition(".")[2] != "duckdb":
        return None
    return configuration.find(f"destination.{name}.credentials")[0]


@contextmanager
def open_client(pipeline: dlt.Pipeline, settings: Settings) -> Iterator[SqlClientBase[Any]]:
    """dlt's SQL client on the raw dataset, connected. Raises ConfigurationError, or BookingsError where the warehouse
    cannot be opened."""
    with _opening(settings):
        client: SqlClientBase[Any] = pipeline.sql_client()
        client.open_connection()
    try:
        yield client
    finally:
        client.close_connection()


@contextmanager
def open_warehouse(pipeline: dlt.Pipeline, settings: Settings) -> Iterator[Warehouse]:
    """The raw dataset, to be asked. Raises as `open_client` does."""
    with open_client(pipeline, settings) as client:
        yield Warehouse(client)


@contextmanager
def _opening(settings: Settings) -> Iterator[None]:
    """Turns what dlt and the drivers raise where a warehouse cannot be opened into errors of ours."""
    try:
        yield
    except MissingDependencyException as error:
        missing = ", ".join(error.dependencies)
        raise BookingsError(
            f"the destination {settings.destination} needs {missing}, which is not installed"
        ) from error
    except ConfigurationException as error:
        raise ConfigurationError(
            "missing, or not such as the destination takes",
            key=f"destination.{settings.destination}.credentials",
            where=SECRETS_FILE,
            fix=f"Write them there as dlt's documentation of the destination {settings.destination} says.",
        ) from error
    except BookingsError:
        raise
    except Exception as error:  # each driver has a tree of errors of its own
        raise BookingsError(f"the warehouse cannot be opened: {described(error)}") from error


@contextmanager
def locked_dataset(pipeline: dlt.Pipeline, settings: Settings, *, since: DateTime) -> Iterator[Lock]:
    """Holds the raw dataset's lock: who syncs or transforms does so under it. Raises LockedError at once.

    On PostgreSQL it is an advisory lock on a connection of its own, which all machines see. For a database that is a
    file it is a file beside it; for any other warehouse one among this machine's temporary files, so that runs on
    different machines must be kept apart by whoever starts them. A part of a sharded run in a file is an error.
    """
    if settings.part and database_file(pipeline):
        raise ConfigurationError(
            "a database that is a file takes one writer at a time: no shards can share it",
            key="bookings.destination",
            where=CONFIG_FILE,
            fix='Leave out --shard, or write the name of a server, such as "postgres".',
        )
    if not isinstance(pipeline.destination, Postgres):
        with locked(lock_file(pipeline, settings), since=since) as lock:
            yield lock
        return
    with (
        open_client(pipeline, settings) as client,
        locked_on_server(client, settings.raw_dataset, part=settings.part, since=since) as lock,
    ):
        yield lock


def lock_file(pipeline: dlt.Pipeline, settings: Settings) -> Path:
    """Where the run's lock stands: beside a database file, else among this machine's temporary files."""
    database = database_file(pipeline)
    if database is not None:
        return database.with_name(database.name + ".lock")
    part = f"-{settings.part.index}-of-{settings.part.of}" if settings.part else ""
    name = f"bookings-sync-{settings.destination}-{settings.raw_dataset}{part}.lock".replace("/", "-")
    return Path(tempfile.gettempdir()) / name


def database_file(pipeline: dlt.Pipeline) -> Path | None:
    """The file of a database that is one (DuckDB); None for a server."""
    credentials = getattr(pipeline.destination_client().config, "credentials", None)
    database = getattr(credentials, "_conn_str", None)
    if not callable(database):
        return None
    path = str(database())
    return None if path.startswith((":memory:", "md:")) else Path(path).absolute()


def _make_tables(pipeline: dlt.Pipeline, settings: Settings, run: Run) -> None:
    """Makes what is missing of the raw dataset, before any load: every table, and PostgreSQL's indexes."""
    if isinstance(pipeline.destination, duckdb) and _has_all_tables(pipeline, settings):
        return
    schema = raw_schema(run)
    with _opening(settings):
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


def _load(pipeline: dlt.Pipeline, run: Run) -> None:
    try:
        pipeline.run(bookings_source(run=run)).raise_on_failed_jobs()
    except PipelineStepFailed as error:
        cause: BaseException | None = error.exception
        while cause is not None and not isinstance(cause, BookingsError):
            cause = cause.__cause__  # dlt wraps what a resource raises
        if cause is not None:
            raise cause from None
        raise LoadError(f"the load failed at {error.step}: {described(error.exception or error)}") from error
