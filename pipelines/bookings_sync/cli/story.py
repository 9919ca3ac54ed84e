"""The demo's words: what is being shown, and why it matters.

Input:  what the demo did and counted.
Output: text on stdout, in colour on a terminal.
"""

from __future__ import annotations

import os.path
import shutil
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bookings_sync.cli.console import Output, seconds, styled, table
from bookings_sync.cli.report import shown
from bookings_sync.cli.sync import changes_table, took
from bookings_sync.cli.transform import headline
from bookings_sync.models.transform import TransformResult
from bookings_sync.sync.pipeline import SyncResult

_PROSE_WIDTH = 100
_HAPPENED = {
    "booked": "booked",
    "rescheduled": "moved to another time",
    "cancelled": "cancelled",
    "marked": "marked as shown up or not, some weeks late",
    "backdated": "written into the past",
    "deleted": "deleted without a trace",
    "restored": "brought back",
}
"""The kinds of the sandbox's journal that are told one by one; the others are added up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question, its SQL and the answer."""

    question: str
    sql: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


class Story:
    """The demo, told as it goes."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._chapter = 0

    def opening(self, base_url: str, locations: int, services: int, appointments: int) -> None:
        self._title("A booking calendar, alive")
        self._say(
            f"In a process of its own, at {base_url}: {locations} locations with {services} services each and "
            f"{appointments:,} appointments. It speaks the real API over a real socket and keeps its rate limit: 100 "
            "requests in 10 seconds for each location. That API can only be asked what stands between two moments, "
            "never what has changed."
        )

    def first_sync(self, first: SyncResult) -> None:
        self._title("The first sync reads all of it")
        self._output.say(changes_table(first))
        self._good(
            f"{first.changes.new:,} records in {first.row['requests']:,} requests and {seconds(took(first))}, "
            f"in {_loads(first.row['loads'])}. The days around now were read first: how full they are tells how long a "
            "time can be asked for at once. History came after, newest first."
        )

    def transformed(self, result: TransformResult) -> None:
        self._output.say(headline(result))

    def time_passed(self, days: int, happened: dict[str, int]) -> None:
        self._title(f"{days} days pass, and nobody syncs")
        rows = [(happened[kind], what) for kind, what in _HAPPENED.items() if happened.get(kind)]
        if others := sum(count for kind, count in happened.items() if kind not in _HAPPENED):
            rows.append((others, "other changes: contacts, services, teams"))
        self._output.say(table(("", "appointments"), rows))
        self._say(
            "A connector that keeps a cursor on the start time would see the new bookings, and miss the rest: late "
            "marks, reschedules, back-dated bookings and deletions all lie behind its cursor."
        )

    def second_sync(self, second: SyncResult, first: SyncResult) -> None:
        self._title("The second sync finds what changed, and only that")
        self._output.say(changes_table(second))
        now, before = second.row["requests"], first.row["requests"]
        self._good(
            f"{second.changes.total:,} differences found with {now:,} requests, against {before:,} for the first sync "
            f"({now / before:.0%}), in {seconds(took(second))}."
        )
        self._say(
            f"{second.row['verifications']:,} of these requests asked for an appointment that had vanished from its "
            "list: found elsewhere means moved, refused means deleted. What is deleted keeps its values and its "
            "history. What had not changed was not written again."
        )

    def proof(self, wrong: int, compared: int) -> None:
        if wrong:
            text = f"✗ {wrong:,} of {compared:,} appointments differ from the calendar"
            self._output.say(styled(text, "bold red"))
        else:
            self._good(f"Proof: all {compared:,} appointments compared with the calendar itself, and not one differs.")

    def question(self, answer: Answer) -> None:
        self._title(answer.question)
        self._output.say(_sql(answer.sql))
        rows = [[shown(name, value) for name, value in zip(answer.columns, row, strict=True)] for row in answer.rows]
        self._output.say(table([name.replace("_", " ") for name in answer.columns], rows))

    def ending(self, database: Path, page: Path, took_seconds: float) -> None:
        shortest = _from_here(database)
        self._title(f"All that in {seconds(took_seconds)}. It is yours to look into")
        inside = f"cd {shortest.parent} && "
        bookings = _command(database.parent)
        rows = [
            (f"{inside}{bookings} status", "how fresh it is, and what it cost"),
            (f"{inside}{bookings} report --text", "the report's figures here"),
            (f"{inside}{bookings} query 'FROM rpt_bookings'", "your own questions, in SQL"),
            (f"{inside}{bookings} docs", "what each table and column means, as a page"),
            (f"duckdb {shortest}", "the tables: bookings_raw, bookings_staging, bookings_marts"),
            ("bookings sync --help", "your own calendar: keys in .dlt/secrets.toml, then the same command"),
        ]
        self._good(f"The report is a page: open {_from_here(page)} in a browser.")
        self._output.say(f"The warehouse is the DuckDB file {shortest}", table(("try", "for"), rows))

    def _title(self, text: str) -> None:
        self._chapter += 1
        self._output.say("", styled(f"{self._chapter} · {text}", "bold cyan"), "")

    def _say(self, text: str, style: str = "") -> None:
        width = min(self._output.stdout.width, _PROSE_WIDTH)
        self._output.say(styled(textwrap.fill(text, width), style))

    def _good(self, text: str) -> None:
        self._say(f"✓ {text}", "bold green")


def _loads(count: int) -> str:
    return "one load" if count == 1 else f"{count} loads"


def _sql(sql: str) -> Any:
    from rich.syntax import Syntax

    return Syntax(sql, "sql", theme="ansi_dark", background_color="default")


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _command(folder: Path) -> str:
    """How to call this program from `folder`: by its name if the shell finds it, else by its path."""
    if shutil.which("bookings"):
        return "bookings"
    return os.path.relpath(sys.argv[0], folder)
