"""Runs that share the work by location, at once, into one database: from nothing, and with another number of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bookings_sync.settings import Location, Settings

from .conftest import Database, Site, small

AT_ONCE = 16 if os.environ.get("CHAOS") else 4

SHARD = """
import sys
import pendulum
from bookings_sync.pipeline import sync
from bookings_sync.settings import load_settings
settings = load_settings().shard(int(sys.argv[1]), int(sys.argv[2]))
print("ready", flush=True)
now = pendulum.parse(sys.stdin.readline().strip())
result = sync(settings, clock=lambda: now)
print(result.outcome, result.row["errors"], flush=True)
"""


def run_shards(site: Site, of: int, environment: dict[str, str]) -> list[str]:
    """Syncs every part in a process of its own, all at the same moment. Gives what each says at the end."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SHARD, str(index), str(of)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | environment,
        )
        for index in range(1, of + 1)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{site.clock().to_iso8601_string()}\n")
        process.stdin.flush()
    return [process.communicate()[0].strip() for process in processes]


def test_parts_at_once(open_site: Callable[..., Site], database: Database, tmp_path: Path) -> None:
    site = open_site(small(locations=2 * AT_ONCE, appointments=60 * AT_ONCE, services_per_location=1))
    settings = site.settings
    names = ("base_url", "rate_limit", "lookback_days", "slots_horizon_days", "history_start")
    environment = {f"SOURCES__BOOKINGS__{name.upper()}": str(getattr(settings, name)) for name in names}
    environment["BOOKINGS__DESTINATION"] = "postgres"
    environment["SOURCES__BOOKINGS__LOCATIONS"] = json.dumps(
        {name: {"api_key": each.api_key, "timezone": each.timezone} for name, each in settings.locations.items()}
    )

    assert run_shards(site, AT_ONCE, environment) == ["ok []"] * AT_ONCE
    assert site.differences(database, tmp_path) == []

    site.world.advance(timedelta(days=9))
    assert run_shards(site, AT_ONCE - 1, environment) == ["ok []"] * (AT_ONCE - 1)
    assert site.differences(database, tmp_path) == []
    assert database.query("SELECT count(*), count(DISTINCT run_id) FROM bookings_raw.runs") == [(2 * AT_ONCE - 1,) * 2]
    assert site.sync().changes.total == 0, "a run over all locations finds what the parts have left"


def test_every_location_is_in_one_part() -> None:
    settings = Settings(locations={f"l{n}": Location(f"l{n}", f"key{n}") for n in range(1000)})
    parts = [settings.shard(index, 16) for index in range(1, 17)]
    assert sorted(name for part in parts for name in part.locations) == sorted(settings.locations)
    assert all(40 <= len(part.locations) <= 90 for part in parts)
    assert {part.pipeline_name for part in parts} == {f"bookings_{index}_of_16" for index in range(1, 17)}


def test_a_new_location_moves_no_other() -> None:
    """Nor does the order in which they are configured count."""
    before = Settings(locations={f"l{n}": Location(f"l{n}", f"key{n}") for n in range(20)})
    after = replace(before, locations={"new": Location("new", "k"), **dict(reversed(before.locations.items()))})
    for index in range(1, 4):
        assert set(before.shard(index, 3).locations) <= set(after.shard(index, 3).locations)


@pytest.mark.parametrize(("index", "of"), [(0, 4), (5, 4), (1, 0), (1, 40_000)])
def test_no_such_part(index: int, of: int) -> None:
    with pytest.raises(ValueError, match=f"no part {index} of {of}"):
        Settings().shard(index, of)
