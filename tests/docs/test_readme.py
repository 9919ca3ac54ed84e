"""The README's and docs/analysis.md's commands and examples run, in the order in which a reader meets them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from bookings_sync.sandbox import SandboxServer, WorldSpec, generate
from support.pages import ROOT, code_blocks
from support.user_folder import UserFolder

README = ROOT / "README.md"
ANALYSIS = ROOT / "docs/analysis.md"


def commands(page: Path) -> list[str]:
    return [line for block in code_blocks(page, "sh") for line in block.splitlines() if line.startswith("bookings ")]


def scheduled() -> list[str]:
    return re.findall(r"\.venv/bin/(bookings \w+ --quiet)", README.read_text(encoding="utf-8"))


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    world = generate(WorldSpec(now=datetime.now(UTC), locations=1, services_per_location=2, appointments=400))
    with SandboxServer(world) as server:
        yield server


def answers(server: SandboxServer) -> tuple[list[str], str]:
    """What a user tells `bookings init`, as the options of a script, and the token on stdin."""
    (location,) = server.world.locations
    options = ["--name", "berlin", "--location-id", location.id, "--base-url", server.base_url_v2, "--key-stdin"]
    return options, location.pit


def test_commands_and_examples_run(tmp_path: Path, server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder, as a new user has it."""
    user_folder = UserFolder(tmp_path)
    monkeypatch.setenv("SOURCES__BOOKINGS__RATE_LIMIT", "10000")
    assert len(commands(README)) >= 8
    assert commands(README)[0].startswith("bookings init ")
    assert scheduled() == ["bookings run --quiet"]
    for command in [*commands(README), *scheduled(), *commands(ANALYSIS)]:
        words = shlex.split(command, comments=True)
        options, token = answers(server) if words == ["bookings", "init"] else ([], "")
        ran = user_folder.run([*words, *options], token)
        assert ran.returncode == 0, f"{command}: {ran.stderr}"
    queries = code_blocks(ANALYSIS, "sql")
    assert queries
    with duckdb.connect(str(user_folder.path / "bookings_read.duckdb"), read_only=True) as connection:
        assert all(connection.execute(query).fetchall() for query in queries)
    (example,) = code_blocks(ANALYSIS, "python")
    assert "show_rate" in user_folder.python(example)


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_makefile_has_the_targets(target: str) -> None:
    assert f"make {target} " in "\n".join(code_blocks(README, "sh"))
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
