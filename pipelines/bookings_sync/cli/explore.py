"""Carries out `bookings explore`: serves the marimo app in `explore_app` on 127.0.0.1.

Input:  the published tables; marimo and Altair, from the extra `explore`.
Output: an app in the browser, until Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from importlib.util import find_spec
from typing import NoReturn

from bookings_sync.cli.output import Output
from bookings_sync.config.load import load_settings
from bookings_sync.errors import BookingsError
from bookings_sync.models.access import open_published


def run_explore(output: Output, *, port: int | None, open_browser: bool) -> NoReturn:
    """Serves the app. Raises BookingsError if an extra or the published tables are missing."""
    if missing := [name for name in ("marimo", "altair") if find_spec(name) is None]:
        raise BookingsError(f"bookings explore needs {' and '.join(missing)}: pip install 'bookings-sync[explore]'")
    with open_published(load_settings(need_locations=False)):
        pass  # fail here rather than in the browser if nothing was published
    app = files("bookings_sync.cli.explore_app") / "app.py"
    command = [sys.executable, "-m", "marimo", "--log-level", "error", "run", str(app), "--host", "127.0.0.1"]
    command += [] if port is None else ["--port", str(port)]
    command += [] if open_browser else ["--headless"]
    output.print("Press Ctrl-C to stop.")
    sys.stdout.flush()
    # Replace this process, so that stopping it stops the server.
    os.execve(sys.executable, command, {**os.environ, "MARIMO_SKIP_UPDATE_CHECK": "1"})  # noqa: S606
