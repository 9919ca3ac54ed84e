"""The raw dataset: how it is opened and locked through dlt.

Input:  settings: the destination's name, and the dataset's.
Output: a dlt pipeline into the dataset, dlt's SQL client, and the dataset's lock.

Read-only commands import this module, so it imports nothing that talks to the API.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.destination import Destination
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.exceptions import MissingDependencyException
from dlt.destinations import duckdb, postgres
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.config.keys import CONFIG_FILE, SECRETS_FILE
from bookings_sync.config.settings import Settings
from bookings_sync.error_text import described
from bookings_sync.errors import BookingsError, ConfigurationError, DiskFull, NoAccess
from bookings_sync.machine import machine_error, naming_machine_errors
from bookings_sync.warehouse.dlt_compat.destinations import (
    cache_capabilities,
    duckdb_path,
    staging_layout,
    supports_history,
)
from bookings_sync.warehouse.dlt_compat.duckdb import DuckDb
from bookings_sync.warehouse.dlt_compat.options import own_options
from bookings_sync.warehouse.dlt_compat.postgres import Postgres
from bookings_sync.warehouse.duckdb_file import make_file
from bookings_sync.warehouse.lock import Lock, locked, locked_on_server
from bookings_sync.warehouse.postgres import check_server
from bookings_sync.warehouse.scratch import scratch_folder


@contextmanager
def open_pipeline(settings: Settings) -> Iterator[dlt.Pipeline]:
    """A dlt pipeline into the raw dataset."""
    with open_pipeline_into(destination(settings), settings) as pipeline:
        yield pipeline


@contextmanager
def open_pipeline_into(destination: Destination[Any, Any], settings: Settings) -> Iterator[dlt.Pipeline]:
    """A dlt pipeline into the raw dataset at `destination`, without any other option that a user may have set for dlt.

    Its working directory is temporary: the warehouse is the only state.
    """
    with scratch_folder() as folder, own_options():
        pipeline = dlt.pipeline(
            pipeline_name=settings.pipeline_name,
            destination=destination,
            dataset_name=settings.raw_dataset,
            pipelines_dir=folder,
        )
        pipeline.config.restore_from_destination = False
        try:
            if (file := _known_file(pipeline)) is not None and file.is_symlink():
                file.stat()  # a link that leads nowhere must not look like a warehouse that was never synced
            yield pipeline
        except Exception as error:
            if found := machine_error(error, folder, database=_known_file(pipeline)):
                raise found from error
            raise
        finally:
            if pipeline.is_active:  # not if another pipeline was opened inside
                pipeline.deactivate()


def destination(settings: Settings) -> Destination[Any, Any]:
    """The configured destination. Raises ConfigurationError for an unknown one, or one without history."""
    staging = staging_layout(settings.part)
    path = duckdb_path(settings.destination)
    found: Destination[Any, Any] | None
    try:
        found = Destination.from_reference(settings.destination, path, **staging)
    except UnknownDestinationModule:
        found = None
    if found is None:
        raise ConfigurationError(
            f"dlt has no destination named {settings.destination}",
            key="bookings.destination",
            where=CONFIG_FILE,
            fix="Choose one from docs/destinations.md, or write the full name of a class.",
        )
    if not supports_history(found):
        raise ConfigurationError(
            f"{settings.destination} keeps no history: it has no slowly changing dimensions in dlt",
            key="bookings.destination",
            where=CONFIG_FILE,
            fix='Write "duckdb", "postgres" or "ducklake". For Delta, Iceberg or Parquet see docs/destinations.md.',
        )
    if isinstance(found, postgres):
        found = Postgres(destination_name=found.destination_name, **staging)
    elif type(found) is duckdb:  # MotherDuck and DuckLake are subclasses
        found = DuckDb(path, destination_name=found.configured_name, **staging)
    return cache_capabilities(found)


@contextmanager
def open_client(pipeline: dlt.Pipeline, settings: Settings) -> Iterator[SqlClientBase[Any]]:
    """dlt's SQL client on the raw dataset, connected. Raises ConfigurationError, or BookingsError if that fails."""
    with opening(settings):
        client: SqlClientBase[Any] = pipeline.sql_client()
        if isinstance(pipeline.destination, DuckDb) and (file := _file_of(client.credentials)):
            make_file(file)
        client.open_connection()
    try:
        yield client
    finally:
        client.close_connection()


@contextmanager
def open_to_read(pipeline: dlt.Pipeline, settings: Settings, *, since: DateTime) -> Iterator[SqlClientBase[Any]]:
    """dlt's SQL client for a command that only reads. It holds the lock of a DuckDB file, because DuckDB lets no other
    process read during a write.

    Where this user may not write, or nothing can be written, it reads the file without the lock.
    """
    database = database_file(pipeline)
    with ExitStack() as stack:
        is_read_only = database is not None and not _can_write(database, lock_file(pipeline, settings))
        if database is not None and not is_read_only:
            try:
                stack.enter_context(locked_dataset(pipeline, settings, since=since))
            except (DiskFull, NoAccess):
                is_read_only = True
        if database is not None and is_read_only and database.exists():
            yield stack.enter_context(open_file_to_read(database, settings))
        else:
            yield stack.enter_context(open_client(pipeline, settings))


def _can_write(database: Path, lock: Path) -> bool:
    """Whether this user may write the file, its lock, and other files next to it."""
    return all(os.access(each, os.W_OK) for each in (database.parent, database, lock) if each.exists())


@contextmanager
def open_file_to_read(file: Path, settings: Settings) -> Iterator[SqlClientBase[Any]]:
    """dlt's SQL client on a DuckDB file that is only read: neither the file nor its folder need be writable."""
    with scratch_folder() as folder, own_options():
        pipeline = dlt.pipeline(
            settings.pipeline_name,
            pipelines_dir=folder,
            destination=duckdb(DuckDbCredentials(str(file), read_only=True)),
            dataset_name=settings.raw_dataset,
        )
        try:
            with naming_machine_errors(folder, database=file), open_client(pipeline, settings) as client:
                yield client
        finally:
            pipeline.deactivate()


@contextmanager
def opening(settings: Settings) -> Iterator[None]:
    """Translates errors of dlt and of the database drivers while a warehouse is opened."""
    try:
        yield
    except MissingDependencyException as error:
        missing = ", ".join(error.dependencies)
        raise BookingsError(f"the destination {settings.destination} needs {missing}. Install it.") from error
    except ConfigurationException as error:
        raise ConfigurationError(
            "missing, or not in the destination's format",
            key=f"destination.{settings.destination}.credentials",
            where=SECRETS_FILE,
            fix=f"See dlt's documentation of the destination {settings.destination}.",
        ) from error
    except BookingsError:
        raise
    except Exception as error:  # drivers have no common base class
        raise BookingsError(f"cannot open the warehouse: {described(error)}") from error


@contextmanager
def locked_dataset(pipeline: dlt.Pipeline, settings: Settings, *, since: DateTime) -> Iterator[Lock]:
    """Holds the raw dataset's lock, which syncs and transforms need. Raises LockedError immediately if it is taken.

    - PostgreSQL: an advisory lock on its own connection, visible to all machines.
    - DuckDB: a lock file next to the database file. Raises ConfigurationError for a part of a sharded run.
    - Other destinations: a lock file in this machine's temporary folder. Operators must keep other machines away.
    """
    if settings.part and database_file(pipeline):
        raise ConfigurationError(
            "a database file has one writer at a time, so shards cannot share it",
            key="bookings.destination",
            where=CONFIG_FILE,
            fix='Omit --shard, or choose a server such as "postgres".',
        )
    if not isinstance(pipeline.destination, Postgres):
        with locked(lock_file(pipeline, settings), since=since) as lock:
            yield lock
        return
    with (
        open_client(pipeline, settings) as client,
        _checked_server(client, settings),
        locked_on_server(client, settings.raw_dataset, part=settings.part, since=since) as lock,
    ):
        yield lock


@contextmanager
def _checked_server(client: SqlClientBase[Any], settings: Settings) -> Iterator[None]:
    """Raises ConfigurationError if the PostgreSQL server, database or role cannot hold the warehouse."""
    with opening(settings):
        check_server(client)
    yield


def lock_file(pipeline: dlt.Pipeline, settings: Settings) -> Path:
    """The path of the lock file: next to a database file, otherwise in this machine's temporary folder."""
    database = database_file(pipeline)
    if database is not None:
        return database.with_name(database.name + ".lock")
    part = f"-{settings.part.index}-of-{settings.part.of}" if settings.part else ""
    name = f"bookings-sync-{settings.destination}-{settings.raw_dataset}{part}.lock".replace("/", "-")
    return Path(tempfile.gettempdir()) / name


def database_file(pipeline: dlt.Pipeline) -> Path | None:
    """The database file of DuckDB; None for a server."""
    return _file_of(getattr(pipeline.destination_client().config, "credentials", None))


def _known_file(pipeline: dlt.Pipeline) -> Path | None:
    """The same for an error's message: None if the credentials are missing or wrong."""
    with suppress(Exception):
        return database_file(pipeline)
    return None


def file_of(client: SqlClientBase[Any]) -> Path | None:
    """The database file that a client has open; None for a server."""
    return _file_of(client.credentials)


def _file_of(credentials: Any) -> Path | None:
    connection_string = getattr(credentials, "_conn_str", None)
    if not callable(connection_string):
        return None
    path = str(connection_string())
    return None if path.startswith((":memory:", "md:")) else Path(path).absolute()
