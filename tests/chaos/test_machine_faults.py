"""Faults of the machine, call by call: memory, SQL statements and the disk fail once, or from one call on.

After each fault: the command fails (or its work is complete), no traceback reaches the user, the warehouse is
readable and its history in order. Only a library that gets no memory may abort the process. The next healthy run ends
equal to the truth and leaves nothing behind.
"""

from __future__ import annotations

import random
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bookings_sync.sandbox import SandboxServer, generate
from integration.sync.conftest import Tally, small
from support.faulty_process import Break, Ended, FaultyProcess, Kind
from support.oracle import flaws
from support.truth import differences

from .conftest import CHAOS_SEED, amount
from .test_kills import schema_of

WORLD = small(
    appointments=60, past_days=40, services_per_location=2, teams_per_location=1, opaque_key_share=0, locations=2
)
CONFIG = """
[sources.bookings]
base_url = "{base_url}"
history_start = 2026-09-15
lookback_days = 60
horizon_days = 60
slots_horizon_days = 3
rate_limit = 100000
attempts = 1
"""
DAMAGE = """INSERT INTO bookings_raw.appointments BY NAME SELECT * REPLACE ('older' AS title, 'x' || row_digest
    AS row_digest, _dlt_valid_from - INTERVAL 1 DAY AS _dlt_valid_from) FROM bookings_raw.appointments LIMIT 3"""
COMMANDS: dict[str, list[str]] = {
    "first sync": ["sync", "--quiet"],
    "sync": ["sync", "--quiet"],
    "transform": ["transform", "--quiet"],
    "report": ["report", "--quiet", "--out", "report.html"],
    "doctor": ["doctor", "--apply"],
}
KINDS: tuple[Kind, ...] = ("memory", "sql out of memory", "sql input or output", "disk full", "disk broken")
LIMITS: dict[Kind, list[int]] = {
    "file size": [0, 4, 64, 256, 1024, 4096, 8192],
    "address space": [1024, 4096, 16_384, 65_536, 131_072, 262_144],
}
CASES = amount(
    [("sync", "disk full"), ("transform", "sql input or output")],
    [(name, kind) for name in COMMANDS for kind in KINDS],
)
FIRST, RANDOM = amount((0, 1), (2, 4))
"""The first calls that fail, and random ones: of each kind and command, once and for good."""


@dataclass
class Site:
    """A folder with a configuration, and the states from which commands start."""

    folder: Path
    server: SandboxServer
    process: FaultyProcess
    states: dict[str, Path] = field(default_factory=dict)
    wanted: dict[str, Any] = field(default_factory=dict)
    """By command: what a healthy run leaves."""
    listings: dict[str, set[str]] = field(default_factory=dict)
    """By command: the files that a healthy run leaves."""

    @property
    def database(self) -> Path:
        return self.folder / "bookings.duckdb"

    def run(self, name: str, breaks: Break | None = None) -> Ended:
        return self.process.run(COMMANDS[name], self.folder, self.server.world.now, breaks)

    def begin(self, name: str) -> None:
        """The folder as it is before the command."""
        for each in self.folder.iterdir():
            if each.name != ".dlt":
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        (self.folder / "tmp").mkdir()
        for each in self.states[name].iterdir():
            shutil.copyfile(each, self.folder / each.name)

    def keep(self, name: str) -> None:
        """Keeps the files of the folder as the state before this command."""
        self.states[name] = self.folder.with_name(f"before-{name}")
        self.states[name].mkdir()
        for each in self.folder.glob("*.duckdb"):
            shutil.copyfile(each, self.states[name] / each.name)

    def listing(self) -> set[str]:
        files = {str(each.relative_to(self.folder)) for each in self.folder.rglob("*")}
        return {re.sub(r"\d{8}T\d{6}Z", "TIME", each) for each in files if not each.startswith(("dlt", ".dlt"))}

    def left(self, name: str) -> Any:
        """The result of the command: the flaws of the raw tables, the marts, or whether the page is complete."""
        if name == "report":
            page = self.folder / "report.html"
            return page.exists() and page.read_text(encoding="utf-8").rstrip().endswith("</html>")
        if name == "transform":
            return marts(self.database)
        ahead = self.server.world.now + timedelta(days=3)
        truths = [self.server.world.truth(each.id, end=ahead) for each in self.server.world.locations]
        found = differences(str(self.database), truths, slot_days=3)
        return "sound" if not [each for each in found if name.endswith("sync") or "live rows" in each] else found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("machine") / "folder"
    with SandboxServer(generate(WORLD)) as server, FaultyProcess() as process:
        site = Site(folder, server, process)
        (folder / ".dlt").mkdir(parents=True)
        (folder / "tmp").mkdir()
        keys = [
            f'[sources.bookings.locations.{each.name}]\napi_key = "{each.key}"\n' for each in server.world.locations
        ]
        (folder / ".dlt/secrets.toml").write_text("\n".join(keys), encoding="utf-8")
        (folder / ".dlt/config.toml").write_text(CONFIG.format(base_url=server.base_url), encoding="utf-8")
        site.keep("first sync")
        healthy(site, "sync")
        healthy(site, "transform")
        server.world.advance(timedelta(hours=40))
        site.keep("sync")
        site.begin("sync")
        healthy(site, "sync")
        site.keep("transform")
        with duckdb.connect(str(site.database)) as connection:
            connection.execute(DAMAGE)
        site.keep("doctor")
        site.begin("transform")
        healthy(site, "transform")
        site.keep("report")
        yield site


@pytest.fixture
def name(site: Site, request: pytest.FixtureRequest) -> str:
    """The command's name. A healthy run has shown what it leaves."""
    name = str(request.param)
    if name not in site.wanted:
        site.begin(name)
        healthy(site, name)
        site.wanted[name], site.listings[name] = site.left(name), site.listing()
        assert site.wanted[name] == "sound" or name in ("transform", "report"), site.wanted[name]
        assert site.wanted[name], name
    return name


def healthy(site: Site, name: str) -> None:
    ended = site.run(name)
    assert (ended.exit_code, "Traceback" in ended.printed) == (0, False), ended.printed


@pytest.mark.parametrize(("name", "kind"), CASES, indirect=["name"])
def test_a_call_that_fails(site: Site, tally: Tally, name: str, kind: Kind) -> None:
    site.begin(name)
    calls = site.run(name, Break(kind)).calls
    rng = random.Random(f"{CHAOS_SEED} {name} {kind}")
    for lasting in (False, True) if kind != "memory" else (False,):
        numbers = {*range(1, 1 + FIRST), *(rng.randint(1, max(calls, 1)) for _ in range(RANDOM))}
        for number in sorted(numbers):
            met = breaks(site, name, Break(kind, number, lasting))
            tally(f"calls that failed: {kind}", int(met))


@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("name", amount(["sync"], list(COMMANDS)), indirect=True)
def test_a_limit_of_the_operating_system(site: Site, tally: Tally, name: str, kind: Kind) -> None:
    for limit in LIMITS[kind][2::99] if not CHAOS_SEED else LIMITS[kind]:
        breaks(site, name, Break(kind, limit, lasting=True))
        tally(f"limits: {kind}", 1)


def breaks(site: Site, name: str, fault: Break) -> bool:
    """Runs the command with the fault, and then without. Returns whether the fault befell it."""
    site.begin(name)
    before = site.left(name) if site.database.exists() else None
    ended = site.run(name, fault)
    what = f"{name}, {fault}, exit code {ended.exit_code}: {ended.printed}"
    assert "Traceback" not in ended.printed, what
    assert 0 <= ended.exit_code < 128 or is_aborted(ended, fault), what
    if site.database.exists():
        if name == "transform":
            assert site.left(name) in (before, site.wanted[name]), what
        elif is_built(site.database) and name != "doctor":
            assert flaws(str(site.database)) == [], what
    if name == "report" and (site.folder / "report.html").exists():
        assert site.left(name), what
    if ended.exit_code == 0:
        assert site.left(name) == site.wanted[name], what
    else:
        assert ended.printed.strip(), what
    again = site.run(name)
    assert (again.exit_code, "Traceback" in again.printed) == (0, False), f"{what}\nthen: {again.printed}"
    assert site.left(name) == site.wanted[name], what
    assert flaws(str(site.database)) == [], what
    assert site.listing() == site.listings[name], what
    return ended.calls >= fault.number


def is_aborted(ended: Ended, fault: Break) -> bool:
    """Whether a library ended the process for want of memory, and said so. Libraries in Rust and C++ do, and Python
    cannot prevent it. Like a kill, it must damage nothing."""
    said = re.search(r"memory allocation of \d+ bytes failed|bad_alloc|[Oo]ut of memory", ended.printed)
    return fault.kind == "address space" and ended.exit_code == -signal.SIGABRT and said is not None


def is_built(database: Path) -> bool:
    with duckdb.connect(str(database), read_only=True) as connection:
        sql = "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'bookings_raw'"
        return bool(connection.execute(sql).fetchall()[0][0] >= 10)


def marts(database: Path) -> dict[str, Any]:
    """A checksum of each live table."""
    with duckdb.connect(str(database), read_only=True) as connection:
        names = connection.sql(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name IN ('bookings_marts', 'bookings_staging')"
            " AND NOT ends_with(table_name, '__next') AND NOT starts_with(table_name, '_') ORDER BY ALL"
        ).fetchall()
        checksum = "SELECT count(*), sum(hash(each)::HUGEINT) FROM {schema}.{name} AS each"
        return {
            name: connection.sql(checksum.format(schema=schema_of(name), name=name)).fetchall()[0] for (name,) in names
        }
