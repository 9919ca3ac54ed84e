"""The warehouse as a command opens it: there, and nobody else's at the moment.

Input:  settings.
Output: dlt's SQL client; LockedError while another run has the database, NothingSyncedError where there is none yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.commands.times import utc_now
from bookings_sync.models.destination import Datasets
from bookings_sync.models.errors import NothingSyncedError
from bookings_sync.pipeline import database_file, locked_dataset, open_pipeline
from bookings_sync.pipeline import open_client as pipeline_client
from bookings_sync.publish import publish
from bookings_sync.settings import Settings


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
            publish(database)
