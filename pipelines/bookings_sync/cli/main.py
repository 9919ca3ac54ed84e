"""Puts the `bookings` command together, and runs it.

Input:  the command line.
Output: an exit code. `commands/` declares the commands and their options.

`bookings --help` must be fast, so these modules import nothing heavy. Each command imports its module when it runs.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from bookings_sync.cli import signals
from bookings_sync.cli.commands import read, setup, simulate, update, upkeep
from bookings_sync.cli.help import EXIT_CODES, START
from bookings_sync.cli.options import global_options


class _ErrorReportingGroup(TyperGroup):
    """Turns any exception of a command into one line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException, SystemExit, BrokenPipeError):
            raise  # typer handles its own exceptions, and a closed pipe is not an error of ours
        except BaseException as error:  # noqa: BLE001 - the last handler before the process ends
            from bookings_sync.cli.error_report import report_error

            raise typer.Exit(report_error(error, ctx.obj)) from None


app = typer.Typer(
    cls=_ErrorReportingGroup,
    name="bookings",
    help="Copies a booking calendar into a warehouse and keeps the copy exact: late attendance marks, reschedules, "
    "back-dated bookings and deletions included.",
    epilog=f"{START}\n\n{EXIT_CODES}",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # rich tracebacks print variables, and some hold API keys
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(global_options)
for group in (setup, update, read, upkeep, simulate):  # in the order of the help
    app.add_typer(group.commands)


def main() -> None:
    """Runs the command line in this process. `start` is the console script, which handles signals first."""
    # Imported objects live until the process ends, so collect garbage less often than Python does by default.
    gc.set_threshold(500_000, 20, 100)
    # dlt's telemetry is on unless a config.toml turns it off, and there may be no config.toml.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    # All files hold customers' data: the database, its write-ahead log, the read copy, dlt's working files.
    os.umask(0o077)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # print ? where the terminal cannot encode ✓
    try:
        app()
    except SystemExit as leaving:
        if isinstance(leaving.code, int) and leaving.code in signals.EXIT_CODES:
            # A normal exit would wait for dlt's loading threads.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(leaving.code)
        raise
    finally:
        gc.freeze()
