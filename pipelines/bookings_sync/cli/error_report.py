"""Reports the exception that ended a command.

Input:  any exception.
Output: one line on stderr, the JSON object if `--json` was given, and the exit code.

No line may show a key or personal data. Messages of `BookingsError` are written without them. Of any other exception
only the type and our own line number are shown, because its message may quote data.
"""

from __future__ import annotations

import traceback

from bookings_sync.cli import signals
from bookings_sync.cli.output import Output
from bookings_sync.error_text import our_line
from bookings_sync.errors import BookingsError
from bookings_sync.machine import machine_error

_AFTER_INTERRUPT = {
    "sync": "finished loads are kept, and the next sync continues from there",
    "follow": "everything that was loaded is kept, and the next run continues from there",
    "transform": "nothing was published, and the previous tables are unchanged",
    "demo": "run it again to start over",
}


def report_error(error: BaseException, output: Output) -> int:
    """Prints why the command ended. Returns the exit code."""
    if output.verbose > 1:
        output.stderr.print("".join(traceback.format_exception(error)), soft_wrap=True)
    if (ended := signals.exit_code(error)) is not None:
        message, exit_code = "interrupted", ended
        if hint := _AFTER_INTERRUPT.get(output.command):
            message += f": {hint}"
    elif isinstance(named := machine_error(error) or error, BookingsError):
        message, exit_code = str(named), named.exit_code
    else:
        message, exit_code = f"unexpected {type(error).__name__}{our_line(error)}", 1
        if output.verbose < 2:
            message += f"; to see the traceback, run: bookings -v -v {output.command}"
    output.print_error(message)
    output.print_json(outcome="failed", exit_code=exit_code, error=message)
    return exit_code
