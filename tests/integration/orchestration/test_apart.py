"""The connector does without its orchestrators: every module but theirs is imported where neither can be."""

from __future__ import annotations

import subprocess
import sys

IMPORT_ALL = """
import importlib, pkgutil, sys
import bookings_sync
for name in ("dagster", "airflow"):
    sys.modules[name] = None  # to import it is an error
names = [each.name for each in pkgutil.walk_packages(bookings_sync.__path__, "bookings_sync.")
         if not each.name.startswith("bookings_sync.orchestration")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def test_nothing_but_orchestration_imports_an_orchestrator() -> None:
    ran = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 60
