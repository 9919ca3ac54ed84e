"""planning, records and changes import neither dlt nor httpx, directly or indirectly.

Importing dlt takes more than a second, and code that only computes must be testable without the network.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import importlib, pkgutil, sys, traceback

class Forbidden(BaseException):  # so that no `except Exception` hides it
    pass

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in ("dlt", "httpx"):
            raise Forbidden(name)

sys.meta_path.insert(0, Finder())
try:
    package = importlib.import_module(sys.argv[1])
    below = pkgutil.walk_packages(getattr(package, "__path__", []), package.__name__ + ".")
    names = [each.name for each in below]
    for name in names:
        importlib.import_module(name)
except Forbidden as found:
    frames = [frame for frame, _ in traceback.walk_tb(found.__traceback__)]
    modules = [frame.f_globals["__name__"] for frame in frames if frame.f_code.co_name == "<module>"]
    sys.exit(" -> ".join([*modules[1:], str(found)]))
print(len(names))
"""


def imported(module: str) -> subprocess.CompletedProcess[str]:
    """Imports a module, and every module below it, in a fresh process. Fails with the import chain to dlt or httpx."""
    return subprocess.run([sys.executable, "-c", SCRIPT, module], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("package", ["planning", "records", "changes"])
def test_pure_packages_import_neither_dlt_nor_httpx(package: str) -> None:
    done = imported(f"bookings_sync.{package}")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1, "no modules found"


def test_the_import_chain_is_reported() -> None:
    done = imported("bookings_sync.config.load")
    assert done.stderr.strip() == "bookings_sync.config.load -> bookings_sync.config.lookup -> dlt"
