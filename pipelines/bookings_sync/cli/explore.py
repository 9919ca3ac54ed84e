"""`bookings explore`: serves the app that `explore` is, on this machine alone.

Input:  what the last transform published; marimo and Altair, from the extra `explore`.
Output: an app in the browser, until Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from importlib.util import find_spec
from typing import NoReturn

from bookings_sync.cli.console import Output
from bookings_sync.config.load import load_settings
from bookings_sync.errors import BookingsError
from bookings_sync.models.access import open_published


def run_explore(output: Output, *, port: int | None, opens: bool) -> NoReturn:
    """Serves until it is stopped."""
    if missing := [name for name in ("marimo", "altair") if find_spec(name) is None]:
        raise BookingsError(f"bookings explore needs {' and '.join(missing)}: pip install 'bookings-sync[explore]'")
    with open_published(load_settings(need_locations=False)):
        pass  # where there is nothing to explore it is said here, and not in the browser
    app = files("bookings_sync.cli.explore_app") / "app.py"
    command = [sys.executable, "-m", "marimo", "--log-level", "error", "run", str(app), "--host", "127.0.0.1"]
    command += [] if port is None else ["--port", str(port)]
    command += [] if opens else ["--headless"]
    output.say("Ctrl-C ends it.")
    sys.stdout.flush()
    # In this very process: whoever ends it ends the server.
    os.execve(sys.executable, command, {**os.environ, "MARIMO_SKIP_UPDATE_CHECK": "1"})  # noqa: S606
