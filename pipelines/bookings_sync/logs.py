"""JSON logs: one object per line.

Input:  log records.
Output: lines on stderr with `time` (UTC), `level`, `logger`, `message`, `run_id`, `location` and the record's extra
        attributes.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime

from bookings_sync.safe_text import safe_json, safe_text

LOCATION: ContextVar[str | None] = ContextVar("location", default=None)
"""The location that the current thread reads."""

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "location"}


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON, without its traceback, which may quote data.

    The command sets `run_id` once a run has one.
    """

    run_id: str | None = None

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "run_id": self.run_id,
            "location": getattr(record, "location", None) or LOCATION.get(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _PLAIN and "." not in name}
        return safe_json(line, str)


class PlainFormatter(logging.Formatter):
    """Formats a record as text that cannot steer a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return safe_text(super().format(record))


class JsonHandler(logging.Handler):
    """Writes records to stderr with one JsonFormatter.

    It ignores `setFormatter`: dlt would set a formatter that drops run and location.
    """

    def __init__(self, json_formatter: JsonFormatter) -> None:
        super().__init__()
        self._json_formatter = json_formatter

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):  # stderr is closed
            sys.stderr.write(self._json_formatter.format(record) + "\n")
