"""Keeps libraries from importing modules that a command never uses. A sync without changes is mostly imports.

Only for the command's own process. A program that imports the library decides for itself.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.util import find_spec


@cache
def import_less() -> None:
    """Leaves out httpx's command line, dlt's HTTP client, and pandas if it is not installed. Call this before httpx and
    dlt are imported."""
    _leave_out_httpx_command_line()
    _note_missing_pandas()
    from bookings_sync.warehouse.dlt_compat.start import start_without_requests

    start_without_requests()


def _leave_out_httpx_command_line() -> None:
    """Lets httpx come without its command line, and so without click, pygments and half of rich: 50 ms.

    httpx expects an ImportError there: its command line is an extra.
    """
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # makes this import fail


def _note_missing_pandas() -> None:
    """Makes `import pandas` fail at once where it is not installed.

    DuckDB tries this import twice for each value that is passed to a statement, more than 100 times in a sync. Python
    remembers no failed import: it searches `sys.path` each time.
    """
    if find_spec("pandas") is None:
        sys.meta_path.insert(0, _NoPandas())


class _NoPandas(MetaPathFinder):
    """`importlib.util.find_spec("pandas")` raises, too, instead of returning None. Nothing in a sync calls it."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002
        if fullname == "pandas":
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
