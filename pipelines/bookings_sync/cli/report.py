"""Carries out `bookings report`.

Input:  the published tables, and how fresh the raw tables are. With --as-of, tables rebuilt as they were known then.
Output: one HTML page and the key figures, or with --text one table per question.
"""

from __future__ import annotations

import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.catalogue import load_metrics
from bookings_sync.cli.formatting import ago, percentage, styled, table
from bookings_sync.cli.html_file import write_html
from bookings_sync.cli.output import Output
from bookings_sync.cli.progress import transform_progress
from bookings_sync.cli.status import load_settings_with_any_locations
from bookings_sync.cli.time_options import parse_past_time
from bookings_sync.clock import utc_now
from bookings_sync.config.settings import Settings
from bookings_sync.models.access import datasets, open_client, open_published
from bookings_sync.models.destination import Datasets
from bookings_sync.models.transform import transform
from bookings_sync.report import Figures, Freshness, Health, ReportTable, collect, render, report_tables
from bookings_sync.report.rates import rate_columns
from bookings_sync.status import read_status

_KEY_FIGURE_DAYS = 28


def run_report(
    output: Output,
    *,
    out: Path,
    text: bool,
    open_page: bool,
    locations: Sequence[str],
    member_names: bool,
    as_of: str | None,
) -> int:
    """Writes the page, or prints the tables. Returns the exit code."""
    settings = load_settings_with_any_locations()
    now = utc_now()
    tables_in = datasets(settings)
    if as_of is not None:
        now = parse_past_time(as_of, "--as-of", now)
        tables_in = _build_as_of(output, settings, now)
    figures: Figures | None = None
    tables: list[ReportTable] = []
    with open_published(settings, or_live=True) as client:
        if text or output.as_json:
            tables = report_tables(client, tables_in, now)
        if not text and as_of is not None:
            figures = replace(collect(client, tables_in, now, locations=locations, named=member_names), past=True)
        elif not text:
            figures = report_figures(client, settings, now, locations=locations, member_names=member_names)
    if figures is not None:
        _write(output, figures, out, now)
        if open_page:
            webbrowser.open(out.absolute().as_uri())
    else:
        _print_tables(output, tables)
    output.print_json(
        outcome="ok",
        page=None if figures is None else str(out.absolute()),
        tables=[{"title": each.title, "columns": each.columns, "rows": each.rows} for each in tables],
        exit_code=0,
    )
    return 0


def report_and_print(output: Output, settings: Settings, out: Path) -> None:
    """Writes the page of all locations, and prints the key figures."""
    now = utc_now()
    with open_published(settings, or_live=True) as client:
        figures = report_figures(client, settings, now)
    _write(output, figures, out, now)


def _write(output: Output, figures: Figures, out: Path, now: DateTime) -> None:
    write_html(render(figures), out)
    _print_key_figures(output, figures, out, now)


def report_figures(
    client: SqlClientBase[Any],
    settings: Settings,
    now: DateTime,
    *,
    locations: Sequence[str] = (),
    member_names: bool = False,
) -> Figures:
    """The figures of the page, with the freshness of each location. No `locations` means all."""
    figures = collect(client, datasets(settings), now, locations=locations, named=member_names)
    status = read_status(client, settings, now=now, runs=1)
    health = Health(
        drift=figures.health.drift,
        freshness=tuple(
            Freshness(
                each.name,
                each.fresh_at,
                each.history_from,
                each.covered,
                each.oldest_read_at,
                each.timezone,
                each.timezone_source,
                each.unseen.at_most_p50 if each.unseen else None,
                each.unseen.at_most_p95 if each.unseen else None,
            )
            for each in status.locations
            if not locations or each.name in locations
        ),
        rejections=tuple(each for each in status.rejections if not locations or each.location in locations),
        unusable=tuple(each for each in status.unusable if not locations or each.location in locations),
        last_outcome=status.runs[0].outcome if status.runs else None,
    )
    return replace(figures, health=health)


def _build_as_of(output: Output, settings: Settings, moment: DateTime) -> Datasets:
    """Builds the tables as they were known at `moment`. Returns the datasets that hold them."""
    with (
        open_client(settings, writes=True, publishes=True) as client,
        transform_progress(output) as progress,
    ):
        return transform(client, datasets(settings), now=moment, as_of=moment, progress=progress).datasets


def _print_key_figures(output: Output, figures: Figures, out: Path, now: DateTime) -> None:
    periods = [
        _key_figures(figures, -_KEY_FIGURE_DAYS, 0),
        _key_figures(figures, -2 * _KEY_FIGURE_DAYS, -_KEY_FIGURE_DAYS),
    ]
    rows = [[name, *(period[name] for period in periods)] for name in periods[0]]
    output.print(table(("", f"last {_KEY_FIGURE_DAYS} days", f"{_KEY_FIGURE_DAYS} days before"), rows))
    freshness = f"As known at {now:%Y-%m-%d %H:%M} UTC." if figures.past else _freshness(figures, now)
    size = f"{out.stat().st_size / 1e6:.1f} MB"
    output.print(freshness, styled(f"✓ {out}", "bold green"), f"  {size}. Open it in a browser, also offline.")


def _freshness(figures: Figures, now: DateTime) -> str:
    read = [each.fresh_at for each in figures.health.freshness]
    oldest = None if None in read else min((each for each in read if each), default=None)
    return f"Calendar read {ago(oldest, now)}." if oldest else "Some locations have not been read completely yet."


def _key_figures(figures: Figures, first: int, last: int) -> dict[str, object]:
    """The figures of the page's first tiles, over the days from `first` up to `last`, relative to today."""
    columns = figures.counts.bookings.columns
    sums = dict.fromkeys(columns, 0)
    for row in figures.counts.bookings.rows:
        if first <= row[1] < last:
            for name, value in zip(columns, row, strict=True):
                sums[name] += value
    bookings = sum(sums[name] for name in ("showed", "noshow", "cancelled", "invalid", "open"))
    return {
        "bookings": bookings,
        "show rate": _rate_of("show_rate", sums),
        "no-shows": sums["noshow"],
        "cancellation rate": _rate_of("cancellation_rate", sums),
        "not marked yet": sums["open"],
    }


def _rate_of(metric: str, sums: Mapping[str, int]) -> str:
    columns = rate_columns(load_metrics()[metric])
    return _rate(*(sum(sums[name] for name in columns[part]) for part in ("numerator", "denominator")))


def _rate(part: int, whole: int) -> str:
    if not whole:
        return "–"
    return "too few" if whole < (load_metrics()["show_rate"].too_few or 0) else f"{part / whole:.1%}"


def _print_tables(output: Output, tables: Sequence[ReportTable]) -> None:
    for each in tables:
        rows = [[percentage(name, value) for name, value in zip(each.columns, row, strict=True)] for row in each.rows]
        headings = [name.replace("noshow", "no-show") for name in each.columns]
        output.print(table(headings, rows, title=each.title))
        if not rows:
            output.print("  no rows yet\n")
