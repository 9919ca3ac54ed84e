"""A configured folder for a served world, and an HTTP server that records what it receives."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pendulum
import pytest
from click.testing import Result
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from typer.testing import CliRunner

from bookings_sync.cli.main import app
from bookings_sync.sandbox import SandboxServer, World, WorldSpec, generate


@dataclass
class Receiver:
    """Answers every POST with `status` and records its path and JSON body."""

    url: str
    status: int = 200
    received: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def bodies(self) -> list[Any]:
        return [body for _, body in self.received]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append((self.path, json.loads(body)))
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield receiver
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Project:
    """A folder with configuration for a served world of two locations."""

    folder: Path
    server: SandboxServer

    @property
    def world(self) -> World:
        return self.server.world

    def configure(self, observe: str = "", secrets: str = "", **keys: str) -> None:
        """Writes config.toml and secrets.toml. `keys` replaces the API keys of locations, by name."""
        (self.folder / ".dlt").mkdir(exist_ok=True)
        found = {each.name: each.key for each in self.world.locations} | keys
        text = "".join(f'[sources.bookings.locations.{name}]\napi_key = "{key}"\n' for name, key in found.items())
        (self.folder / ".dlt/secrets.toml").write_text(text + f"[observe]\n{secrets}\n")
        (self.folder / ".dlt/config.toml").write_text(
            f'[sources.bookings]\nbase_url = "{self.server.base_url}"\nhistory_start = 2099-01-01\nrate_limit = 10000\n'
            f"attempts = 1\n[observe]\n{observe}\n"
        )
        Container()[PluggableRunContext].reload_providers()

    def bookings(self, *arguments: str) -> Result:
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, list(arguments))
        assert "Traceback" not in result.stderr
        return result


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    now = datetime.fromtimestamp(pendulum.now("UTC").timestamp(), UTC)  # the same clock as the command
    spec = WorldSpec(now=now, seed=11, locations=2, services_per_location=1, appointments=60, past_days=20)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    with SandboxServer(generate(spec)) as server:
        project = Project(tmp_path, server)
        project.configure()
        yield project
    monkeypatch.undo()
    Container()[PluggableRunContext].reload_providers()
