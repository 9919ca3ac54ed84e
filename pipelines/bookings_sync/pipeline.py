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
from dlt.common.destination import Destination
from dlt.common.destination.exceptions import DestinationTerminalException
from dlt.common.exceptions import DltException
from dlt.pipeline.exceptions import PipelineStepFailed
from pendulum import DateTime

from bookings_sync.diff import Changes
from bookings_sync.errors import BookingsError, LoadError
from bookings_sync.lock import locked
from bookings_sync.plan import PlannedRead
from bookings_sync.run import Run
from bookings_sync.settings import Settings
from bookings_sync.source import bookings_source
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


def sync(
    settings: Settings,
    *,
    clock: Callable[[], DateTime],
    asked: Window | None = None,
    full: bool = False,
    on_progress: Callable[[Run], None] | None = None,
) -> SyncResult:
    """Makes the warehouse equal to the API: of what the plan names, everything; of the rest, in turn.

    `asked` is a range to read instead of the planned ones; `full` reads all history. A location that fails stops nobody
    else: see the result's outcome. Raises LockedError where another run is under way, LoadError where the warehouse
    does not take a load (what was loaded before it stands).
    """
    run = Run(settings, clock=clock, asked=asked, full=full, on_progress=on_progress)
    try:
        with (
            open_pipeline(settings) as pipeline,
            locked(lock_file(pipeline, settings), since=clock()),
            _collecting_seldom(),
        ):
            _sync_state(pipeline)
            while True:
                _load(pipeline, run)
                if not run.plan():
                    break
    finally:
        run.close()
    return SyncResult(run.row(complete=True), run.figures.all_tables, run.warnings)


def plan(settings: Settings, *, clock: Callable[[], DateTime], asked: Window | None, full: bool) -> list[PlannedRead]:
    """What the next run would read, as far as the warehouse tells; nothing is asked of the API."""
    run = Run(settings, clock=clock, asked=asked, full=full)
    try:
        with open_pipeline(settings) as pipeline, open_warehouse(pipeline) as warehouse:
            run.open(warehouse, offline=True)
            return run.plan_whole()
    finally:
        run.close()


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
        try:
            yield pipeline
        finally:
            pipeline.deactivate()


def destination(settings: Settings) -> Destination[Any, Any]:
    """The configured destination."""
    found = Destination.from_reference(settings.destination)
    if found is None:
        raise BookingsError(f"dlt knows no destination called {settings.destination}")
    return found


@contextmanager
def open_warehouse(pipeline: dlt.Pipeline) -> Iterator[Warehouse]:
    """The raw dataset, to be asked. Raises BookingsError where it cannot be opened."""
    try:
        with pipeline.sql_client() as client:
            yield Warehouse(client)
    except DestinationTerminalException as error:
        raise BookingsError(f"the warehouse cannot be opened: {_reason(error)}") from error


def lock_file(pipeline: dlt.Pipeline, settings: Settings) -> Path:
    """Where the run's lock stands: beside a database file, else among this machine's temporary files."""
    database = database_file(pipeline)
    if database is not None:
        return database.with_name(database.name + ".lock")
    name = f"bookings-sync-{settings.destination}-{settings.raw_dataset}.lock".replace("/", "-")
    return Path(tempfile.gettempdir()) / name


def database_file(pipeline: dlt.Pipeline) -> Path | None:
    """The file of a database that is one (DuckDB); None for a server."""
    credentials = getattr(pipeline.destination_client().config, "credentials", None)
    database = getattr(credentials, "_conn_str", None)
    if not callable(database):
        return None
    path = str(database())
    return None if path.startswith((":memory:", "md:")) else Path(path).absolute()


def _sync_state(pipeline: dlt.Pipeline) -> None:
    """Takes the raw dataset's schema from the warehouse: the working directory has none."""
    try:
        pipeline.sync_destination()
    except (PipelineStepFailed, DltException) as error:
        raise LoadError(f"the warehouse cannot be opened: {_reason(error)}") from error


def _load(pipeline: dlt.Pipeline, run: Run) -> None:
    try:
        pipeline.run(bookings_source(run=run)).raise_on_failed_jobs()
    except PipelineStepFailed as error:
        cause: BaseException | None = error.exception
        while cause is not None and not isinstance(cause, BookingsError):
            cause = cause.__cause__  # dlt wraps what a resource raises
        if cause is not None:
            raise cause from None
        cause = error.exception
        raise LoadError(f"the load failed at {error.step}: {_reason(cause or error)}") from error


def _reason(error: BaseException) -> str:
    """An error in one line, without what it quotes of the data."""
    return f"{type(error).__name__}: {str(error).splitlines()[0][:300] if str(error) else ''}"
