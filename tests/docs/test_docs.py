"""The pages are true: the commands of each destination's page run in their order, and links lead somewhere.

The orchestrators' pages are run by their own tests, in tests/orchestration; DuckLake and the lakes by tests/lake.
"""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from typer.testing import CliRunner

from bookings_sync.cli.main import app
from bookings_sync.sandbox import SandboxServer, WorldSpec, generate

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert "://" in link or (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_settings_are_toml(page: Path) -> None:
    assert all(tomllib.loads(block) for block in blocks(page.name, "toml"))


def test_duckdbs_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the committed config.toml, its one section for DuckDB as the page has it."""
    monkeypatch.chdir(tmp_path)
    world = generate(WorldSpec(now=datetime.now(UTC), locations=1, services_per_location=1, appointments=60))
    with SandboxServer(world) as server:
        for name, value in {
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "SOURCES__BOOKINGS__BASE_URL": server.base_url,
            "SOURCES__BOOKINGS__HISTORY_START": "2099-01-01",
            "SOURCES__BOOKINGS__LOCATIONS": json.dumps({"berlin": {"api_key": world.locations[0].key}}),
        }.items():
            monkeypatch.setenv(name, value)
        (tmp_path / ".dlt").mkdir()
        (settings,) = blocks("duckdb.md", "toml")
        committed, section, rest = (DOCS.parent / ".dlt/config.toml").read_text().partition("[destination.duckdb]\n")
        assert section + rest.partition("credentials = ")[0].partition("#")[0] in settings
        settings = settings.replace("/srv/bookings", str(tmp_path))
        (tmp_path / ".dlt/config.toml").write_text(committed + settings)
        Container()[PluggableRunContext].reload_providers()
        (commands,) = blocks("duckdb.md", "sh")
        for command in commands.splitlines():
            ran = CliRunner().invoke(app, command.split()[1:])
            assert ran.exit_code == 0, f"{command}: {ran.output}"
    monkeypatch.undo()
    Container()[PluggableRunContext].reload_providers()
    with duckdb.connect(str(tmp_path / "bookings_read.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM bookings_marts.fct_appointments").fetchall() == [(True,)]
