"""Decides what goes to stdout and what goes to stderr.

stdout gets the result: text for people, or one JSON object with `--json`. stderr gets progress, logs and errors.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bookings_sync.cli.formatting import styled, to_json
from bookings_sync.logs import JsonFormatter, JsonHandler, PlainFormatter
from bookings_sync.safe_text import safe_json, safe_text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook

log = logging.getLogger(__name__)

_WIDTH_WITHOUT_TERMINAL = 120


class Output:
    """The output of one command.

    The attributes hold the options: `verbose` counts -v, `as_json` is --json, `quiet` is --quiet, `log_json` is
    --log-format json, `command` is the command's name.
    """

    def __init__(self, verbose: int = 0) -> None:
        self.verbose = verbose
        self.command = ""
        self.as_json = False
        self.quiet = False
        self.log_json = False

    @cached_property
    def log_formatter(self) -> JsonFormatter:
        """Formats JSON log lines. `bookings sync` sets its `run_id`."""
        return JsonFormatter()

    @cached_property
    def stdout(self) -> Console:
        return _console(stderr=False)

    @cached_property
    def stderr(self) -> Console:
        return _console(stderr=True)

    def print(self, *renderables: RenderableType) -> None:
        """Prints text for people on stdout. Prints nothing with --json or --quiet."""
        if not self.as_json and not self.quiet:
            for renderable in renderables:
                self.stdout.print(renderable)

    def print_error(self, message: str) -> None:
        """Prints one line on stderr, or logs it with --log-format json."""
        if self.log_json:
            log.error(message)
            return
        self.stderr.print(styled("✗ ", "bold red"), end="")
        self.stderr.print(message, soft_wrap=True)

    def print_json(self, **result: Any) -> None:
        """Prints the command's JSON object on stdout. Prints nothing without --json."""
        if self.as_json:
            print(safe_json({"command": self.command, **result}, to_json), flush=True)  # noqa: T201

    def set_up_logging(self) -> None:
        """Sends logs to stderr. No level logs headers or bodies.

        -v adds requests and retries, -v -v adds dlt's steps.
        """
        handler: logging.Handler
        if self.log_json:
            handler = JsonHandler(self.log_formatter)
        elif self.stderr.is_terminal:
            from rich.logging import RichHandler

            handler = RichHandler(console=self.stderr, show_path=False, log_time_format="%H:%M:%S")
            handler.setFormatter(PlainFormatter("%(message)s"))
        else:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        handler.addFilter(_describe_retry)
        logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
        # dlt's logger does not propagate to the root logger, and dlt adds a handler if its logger has none.
        logging.getLogger("dlt").handlers = [handler] if self.log_json else []
        default_level = logging.INFO if self.log_json and not self.quiet else logging.WARNING
        logging.getLogger("bookings_sync").setLevel(logging.DEBUG if self.verbose else default_level)
        # A retry that succeeds needs no attention. If all retries fail, the error is reported on its own.
        logging.getLogger("stamina").setLevel(logging.WARNING if self.verbose else logging.ERROR)
        if self.verbose > 1:
            os.environ["RUNTIME__LOG_LEVEL"] = "INFO"


def _describe_retry(record: logging.LogRecord) -> bool:
    """Writes stamina's wait and cause into the message. stamina keeps them in extra fields that no format shows."""
    fields = vars(record)
    if "stamina.caused_by" in fields:
        record.msg, record.args = (
            "retrying in %.1f s: %s",
            (fields["stamina.wait_for"], fields["stamina.caused_by"]),
        )
    return True


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    # Markup is off because names may contain brackets.
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in console._environ:
        console.width = _WIDTH_WITHOUT_TERMINAL
    console.push_render_hook(_safe_hook())
    return console


def _safe_hook() -> RenderHook:
    """Makes whatever the console prints safe, wherever it comes from: names, messages, tracebacks."""
    from rich.console import RenderHook
    from rich.measure import Measurement
    from rich.segment import Segment

    class Safe:
        def __init__(self, renderable: ConsoleRenderable) -> None:
            self.renderable = renderable

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
            for text, style, control in console.render(self.renderable, options):
                yield Segment(text if control else safe_text(text), style, control)

        def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
            return Measurement.get(console, options, self.renderable)

    class Hook(RenderHook):
        def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
            return [Safe(renderable) for renderable in renderables]

    return Hook()
