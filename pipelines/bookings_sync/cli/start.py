"""The console script `bookings`: handles signals first, then imports and runs the command line.

The imports take a moment. A signal that comes during the imports ends the process with one line, as later.
"""

from __future__ import annotations

import os
import sys

from bookings_sync.cli.signals import exit_code, handle_signals


def main() -> None:
    """Runs the command line, and exits with its code."""
    handle_signals()
    try:
        from bookings_sync.cli.main import main as run

        run()
    except BaseException as error:
        code = None if isinstance(error, SystemExit) else exit_code(error)
        if code is None:
            raise
        print("✗ interrupted", file=sys.stderr, flush=True)  # noqa: T201 - rich is not imported yet
        os._exit(code)
