"""Explore: the SQL of every choice is right, and the app draws it in a browser."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser
from typer.testing import CliRunner

from bookings_sync.cli import explore as command
from bookings_sync.cli import explore_app as explore
from bookings_sync.cli.explore_app.metrics import DIMENSIONS, METRICS, metric_sql
from bookings_sync.cli.main import app

from .conftest import Reported

APP = Path(explore.__file__).parent / "app.py"
FIRST, LAST = date(2025, 2, 1), date(2025, 3, 5)


@pytest.fixture
def marts(reported: Reported) -> Iterator[Reported]:
    """Sets the search path, so tables can be named without their schema, as in `bookings query`."""
    connection = reported.warehouse.client.native_connection
    (before,) = connection.execute("SELECT current_setting('search_path')").fetchone()
    connection.execute("SET search_path = 'marts_data'")
    yield reported
    connection.execute(f"SET search_path = '{before}'")


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_agrees_with_the_facts_by_every_dimension(marts: Reported, metric: str) -> None:
    facts = {
        "bookings": "count(*)",
        "booked hours": "sum(CASE WHEN status NOT IN ('cancelled', 'invalid') THEN duration_minutes END) / 60",
        "show rate": "count_if(status = 'showed') / nullif(count_if(status IN ('showed', 'noshow')), 0)",
        "no-show rate": "count_if(status = 'noshow') / nullif(count_if(status IN ('showed', 'noshow')), 0)",
        "cancellation rate": "count_if(status = 'cancelled') / count(*)",
        "reschedule rate": "count_if(times_rescheduled > 0) / count(*)",
    }
    of_facts = f"SELECT {{}}, {facts[metric]} FROM fct_appointments WHERE is_booking AND local_date BETWEEN ? AND ?"
    connection = marts.warehouse.client.native_connection
    for by, column in {"week": "local_week", "status": "status", "service": "service_id"}.items():
        found = connection.execute(metric_sql(metric, by, None, FIRST, LAST)).fetchall()
        wanted = connection.execute(f"{of_facts.format(column)} GROUP BY 1", [FIRST, LAST]).fetchall()
        assert _values(found) == pytest.approx(_values(wanted))
    for by in DIMENSIONS:
        for split in (None, "service", "month"):
            names = [name for name in dict.fromkeys((by, split)) if name]
            cursor = connection.execute(metric_sql(metric, by, split, FIRST, LAST))
            assert [column[0] for column in cursor.description] == [*names, metric]
            assert cursor.fetchall()


def _values(rows: list[tuple[Any, ...]]) -> list[float]:
    return sorted(float(row[-1]) for row in rows if row[-1] is not None)


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
            page.locator("select").nth(0).select_option(label="show rate")
            page.locator("select").nth(1).select_option(label="service")
            page.get_by_text("dim_service AS service").first.wait_for(timeout=60_000)
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
