"""Airflow in a temporary folder, set up with the commands of docs/airflow.md, with a sandbox as the API."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bookings_sync.sandbox import SandboxServer, World, WorldSpec, generate

ROOT = Path(__file__).parents[4]
COMMANDS = re.findall(r"^((?:airflow|cp) .*)$", (ROOT / "docs/airflow.md").read_text(encoding="utf-8"), re.MULTILINE)


@dataclass
class Site:
    world: World
    home: Path
    environment: dict[str, str]

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        words = shlex.split(command.replace("$AIRFLOW_HOME", str(self.home)))
        return subprocess.run(
            words, cwd=ROOT, env=os.environ | self.environment, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    now = datetime.now(UTC)
    spec = WorldSpec(now=now, seed=11, locations=2, services_per_location=1, appointments=100, past_days=30)
    with SandboxServer(generate(spec)) as server:
        keys = {each.name: {"api_key": each.key, "timezone": each.timezone} for each in server.world.locations}
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "false",
            "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false",
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "SOURCES__BOOKINGS__BASE_URL": server.base_url,
            "SOURCES__BOOKINGS__RATE_LIMIT": "100000",
            "SOURCES__BOOKINGS__HISTORY_START": "2099-01-01",
            "SOURCES__BOOKINGS__SLOTS_HORIZON_DAYS": "3",
            "DESTINATION__DUCKDB__CREDENTIALS": str(home / "warehouse.duckdb"),
        }
        site = Site(server.world, home, environment)
        for command in COMMANDS[:-1]:
            ran = site.run(re.sub(r"'\{.*\}'", shlex.quote(json.dumps({"locations": keys})), command))
            assert ran.returncode == 0, f"{command}: {ran.stderr[-2000:]}"
        yield site
