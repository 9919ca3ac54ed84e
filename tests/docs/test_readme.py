"""The README's and docs/analysis.md's commands and examples run, in the order in which a reader meets them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import duckdb
import pytest

from support.pages import ROOT, code_blocks
from support.user_folder import UserFolder

README = ROOT / "README.md"
ANALYSIS = ROOT / "docs/analysis.md"


def commands(page: Path) -> list[str]:
    return [line for block in code_blocks(page, "sh") for line in block.splitlines() if line.startswith("bookings ")]


def scheduled() -> list[str]:
    return re.findall(r"\.venv/bin/(bookings \w+ --quiet)", README.read_text(encoding="utf-8"))


def test_commands_and_examples_run(user_folder: UserFolder) -> None:
    assert len(commands(README)) >= 8
    assert scheduled() == ["bookings sync --quiet", "bookings transform --quiet"]
    for command in [*commands(README), *scheduled(), *commands(ANALYSIS)]:
        ran = user_folder.run(shlex.split(command, comments=True))
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
