"""Fixtures for tests of the whole path: a sandbox on a socket, and a DuckDB warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pytest
from dlt.common.destination.client import RunnableLoadJob
from dlt.common.destination.exceptions import DestinationTerminalException
from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob
from dlt.destinations.job_client_impl import SqlJobClientBase, SqlLoadJob

from bookings_sync.config.settings import Settings
from bookings_sync.errors import LoadError
from bookings_sync.planning.windows import Window
from bookings_sync.sandbox import SandboxServer, Switches, World, WorldSpec, generate
from bookings_sync.sync import pipeline
from bookings_sync.sync.pipeline import SyncResult
from support.apis import BOTH, Api, Apis, locations, truths
from support.fake_calendar import FakeCalendar
from support.truth import differences

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
"""A Monday, eight days after Europe's clocks went back."""


@dataclass
class Site:
    """A world, its server, and the warehouse that is synced from it."""

    world: World
    server: SandboxServer
    database: Path
    knobs: dict[str, Any] = field(default_factory=dict)
    zones_named: bool = True
    """Whether the configuration sets each location's time zone."""
    apis: Apis = "v1"
    """The API that serves the locations."""

    @property
    def location_id(self) -> str:
        """The first location's."""
        return self.world.locations[0].id

    def clock(self) -> pendulum.DateTime:
        return pendulum.instance(self.world.now)

    @property
    def settings(self) -> Settings:
        """Settings for every location of the world, without a rate limit, changed by `knobs`."""
        plain: dict[str, Any] = {
            "base_url": self.server.base_url,
            "v2_base_url": self.server.base_url_v2,
            "rate_limit": 100_000,
            "locations": locations(self.world, self.apis, zones_named=self.zones_named),
        }
        return Settings(**plain | self.knobs)

    def sync(self, *, asked: Window | None = None, full: bool = False, **knobs: Any) -> SyncResult:
        return pipeline.sync(replace(self.settings, **knobs), clock=self.clock, asked=asked, full=full)

    def query(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """The answer's rows; instants are UTC."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'; USE bookings_raw")
            rows: list[dict[str, Any]] = connection.execute(sql, list(values)).to_arrow_table().to_pylist()
        return rows

    def live(self, table: str, where: str = "true", *values: Any) -> list[dict[str, Any]]:
        """The rows that are current and no tombstones."""
        current = "_dlt_valid_to IS NULL AND deleted_at IS NULL"
        return self.query(f"SELECT * FROM {table} WHERE {current} AND ({where})", *values)

    def versions(self, table: str, record_id: str) -> list[dict[str, Any]]:
        """Every version of one record, the oldest first."""
        return self.query(f"SELECT * FROM {table} WHERE id = ? ORDER BY _dlt_valid_from", record_id)

    def differences(self, *location_ids: str) -> list[str]:
        """How the warehouse differs from the truth, of these locations or of all."""
        days = self.settings.slots_horizon_days
        ahead = self.world.now + timedelta(days=days)
        told = truths(self.world, self.apis, ahead, location_ids)
        return differences(str(self.database), told, slot_days=days)


def sync_until_nothing_is_held(site: Site) -> None:
    """Syncs every three hours. Deletions that the API does not confirm well follow in the third run at the latest."""
    for _ in range(3):
        result = site.sync()
        assert result.row["errors"] == "[]"
        if result.outcome == "ok":
            return
        site.world.now_ms += 3 * 3_600_000
    raise AssertionError(f"deletions are still held back: {result.held}")


def small(**settings: Any) -> WorldSpec:
    """One quiet location with a past of three months."""
    plain: dict[str, Any] = {
        "now": NOW,
        "seed": 11,
        "locations": 1,
        "teams_per_location": 2,
        "services_per_location": 3,
        "members_per_location": 4,
        "appointments": 300,
        "past_days": 90,
        "future_days": 40,
    }
    return WorldSpec(**plain | settings)


@pytest.fixture
def warehouse_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The DuckDB file that syncs load into. It does not exist yet, and its folder is the working directory."""
    path = tmp_path / "warehouse.duckdb"
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(path))
    monkeypatch.chdir(tmp_path)
    return path


both_apis = pytest.mark.parametrize("api", BOTH)
"""Runs a test with sites that v1 serves, and with sites that v2 serves."""


@pytest.fixture
def open_site(warehouse_file: Path, api: Api) -> Iterator[Callable[..., Site]]:
    """Serves a world: `open_site(small(), switches=…, lookback_days=45)`. By default the hot range covers all
    history."""
    with ExitStack() as stack:

        def serve(
            spec: WorldSpec | None = None,
            *,
            switches: Switches | None = None,
            zones_named: bool = True,
            apis: Apis | None = None,
            **knobs: Any,
        ) -> Site:
            server = stack.enter_context(SandboxServer(generate(spec or small()), switches=switches))
            quick = {"lookback_days": 250, "horizon_days": 120, "slots_horizon_days": 3, "history_start": NOW.date()}
            return Site(server.world, server, warehouse_file, quick | knobs, zones_named, apis or api)

        yield serve


@pytest.fixture
def site(open_site: Callable[..., Site]) -> Site:
    """One small location with an empty warehouse."""
    return open_site()


@pytest.fixture
def calendar(warehouse_file: Path) -> Iterator[Callable[..., FakeCalendar]]:
    """Serves a fake calendar: `calendar(scopes=("team",))`."""
    with ExitStack() as stack:
        yield lambda **knobs: stack.enter_context(FakeCalendar(warehouse_file, **knobs))


Tally = Callable[[str, int], None]
"""The type of the fixture `tally`, which counts attempts."""

Torn = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def torn(monkeypatch: pytest.MonkeyPatch) -> Torn:
    """Inside `torn("contacts")`, a load reaches every table except that one, as after a kill."""

    @contextmanager
    def tear(table: str) -> Iterator[None]:
        met: list[str] = []

        def but_one(run: Callable[[RunnableLoadJob], None]) -> Callable[[RunnableLoadJob], None]:
            def run_or_not(job: RunnableLoadJob) -> None:
                if job.job_file_info().table_name == table:
                    met.append(table)
                else:
                    run(job)

            return run_or_not

        def end(*_: Any) -> None:
            raise DestinationTerminalException("torn")

        with monkeypatch.context() as patch:
            for kind in (SqlLoadJob, DuckDbCopyJob):
                patch.setattr(kind, "run", but_one(kind.run))
            patch.setattr(SqlJobClientBase, "complete_load", end)
            with pytest.raises(LoadError):
                yield
            assert met, f"nothing was loaded into {table}"

    return tear
