"""A world in four time zones, synced twenty times at irregular intervals, and its models."""

from __future__ import annotations

import os
import pickle
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pytest
from filelock import FileLock

from bookings_sync.config.settings import Location, Settings
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.transform import transform
from bookings_sync.sandbox import SandboxServer
from bookings_sync.sync import pipeline
from support.recompute.busy_world import BusyWorld
from support.recompute.sights import Place, sight

SEED = int(os.environ.get("CHAOS") or 0)
FIRST_SYNC = datetime(2026, 9, 23, 18, 20, tzinfo=UTC)
SLOT_DAYS = 9
HOURS_BETWEEN = (190, 23, 24, 22, 26, 336, 48, 19, 25, 0.1, 24, 27, 100, 16, 29, 31, 24, 2, 11)
"""Between twenty syncs. Clocks change on 4 October (Lord Howe), 25 October (London) and 1 November (New York)."""
AFTER_LAST_SYNC = timedelta(hours=3, minutes=25)


@dataclass(frozen=True)
class Recorded:
    """What the syncs saw, and the warehouse that they filled. `now` is the moment of the transform."""

    places: list[Place]
    now: datetime
    database: Path

    def rows(self, model: str) -> list[dict[str, Any]]:
        """A model's table; instants are UTC."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            answer = connection.execute(f"SELECT * FROM bookings_marts.{model}")
            names = [column[0] for column in answer.description or ()]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Made once, also by several workers: the first makes it, the others wait and read it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "recompute"
    database, seen = folder / "warehouse.duckdb", folder / "seen.pickle"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"), pytest.MonkeyPatch.context() as patch:
        if not seen.exists():
            patch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
            patch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(database))
            patch.chdir(folder)
            seen.write_bytes(pickle.dumps(_record()))
    places, now = pickle.loads(seen.read_bytes())
    return Recorded(places, now, database)


def _record() -> tuple[list[Place], datetime]:
    busy = BusyWorld(SEED)
    world = busy.world
    places = [Place(location.id, location.name) for location in world.locations]
    gaps = list(HOURS_BETWEEN)
    if SEED:
        random.Random(f"{SEED}/gaps").shuffle(gaps)
    with SandboxServer(world) as server:
        at = FIRST_SYNC
        for number, hours in enumerate([0, *gaps]):
            at += timedelta(hours=hours)
            busy.live(at)
            zones = [location.timezone for location in world.locations]
            if number < 8:
                zones[2] = "Asia/Dhaka"  # a mistake in the configuration, corrected later
            settings = _settings(server.base_url, world, zones)
            ahead = world.now + timedelta(days=SLOT_DAYS)
            for place, zone in zip(places, zones, strict=True):
                place.sights.append(sight(world.truth(place.id, end=ahead), zone))
            result = pipeline.sync(settings, clock=lambda: pendulum.instance(world.now))
            assert result.outcome == "ok", result.row["errors"]
            busy.change_calendars()
    now = at + AFTER_LAST_SYNC
    with open_client(settings, writes=True, publishes=True) as client:
        transform(client, datasets(settings), now=pendulum.instance(now))
    return places, now


def _settings(base_url: str, world: Any, zones: list[str]) -> Settings:
    return Settings(
        base_url=base_url,
        rate_limit=100_000,
        locations={
            each.name: Location(each.name, each.key, timezone=zone)
            for each, zone in zip(world.locations, zones, strict=True)
        },
        scopes=("service", "user"),
        history_start=date(2026, 4, 1),
        lookback_days=250,
        horizon_days=120,
        window_days=512,
        slots_horizon_days=SLOT_DAYS,
        deletion_guard_percent=100,
        deletion_evidence_runs=1,
        deletion_evidence_hours=0,
    )
