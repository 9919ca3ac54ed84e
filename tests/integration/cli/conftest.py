"""Fixtures: a sandbox on a real socket, a folder configured for it, and the command in this process or its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pendulum
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from typer.testing import CliRunner

from bookings_sync.cli.main import app
from bookings_sync.sandbox import SandboxServer, World, WorldSpec, generate

# history_start is in the future, so a sync reads only the hot range, and its first run is one load.
CONFIG = """
[sources.bookings]
base_url = "{base_url}"
history_start = 2099-01-01
rate_limit = 10000
attempts = 1
"""


@dataclass
class Result:
    """The result of a command."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The JSON object on stdout. Anything else on stdout fails the test."""
        result: dict[str, Any] = json.loads(self.stdout)
        assert result["exit_code"] == self.exit_code
        return result


@dataclass
class Project:
    """A folder with a .dlt configuration for a sandbox."""

    folder: Path
    server: SandboxServer

    @property
    def world(self) -> World:
        return self.server.world

    @property
    def database(self) -> Path:
        return self.folder / "bookings.duckdb"

    @property
    def names(self) -> list[str]:
        return [location.name for location in self.world.locations]

    def configure(self, *, keys: dict[str, str] | None = None, more: str = "", base_url: str | None = None) -> None:
        """Writes secrets.toml and config.toml. `keys` replaces the sandbox's API keys."""
        (self.folder / ".dlt").mkdir(exist_ok=True)
        keys = {each.name: each.key for each in self.world.locations} if keys is None else keys
        secrets = [f'[sources.bookings.locations.{name}]\napi_key = "{key}"\n' for name, key in keys.items()]
        (self.folder / ".dlt/secrets.toml").write_text("\n".join(secrets))
        config = CONFIG.format(base_url=base_url or self.server.base_url) + more
        (self.folder / ".dlt/config.toml").write_text(config)
        reload_configuration()

    def bookings(self, *arguments: str) -> Result:
        """Runs the command in this process. No command may print an API key or a traceback."""
        ran = CliRunner(env={"COLUMNS": "200"}).invoke(app, list(arguments))
        for location in self.world.locations:
            assert location.key not in ran.stdout + ran.stderr
            assert location.key.split(".")[-1] not in ran.stdout + ran.stderr
        assert "Traceback" not in ran.stderr
        return Result(ran.exit_code, ran.stdout, ran.stderr)


def reload_configuration() -> None:
    """Makes dlt read its files again: it reads them once per process."""
    Container()[PluggableRunContext].reload_providers()


@pytest.fixture(scope="module")
def world() -> World:
    return generate(small_world())


def small_world(**settings: Any) -> WorldSpec:
    defaults: dict[str, Any] = {
        "now": datetime.fromtimestamp(pendulum.now("UTC").timestamp(), UTC),  # commands use the real clock
        "seed": 11,
        "locations": 2,
        "services_per_location": 2,
        "appointments": 200,
        "past_days": 40,
    }
    return WorldSpec(**defaults | settings)


@pytest.fixture(scope="module")
def server(world: World) -> Iterator[SandboxServer]:
    with SandboxServer(world) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A new folder with a configuration and no database. It is the current folder."""
    context = Container()[PluggableRunContext]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    project = Project(tmp_path, server)
    project.configure()
    server.world.requests.reset()
    yield project
    monkeypatch.undo()
    context.reload_providers()


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the command in a new process, and kills it after the test if it still runs."""
    started: list[subprocess.Popen[str]] = []
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # the tests run under nohup, and a command would obey it
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    def run(arguments: Sequence[str], folder: Path = tmp_path, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "bookings_sync.cli", *arguments],
            cwd=folder,
            env={**os.environ, "HOME": str(folder), "COLUMNS": "200", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
