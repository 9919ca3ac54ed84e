"""Failures: one line for each, and its exit code.

Input:  whatever ended a command.
Output: the line on stderr, the error as JSON where that was asked for, and the exit code (documented in `cli`). A
        message never holds a key or personal data: those of `errors` are made so, and of others only the kind is told.
"""

from __future__ import annotations

import traceback

from bookings_sync.cli.console import Output
from bookings_sync.errors import BookingsError

INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""

_WHAT_STANDS = {
    "sync": "what was loaded stands, and the next sync goes on from there",
    "transform": "nothing was published, the tables of before stand",
    "demo": "run it again to start afresh",
}


def answer_for(error: BaseException, output: Output) -> int:
    """Says what ended the command; returns its exit code."""
    if output.verbose > 1:
        output.stderr.print("".join(traceback.format_exception(error)), soft_wrap=True)
    if _is_interrupt(error):
        message, exit_code = "interrupted", INTERRUPTED
        if stands := _WHAT_STANDS.get(output.command):
            message += f": {stands}"
    elif isinstance(error, BookingsError):
        message, exit_code = str(error), error.exit_code
    else:
        # Its message may quote whatever it stumbled over.
        message, exit_code = f"unexpected {type(error).__name__}{_where(error)}", 1
        if output.verbose < 2:
            message += f"; for the traceback: bookings -v -v {output.command}"
    output.error(message)
    output.result(outcome="failed", exit_code=exit_code, error=message)
    return exit_code


def _is_interrupt(error: BaseException | None) -> bool:
    """dlt wraps Ctrl-C, as it does every error of a step, and the pipeline wraps dlt's; or it stumbles while Ctrl-C
    ends it, over a context that it had not yet set."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _where(error: BaseException) -> str:
    """The innermost of our own lines that it passed."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        _, package, inside = frame.filename.replace("\\", "/").rpartition("/bookings_sync/")
        if package:
            return f" in {inside}, line {frame.lineno}"
    return ""
