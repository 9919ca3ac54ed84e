"""`--help` is fast, complete, and shows examples that work."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from bookings_sync.cli.main import app
from bookings_sync.errors import BookingsError, ConfigurationError, LockedError, NewerWarehouseError

COMMANDS = (
    "init", "sync", "run", "follow", "transform", "report", "query", "explore", "docs", "check", "status", "doctor",
    "sandbox", "demo",
)  # fmt: skip
HEAVY = ("dlt", "duckdb", "pyarrow", "httpx", "pendulum", "starlette", "uvicorn", "sqlglot", "orjson")

_LOADED = """
import sys, json, contextlib, io
from bookings_sync.cli.main import main
sys.argv = ["bookings", *sys.argv[1:]]
with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
    main()
print(json.dumps({"loaded": sorted({name.partition(".")[0] for name in sys.modules}), "printed": printed.getvalue()}))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["sync", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", _LOADED, *arguments], capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert result["printed"].strip()
    assert not set(HEAVY) & set(result["loaded"])


def test_help_lists_every_command_and_exit_code() -> None:
    help_text = CliRunner().invoke(app, ["--help"]).stdout
    for command in COMMANDS:
        assert f" {command} " in help_text
    codes = {line.split()[0] for line in help_text.partition("Exit codes")[2].splitlines() if line.strip()}
    raised = {str(kind.exit_code) for kind in (BookingsError, ConfigurationError, LockedError, NewerWarehouseError)}
    assert codes == {"0", "3", "4", "129", "130", "143"} | raised


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_of_a_command_use_only_its_options(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    options, _, examples = result.stdout.partition("Examples")
    lines = [line.strip() for line in examples.splitlines() if f"$ bookings {command}" in line]
    assert lines
    for word in " ".join(lines).split():
        if word.startswith("--"):
            assert word in options


def test_version_option_prints_the_installed_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"bookings-sync {version('bookings-sync')}\n")


def test_no_command_shows_help_and_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert "Usage" in result.stdout + result.stderr
