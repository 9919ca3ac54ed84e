"""`bookings report`: what the marts tell, as a page to look at, in the terminal, or as JSON.

Input:  what the last transform published: the marts, and of the raw tables how fresh they are; or, of a moment of the
        past, the marts built anew as they stood then.
Output: one HTML file and the headline figures; or, asked for text, one table for each question.
"""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.cli.console import Output, styled, table
from bookings_sync.cli.pages import write_page
from bookings_sync.cli.progress import transform_progress
from bookings_sync.cli.status import settings_of_all
from bookings_sync.cli.times import ago
from bookings_sync.cli.transform import past_moment
from bookings_sync.clock import utc_now
from bookings_sync.config.settings import Settings
from bookings_sync.models.access import datasets, open_client, open_published
from bookings_sync.models.destination import Datasets
from bookings_sync.models.transform import transform
from bookings_sync.report import Figures, Freshness, ReportTable, collect, render, report_tables
from bookings_sync.status import read_status

_HEADLINE_DAYS = 28


def run_report(
    output: Output,
    *,
    out: Path,
    text: bool,
    opens: bool,
    locations: Sequence[str],
    names_members: bool,
    as_of: str | None,
) -> int:
    """Reports. Returns the exit code; raises typer.BadParameter for a moment that is not of the past."""
    settings = settings_of_all()
    now = utc_now()
    held = datasets(settings)
    past = as_of is not None
    if as_of is not None:
        now = past_moment(as_of, now)
        held = _build_past(output, settings, now)
    figures: Figures | None = None
    answers: list[ReportTable] = []
    with open_published(settings, or_live=True) as client:
        if text or output.as_json:
            answers = report_tables(client, held, now)
        if not text and past:
            figures = replace(collect(client, held, now, locations=locations, named=names_members), past=True)
        elif not text:
            figures = figures_of(client, settings, now, locations=locations, named=names_members)
    if figures is not None:
        write_page(render(figures), out)
        _say_where(output, figures, out, now)
        if opens:
            webbrowser.open(out.absolute().as_uri())
    else:
        _say_answers(output, answers)
    output.result(
        outcome="ok",
        page=None if figures is None else str(out.absolute()),
        tables=[{"title": each.title, "columns": each.columns, "rows": each.rows} for each in answers],
        exit_code=0,
    )
    return 0


def _build_past(output: Output, settings: Settings, moment: DateTime) -> Datasets:
    """The tables as they stood at a moment, and where."""
    with (
        open_client(settings, writes=True, publishes=True) as client,
        transform_progress(output) as progress,
    ):
        return transform(client, datasets(settings), now=moment, as_of=moment, progress=progress).datasets


def figures_of(
    client: SqlClientBase[Any], settings: Settings, now: DateTime, *, locations: Sequence[str] = (), named: bool = False
) -> Figures:
    """The page's figures, with how fresh they are."""
    figures = collect(client, datasets(settings), now, locations=locations, named=named)
    status = read_status(client, settings, now=now, runs=1)
    return replace(
        figures,
        freshness=tuple(
            Freshness(each.name, each.fresh_at, each.history_from, each.covered, each.oldest_read_at)
            for each in status.locations
            if not locations or each.name in locations
        ),
        rejections=tuple(each for each in status.rejections if not locations or each.location in locations),
        last_outcome=status.runs[0].outcome if status.runs else None,
    )


def _say_where(output: Output, figures: Figures, out: Path, now: DateTime) -> None:
    counts = [_headline(figures, -_HEADLINE_DAYS, 0), _headline(figures, -2 * _HEADLINE_DAYS, -_HEADLINE_DAYS)]
    rows = [[name, *(each[name] for each in counts)] for name in counts[0]]
    output.say(table(("", f"last {_HEADLINE_DAYS} days", f"the {_HEADLINE_DAYS} before"), rows))
    told = f"As it stood at {now:%Y-%m-%d %H:%M} UTC." if figures.past else _read_when(figures, now)
    size = f"{out.stat().st_size / 1e6:.1f} MB"
    output.say(told, styled(f"✓ {out}", "bold green"), f"  One file of {size}: open it in a browser, offline too.")


def _read_when(figures: Figures, now: DateTime) -> str:
    read = [each.fresh_at for each in figures.freshness]
    oldest = None if None in read else min((each for each in read if each), default=None)
    return f"Calendar read {ago(oldest, now)}." if oldest else "Not every location has been read in full yet."


def _headline(figures: Figures, first: int, last: int) -> dict[str, object]:
    """The figures of the page's first tiles, over ages from `first` up to `last`."""
    columns = figures.days.columns
    sums = dict.fromkeys(columns, 0)
    for row in figures.days.rows:
        if first <= row[1] < last:
            for name, value in zip(columns, row, strict=True):
                sums[name] += value
    bookings = sum(sums[name] for name in ("showed", "noshow", "cancelled", "invalid", "open"))
    return {
        "bookings": bookings,
        "show rate": _share(sums["showed"], sums["showed"] + sums["noshow"]),
        "no-shows": sums["noshow"],
        "cancellation rate": _share(sums["cancelled"], bookings),
        "not marked yet": sums["open"],
    }


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _say_answers(output: Output, answers: Sequence[ReportTable]) -> None:
    for answer in answers:
        rows = [[shown(name, value) for name, value in zip(answer.columns, row, strict=True)] for row in answer.rows]
        output.say(table(_headed(answer), rows, title=answer.title), *(() if rows else ("  nothing yet\n",)))


def _headed(answer: ReportTable) -> list[str]:
    return [name.replace("noshow", "no-show") for name in answer.columns]


def shown(column: str, value: object) -> object:
    """Parts of 1 are shown as per cent, by the rule of `report.ReportTable`: the column's name tells them."""
    if isinstance(value, float) and column.endswith(("rate", "share", "utilisation")):
        return f"{value:.0%}"
    return value
