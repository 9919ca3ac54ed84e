"""Fixtures of the chaos tests: a working directory, a quiet dlt, and the amount of work.

`make test` runs each test short and always alike; `make chaos` (the environment variable CHAOS, a seed) runs them long.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

import bookings_sync
from integration.sync.conftest import open_site, warehouse_file
from support.victims import Victims

__all__ = ["CHAOS_SEED", "amount", "folder", "open_site", "victims", "warehouse_file"]

CHAOS_SEED = int(os.environ.get("CHAOS") or 0)
"""0 selects the short, deterministic run."""


Amount = TypeVar("Amount")


def amount(short: Amount, long: Amount) -> Amount:
    """What a short or a long run does, such as a number of repetitions."""
    return long if CHAOS_SEED else short


def import_the_program() -> None:
    """Imports all modules of the program. Hypothesis tries the constants of imported modules, so without this a seed
    gives other examples after other tests."""
    for module in pkgutil.walk_packages(bookings_sync.__path__, "bookings_sync."):
        if not module.name.startswith(("bookings_sync.orchestration", "bookings_sync.cli.__main__")):
            importlib.import_module(module.name)


if CHAOS_SEED:
    import_the_program()


def pytest_report_header() -> str:
    return f"chaos: seed {CHAOS_SEED}, long" if CHAOS_SEED else "chaos: short and deterministic; long: make chaos"


@pytest.fixture
def folder(warehouse_file: Path) -> Path:
    """The test's working directory. dlt finds warehouses in it through the environment."""
    return warehouse_file.parent


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    """Runs in separate processes."""
    with Victims() as each:
        yield each
