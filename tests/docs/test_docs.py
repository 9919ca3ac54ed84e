"""The pages are true: links, paths and settings exist, and DuckDB's commands run.

Other pages' commands run elsewhere: Dagster and Airflow in tests/integration/orchestration, PostgreSQL in
tests/integration/postgres, DuckLake and the lakes in tests/integration/lake.
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
from support.pages import ROOT, code_blocks

DOCS = ROOT / "docs"
PACKAGE = ROOT / "pipelines/bookings_sync"
PAGES = [
    *sorted(DOCS.rglob("*.md")),
    *(ROOT / each for each in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "sql/README.md")),
    *(ROOT / each for each in ("benchmarks/README.md", "pipelines/BEHAVIOR.md")),
]
USER_FILES = {".dlt/", ".dlt/secrets.toml", ".github/workflows/", "demo/", "demo/report.html", "dictionary.html"}
USER_FILES |= {".envs/", "report.html", "config.toml", "dagster.yaml", "~/.duckdb/extensions/"}


def names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}, link


NAMING_FILES = [page for page in PAGES if page.is_relative_to(DOCS) or page.name == "README.md"]


@pytest.mark.parametrize("page", NAMING_FILES, ids=names(NAMING_FILES))
def test_files_that_a_page_names_exist(page: Path) -> None:
    """Paths are relative to the repository, to the package, or to the page."""
    text = re.sub(r"^```.*?^```|\[`[^]]+`\]", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for name in re.findall(r"`([\w.~/-]+(?:\.(?:py|sql|md|js|html|toml|yml|yaml|lock)|/))`", text):
        if name not in USER_FILES:
            assert any((place / name).exists() for place in (ROOT, PACKAGE, page.parent)), name


NAMING_MODULES = [page for page in PAGES if page.name != "CHANGELOG.md"]


@pytest.mark.parametrize("page", NAMING_MODULES, ids=names(NAMING_MODULES))
def test_modules_that_a_page_names_exist(page: Path) -> None:
    for name in re.findall(r"\bbookings_sync((?:\.\w+)+)", page.read_text(encoding="utf-8")):
        *package, last = name.strip(".").split(".")
        folder = PACKAGE.joinpath(*package)
        if (folder / f"{last}.py").exists() or (folder / last).is_dir():
            continue
        module = folder.with_suffix(".py") if folder.with_suffix(".py").exists() else folder / "__init__.py"
        assert re.search(rf"\b{last}\b", module.read_text(encoding="utf-8")), name


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_settings_are_toml(page: Path) -> None:
    assert all(tomllib.loads(block) for block in code_blocks(page, "toml"))


def test_duckdbs_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's section replaces the one in the committed config.toml."""
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
        (settings,) = code_blocks(DOCS / "duckdb.md", "toml")
        committed, section, rest = (ROOT / ".dlt/config.toml").read_text().partition("[destination.duckdb]\n")
        assert section + rest.partition("credentials = ")[0].partition("#")[0] in settings
        settings = settings.replace("/srv/bookings", str(tmp_path))
        (tmp_path / ".dlt/config.toml").write_text(committed + settings)
        Container()[PluggableRunContext].reload_providers()
        (commands,) = code_blocks(DOCS / "duckdb.md", "sh")
        for command in commands.splitlines():
            ran = CliRunner().invoke(app, command.split()[1:])
            assert ran.exit_code == 0, f"{command}: {ran.output}"
    monkeypatch.undo()
    Container()[PluggableRunContext].reload_providers()
    with duckdb.connect(str(tmp_path / "bookings_read.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM bookings_marts.fct_appointments").fetchall() == [(True,)]
