"""Prints what the demo does and why it matters.

Input:  the demo's results.
Output: numbered sections on stdout.
"""

from __future__ import annotations

import os.path
import shutil
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bookings_sync.cli.demo_live import LiveChange
from bookings_sync.cli.formatting import duration, percentage, styled, table
from bookings_sync.cli.output import Output
from bookings_sync.cli.sync import changes_table, seconds_taken
from bookings_sync.cli.transform import summary_line
from bookings_sync.models.transform import TransformResult
from bookings_sync.sync.pipeline import SyncResult

_TEXT_WIDTH = 100

_CHANGES = {
    "booked": "booked",
    "rescheduled": "rescheduled",
    "cancelled": "cancelled",
    "marked": "marked as showed or no-show, some of them weeks late",
    "backdated": "back-dated",
    "deleted": "deleted",
    "restored": "restored",
}
"""Kinds of change in the sandbox's journal that get their own line. All other kinds are added up."""


@dataclass(frozen=True, slots=True)
class DemoAnswer:
    """A question, its SQL and the rows."""

    question: str
    sql: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


class DemoOutput:
    """Prints the sections of the demo. Call the methods in the order of their definition."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._section = 0

    def calendar(self, base_url: str, locations: int, services: int, appointments: int) -> None:
        self._title("A simulated booking calendar")
        self._text(
            f"The sandbox serves {locations} locations with {services} services each and {appointments:,} appointments "
            f"at {base_url}. It has the real API and its rate limit of 100 requests per 10 seconds and location. "
            "The API can list the appointments between two times. It cannot list what changed."
        )

    def first_sync(self, first: SyncResult) -> None:
        self._title("The first sync reads everything")
        self._output.print(changes_table(first))
        self._success(
            f"{first.changes.new:,} records loaded with {first.row['requests']:,} requests in "
            f"{duration(seconds_taken(first))}."
        )
        self._text(
            "The days around now were read first. They show how busy each service is, and so how many days one request "
            "can cover. History was read after that, newest first."
        )

    def transformed(self, result: TransformResult) -> None:
        self._output.print(summary_line(result))

    def days_passed(self, days: int, changes: dict[str, int]) -> None:
        self._title(f"{days} days pass without a sync")
        rows = [(changes[kind], text) for kind, text in _CHANGES.items() if changes.get(kind)]
        if others := sum(count for kind, count in changes.items() if kind not in _CHANGES):
            rows.append((others, "other changes: contacts, services, teams"))
        self._output.print(table(("", "appointments"), rows))
        self._text(
            "A connector with a cursor on the start time would find the new bookings and miss the rest. Late marks, "
            "reschedules, back-dated bookings and deletions are all behind its cursor."
        )

    def second_sync(self, second: SyncResult, first: SyncResult) -> None:
        self._title("The second sync finds what changed")
        self._output.print(changes_table(second))
        self._success(
            f"{second.changes.total:,} differences found with {second.row['requests']:,} requests in "
            f"{duration(seconds_taken(second))}. The first sync sent {first.row['requests']:,} requests."
        )
        self._text(
            f"{second.row['verifications']:,} of the requests looked up appointments missing from their list. "
            "An appointment that the API still has was moved, any other was deleted. Deleted appointments keep their "
            "values and their history. Unchanged rows were not written again."
        )

    def live_begins(self) -> None:
        self._title("Following the calendar live")
        self._text("Somebody cancels the next appointment while `bookings follow` is running …")

    def live(self, live: LiveChange) -> None:
        self._success(
            f"The report showed it {duration(live.seconds)} later, after {live.rounds:,} rounds with "
            f"{live.requests:,} requests to all locations."
        )

    def comparison(self, compared: int, differing: int) -> None:
        if differing:
            self._output.print(
                styled(f"✗ {differing:,} of {compared:,} appointments differ from the calendar.", "bold red")
            )
        else:
            self._success(f"All {compared:,} appointments were compared with the calendar, and none differs.")

    def answer(self, answer: DemoAnswer) -> None:
        from rich.syntax import Syntax

        self._title(answer.question)
        rows = [
            [percentage(name, value) for name, value in zip(answer.columns, row, strict=True)] for row in answer.rows
        ]
        self._output.print(
            Syntax(answer.sql, "sql", theme="ansi_dark", background_color="default"),
            table([name.replace("_", " ") for name in answer.columns], rows),
        )

    def next_steps(self, database: Path, page: Path, seconds: float) -> None:
        file = _relative(database)
        self._title(f"Done in {duration(seconds)}. What to try next")
        self._success(f"The report is {_relative(page)}. Open it in a browser.")
        self._output.print(f"The warehouse is the DuckDB file {file}.")
        command = f"cd {file.parent} && {_command(database.parent)}"
        rows = [
            (f"{command} status", "see how fresh the data is, and what each run cost"),
            (f"{command} report --text", "print the report's tables"),
            (f"{command} query 'FROM rpt_bookings'", "ask your own questions in SQL"),
            (f"{command} docs", "write the data dictionary, an HTML page of all tables and columns"),
            (f"duckdb {file}", "see all tables: bookings_raw, bookings_staging, bookings_marts"),
            (f"{_command(Path())} check", "test your own calendar, after you put its key in .dlt/secrets.toml"),
        ]
        self._output.print(table(("run", "to"), rows))

    def _title(self, text: str) -> None:
        self._section += 1
        self._output.print("", styled(f"{self._section} · {text}", "bold cyan"), "")

    def _text(self, text: str, style: str = "") -> None:
        width = min(self._output.stdout.width, _TEXT_WIDTH)
        self._output.print(styled(textwrap.fill(text, width), style))

    def _success(self, text: str) -> None:
        self._text(f"✓ {text}", "bold green")


def _relative(path: Path) -> Path:
    """The path relative to the current folder, if it is inside."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _command(folder: Path) -> str:
    """How to run this program from `folder`: by name if it is on the PATH, else by path."""
    if shutil.which("bookings"):
        return "bookings"
    return os.path.relpath(sys.argv[0], folder)
