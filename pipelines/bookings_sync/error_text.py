"""One line about an error that is not ours: dlt's, a driver's, or a mistake of this program.

Messages of such errors may quote a record's values or a connection string. A line of this module may be logged and
stored.
"""

from __future__ import annotations

import re
import traceback

_SAFE = re.compile(
    r"(?:Invalid Input Error: |invalid input syntax for type integer: \")?two current versions of a record in \w+: .*|"
    r"(?:\w+: \[libpq\] Failed to connect: )?(?:could not translate host name|(?:connection to server|IO Error: ).*)"
)
"""First lines of driver errors that name only a host, a database, a user or a file.

The host of "could not translate host name" is left out: it can be the end of a password that was not URL-encoded.
"""

_CAUSES = {
    "25006": "the session is read-only: use the primary server, and set default_transaction_read_only = off",
    "25P03": "idle_in_transaction_session_timeout ended the session: set it to 0 for the role",
    "25P04": "transaction_timeout ended the transaction: set it to 0 for the role",
    "57P05": "idle_session_timeout ended the session: set it to 0 for the role",
    "57014": "the statement was cancelled by statement_timeout or by an operator: set it to 0 for the role",
    "55P03": "lock_timeout: another session holds a lock on the table",
    "53300": "max_connections is reached: raise it, or run fewer workers",
    "53100": "the server's disk is full",
    "53200": "the server is out of memory",
    "42501": "the role lacks a privilege on the datasets: see docs/postgres.md",
    "26000": "a pooler in transaction mode lost a prepared statement: use session mode or a direct connection",
    "22P05": "the database's encoding lacks a character: use a database with ENCODING 'UTF8'",
    "22021": "the database's encoding lacks a character: use a database with ENCODING 'UTF8'",
    "40001": "another session changed the same rows: run again",
    "40P01": "another session holds locks on the tables: run again",
    "57P01": "the server was shut down or restarted: run again",
    "57P02": "the server crashed: run again",
    "57P03": "the server is starting or shutting down: run again",
}
"""What PostgreSQL's SQLSTATE means for a run, and what to do."""

_STATE = re.compile(r"SQLSTATE:? ?\(?([0-9A-Z]{5})\b")

_RAISED = re.compile(r"^(?:\w+\.)*([A-Z]\w+)(?:: (.*))?$", re.MULTILINE)
"""The line of an error in a traceback that was turned into text."""

MISTAKES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, AssertionError)
"""What a mistake of this program raises if a record has a form that nobody thought of. It must not end the run: only
the location with the record is given up."""


def mistake(error: Exception) -> str:
    """One line about such an error: its type and our innermost line. Its message may quote a record."""
    return f"unexpected {type(error).__name__}{our_line(error)}: please report it"


def our_line(error: BaseException) -> str:
    """The innermost line of this package in the traceback."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        _, package, path = frame.filename.replace("\\", "/").rpartition("/bookings_sync/")
        if package:
            return f" in {path}, line {frame.lineno}"
    return ""


def described(error: BaseException) -> str:
    """One line about an error of dlt or a driver, safe to log: its type and the type of its root cause.

    Their messages may quote a record's values or a connection string, so only messages that match `_SAFE` are included.
    """
    root, seen = error, {id(error)}
    while (cause := getattr(root, "dbapi_exception", None) or root.__cause__) is not None and id(cause) not in seen:
        root = cause
        seen.add(id(root))
    kind, message = type(root).__name__, str(root).strip()
    if raised := _RAISED.findall(message.partition("Traceback (most recent call last):")[2]):
        kind, message = raised[-1]  # dlt reports the error of a failed job as text
    line = type(error).__name__ + (f", from {kind}" if kind != type(error).__name__ else "")
    found = _STATE.search(str(root))
    if state := getattr(root, "pgcode", None) or getattr(root, "sqlstate", None) or (found and found[1]):
        line += f" (SQLSTATE {state})" + (f": {_CAUSES[state]}" if state in _CAUSES else "")
    if safe := _SAFE.match(message):
        line += f": {safe[0][:300]}"
    return line
