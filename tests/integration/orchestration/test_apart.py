"""The connector works without Dagster and Airflow."""

from __future__ import annotations

import subprocess
import sys

IMPORT_ALL = """
import importlib, pkgutil, sys
import bookings_sync
for name in ("dagster", "airflow"):
    sys.modules[name] = None  # importing it raises ImportError
names = [each.name for each in pkgutil.walk_packages(bookings_sync.__path__, "bookings_sync.")
         if not each.name.startswith("bookings_sync.orchestration")]
for name in names:
    importlib.import_module(name)
print(*names)
"""


def test_only_orchestration_imports_an_orchestrator() -> None:
    ran = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert {"bookings_sync.sync.pipeline", "bookings_sync.models.transform"} <= set(ran.stdout.split())
