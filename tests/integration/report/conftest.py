"""The report's page of a small calendar, opened offline in Chromium by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pendulum
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bookings_sync.models.project import Project, find_models
from bookings_sync.report import Figures, Freshness, collect, render
from support.model_warehouse import NOW, Warehouse, open_warehouse
from support.report_data import NAMES, READ_BY_EXPLORE, READ_BY_REPORT, fill

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass(frozen=True)
class Reported:
    """A calendar, its figures and its page; and the page of an empty calendar."""

    warehouse: Warehouse
    figures: Figures
    page: Path
    empty_page: Path

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query of the marts, built on 10 March 2025."""
        return [tuple(row) for row in self.warehouse.client.execute_sql(sql) or ()]


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    folder = tmp_path_factory.mktemp("report")
    with open_warehouse(folder, Project.load(find_models())) as warehouse:
        warehouse.create_raw()
        warehouse.transform(select=READ_BY_REPORT)
        empty = folder / "empty.html"
        empty.write_text(render(collect(warehouse.client, warehouse.datasets, NOW)), encoding="utf-8")
        fill(warehouse)
        warehouse.transform(select=READ_BY_EXPLORE)
        figures = collect(warehouse.client, warehouse.datasets, NOW)
        since = NOW.subtract(hours=2), pendulum.datetime(2015, 1, 1), 1.0, NOW
        zones = ("America/New_York", "configured"), ("Asia/Tokyo", "configured"), ("Europe/Oslo", "office hours")
        fresh = [Freshness(name, *since, *zone) for name, zone in zip(NAMES, zones, strict=True)]
        figures = replace(figures, health=replace(figures.health, freshness=tuple(fresh), last_outcome="ok"))
        page = folder / "report.html"
        page.write_text(render(figures), encoding="utf-8")
        yield Reported(warehouse, figures, page, empty)


@pytest.fixture
def marts(reported: Reported) -> Iterator[Reported]:
    """Sets the search path, so tables can be named without their schema, as in `bookings query`."""
    connection = reported.warehouse.client.native_connection
    (before,) = connection.execute("SELECT current_setting('search_path')").fetchone()
    connection.execute("SET search_path = 'marts_data'")
    yield reported
    connection.execute(f"SET search_path = '{before}'")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium: the tests download no browser."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        reason = "Chromium is not installed: apt-get install chromium"
        pytest.fail(reason) if os.environ.get("REQUIRE_BROWSER") else pytest.skip(reason)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield opened
        opened.close()


Open = Callable[..., Page]


@pytest.fixture
def look(browser: Browser) -> Iterator[Open]:
    """Opens a page file at the report's time.

    Afterwards checks what every page must keep: no request, no script error or console message, no name run as script.
    """
    wrong: list[str] = []
    contexts = []

    def opened(file: Path, address: str = "", *, width: int = 1280, theme: str = "light", **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, **options)
        contexts.append(context)
        page = context.new_page()
        page.clock.set_fixed_time(NOW)
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith("file:") else None)
        page.goto(f"{file.as_uri()}#{address}")
        drawn(page)
        return page

    yield opened
    for context in contexts:
        for page in context.pages:
            assert page.evaluate("window.hacked") is None
        context.close()
    assert not wrong


def drawn(page: Page) -> None:
    """Waits until all charts are drawn."""
    page.wait_for_selector("body[data-drawn=yes]")


PERIODS = {"last-7": (-7, 0), "last-28": (-28, 0), "last-84": (-84, 0), "next": (0, 28)}


def within(period: str) -> str:
    first, last = PERIODS[period]
    return f"local_date >= DATE '2025-03-10' + {first} AND local_date < DATE '2025-03-10' + {last}"


def tile(page: Page, title: str) -> str:
    return page.locator(".tile", has=page.get_by_role("heading", name=title, exact=True)).locator(".value").inner_text()
