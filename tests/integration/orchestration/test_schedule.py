"""The schedule examples: the cron line and the workflow's commands run, and systemd accepts the units."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
import yaml

from bookings_sync.sandbox import SandboxServer, WorldSpec, generate

EXAMPLES = Path(__file__).parents[3] / "examples/schedule"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def srv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder /srv/bookings of the examples: `.venv`, `.dlt`, and a sandbox to read from."""
    folder = tmp_path_factory.mktemp("srv")
    (folder / ".venv").mkdir()
    (folder / ".venv/bin").symlink_to(BIN)
    (folder / ".dlt").mkdir()
    now = datetime.now(UTC)
    world = generate(WorldSpec(now=now, locations=1, services_per_location=1, appointments=60, past_days=20))
    (location,) = world.locations
    (folder / ".dlt/secrets.toml").write_text(
        f'[sources.bookings.locations.{location.name}]\napi_key = "{location.key}"\n'
    )
    with SandboxServer(world) as server:
        config = f'[sources.bookings]\nbase_url = "{server.base_url}"\nhistory_start = 2099-01-01\n'
        (folder / ".dlt/config.toml").write_text(config)
        yield folder


def run(folder: Path, line: str, environment: dict[str, str]) -> None:
    """Runs a line in a shell, like cron and a CI runner. Expects success and no output."""
    line = line.replace("/srv/bookings", str(folder))
    ran = subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", ""), line


def marts(folder: Path) -> int:
    with duckdb.connect(str(folder / "bookings_read.duckdb"), read_only=True) as connection:
        ((rows,),) = connection.execute("SELECT count(*) FROM bookings_marts.fct_appointments").fetchall()
    return int(rows)


def test_the_cron_line_runs(srv: Path) -> None:
    """Runs with cron's small environment."""
    (line,) = re.findall(r"^\*/30 \* \* \* \* (.*)$", (EXAMPLES / "crontab").read_text(), re.MULTILINE)
    run(srv, line, {"HOME": str(srv), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"})
    assert marts(srv) > 0


def test_the_workflows_commands_run(srv: Path) -> None:
    """Runs the commands on DuckDB, with the folder's keys: the workflow's warehouse and keys are secrets."""
    workflow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    assert workflow[True]["schedule"][0]["cron"]  # YAML 1.1 reads `on` as true
    assert workflow["concurrency"]
    job = workflow["jobs"]["sync"]
    assert all("secrets." in value for name, value in job["env"].items() if name != "BOOKINGS__DESTINATION")
    install, *commands = [step["run"] for step in job["steps"] if "run" in step]
    assert install == "pip install '.[postgres]'"
    assert commands == ["bookings run --quiet"]
    for command in commands:
        run(srv, command, {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"})


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not on this machine")
def test_systemd_accepts_the_units(srv: Path, tmp_path: Path) -> None:
    for name in ("bookings-sync.service", "bookings-sync.timer"):
        (tmp_path / name).write_text((EXAMPLES / name).read_text().replace("/srv/bookings", str(srv)))
    units = sorted(str(path) for path in tmp_path.iterdir())
    ran = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    complaints = [line for line in ran.stderr.splitlines() if "bookings-sync" in line]
    assert complaints == []
    (calendar,) = re.findall(r"^OnCalendar=(.*)$", (EXAMPLES / "bookings-sync.timer").read_text(), re.MULTILINE)
    assert subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, check=False).returncode == 0


def test_the_systemd_unit_runs_the_same_command_as_cron() -> None:
    (command,) = re.findall(
        r"^ExecStart=/srv/bookings/(.*)$", (EXAMPLES / "bookings-sync.service").read_text(), re.MULTILINE
    )
    line = (EXAMPLES / "crontab").read_text()
    assert command in line
