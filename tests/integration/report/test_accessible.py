"""The page for everybody: accessibility rules, keyboard, contrast, phones and paper."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from .conftest import Open, Reported, drawn, tile

CONTRASTS = (Path(__file__).parent / "contrasts.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core, as its Python package carries it."""
    found = find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        reason = "axe-core is not installed: make setup"
        pytest.fail(reason) if os.environ.get("REQUIRE_BROWSER") else pytest.skip(reason)
    return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_no_violation_of_wcag_aa(reported: Reported, look: Open, axe: str, theme: str, width: int) -> None:
    page = look(reported.page, theme=theme, width=width, has_touch=width < 500)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    page.locator("#more > summary").click()
    for card in ("trend", "heat"):
        page.locator(f"#{card} summary").click()
    page.evaluate(axe)
    found = page.evaluate("(tags) => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", RULES)
    assert len(found["passes"]) > 20
    # axe-core does not check the texts in charts.
    assert page.evaluate(CONTRASTS) == []
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []


def test_a_phone_shows_everything_without_horizontal_scrolling(reported: Reported, look: Open) -> None:
    for address in ("period=last-28", "period=next", "period=last-84&location=Main"):
        page = look(reported.page, address, width=390, has_touch=True)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        narrow = page.eval_on_selector_all(
            "select, button, .segments label, summary",
            "all => all.filter(each => each.offsetHeight && each.offsetHeight < 20).length",
        )
        assert narrow == 0
    assert page.locator(".tile h2").first.inner_text() == "Show rate"
    hint = "each => getComputedStyle(each, '::before').content"
    assert "Scroll sideways" in page.locator("#compare-table").evaluate(hint)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_selector("#compare-table:not([data-wide])")
    assert "Scroll sideways" not in page.locator("#compare-table").evaluate(hint)


def test_everything_is_reachable_by_keyboard(reported: Reported, look: Open) -> None:
    page = look(reported.page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.id || document.activeElement.name || document.activeElement.tagName")
        )
    assert {"period", "location", "team", "service", "by", "SUMMARY", "compare-table"} <= reached
    before = tile(page, "Bookings")
    page.locator("#periods input:checked").focus()
    page.keyboard.press("ArrowRight")
    drawn(page)
    assert page.evaluate("document.activeElement.value") == "last-84"
    assert tile(page, "Bookings") != before
    page.locator("#heat summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#heat details table tbody tr").first.is_visible()


def test_each_chart_has_a_label_and_a_table(reported: Reported, look: Open) -> None:
    page = look(reported.page)
    for card in ("trend", "funnel", "rate", "heat", "leads", "loads"):
        title = page.locator(f"#{card} h2").inner_text()
        assert (page.locator(f"#{card} .chart").get_attribute("aria-label") or "").startswith(f"{title}. ")
        assert page.locator(f"#{card} details tbody tr").count() > 0


def test_the_theme_button_says_what_it_will_do(reported: Reported, look: Open) -> None:
    page = look(reported.page, theme="dark", reduced_motion="reduce")
    page.get_by_role("button", name="Use light colours").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    button = page.get_by_role("button", name="Use dark colours")
    assert button.evaluate("each => getComputedStyle(each).transitionDuration") == "0s"


def test_paper_is_light_and_whole(reported: Reported, look: Open) -> None:
    page = look(reported.page, theme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 703, "height": 1000})  # A4 without its margins
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert "10 Feb 2025 to 9 Mar 2025" in page.locator("#showing").inner_text()
    for hidden in ("#filters", "#theme", "#compare-by", ".card details", "#more"):
        assert not page.locator(hidden).first.is_visible()
    # Nothing is wider than the paper or than its own box.
    assert page.evaluate("document.documentElement.scrollWidth") == 703
    cut = page.eval_on_selector_all(
        ".scroll, .card, .tile",
        "all => all.filter(each => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1).length",
    )
    assert cut == 0
    charts = page.eval_on_selector_all(
        ".chart", "all => all.map(each => [each.firstElementChild.getBoundingClientRect().width, each.clientWidth])"
    )
    assert all(drawn <= width + 1 for drawn, width in charts)
