"""What the page claims: differences and winners only if they are more than chance, and no rate of too few bookings."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bookings_sync.report import Figures, render
from bookings_sync.report.index import CountTable

from .conftest import Open, Reported, drawn, tile, within

NAMES = "wilson, rateOf, isRateChanged, isCountChanged, isMeanChanged, clearlyHighest, clearlyMost"


def test_intervals_and_comparisons_as_published(browser: Browser) -> None:
    """The differences are examples of Newcombe, Statistics in Medicine 17 (1998), table II, method 10."""
    script = files("bookings_sync.report").joinpath("statistics.js").read_text(encoding="utf-8")
    page = browser.new_page()
    page.evaluate(f"() => {{ const FEWEST = 10; {script}\nObject.assign(window, {{{NAMES}}}); }}")
    assert page.evaluate("wilson(8, 10)") == pytest.approx([0.490, 0.943], abs=0.001)
    assert page.evaluate("wilson(0, 20)") == pytest.approx([0, 0.161], abs=0.001)
    changes = {(56, 70, 48, 80): True, (9, 10, 3, 10): True, (5, 56, 0, 29): False, (10, 10, 0, 20): True}
    for (now, of_now, before, of_before), changed in changes.items():
        asked = f"isRateChanged(rateOf({now}, {of_now}), rateOf({before}, {of_before}))"
        assert page.evaluate(asked) is changed, asked
    assert page.evaluate("isRateChanged(rateOf(9, 9), rateOf(0, 90))") is False  # too few
    counts = {(1584, 1508): False, (446, 359): True, (59, 41): False, (61, 39): True, (9, 0): False}
    for (now, before), changed in counts.items():
        assert page.evaluate(f"isCountChanged({now}, {before})") is changed, (now, before)
    # Each weekday is 2 points higher than a week before; and the same mean change, but of days that vary.
    assert page.evaluate("isMeanChanged([.5,.6,.7,.5,.6,.2,.13], [.48,.58,.68,.49,.57,.18,.1])") is True
    assert page.evaluate("isMeanChanged([.9,.1,.7,.5,.2,.2,.63], [.48,.58,.68,.49,.57,.18,.1])") is False
    rates = "[rateOf(60, 100), rateOf(30, 100), rateOf(5, 5)]"
    assert page.evaluate(f"clearlyHighest({rates}, (each) => each).whole") == 100
    assert page.evaluate("clearlyHighest([rateOf(40, 100), rateOf(30, 100)], (each) => each)") is None
    assert page.evaluate("clearlyMost([90, 87, 40], (each) => each)") is None
    assert page.evaluate("clearlyMost([90, 40, 50], (each) => each)") == 90
    page.close()


def test_noise_has_no_arrow_and_no_winner(reported: Reported, look: Open) -> None:
    page = look(reported.page, "period=last-28&location=Main")
    now, before = (
        reported.ask(
            f"""SELECT count(*) FROM marts_data.fct_appointments WHERE is_booking AND location_id = 'L1'
                AND local_date - DATE '2025-03-10' BETWEEN {first} AND {first + 27}"""
        )[0][0]
        for first in (-28, -56)
    )
    assert tile(page, "Bookings") == str(now)
    bookings = page.locator(".tile", has=page.get_by_role("heading", name="Bookings", exact=True))
    assert bookings.locator(".change").inner_text() == f"No clear change from {before}"
    assert not [words for words in page.locator(".change").all_inner_texts() if words[0] in "▲▼"]
    assert "No lead time stands out" in page.locator("#leads").inner_text()
    assert "Clearly" not in page.locator("main #cards").inner_text()
    # The calendar begins 120 days ago, so there is no earlier year to compare with.
    page.get_by_label("12 months").check(force=True)
    assert page.locator(".tile .change").count() == 0


def distinct(figures: Figures) -> Figures:
    """The figures, but with a quarter of the bookings before 28 days ago, and no-shows for all that lead by 2 hours."""
    table = figures.counts.bookings
    at = {name: place for place, name in enumerate(table.columns)}
    rows = []
    for number, row in enumerate(table.rows):
        if row[at["age"]] >= -28 or number % 4 == 0:
            values = list(row)
            if figures.names.spans[row[at["span"]]] == "1 to 4 hours":
                values[at["noshow"]] += values[at["showed"]]
                values[at["showed"]] = 0
            rows.append(tuple(values))
    return replace(figures, counts=figures.counts._replace(bookings=CountTable(table.columns, rows)))


def test_clear_differences_are_named(reported: Reported, look: Open, tmp_path: Path) -> None:
    file = tmp_path / "clear.html"
    file.write_text(render(distinct(reported.figures)), encoding="utf-8")
    page = look(file, "period=last-28")
    bookings = page.locator(".tile", has=page.get_by_role("heading", name="Bookings", exact=True))
    assert bookings.locator(".change.good").inner_text().startswith("▲ ")
    assert "Clearly highest when booked 1 to 4 hours ahead: 100%." in page.locator("#leads").inner_text()


def test_rates_show_what_they_are_of_and_too_few_shows_no_rate(reported: Reported, look: Open) -> None:
    page = look(reported.page, "period=last-84")
    shows = "count_if(status = 'showed'), count_if(status IN ('showed', 'noshow'))"
    ((showed, marked, unmarked),) = reported.ask(
        f"SELECT {shows}, count_if(is_open) FROM marts_data.fct_appointments WHERE is_booking AND {within('last-84')}"
    )
    words = page.locator(".tile").first.inner_text()
    assert f"{showed} of {marked} marked" in words
    low, high = (reported.ask(f"SELECT {wilson(showed, marked, sign)}")[0][0] for sign in "-+")
    assert f"between {int(low * 100)}% and {int(high * 100) + 1}%" in words
    bounds = page.locator(".tile", has=page.get_by_role("heading", name="Not marked yet")).inner_text()
    assert f"{showed / (marked + unmarked):.0%} if none of them came" in bounds
    assert f"{(showed + unmarked) / (marked + unmarked):.0%} if all did" in bounds
    # Weeks have enough marked bookings for a rate, or show none.
    weeks = page.locator("#rate tbody tr")
    cells = [weeks.nth(row).locator("td").all_text_contents() for row in range(weeks.count())]
    assert len(cells) > 1
    for shown, _, _, marked_then in cells:
        assert (shown == "too few") == (int(marked_then) < 10)
    assert page.locator("#rate .mark-symbol path").count() == sum(shown != "too few" for shown, *_ in cells)
    by_location = dict(
        zip(
            *[iter(page.locator("#compare-table tbody tr > :is(th, td:nth-child(4))").all_text_contents())] * 2,
            strict=True,
        )
    )
    assert by_location["Tiny"] == "too few of 1"
    ((showed, marked),) = reported.ask(
        f"""SELECT {shows} FROM marts_data.fct_appointments
            WHERE is_booking AND location_id = 'L2' AND {within("last-84")}"""
    )
    assert by_location["Osaka"] == f"{showed / marked:.0%} of {marked}"


def wilson(part: int, whole: int, sign: str) -> str:
    z = 1.959964
    share = part / whole
    reach = z * (share * (1 - share) / whole + z * z / (4 * whole * whole)) ** 0.5
    return f"({share + z * z / (2 * whole)} {sign} {reach}) / {1 + z * z / whole}"


def test_more_figures_agree_with_their_models(reported: Reported, look: Open) -> None:
    page = look(reported.page, "location=Main")
    assert page.locator("#more table").count() == 0
    page.locator("#more > summary").click()
    page.locator("#more table").nth(3).wait_for()  # they are drawn when they are first shown

    def table(name: str) -> list[list[str]]:
        rows = page.get_by_role("region", name=name).locator("tbody tr")
        return [rows.nth(row).locator("th, td").all_text_contents() for row in range(rows.count())]

    risks = reported.ask(
        """SELECT upper(risk_by[1]) || risk_by[2:] || ': ' || label, sum(noshow), sum(marked)
           FROM marts_data.rpt_noshow_risk WHERE location_id = 'L1' GROUP BY ALL"""
    )
    shown = {label: cell for label, cell, *_ in table("No-show risk")}
    assert shown == {
        label: f"{noshow / marked:.0%} of {marked}" if marked >= 10 else f"too few of {marked}"
        for label, noshow, marked in risks
    }
    shares = reported.ask(
        """SELECT member_id, service_id, sum(bookings) / sum(service_bookings), sum(service_bookings)
           FROM marts_data.rpt_member_fairness
           WHERE location_id = 'L1' AND local_week >= DATE '2025-03-10' - 84 AND local_week < DATE '2025-03-10'
             AND is_pool_known
           GROUP BY ALL"""
    )
    assert sorted(row[2] for row in table("Fairness")) == sorted(
        f"{share:.0%} of {of}" if of >= 10 else f"too few of {of}" for _, _, share, of in shares
    )
    cohorts = reported.ask(
        """SELECT strftime(cohort_month, '%B %Y'), any_value(contacts), max(is_first_months)
           FROM marts_data.rpt_contact_cohorts WHERE location_id = 'L1' AND is_month_over GROUP BY ALL"""
    )
    assert {row[0]: row[1] for row in table("Cohorts")} == {
        month + (" *" if early else ""): str(contacts) for month, contacts, early in cohorts
    }
    changes = reported.ask(
        """SELECT upper(first_change[1]) || first_change[2:], sum(bookings) FROM marts_data.rpt_first_change
           WHERE location_id = 'L1' GROUP BY ALL"""
    )
    assert {row[0]: row[1] for row in table("First change")} == {
        change.replace("Noshow", "No-show"): str(bookings) for change, bookings in changes
    }
    assert page.locator("#more h3 a").count() == 4


def test_staff_utilisation_names_the_days_whose_hours_are_assumed(reported: Reported, look: Open) -> None:
    assumed = "Before 1 Mar, opening hours and members are those that the first sync saw"
    page = look(reported.page, "location=Main")
    tile = page.locator(".tile", has_text="Staff utilisation")
    assert assumed in tile.inner_text()
    page.get_by_label("7 days").check(force=True)
    drawn(page)
    assert "h of work" in tile.inner_text()
    assert assumed not in tile.inner_text()


def test_utilisation_side_by_side_names_the_hours_that_it_is_of(reported: Reported, look: Open) -> None:
    table = look(reported.page).locator("#compare-table")
    columns = table.locator("thead th").all_text_contents()
    for name in ("Staff utilisation", "Seat utilisation"):
        place = columns.index(name)
        shares = [row.locator("th, td").nth(place).text_content() or "" for row in table.locator("tbody tr").all()]
        assert any(shares)
        assert all(re.fullmatch(r"–|\d+\.\d% of [\d,.]+ h", share) for share in shares)
