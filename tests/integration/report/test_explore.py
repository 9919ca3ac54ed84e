"""Explore: the SQL of every choice is right, and the app draws it in a browser."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser
from typer.testing import CliRunner

from bookings_sync.catalogue import load_metrics
from bookings_sync.catalogue.query import metric_query
from bookings_sync.cli import explore as command
from bookings_sync.cli import explore_app as explore
from bookings_sync.cli.explore_app.charts import drawable, metric_chart
from bookings_sync.cli.explore_app.periods import Span
from bookings_sync.cli.explore_app.reports import REPORTS, Report
from bookings_sync.cli.main import app

from .conftest import Reported

APP = Path(explore.__file__).parent / "app.py"
FIRST, LAST = date(2025, 2, 1), date(2025, 3, 5)


FACTS = {
    "bookings": "count(*)",
    "booked_hours": "sum(CASE WHEN takes_time THEN duration_minutes ELSE 0 END) / 60",
    "show_rate": "count_if(status = 'showed') / nullif(count_if(status IN ('showed', 'noshow')), 0)",
    "noshow_rate": "count_if(status = 'noshow') / nullif(count_if(status IN ('showed', 'noshow')), 0)",
    "cancellation_rate": "count_if(status = 'cancelled') / count(*)",
    "reschedule_rate": "count_if(times_rescheduled > 0)"
    " / nullif(count_if(first_seen_at < starts_at OR times_rescheduled > 0), 0)",
    "unmarked_share": "count_if(is_open) / nullif(count_if(status NOT IN ('cancelled', 'invalid')), 0)",
    "lead_time": "avg(lead_time_hours)",
}


@pytest.mark.parametrize("name", FACTS)
def test_a_metric_agrees_with_the_facts(marts: Reported, name: str) -> None:
    of_facts = f"SELECT {{}}, {FACTS[name]} FROM fct_appointments WHERE is_booking AND local_date BETWEEN ? AND ?"
    connection = marts.warehouse.client.native_connection
    for by, column in {"week": "local_week", "status": "status", "service": "service_id"}.items():
        cursor = connection.execute(metric_query(load_metrics()[name], [by], first=FIRST, last=LAST))
        place = [column[0] for column in cursor.description].index(name)
        found = [row[place] for row in cursor.fetchall()]
        wanted = connection.execute(f"{of_facts.format(column)} GROUP BY 1", [FIRST, LAST]).fetchall()
        assert _values(found) == pytest.approx(_values(row[-1] for row in wanted))


def _values(found: Iterable[Any]) -> list[float]:
    return sorted(float(value) for value in found if value is not None)


def test_the_chart_ends_with_the_last_week_that_is_over() -> None:
    # Wednesday, with bookings until next month. The calendar begins on a Thursday.
    bookings = {"first": date(2025, 1, 2), "last": date(2025, 4, 9), "last_begun": date(2025, 3, 12)}
    today = date(2025, 3, 12)
    span = Span.of(today, {**bookings, "first_ahead": today})
    since, until = span.default_range()
    assert (since, until) == (date(2025, 1, 6), date(2025, 3, 9))
    assert span.is_whole(date(2025, 3, 3), "week", since, until)
    later = date(2025, 4, 9)
    assert not span.is_whole(date(2025, 3, 10), "week", since, later), "not over"
    assert not span.is_whole(date(2025, 3, 3), "week", date(2025, 3, 4), later), "the range cuts it off"
    assert not span.is_whole(date(2025, 1, 1), "month", since, until)
    assert span.is_whole(date(2025, 2, 1), "month", since, until)
    # The last sync was on Monday morning: that week had hardly begun.
    stale = Span.of(today, {**bookings, "last_begun": date(2025, 3, 7), "first_ahead": date(2025, 3, 10)})
    assert stale.default_range()[1] == date(2025, 3, 9)


def test_values_of_few_bookings_and_unfinished_weeks_stand_out() -> None:
    metric = load_metrics()["show_rate"]
    weeks = [date(2025, 3, 3), date(2025, 3, 10)]
    rows = [{"week": week, "showed": 8.0, "marked": 10.0, "show_rate": 0.8} for week in weeks]
    few = {"week": weeks[0], "showed": 8.0, "marked": 9.0, "show_rate": 8 / 9}
    assert drawable(metric, [*rows, few]) == rows
    span = Span(date(2025, 1, 1), date(2025, 4, 1), open_from=date(2025, 3, 12))
    spec = metric_chart(metric, rows, "week", None, span, date(2025, 1, 1), date(2025, 4, 1))
    assert [value["whole"] for value in spec["data"]["values"]] == [True, False]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.title)
def test_a_ready_made_report_has_the_columns_and_rows_of_its_chart(marts: Reported, report: Report) -> None:
    cursor = marts.warehouse.client.native_connection.execute(report.question("duckdb"))
    columns = {column[0] for column in cursor.description}
    assert {report.x, report.y, report.value, report.by} - {""} <= columns
    assert cursor.fetchall() or report.kind is None


def test_the_app_draws_the_chosen_figure(
    reported: Reported, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported.warehouse.client.execute_sql("CHECKPOINT")
    shutil.copy(reported.warehouse.path, tmp_path / "bookings_read.duckdb")
    (tmp_path / "bookings.duckdb").touch()
    for layer in ("raw", "staging", "marts"):
        monkeypatch.setenv(f"BOOKINGS__{layer.upper()}_DATASET", f"{layer}_data")
    wrong: list[str] = []
    run = [sys.executable, "-m", "bookings_sync.cli", "explore", "--headless"]
    with subprocess.Popen(run, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            address = next(line.partition("URL:")[2].strip() for line in served.stdout if "URL:" in line)
            page = browser.new_page()
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("request", lambda request: wrong.append(request.url) if not _is_local(request.url) else None)
            _wait_for_server(address)
            page.goto(address.replace("localhost", "127.0.0.1"))
            page.locator(".vega-embed svg, .vega-embed canvas").first.wait_for(timeout=60_000)
            page.locator("select").nth(0).select_option(label="service")
            page.get_by_text("dim_service AS service").first.wait_for(timeout=60_000)
            page.locator("select").last.select_option(label="Cohorts")
            page.get_by_text("rpt_contact_cohorts").first.wait_for(timeout=60_000)
            assert page.evaluate("window.hacked") is None
            page.close()
        finally:
            served.terminate()
    assert not wrong


def _is_local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))


def test_marimo_check_accepts_the_app() -> None:
    check = [sys.executable, "-m", "marimo", "check", "--strict", str(APP)]
    checked = subprocess.run(check, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_missing_extra_is_named_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "marimo" else find_spec(name))
    answer = CliRunner().invoke(app, ["explore"])
    assert answer.exit_code == 1
    assert answer.stderr.strip() == "✗ bookings explore needs marimo: pip install 'bookings-sync[explore]'"


def _wait_for_server(address: str) -> None:
    """The app prints its address before it listens."""
    port = urlsplit(address).port
    assert port is not None
    for _ in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
