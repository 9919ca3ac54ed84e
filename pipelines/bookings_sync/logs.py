"""Logs for machines: one JSON object a line.

Input:  log records; the run and the location they belong to.
Output: lines with `time` (UTC), `level`, `logger`, `message`, `run_id`, `location`, and whatever else a record carries.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime

LOCATION: ContextVar[str | None] = ContextVar("location", default=None)
"""The location that is asked at the moment, in the thread that asks."""

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "location"}


class JsonFormatter(logging.Formatter):
    """`run_id` is set once the run has one. Tracebacks are left out: they may quote data."""

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
        return json.dumps(line, default=str, ensure_ascii=False)


class JsonHandler(logging.Handler):
    """Writes to stderr what `lines` makes of a record, whatever formatter it is given: dlt gives the handler of its own
    logger another one, whose lines tell neither run nor location."""

    def __init__(self, lines: JsonFormatter) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):  # stderr is closed: nobody listens
            sys.stderr.write(self._lines.format(record) + "\n")
