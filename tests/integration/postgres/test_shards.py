"""Shards: parallel runs that divide the locations and load into one database, also when their number changes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from bookings_sync.cli.main import app
from bookings_sync.config.settings import Location, Settings
from bookings_sync.sync import pipeline
from bookings_sync.warehouse.raw_tables import RawTables

from .conftest import Database, Site, small

FULL_SIZE = bool(os.environ.get("CHAOS"))  # make chaos
LOCATIONS, PARTS = (1000, (16, 5, 1)) if FULL_SIZE else (8, (4, 2, 1))
"""The number of locations, and of processes in each round."""

SHARD = """
import sys
import pendulum
from bookings_sync.sync.pipeline import sync
from bookings_sync.config.load import load_settings
settings = load_settings().shard(int(sys.argv[1]), int(sys.argv[2]))
print("ready", flush=True)
now = pendulum.parse(sys.stdin.readline().strip())
result = sync(settings, clock=lambda: now)
print(result.outcome, result.row["errors"], flush=True)
"""


def run_shards(site: Site, of: int, environment: dict[str, str]) -> list[str]:
    """Syncs every part at the same time, each in its own process. Returns the summary or the traceback of each."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SHARD, str(index), str(of)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | environment,
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
    with ThreadPoolExecutor(of) as threads:  # or a process would wait for its full pipe to be read
        said = list(threads.map(subprocess.Popen.communicate, processes))
    return [
        out.strip() if process.returncode == 0 else err for process, (out, err) in zip(processes, said, strict=True)
    ]


def test_shards_are_added_and_removed(open_site: Callable[..., Site], database: Database, tmp_path: Path) -> None:
    """All parts at once into an empty database; then, as the calendars change, with fewer and fewer parts."""
    site = open_site(small(locations=LOCATIONS, appointments=30 * LOCATIONS, services_per_location=1))
    settings = site.settings
    names = ("base_url", "rate_limit", "lookback_days", "slots_horizon_days", "history_start")
    environment = {f"SOURCES__BOOKINGS__{name.upper()}": str(getattr(settings, name)) for name in names}
    environment["BOOKINGS__DESTINATION"] = "postgres"
    (tmp_path / ".dlt").mkdir()  # a thousand keys do not fit into an environment variable
    (tmp_path / ".dlt/secrets.toml").write_text(
        "".join(
            f'[sources.bookings.locations.{name}]\napi_key = "{each.api_key}"\ntimezone = "{each.timezone}"\n'
            for name, each in settings.locations.items()
        )
    )
    for of in PARTS:
        began = time.perf_counter()
        assert run_shards(site, of, environment) == ["ok []"] * of
        print(f"{of} processes, {LOCATIONS} locations: {time.perf_counter() - began:.1f} s")
        assert site.differences(database, tmp_path) == []
        stagings = {f"bookings_raw_staging_{index}_of_{of}" for index in range(1, of + 1)}
        schemas = {name for (name,) in database.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE '%_of_%'")}
        assert schemas == stagings, "those of a number of parts that is no more are gone"
        site.world.advance(timedelta(days=3))
    runs = sum(PARTS)
    assert database.query("SELECT count(*), count(DISTINCT run_id) FROM bookings_raw.runs") == [(runs, runs)]
    site.sync()
    assert site.differences(database, tmp_path) == []
    assert site.sync().changes.total == 0, "a run over all locations is at peace with what the parts have left"
    assert database.query("SELECT count(*) FROM pg_namespace WHERE nspname LIKE '%_of_%'") == [(0,)]


def test_a_run_asks_only_for_its_own_locations(
    open_site: Callable[..., Site], database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows fetched at the start of a part's run grow with its own locations and not with all of them,
    and is still enough: what it finds missing of the others' rows it leaves alone."""
    site = open_site(small(locations=3, appointments=60, services_per_location=1))
    site.sync()
    fetched: list[tuple[str, set[str], int]] = []
    ask = RawTables.rows

    def spy(raw_tables: RawTables, sql: str, *values: object) -> pa.Table | None:
        rows = ask(raw_tables, sql, *values)
        if rows is not None and "location_id" in rows.column_names:
            fetched.append((sql, set(rows["location_id"].to_pylist()), len(rows)))
        return rows

    monkeypatch.setattr(RawTables, "rows", spy)
    of_reads = dict.fromkeys(("all", "part", "one"), 0)
    one = next(iter(site.settings.locations))
    part = max((site.settings.shard(index, 2) for index in (1, 2)), key=lambda each: len(each.locations))
    assert 0 < len(part.locations) < 3
    for name, settings in {"all": site.settings, "part": part, "one": site.settings.only([one])}.items():
        fetched.clear()
        site.world.advance(timedelta(days=1))
        assert pipeline.sync(settings, clock=site.clock).outcome == "ok"
        own = {each.id for each in site.world.locations if each.name in settings.locations}
        for sql, locations, count in fetched:
            # A location's id may have to be looked up by its name, and the owner of a key by its teams and services.
            if not any(f'."{table}"' in sql for table in ("locations", "teams", "services")):
                assert locations <= own, sql
            of_reads[name] += count * ('."reads"' in sql)
    assert of_reads["all"] > of_reads["part"] > of_reads["one"] > 0
    site.sync()
    assert site.differences(database, tmp_path) == []


def test_the_command_takes_its_part(
    open_site: Callable[..., Site], database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reports a part without locations."""
    site = open_site(small(locations=1, appointments=20))
    (location,) = site.settings.locations.values()
    monkeypatch.setenv("BOOKINGS__DESTINATION", "postgres")
    monkeypatch.setenv("SOURCES__BOOKINGS__BASE_URL", site.base_url)
    monkeypatch.setenv("SOURCES__BOOKINGS__HISTORY_START", "2026-01-01")
    monkeypatch.setenv(f"SOURCES__BOOKINGS__LOCATIONS__{location.name.upper()}__API_KEY", location.api_key)
    said = [CliRunner().invoke(app, ["sync", "--quiet", "--json", "--shard", f"{index}/2"]) for index in (1, 2)]
    assert [answer.exit_code for answer in said] == [0, 0]
    assert sorted(len(json.loads(answer.stdout)["locations"]) for answer in said) == [0, 1]
    assert database.query("SELECT count(*) FROM bookings_raw.locations") == [(1,)]
    shown = [CliRunner().invoke(app, ["sync", "--shard", f"{index}/2"]).stdout for index in (1, 2)]
    assert sorted("This shard has no locations" in each for each in shown) == [False, True]


def test_every_location_is_in_one_part() -> None:
    settings = Settings(locations={f"l{n}": Location(f"l{n}", f"key{n}") for n in range(1000)})
    parts = [settings.shard(index, 16) for index in range(1, 17)]
    assert sorted(name for part in parts for name in part.locations) == sorted(settings.locations)
    assert all(40 <= len(part.locations) <= 90 for part in parts)
    assert {part.pipeline_name for part in parts} == {f"bookings_{index}_of_16" for index in range(1, 17)}


def test_a_new_location_moves_no_other() -> None:
    """The order of the configuration does not matter either."""
    before = Settings(locations={f"l{n}": Location(f"l{n}", f"key{n}") for n in range(20)})
    after = replace(before, locations={"new": Location("new", "k"), **dict(reversed(before.locations.items()))})
    for index in range(1, 4):
        assert set(before.shard(index, 3).locations) <= set(after.shard(index, 3).locations)


@pytest.mark.parametrize(("index", "of"), [(0, 4), (5, 4), (1, 0), (1, 40_000)])
def test_an_impossible_part(index: int, of: int) -> None:
    with pytest.raises(ValueError, match=f"got {index} of {of}"):
        Settings().shard(index, of)


def test_the_commands_of_the_page_run(
    open_site: Callable[..., Site], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands of docs/postgres.md in order, with the shards after a run over all locations."""
    page = (Path(__file__).parents[3] / "docs/postgres.md").read_text(encoding="utf-8")
    commands = re.findall(r"^bookings (.*)$", page, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["sync", "transform", "status", "sync", "sync"]
    site = open_site(small(locations=1, appointments=20, services_per_location=1))
    (location,) = site.settings.locations.values()
    monkeypatch.setenv("BOOKINGS__DESTINATION", "postgres")
    monkeypatch.setenv("SOURCES__BOOKINGS__BASE_URL", site.base_url)
    monkeypatch.setenv("SOURCES__BOOKINGS__HISTORY_START", "2099-01-01")
    monkeypatch.setenv(f"SOURCES__BOOKINGS__LOCATIONS__{location.name.upper()}__API_KEY", location.api_key)
    for command in commands:
        ran = CliRunner().invoke(app, command.split())
        assert ran.exit_code == 0, f"{command}: {ran.output}"
    assert database.query("SELECT count(*) > 0 FROM bookings_marts.fct_appointments") == [(True,)]
