"""The report's page in a browser: charts and tables that agree with SQL, freshness, privacy."""

from __future__ import annotations

import base64
import gzip
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from bookings_sync.catalogue import load_metrics
from bookings_sync.errors import BookingsError
from bookings_sync.report import Health, collect, render
from support.model_warehouse import NOW
from support.report_data import CONTACT, NAMES, RARE, STAFF

from .conftest import Open, Reported, drawn, tile, within


def unpacked(page: str) -> str:
    """The figures embedded in a page, as JSON."""
    return gzip.decompress(base64.b64decode(page.partition('id="figures">')[2].partition("</script>")[0])).decode()


def rate(part: int, whole: int) -> str:
    """A cell with a rate and what it is of."""
    return "–" if not whole else f"{part / whole:.0%} of {whole}" if whole >= 10 else f"too few of {whole}"


def marks(page: Page, card: str, kind: str = "rect") -> int:
    return page.locator(f"#{card} .mark-{kind} path").count()


def test_charts_have_one_mark_per_row_of_the_data(reported: Reported, look: Open) -> None:
    page = look(reported.page, "period=last-28")
    bookings = f"FROM marts_data.fct_appointments WHERE is_booking AND {within('last-28')}"
    ((stacks, highest),) = reported.ask(
        f"""SELECT count(DISTINCT (local_date, CASE WHEN status IN ('cancelled', 'invalid') THEN 'lost' WHEN status IN
            ('showed', 'noshow') THEN status ELSE 'open' END)), count(*) {bookings}"""
    )
    assert marks(page, "trend") == stacks
    assert marks(page, "funnel") == 3
    ((cells,),) = reported.ask(
        f"""SELECT count(DISTINCT (isodow(local_date), local_hour)) FROM marts_data.fct_staff_hours
            WHERE {within("last-28")} AND office_minutes > blocked_minutes"""
    )
    assert marks(page, "heat") == cells
    spans = reported.ask(
        f"""SELECT lead_time_span FROM marts_data.fct_appointments WHERE is_booking AND {within("last-28")}
            AND status IN ('showed', 'noshow') GROUP BY 1 HAVING count(*) >= 10"""
    )
    assert marks(page, "leads", "symbol") == len(spans) > 0
    ((members,),) = reported.ask(
        f"SELECT count(DISTINCT (location_id, member_id)) {bookings} AND status NOT IN ('cancelled', 'invalid')"
    )
    assert marks(page, "loads") == members
    assert tile(page, "Bookings") == str(highest)


def test_every_metric_of_the_catalogue_is_explained_at_its_anchor(reported: Reported, look: Open) -> None:
    page = look(reported.page)
    for metric in load_metrics().values():
        meaning = page.locator(f"#meanings > #metric-{metric.name}")
        assert meaning.locator("dt").inner_text() == metric.label
        assert metric.definition.lower() in meaning.locator("dd").inner_text().lower()
    # Each title of a figure leads to its meaning, and keeps the choice in the address.
    for titles in (".tile h2", "#trend h2, #funnel h2, #rate h2, #heat h2, #leads h2, #loads h2"):
        links = page.locator(titles).get_by_role("link")
        assert links.count() == page.locator(titles).count() == 6
        for target in links.evaluate_all("all => all.map(each => each.getAttribute('href'))"):
            assert page.locator(target).count() == 1
    before = tile(page, "Bookings")
    page.locator(".tile h2 a").first.click()
    assert page.url.endswith("#metric-show_rate")
    assert tile(page, "Bookings") == before


def test_utilisation_says_what_it_counts_and_agrees_with_sql(reported: Reported, look: Open) -> None:
    page = look(reported.page, "period=last-28&location=Main")
    ((staff,),) = reported.ask(
        f"""SELECT sum(booked_minutes) / sum(office_minutes - blocked_minutes) FROM marts_data.fct_staff_hours
            WHERE location_id = 'L1' AND {within("last-28")}"""
    )
    assert tile(page, "Staff utilisation") == f"{staff:.1%}"
    heat = page.locator("#heat")
    assert heat.get_by_role("heading").inner_text() == "Staff utilisation by weekday and hour"
    assert f"{staff:.0%} of the working time is booked. No hour stands out clearly." in heat.inner_text()
    ((outside,),) = reported.ask(
        f"""SELECT count(*) FROM marts_data.fct_appointments AS booked
            WHERE is_expected AND location_id = 'L1' AND {within("last-28")} AND NOT EXISTS (
              FROM marts_data.fct_staff_hours AS open WHERE open.location_id = 'L1' AND {within("last-28")}
                AND isodow(open.local_date) = booked.local_weekday AND open.local_hour = booked.local_hour
                AND open.office_minutes > open.blocked_minutes)"""
    )
    assert f"{outside} bookings began outside the opening hours" in heat.inner_text()

    page = look(reported.page, "period=last-7&location=Main&service=Advice")
    ((seats, known),) = reported.ask(
        f"""SELECT sum(booked_seat_minutes) / sum(booked_seat_minutes + free_seat_minutes), count(*)
            FROM marts_data.rpt_utilisation WHERE location_id = 'L1' AND service_id = 'S1' AND {within("last-7")}"""
    )
    assert tile(page, "Seat utilisation") == f"{seats:.1%}"
    assert known > 0
    assert page.locator("#heat").get_by_role("heading").inner_text() == "Seats booked by weekday and hour"


def test_the_future_period_shows_no_show_rate(reported: Reported, look: Open) -> None:
    page = look(reported.page, "period=next")
    ((bookings,),) = reported.ask(
        f"SELECT count(*) FROM marts_data.fct_appointments WHERE is_booking AND {within('next')}"
    )
    assert tile(page, "Bookings so far") == str(bookings)
    for unknown in ("Show rate", "No-shows", "Cancellation rate", "Not marked yet"):
        assert page.get_by_role("heading", name=unknown).count() == 0
        assert unknown not in page.locator("#compare-table").inner_text()
    assert marks(page, "funnel") == 2


def test_early_show_rates_are_compared_with_todays(reported: Reported, look: Open) -> None:
    page = look(reported.page, "location=Tiny")
    rows = page.locator("#early-table tbody tr")
    assert rows.all_text_contents() == ["1 day later–too few of 1100%1"]
    page.locator("#location").select_option("Main")
    drawn(page)
    for row, days in enumerate((1, 3, 7)):
        ((showed, marked, now, marked_now, unmarked, bookings),) = reported.ask(
            f"""SELECT sum(showed), sum(showed + noshow), sum(showed_now), sum(showed_now + noshow_now), sum(unmarked),
                  sum(bookings)
                FROM marts_data.rpt_show_rate_as_known WHERE location_id = 'L1' AND days_after = {days}"""
        )
        assert rows.nth(row).locator("td").all_text_contents() == [
            rate(showed, marked),
            rate(now, marked_now),
            f"{unmarked / (marked + unmarked):.0%}",
            str(bookings),
        ]
    (earliest,) = reported.ask(
        """SELECT sum(showed) / sum(showed + noshow) = sum(showed_now) / sum(showed_now + noshow_now)
           FROM marts_data.rpt_show_rate_as_known WHERE location_id = 'L1' AND days_after = 1"""
    )
    assert earliest == (True,)
    sentence = page.locator("#early-sub").text_content() or ""
    assert "the last 12 weeks (84 days up to yesterday)" in sentence
    assert sentence.endswith("One day later it was already what it is now.")


def test_a_single_booking_no_booking_and_an_empty_calendar(reported: Reported, look: Open) -> None:
    page = look(reported.page, "period=last-7&location=Tiny")
    assert tile(page, "Bookings") == "1"
    assert marks(page, "trend") == 1
    none = look(reported.page, "period=next&location=Tiny")
    assert tile(none, "Bookings so far") == "0"
    assert "Nothing in this period." in none.locator("#trend").inner_text()
    empty = look(reported.empty_page)
    assert "There are no bookings yet" in empty.locator("main").inner_text()
    assert not empty.locator("#filters").is_visible()


def test_the_banner_shows_the_age_of_the_data_and_what_is_missing(reported: Reported, look: Open) -> None:
    page = look(reported.page)
    assert "Calendar read 2 hours ago, all of it" in page.locator("#banner").inner_text()
    assert "warn" not in (page.locator("#banner").get_attribute("class") or "")
    page.clock.set_fixed_time(NOW.add(days=3))
    page.reload()
    drawn(page)
    assert "the data is more than a day old" in page.locator("#banner").inner_text()
    read = page.get_by_role("region", name="Freshness of each location")
    assert read.locator("tbody tr").count() == len(NAMES)
    page.get_by_text("1 field that the API sends and no column holds yet").click()
    drift = page.get_by_role("region", name="Fields without a column").locator("tbody tr")
    assert drift.locator("td").all_text_contents() == ["teams", "3", "1 Mar 2025"]
    page.locator("#location").select_option("Osaka")
    page.get_by_role("link", name="Details").click()
    drawn(page)
    assert page.locator("#location").input_value() == "Osaka"


def test_the_page_shows_each_time_zone_and_how_to_set_a_guessed_one(reported: Reported, look: Open) -> None:
    shown = look(reported.page).locator("#freshness")
    assert shown.get_by_role("cell", name="America/New_York", exact=True).count() == 1
    assert shown.get_by_role("cell", name="Europe/Oslo (guessed: office hours)", exact=True).count() == 1
    assert "write timezone under [sources.bookings.locations.LOCATION]" in shown.inner_text()


def test_the_banner_says_how_soon_changes_were_seen(reported: Reported, look: Open, tmp_path: Path) -> None:
    health = reported.figures.health
    seen = [replace(each, unseen_p50=10.0 + at, unseen_p95=600.0) for at, each in enumerate(health.freshness[:2])]
    file = tmp_path / "followed.html"
    figures = replace(reported.figures, health=replace(health, freshness=(*seen, *health.freshness[2:])))
    file.write_text(render(figures), encoding="utf-8")
    page = look(file)
    assert "Changes of the last day were seen within 11 s, 95 % within 10 min." in page.locator("#banner").inner_text()
    assert page.locator("#freshness").get_by_role("cell", name="10 s; 95 %: 10 min", exact=True).count() == 1


def test_a_page_of_the_past_is_labelled_and_shows_no_freshness(reported: Reported, look: Open, tmp_path: Path) -> None:
    file = tmp_path / "past.html"
    file.write_text(render(replace(reported.figures, past=True, health=Health())), encoding="utf-8")
    page = look(file)
    assert page.locator("#banner").inner_text().startswith("As it stood on 10 Mar 2025, 12:00 UTC.")
    assert not page.locator("#freshness").is_visible()
    assert "as of 10 Mar 2025" in page.locator("footer").inner_text()


def test_the_page_holds_no_personal_data(reported: Reported) -> None:
    text = unpacked(reported.page.read_text(encoding="utf-8"))
    assert '"Osaka"' in text
    assert '"referral"' in text
    for personal in (CONTACT, RARE, "staff@example.com", "Somebody", "+4712345678", *STAFF, '"C1"'):
        assert personal not in text
    named = collect(reported.warehouse.client, reported.warehouse.datasets, NOW, named=True)
    assert {label for _, label in named.names.members} == {*STAFF, "Nobody"}


def test_the_content_security_policy_blocks_other_scripts_and_all_requests(
    reported: Reported, browser: Browser
) -> None:
    """Even if a name became markup, it could do nothing."""
    page = browser.new_page()
    page.goto(reported.page.as_uri())
    drawn(page)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        page.evaluate(
            """(address) => {
              const script = document.createElement("script");
              script.textContent = "window.hacked = 1";
              const image = document.createElement("div");
              image.innerHTML = `<img src="${address}" onerror="window.hacked = 2">`;
              document.body.append(script, image);
            }""",
            address,
        )
        fetched = page.evaluate("(address) => fetch(address).then(() => 'sent', () => 'blocked')", address)
        assert (page.evaluate("window.hacked"), fetched) == (None, "blocked")
        page.close()
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_a_page_of_one_location_holds_no_other(reported: Reported) -> None:
    figures = collect(reported.warehouse.client, reported.warehouse.datasets, NOW, locations=["Osaka"])
    assert [name for name, _ in figures.names.locations] == ["Osaka"]
    assert '"Main"' not in unpacked(render(figures))
    with pytest.raises(BookingsError, match=r"'Rome'.*Main, Osaka, Tiny"):
        collect(reported.warehouse.client, reported.warehouse.datasets, NOW, locations=["Rome"])


def test_a_large_calendar_leaves_out_its_longest_periods(reported: Reported, look: Open, tmp_path: Path) -> None:
    rows = sum(
        len(getattr(reported.figures.counts, name).rows)
        for name in ("bookings", "hours", "staff", "seats", "slot_days")
    )
    figures = collect(reported.warehouse.client, reported.warehouse.datasets, NOW, most_rows=rows // 2)
    periods = figures.counts.periods
    assert periods < reported.figures.counts.periods
    file = tmp_path / "small.html"
    file.write_text(render(figures), encoding="utf-8")
    page = look(file, f"period=last-{periods[-1]}")
    assert page.locator("#periods label").count() == len(periods) + 1
    assert "are left out" in page.locator("#bounds").inner_text()
    ((bookings,),) = reported.ask(
        f"""SELECT count(*) FROM marts_data.fct_appointments WHERE is_booking
            AND local_date - DATE '2025-03-10' BETWEEN {-periods[-1]} AND -1"""
    )
    assert tile(page, "Bookings") == f"{bookings:,}"
