"""The dictionary's page in a browser: search, links, layout, and no requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from bookings_sync.dictionary import build
from bookings_sync.dictionary.page import render
from bookings_sync.models.destination import Datasets
from bookings_sync.models.project import Project, find_models
from bookings_sync.records.tables import TABLES

CONTRASTS = (Path(__file__).parent / "contrasts.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("dictionary") / "dictionary.html"
    file.write_text(render(build(Project.load(find_models())), Datasets()), encoding="utf-8")
    return file


@pytest.fixture(params=[("light", 1280), ("dark", 390)], ids=["desk", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser, file: Path) -> Iterator[Page]:
    theme, width = request.param
    wrong: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=theme)
    opened = context.new_page()
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda request: wrong.append(request.url) if not request.url.startswith("file:") else None)
    opened.goto(file.as_uri())
    yield opened
    context.close()
    assert not wrong


def shown(page: Page, what: str) -> int:
    return page.locator(f"{what}:visible").count()


def test_search_links_and_layout(page: Page) -> None:
    everything = shown(page, "article")
    assert everything == 1 + len(TABLES) + len(Project.load(find_models()).models)  # one for the metrics
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(CONTRASTS) == []

    page.keyboard.press("/")
    page.keyboard.type("starttime begun")
    page.keyboard.press("Enter")  # searches at once; without it the page waits for a pause in typing
    rows = [row.lower() for row in page.locator("tbody tr:visible").all_text_contents()]
    assert 0 < len(rows) < 10  # of hundreds
    assert all("starttime" in row and "begun" in row for row in rows)
    assert page.inner_text("#found") == f"{shown(page, 'article')} tables, {len(rows)} columns"

    # A link leads to its column even if the search hides it.
    page.locator("#rpt_bookings").get_by_role("link", name="fct_appointments.starts_at").first.click()
    assert page.url.endswith("#fct_appointments.starts_at")
    page.locator("[id='fct_appointments.starts_at']").wait_for(state="visible")

    page.fill("#search", "noshow_rate people")
    page.keyboard.press("Enter")
    assert page.inner_text("#found").startswith("1 metric, ")
    page.locator("#metric-noshow_rate").get_by_role("link", name="rpt_bookings.status").click()
    page.locator("[id='rpt_bookings.status']").get_by_role("link", name="noshow_rate").click()
    page.locator("#metric-noshow_rate").wait_for(state="visible")

    page.fill("#search", "")
    page.wait_for_selector("#found:empty", state="attached")
    assert shown(page, "article") == everything

    page.fill("#search", "xyzzy")
    page.wait_for_selector("#nothing:visible")
    assert shown(page, "article") == 0
