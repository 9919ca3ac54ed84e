"""A sandbox and the Dagster definitions that read from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pendulum
import pytest

from bookings_sync.config.settings import Location, Settings
from bookings_sync.orchestration.dagster.definitions import definitions
from bookings_sync.orchestration.dagster.raw import Period
from bookings_sync.sandbox import SandboxServer, World, WorldSpec, generate

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


@dataclass
class Site:
    world: World
    settings: Settings
    database: Path
    instance: dg.DagsterInstance

    def definitions(self, *, period: Period = "month", **knobs: object) -> dg.Definitions:
        now = lambda: pendulum.instance(self.world.now)  # noqa: E731
        return definitions(replace(self.settings, **knobs), clock=now, period=period)

    def run(
        self, job: str, *, raises: bool = True, period: Period = "month", **options: object
    ) -> dg.ExecuteInProcessResult:
        resolved = self.definitions(period=period).resolve_job_def(job)
        return resolved.execute_in_process(instance=self.instance, raise_on_error=raises, **options)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two locations with two months of history. Nothing is synced yet."""
    folder = tmp_path_factory.mktemp("dagster")
    spec = WorldSpec(
        now=NOW, seed=11, locations=2, teams_per_location=2, services_per_location=1, appointments=120, past_days=50,
        future_days=30,
    )  # fmt: skip
    with (
        SandboxServer(generate(spec)) as server,
        dg.DagsterInstance.ephemeral() as instance,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        patch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(folder / "warehouse.duckdb"))
        patch.chdir(folder)
        settings = Settings(
            base_url=server.base_url,
            locations={
                each.name: Location(each.name, each.key, timezone=each.timezone) for each in server.world.locations
            },
            rate_limit=100_000,
            history_start=date(2026, 9, 1),
            slots_horizon_days=3,
        )
        yield Site(server.world, settings, folder / "warehouse.duckdb", instance)
