"""The README is true: its commands run in the order it gives, and its tables are those that are declared.

`UPDATE_README=1 pytest tests/test_readme.py` writes the tables anew.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from bookings_sync.cli.help import EXIT_CODES
from bookings_sync.cli.main import app
from bookings_sync.config.settings import Settings
from bookings_sync.models.project import Project, find_models
from bookings_sync.records.tables import TABLES
from bookings_sync.sandbox import SandboxServer, WorldSpec, generate

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")


def raw_tables() -> str:
    parts: list[str] = []
    for table in TABLES.values():
        parts.append(f"<details><summary><code>{table.name}</code>: {table.description}</summary>\n")
        parts.append("| column | type | |\n|---|---|---|")
        for column in table.columns:
            name = f"**{column.name}**" if column.name in table.key else column.name
            parts.append(f"| {name} | {column.type} | {column.description} |")
        parts.append("\n</details>\n")
    return "\n".join(parts)


def marts() -> str:
    models = Project.load(find_models()).models
    rows = ["| table of `bookings_marts` | a row is | it tells |", "|---|---|---|"]
    for name in sorted(name for name, model in models.items() if model.layer == "marts"):
        header = models[name].header
        rows.append(f"| `{name}` | {header.grain.rstrip('.').removeprefix('one row per ')} | {header.question} |")
    return "\n".join(rows)


@pytest.mark.parametrize(("name", "made"), [("raw", raw_tables), ("marts", marts)])
def test_tables_are_those_that_are_declared(name: str, made: Callable[[], str]) -> None:
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = README.read_text(encoding="utf-8").partition(begin)
    written, _, after = rest.partition(end)
    if os.environ.get("UPDATE_README"):
        README.write_text(f"{before}{begin}{made()}\n{end}{after}", encoding="utf-8")
    else:
        assert written.strip() == made().strip(), "make it anew: UPDATE_README=1 pytest tests/test_readme.py"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder, configured for a calendar of the sandbox as the README says: keys in .dlt/secrets.toml."""
    folder = tmp_path_factory.mktemp("reader")
    world = generate(WorldSpec(now=datetime.now(UTC), locations=2, services_per_location=2, appointments=400))
    (folder / ".dlt").mkdir()
    keys = [f'[sources.bookings.locations.{each.name}]\napi_key = "{each.key}"\n' for each in world.locations]
    (folder / ".dlt/secrets.toml").write_text("\n".join(keys))
    with SandboxServer(world) as server:
        (folder / ".dlt/config.toml").write_text(f'[sources.bookings]\nbase_url = "{server.base_url}"\n')
        yield folder


def run(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # dlt remembers a pipeline's database by the pipeline's name, over tests and all.
    environment = {**os.environ, "PATH": path, "DLT_DATA_DIR": str(folder / "dlt")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_commands_run_in_their_order(folder: Path) -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("bookings ")]
    assert len(commands) >= 6
    cron = re.findall(r"\.venv/bin/(bookings \w+ --quiet)", TEXT)
    assert cron == ["bookings sync --quiet", "bookings transform --quiet"]
    for command in [*commands, *cron]:
        ran = run(folder, shlex.split(command, comments=True))
        assert ran.returncode == 0, f"{command}: {ran.stderr}"
    (query,) = blocks("sql")
    with duckdb.connect(str(folder / "bookings_read.duckdb"), read_only=True) as connection:
        assert connection.execute(query).fetchall()
    reading = run(folder, [sys.executable, "-c", python("duckdb.connect")])
    assert reading.returncode == 0, reading.stderr
    assert "show_rate" in reading.stdout


def python(word: str) -> str:
    (example,) = [block for block in blocks("python") if word in block]
    return example


def test_the_dlt_example_runs(folder: Path) -> None:
    example = python("dlt.pipeline")
    ran = run(folder, [sys.executable, "-c", example])
    assert ran.returncode == 0, ran.stderr


def test_every_command_is_told_of() -> None:
    commands = [each.name or getattr(each.callback, "__name__", "") for each in app.registered_commands]
    assert [name for name in commands if not re.search(rf"\bbookings {name}\b", TEXT)] == []


def test_the_makefile_has_the_targets() -> None:
    targets = re.findall(r"^make (\w+)", "\n".join(blocks("sh")), re.MULTILINE)
    assert targets == ["demo", "test"]
    assert all(re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE) for target in targets)


def test_the_exit_codes_are_the_commands() -> None:
    listed = re.findall(r"^\| (\d+) \| ", TEXT, re.MULTILINE)
    assert listed == re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE)


def test_the_defaults_are_the_settings() -> None:
    defaults = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", TEXT, re.MULTILINE))
    knobs = {each.name: getattr(Settings(), each.name) for each in fields(Settings)}
    assert defaults
    for name, written in defaults.items():
        if name in knobs:
            assert str(knobs[name]) == str(_value(written)), name


def _value(written: str) -> object:
    value = tomllib.loads(f"value = {written}")["value"] if written[0] in "[0123456789" else written
    return tuple(value) if isinstance(value, list) else value
