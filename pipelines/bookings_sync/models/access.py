"""The warehouse as a command opens it: there, and nobody else's at the moment.

Input:  settings.
Output: dlt's SQL client; LockedError while another run has the database, NothingSyncedError where there is none yet.
        Who only reads opens what was published (`open_published`), and waits for nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import dlt
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.clock import utc_now
from bookings_sync.config.settings import Settings
from bookings_sync.models.destination import Datasets
from bookings_sync.models.errors import ModelError, NothingSyncedError
from bookings_sync.models.publish import publish, read_copy
from bookings_sync.warehouse.dataset import database_file, locked_dataset, open_pipeline
from bookings_sync.warehouse.dataset import open_client as pipeline_client


def datasets(settings: Settings) -> Datasets:
    return Datasets(settings.raw_dataset, settings.staging_dataset, settings.marts_dataset)


@contextmanager
def open_client(settings: Settings, *, writes: bool = False, publishes: bool = False) -> Iterator[SqlClientBase[Any]]:
    """dlt's SQL client on the raw dataset; with `publishes`, the read copy of a database that is a file is replaced
    when all has gone well, before another run may begin.

    Of a database that is a file even a reader takes the lock: DuckDB lets nobody read while another process writes, and
    an open reader makes a sync fail.
    """
    with ExitStack() as stack:
        pipeline = stack.enter_context(open_pipeline(settings))
        database = database_file(pipeline)
        if database is not None and not database.exists():
            raise NothingSyncedError(settings.raw_dataset)
        if writes or database is not None:
            stack.enter_context(locked_dataset(pipeline, settings, since=utc_now()))
        client = stack.enter_context(pipeline_client(pipeline, settings))
        yield client
        if publishes and database is not None:
            client.close_connection()
            publish(database, settings.keep_copies)


@contextmanager
def open_published(settings: Settings, *, or_live: bool = False) -> Iterator[SqlClientBase[Any]]:
    """dlt's SQL client on what the last transform published, to read from it alone.

    Of a database that is a file this is the read copy, opened read-only, which no run holds. Where there is none yet,
    ModelError says what to do, or with `or_live` the database itself is opened, as by `open_client`. A server is its
    own published copy.
    """
    with ExitStack() as stack:
        with open_pipeline(settings) as pipeline:
            database = database_file(pipeline)
            folder = pipeline.pipelines_dir
        if database is None or (or_live and not read_copy(database).exists()):
            yield stack.enter_context(open_client(settings))
            return
        if not database.exists():
            raise NothingSyncedError(settings.raw_dataset)
        if not read_copy(database).exists():
            raise ModelError("there is no copy to read from yet: run `bookings transform` first")
        copy = dlt.pipeline(
            settings.pipeline_name,
            pipelines_dir=folder,
            destination=dlt.destinations.duckdb(DuckDbCredentials(str(read_copy(database)), read_only=True)),
            dataset_name=settings.raw_dataset,
        )
        stack.callback(copy.deactivate)
        yield stack.enter_context(pipeline_client(copy, settings))
