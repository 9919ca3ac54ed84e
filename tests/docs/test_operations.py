"""docs/operations.md has a line for each error class, each failure of the machine, and each exit code."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import bookings_sync
from bookings_sync import errors, machine
from bookings_sync.cli import exit_codes, signals
from support.pages import ROOT

PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
LINES = [line for line in PAGE.splitlines() if line.startswith("| ")]


def classes(kind: type[errors.BookingsError]) -> list[type[errors.BookingsError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in classes(child))]


def all_errors() -> list[type[errors.BookingsError]]:
    for each in pkgutil.walk_packages(bookings_sync.__path__, "bookings_sync."):
        if each.name.split(".")[1] in ("config", "api", "warehouse", "models", "sync", "report"):
            importlib.import_module(each.name)
    return [each for each in classes(errors.BookingsError) if each.__module__.startswith("bookings_sync.")]


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_each_error_has_a_line_with_its_exit_code(kind: type[errors.BookingsError]) -> None:
    families = (errors.MachineError, errors.ApiError)
    named = [
        each for each in kind.__mro__ if issubclass(each, errors.BookingsError) and each is not errors.BookingsError
    ]
    wanted = kind.__subclasses__() if kind in families else [each for each in named if each not in families] or [kind]
    lines = [line for line in LINES if any(f"`{each.__name__}`" in line for each in wanted)]
    assert lines
    if kind.exit_code != 1:
        assert any(f"exit code {kind.exit_code}" in line for line in lines)


def test_each_exit_code_has_a_line() -> None:
    codes = {*exit_codes.BY_OUTCOME.values(), *(kind.exit_code for kind in all_errors()), *signals.EXIT_CODES}
    assert codes == {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}


KINDS = [each for each in vars(machine).values() if isinstance(each, machine.Failure) and each.problem]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.problem[:40])
def test_each_failure_of_the_machine_has_a_line(kind: machine.Failure) -> None:
    lines = [line for line in LINES if line.startswith(f"| {kind.problem} |")]
    assert len(lines) == 1
    assert f"`{kind.error.__name__}`" in lines[0]


def test_other_pages_lead_here() -> None:
    for page in ("README.md", "docs/index.md", "docs/reference/commands.md"):
        assert "operations.md" in (ROOT / page).read_text(encoding="utf-8"), page
