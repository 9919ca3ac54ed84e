"""The page's periods and filters: every choice agrees with SQL, and can be linked to."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from support.report_data import HOSTILE, RARE

from .conftest import Open, Reported, drawn, tile, within

SOURCE = "(SELECT source FROM marts_data.dim_contact AS contact WHERE contact.location_id = a.location_id AND contact.contact_id = a.contact_id)"  # noqa: E501
OLD = "local_date BETWEEN DATE '2024-12-03' AND DATE '2025-01-19'"
CHOICES = {
    "period=last-84": within("last-84"),
    "period=last-7&location=Osaka": f"location_id = 'L2' AND {within('last-7')}",
    "period=last-28&service=Advice": f"service_id = 'S1' AND {within('last-28')}",
    "period=last-84&team=Team+1": f"team_id = 'T1' AND {within('last-84')}",
    # A month, an own range of months ago, and one that began before the calendar and would end in the future.
    "period=2025-02": "local_month = DATE '2025-02-01'",
    "period=2024-12-03..2025-01-19&location=Main": f"location_id = 'L1' AND {OLD}",
    "period=2020-01-01..2025-03-20&location=Main": "location_id = 'L1' AND local_date < DATE '2025-03-10'",
    "period=last-84&member=Member+2+%C2%B7+Main": f"location_id = 'L1' AND member_id = 'U1' AND {within('last-84')}",
    "period=2025-01&source=referral&location=Main": f"location_id = 'L1' AND {SOURCE} = 'referral' AND local_month = DATE '2025-01-01'",  # noqa: E501
    "period=last-84&source=Other": f"{SOURCE} = '{RARE}' AND {within('last-84')}",
}


def choose(page: Page, address: str) -> None:
    page.evaluate("(address) => { location.hash = address }", address)
    page.wait_for_function(
        "(address) => location.hash !== '#' + address || document.body.dataset.shown === address", arg=address
    )
    drawn(page)


def test_choices_agree_with_sql(reported: Reported, look: Open) -> None:
    page = look(reported.page)
    for address, where in CHOICES.items():
        choose(page, address)
        ((bookings, showed, noshow, cancelled, unmarked),) = reported.ask(
            f"""SELECT count(*), count_if(status = 'showed'), count_if(status = 'noshow'),
                  count_if(status = 'cancelled'), count_if(status NOT IN ('showed', 'noshow', 'cancelled', 'invalid'))
                FROM marts_data.fct_appointments AS a WHERE is_booking AND {where}"""
        )
        assert bookings > 0, address
        assert tile(page, "Bookings") == f"{bookings:,}", address
        marked = showed + noshow
        assert tile(page, "Show rate") == ("too few" if marked < 10 else f"{showed / marked:.0%}"), address
        assert tile(page, "No-shows") == str(noshow), address
        assert tile(page, "Cancellation rate") == ("too few" if bookings < 10 else f"{cancelled / bookings:.0%}"), (
            address
        )
        assert tile(page, "Not marked yet") == str(unmarked), address


def test_own_dates_and_months_are_chosen_in_the_form(reported: Reported, look: Open) -> None:
    page = look(reported.page, "location=Main")
    page.locator("#month").select_option("February 2025")
    drawn(page)
    assert "1 Feb 2025 to 28 Feb 2025 · Main" in page.locator("#showing").inner_text()
    assert page.locator("#periods input:checked").count() == 0
    page.locator("#from").fill("2025-02-20")
    drawn(page)
    assert "20 Feb 2025 to 28 Feb 2025" in page.locator("#showing").inner_text()
    assert "period=2025-02-20..2025-02-28" in page.url
    # A range that begins after its end becomes one day. A day that the page does not hold changes nothing.
    page.locator("#from").fill("2025-03-03")
    drawn(page)
    assert "3 Mar 2025 to 3 Mar 2025" in page.locator("#showing").inner_text()
    page.locator("#from").fill("0002-03-03")
    assert "3 Mar 2025 to 3 Mar 2025" in page.locator("#showing").inner_text()
    # An own range of days to come has no rates.
    page.locator("#to").fill("2025-03-20")
    page.locator("#from").fill("2025-03-12")
    drawn(page)
    ((bookings,),) = reported.ask(
        """SELECT count(*) FROM marts_data.fct_appointments WHERE is_booking AND location_id = 'L1'
             AND local_date BETWEEN DATE '2025-03-12' AND DATE '2025-03-20'"""
    )
    assert tile(page, "Bookings so far") == str(bookings)


def test_a_choice_changes_the_whole_page_and_the_address(reported: Reported, look: Open) -> None:
    page = look(reported.page)
    everywhere = tile(page, "Bookings")
    page.locator("#location").select_option("Main")
    page.get_by_label("12 weeks").check(force=True)
    page.locator("#service").select_option(HOSTILE)
    drawn(page)
    where = f"is_booking AND location_id = 'L1' AND service_id = 'S2' AND {within('last-84')}"
    ((bookings, minutes),) = reported.ask(
        f"""SELECT count(*), sum(CASE WHEN status NOT IN ('cancelled', 'invalid') THEN duration_minutes END)
            FROM marts_data.fct_appointments WHERE {where}"""
    )
    assert tile(page, "Bookings") == str(bookings) != everywhere
    assert HOSTILE.replace("\u2028", "") in page.locator("#showing").inner_text().replace("\u2028", "")
    table = page.locator("#loads tbody tr td:nth-child(3)").all_text_contents()
    assert sum(float(hours.removesuffix(" h")) for hours in table) == pytest.approx(minutes / 60, abs=len(table))
    page.locator("#compare-by").get_by_text("Source").click()
    by_source = page.locator("#compare-table tbody")
    assert sum(int(each) for each in by_source.locator("td.bar").all_text_contents()) == bookings
    assert sorted(by_source.locator("th").all_text_contents()) == ["Not known", "Other", "referral"]
    again = look(reported.page, page.url.partition("#")[2])
    assert tile(again, "Bookings") == str(bookings)
    assert again.locator("#compare-by input:checked").input_value() == "source"
    again.get_by_role("button", name="Clear filters").click()
    assert again.locator("#service").input_value() == ""


def test_a_member_has_their_own_staff_utilisation(reported: Reported, look: Open) -> None:
    page = look(reported.page, "period=last-28&member=Member+1+%C2%B7+Main")
    ((share,),) = reported.ask(
        f"""SELECT sum(booked_minutes) / sum(office_minutes - blocked_minutes) FROM marts_data.fct_staff_hours
            WHERE location_id = 'L1' AND member_id = 'U0' AND {within("last-28")}"""
    )
    assert tile(page, "Staff utilisation") == f"{share:.1%}"
    # Working time has no source.
    choose(page, "period=last-28&source=referral")
    assert page.get_by_role("heading", name="Staff utilisation").count() == 0
    assert page.locator("#heat h2").inner_text() == "Bookings by weekday and hour"
