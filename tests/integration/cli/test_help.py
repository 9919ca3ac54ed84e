"""--help teaches, and comes at once: nothing heavy is imported for it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from bookings_sync.cli.main import app
from bookings_sync.errors import BookingsError, ConfigurationError, LockedError

COMMANDS = ("sync", "transform", "report", "query", "explore", "docs", "check", "status", "sandbox", "demo")
HEAVY = ("dlt", "duckdb", "pyarrow", "httpx", "pendulum", "starlette", "uvicorn", "sqlglot", "orjson")

_LOADED = """
import sys, json, contextlib, io
from bookings_sync.cli.main import main
sys.argv = ["bookings", *sys.argv[1:]]
with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
    main()
print(json.dumps({"loaded": sorted({name.partition(".")[0] for name in sys.modules}), "said": said.getvalue()}))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["sync", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", _LOADED, *arguments], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["said"].strip()
    assert not set(HEAVY) & set(answer["loaded"])


def test_help_names_every_command_and_exit_code() -> None:
    help_text = CliRunner().invoke(app, ["--help"]).stdout
    for command in COMMANDS:
        assert f" {command} " in help_text
    codes = {line.split()[0] for line in help_text.partition("Exit codes")[2].splitlines() if line.strip()}
    raised = {str(kind.exit_code) for kind in (BookingsError, ConfigurationError, LockedError)}
    assert codes == {"0", "3", "130"} | raised


@pytest.mark.parametrize("command", COMMANDS)
def test_each_commands_help_has_an_example_that_names_real_options(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    told, _, examples = result.stdout.partition("Examples")
    lines = [line.strip() for line in examples.splitlines() if f"$ bookings {command}" in line]
    assert lines
    for word in " ".join(lines).split():
        if word.startswith("--"):
            assert word in told


def test_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"bookings-sync {version('bookings-sync')}\n")


def test_without_a_command_help_is_shown_as_a_usage_error() -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert "Usage" in result.stdout + result.stderr
