"""Access: opens the warehouse for a command.

Input:  settings.
Output: dlt's SQL client. `open_client` raises LockedError while another run holds the database, and NothingSyncedError
        before the first sync. `open_published` opens what the last transform published, and never waits for a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.clock import utc_now
from bookings_sync.config.settings import Settings
from bookings_sync.models.destination import Datasets
from bookings_sync.models.errors import ModelError, NothingSyncedError
from bookings_sync.models.publish import publish, read_copy
from bookings_sync.warehouse.dataset import (
    database_file,
    locked_dataset,
    open_file_to_read,
    open_pipeline,
    open_to_read,
)
from bookings_sync.warehouse.dataset import open_client as pipeline_client
from bookings_sync.warehouse.migrations import check_version
from bookings_sync.warehouse.properties import Properties


def datasets(settings: Settings) -> Datasets:
    return Datasets(settings.raw_dataset, settings.staging_dataset, settings.marts_dataset)


@contextmanager
def open_client(settings: Settings, *, writes: bool = False, publishes: bool = False) -> Iterator[SqlClientBase[Any]]:
    """dlt's SQL client on the raw dataset. Raises NewerWarehouseError if a newer program has written it.

    With `publishes`, replaces the read copy of a DuckDB file at the end, while the lock is still held. On a DuckDB file
    readers take the lock too: DuckDB lets no other process read during a write, and an open reader makes a sync
    fail.
    """
    with ExitStack() as stack:
        pipeline = stack.enter_context(open_pipeline(settings))
        database = database_file(pipeline)
        if database is not None and not database.exists():
            raise NothingSyncedError(settings.raw_dataset)
        if writes:
            stack.enter_context(locked_dataset(pipeline, settings, since=utc_now()))
            client = stack.enter_context(pipeline_client(pipeline, settings))
        else:
            client = stack.enter_context(open_to_read(pipeline, settings, since=utc_now()))
        check_version(Properties(client).read())
        yield client
        if publishes and database is not None:
            client.close_connection()
            publish(database, settings.keep_copies)


@contextmanager
def open_published(settings: Settings, *, or_live: bool = False) -> Iterator[SqlClientBase[Any]]:
    """dlt's SQL client on what the last transform published, for reading only.

    With a DuckDB file this is the read copy, which no run holds. Before there is a copy, raises ModelError, or opens
    the database itself if `or_live`. A server has no separate copy.
    """
    with ExitStack() as stack:
        with open_pipeline(settings) as pipeline:
            database = database_file(pipeline)
        if database is None or (or_live and not read_copy(database).exists()):
            yield stack.enter_context(open_client(settings))
            return
        if not database.exists():
            raise NothingSyncedError(settings.raw_dataset)
        if not read_copy(database).exists():
            raise ModelError("there is no read copy yet: run `bookings transform` first")
        yield stack.enter_context(open_file_to_read(read_copy(database), settings))
