"""Output: two consoles, and the one rule of who may write where.

Input:  what a command has to say.
Output: results on stdout, as text for people or as one JSON object; progress, logs and errors on stderr.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bookings_sync.logs import JsonFormatter, JsonHandler

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

log = logging.getLogger(__name__)

_WIDTH_WITHOUT_TERMINAL = 120


class Output:
    """One command's output. With `as_json` stdout gets one JSON object and nothing else, with `quiet` no summary."""

    def __init__(self, verbose: int = 0) -> None:
        self.verbose = verbose
        self.command = ""
        self.as_json = False
        self.quiet = False
        self.log_json = False

    @cached_property
    def json_lines(self) -> JsonFormatter:
        """What makes log lines of records; the run's id is set there."""
        return JsonFormatter()

    @cached_property
    def stdout(self) -> Console:
        return _console(stderr=False)

    @cached_property
    def stderr(self) -> Console:
        return _console(stderr=True)

    def say(self, *what: RenderableType) -> None:
        """For people: on stdout, unless it belongs to JSON or nothing was wanted."""
        if not self.as_json and not self.quiet:
            for each in what:
                self.stdout.print(each)

    def error(self, message: str) -> None:
        """One line on stderr, of what went wrong."""
        if self.log_json:
            log.error(message)
            return
        self.stderr.print(styled("✗ ", "bold red"), end="")
        self.stderr.print(message, soft_wrap=True)

    def result(self, **summary: Any) -> None:
        """The command's one JSON object, where that was asked for."""
        if self.as_json:
            print(json.dumps({"command": self.command, **summary}, default=plain, ensure_ascii=False), flush=True)  # noqa: T201

    def set_up_logging(self) -> None:
        """Logs go to stderr. -v shows requests and retries; -v -v dlt's steps too. No level shows headers or bodies."""
        handler: logging.Handler
        if self.log_json:
            handler = JsonHandler(self.json_lines)
        elif self.stderr.is_terminal:
            from rich.logging import RichHandler

            handler = RichHandler(console=self.stderr, show_path=False, log_time_format="%H:%M:%S")
            handler.setFormatter(logging.Formatter("%(message)s"))
        else:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        handler.addFilter(_tell_retries)
        logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
        # dlt hands nothing on to the root; it makes a handler of its own where its logger has none.
        logging.getLogger("dlt").handlers = [handler] if self.log_json else []
        usual = logging.INFO if self.log_json and not self.quiet else logging.WARNING
        logging.getLogger("bookings_sync").setLevel(logging.DEBUG if self.verbose else usual)
        # What is tried again is no news unless it stays wrong, and then it is an error of its own.
        logging.getLogger("stamina").setLevel(logging.WARNING if self.verbose else logging.ERROR)
        if self.verbose > 1:
            os.environ["RUNTIME__LOG_LEVEL"] = "INFO"


def _tell_retries(record: logging.LogRecord) -> bool:
    """stamina keeps what it retries, and why, in fields that no format shows."""
    fields = vars(record)
    if "stamina.caused_by" in fields:
        record.msg, record.args = "again in %.1f s: %s", (fields["stamina.wait_for"], fields["stamina.caused_by"])
    return True


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    # Markup is off: what is printed are names and numbers, and a name may hold brackets.
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in console._environ:
        console.width = _WIDTH_WITHOUT_TERMINAL
    return console


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    styles: Mapping[str, str] | None = None,
) -> Table:
    """A table: numbers to the right, an empty cell for None. `styles` gives a column's colour by its name."""
    from rich import box
    from rich.table import Table

    rows = [list(row) for row in rows]
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, header_style="dim")
    for position, name in enumerate(columns):
        numeric = any(_is_number(row[position]) for row in rows)
        made.add_column(
            name, justify="right" if numeric else "left", style=(styles or {}).get(name, ""), overflow="fold"
        )
    for row in rows:
        made.add_row(*(cell(value) for value in row))
    return made


def cell(value: object) -> RenderableType:
    """A value as people read it."""
    from rich.text import Text

    if isinstance(value, Text):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and value.endswith("%"))


def styled(text: str, style: str) -> RenderableType:
    from rich.text import Text

    return Text(text, style)


def seconds(value: float) -> str:
    """A length of time as people say it: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def plain(value: object) -> object:
    """A value that JSON has no form for, in one that it has. Raises TypeError."""
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
