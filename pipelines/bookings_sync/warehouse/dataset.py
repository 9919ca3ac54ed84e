"""The dataset: the warehouse as dlt and dlt's SQL client open it.

Input:  settings: which destination, and where.
Output: the dlt pipeline into the raw dataset, in a working directory that is thrown away; dlt's SQL client; the
        dataset's lock. Nothing here reads the API: who only looks at a warehouse loads no more than this.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.destination import Destination, DestinationCapabilitiesContext
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.exceptions import MissingDependencyException
from dlt.common.normalizers.naming import NamingConvention
from dlt.destinations import duckdb, postgres
from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.config import lookup
from bookings_sync.config.locations import SECRETS_FILE
from bookings_sync.config.settings import CONFIG_FILE, Settings
from bookings_sync.errors import BookingsError, ConfigurationError, described
from bookings_sync.warehouse.duckdb_file import DuckDb, make_file
from bookings_sync.warehouse.lock import Lock, locked, locked_on_server
from bookings_sync.warehouse.postgres import Postgres

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
    file = _duckdb_file(settings.destination)
    found: Destination[Any, Any] | None
    try:
        found = Destination.from_reference(settings.destination, file, **own)
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
        found = Postgres(destination_name=found.destination_name, **own)
    elif type(found) is duckdb:  # not what dlt derives of it
        found = DuckDb(file, destination_name=found.configured_name, **own)
    return _with_capabilities_remembered(found)


def _with_capabilities_remembered(found: Destination[Any, Any]) -> Destination[Any, Any]:
    """The destination, which works its capabilities out once. dlt 1.31 asks for them some thirty times a load, and each
    time looks every option up again in the environment and its files: half the CPU of a small sync."""
    work_out = found.capabilities
    known: dict[type[NamingConvention | None], DestinationCapabilitiesContext] = {}

    def capabilities(config: Any = None, naming: Any = None) -> DestinationCapabilitiesContext:
        if config is not None:
            return work_out(config, naming)
        asked = type(naming)
        if asked not in known:
            known[asked] = work_out(None, naming)
        caps = known[asked].copy()  # dlt changes what it is given
        caps.update(found.caps_params)  # they may have been set since
        return caps

    found.capabilities = capabilities  # type: ignore[method-assign]
    return found


def _duckdb_file(name: str) -> Any:
    """What [destination.<name>] credentials say of a DuckDB file; None of anything else. A path is no secret and may
    stand in config.toml, but by itself dlt takes credentials from the secrets alone."""
    kind, _ = lookup.find(f"destination.{name}.destination_type")
    if (kind or name).rpartition(".")[2] != "duckdb":
        return None
    return lookup.find(f"destination.{name}.credentials")[0]


@contextmanager
def open_client(pipeline: dlt.Pipeline, settings: Settings) -> Iterator[SqlClientBase[Any]]:
    """dlt's SQL client on the raw dataset, connected. Raises ConfigurationError, or BookingsError where the warehouse
    cannot be opened."""
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
def opening(settings: Settings) -> Iterator[None]:
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
    return _file_of(getattr(pipeline.destination_client().config, "credentials", None))


def _file_of(credentials: Any) -> Path | None:
    database = getattr(credentials, "_conn_str", None)
    if not callable(database):
        return None
    path = str(database())
    return None if path.startswith((":memory:", "md:")) else Path(path).absolute()
