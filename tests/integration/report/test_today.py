"""The page's first section: the day's bookings and work. Against SQL, and with days made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from bookings_sync.report import Figures, collect, render
from bookings_sync.report.index import CountTable
from bookings_sync.report.today import STATUSES
from support.model_warehouse import NOW
from support.report_data import HOSTILE, NAMES

from .conftest import Open, Reported, drawn
from .test_accessible import CONTRASTS
from .test_page import unpacked

TODAY, TOMORROW = "Today, Mon 10 Mar", "Tomorrow, Tue 11 Mar"


def panel(page: Page, title: str) -> Any:
    return page.locator("#today .panel", has=page.get_by_role("heading", name=title, exact=True))


def rows(page: Page, region: str) -> list[list[str]]:
    """The cells of a table's rows, also of a table in closed details."""
    found = page.locator(f"#today [aria-label='{region}'] tbody tr").all()
    return [[" ".join(cell.split()) for cell in row.locator("th, td").all_text_contents()] for row in found]


def told(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"


def write(path: Path, figures: Figures) -> Path:
    path.write_text(render(figures), encoding="utf-8")
    return path


def test_the_day_agrees_with_sql(reported: Reported, look: Open) -> None:
    page = look(reported.page, "location=Main")
    main = "location_id = 'L1'"
    assert page.locator("#today h2").inner_text() == "Today and tomorrow"
    found = 0
    for title, day in ((TODAY, "2025-03-10"), (TOMORROW, "2025-03-11")):
        ((bookings, unsure),) = reported.ask(
            f"""SELECT count(*), count_if(is_open AND status <> 'confirmed' AND starts_at > '{NOW}')
                FROM marts_data.fct_appointments WHERE {main} AND is_expected AND local_date = '{day}'"""
        )
        said = panel(page, title).locator(".sub").first.inner_text()
        words = told(bookings, "booking") + (f", {unsure} not confirmed" if unsure else "")
        assert said == (words if bookings else "Nothing is booked. 1 member has working hours.")
        found += bookings
        assert panel(page, title).locator(".chip").count() == bookings
    assert found > 0
    confirm = reported.ask(
        f"""SELECT if(local_date = '2025-03-10', 'Today ', 'Tomorrow ') || strftime(local_start, '%H:%M')
            FROM marts_data.fct_appointments WHERE {main} AND is_expected AND is_open AND status <> 'confirmed'
            AND starts_at > '{NOW}' AND local_date <= '2025-03-11' ORDER BY starts_at"""
    )
    assert [row[0] for row in rows(page, "Bookings to confirm")] == [when for (when,) in confirm]
    ((work,),) = reported.ask(f"SELECT count(*) FROM marts_data.rpt_worklist WHERE {main} AND task = 'to mark'")
    assert sum(int(row[1]) for row in rows(page, "Bookings to mark, by member")) == work > 0
    assert len(rows(page, "Bookings to mark")) == work
    assert {row[0] for row in rows(page, "Bookings to mark, by member")} == {"Member 1", "Member 2", "Nobody"}
    ((showed, noshow, lost, unmarked),) = reported.ask(
        f"""SELECT count_if(status = 'showed'), count_if(status = 'noshow'),
              count_if(status = 'cancelled'), count_if(is_open) FROM marts_data.fct_appointments
            WHERE {main} AND is_booking AND local_date = '2025-03-09'"""
    )
    yesterday = f"{showed} showed, {told(noshow, 'no-show')}, {lost} cancelled, {unmarked} still to mark."
    assert page.locator("#today .yesterday").inner_text().endswith(yesterday)
    free = reported.ask(
        f"""SELECT strftime(local_start, '%H:%M') FROM marts_data.fct_slots
            WHERE {main} AND state = 'free' AND starts_at > '{NOW}' ORDER BY starts_at LIMIT 3"""
    )
    ((service, first, others),) = rows(page, "Next free times by service")
    assert service == "Advice"
    assert [first[-5:], *(each[-5:] for each in others.split(" · "))] == [time for (time,) in free]
    page.locator("#member").select_option("Member 1 · Main")
    drawn(page)
    assert {row[1] for row in rows(page, "Next free time by service and member")} == {"Member 1"}
    assert {row[0] for row in rows(page, "Bookings to mark, by member")} == {"Member 1"}
    page.get_by_role("button", name="Clear filters").click()
    page.locator("#service").select_option(HOSTILE)
    drawn(page)
    assert panel(page, "Next free times").locator("table").count() == 0


def test_each_location_has_a_line_that_opens_its_day(reported: Reported, look: Open) -> None:
    page = look(reported.page)
    lines = page.locator("#today .place > summary")
    assert [each.split(" ")[0] for each in lines.all_inner_texts()] == list(NAMES)
    assert page.locator("#today .panel").count() == 0
    lines.nth(1).focus()
    page.keyboard.press("Enter")
    page.locator("#today .panel").first.wait_for()
    assert "Times are those of Asia/Tokyo." in page.locator("#today .place").nth(1).inner_text()
    page.get_by_label("12 weeks").check(force=True)
    drawn(page)
    assert page.locator("#today .place[open]").count() == 1, "a choice closes no day"
    page.locator("#location").select_option("Tiny")
    drawn(page)
    assert page.locator("#today .panel.day .sub").all_inner_texts() == [
        "Nothing is booked. 1 member has working hours.",
        "Nothing is booked.",
    ]


def test_a_page_made_yesterday_says_so_and_names_days_by_todays_date(reported: Reported, look: Open) -> None:
    page = look(reported.page, "location=Main")
    page.clock.set_fixed_time(NOW.add(days=1))
    page.reload()
    drawn(page)
    section = page.locator("#today")
    assert section.locator("h2").inner_text() == "Mon 10 Mar and Tue 11 Mar"
    assert "what was known on 10 Mar 2025, 12:00 UTC" in section.locator(".old").inner_text()
    assert panel(page, "Today, Tue 11 Mar").count() == 1
    page.clock.set_fixed_time(NOW.add(days=9))
    page.reload()
    drawn(page)
    assert panel(page, "Mon 10 Mar").count() == 1
    assert "today" not in section.locator("h2").inner_text().lower()


def test_a_page_of_the_past_names_dates_only(reported: Reported, look: Open, tmp_path: Path) -> None:
    page = look(write(tmp_path / "past.html", replace(reported.figures, past=True)), "location=Main")
    words = page.locator("#today").inner_text()
    assert "Mon 10 Mar" in words
    for relative in ("Today", "Tomorrow", "Yesterday", "ago"):
        assert relative not in words


@pytest.fixture
def made(reported: Reported) -> Figures:
    """One location with fifteen members, two of them with one name, and a day made by hand."""
    figures = collect(reported.warehouse.client, reported.warehouse.datasets, NOW, locations=["Main"])
    members = [(0, f"Member {min(number, 14)}") for number in range(1, 16)] + [(0, "Nobody")]
    code = STATUSES.index
    combo = next(at for at, each in enumerate(figures.names.combos) if figures.names.services[each[2] or 0] == HOSTILE)
    class_of_eight = [(combo, 0, 3, 600, 90, code("new" if guest < 2 else "confirmed"), 0) for guest in range(8)]
    bookings = [
        *class_of_eight,
        (combo, 0, 4, 180, 30, code("confirmed"), 1),
        (combo, 0, 5, 540, 60, code("noshow"), 1),
        (combo, 0, 15, 23 * 60 + 30, 120, code("confirmed"), 0),
    ]
    duty = [(0, member, 0, hour, int(hour != 12)) for member in range(15) for hour in range(9, 18)]
    made = replace(
        figures.today,
        bookings=replace(figures.today.bookings, rows=bookings),
        duty=replace(figures.today.duty, rows=duty),
        to_mark=CountTable(figures.today.to_mark.columns, []),
        zones=[("Europe/London", "office hours")],
    )
    names = replace(figures.names, members=members, locations=[("Main", date(2025, 3, 10))])
    return replace(figures, today=made, names=names)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_grid_of_many_members_is_readable(made: Figures, look: Open, tmp_path: Path, theme: str) -> None:
    page = look(write(tmp_path / "made.html", made), theme=theme)
    grid = page.get_by_role("region", name=f"Bookings by member and hour: {TODAY}")
    hours = grid.locator("thead th").all_inner_texts()
    assert hours == ["Member", "03:00", *(f"{hour:02}:00" for hour in range(9, 18)), "23:00"]
    names = grid.locator("tbody th").all_text_contents()
    assert names[0] == "Member 1free"
    assert names[3] == "Member 48 bookings"
    assert names[13:] == ["Member 14free", "Member 14free", "Nobody1 booking"]
    group = grid.get_by_title("10:00 to 11:30")
    assert group.count() == 1
    assert (group.text_content() or "").endswith(", 2 not confirmed, 6 confirmed")
    assert grid.locator("tbody tr").nth(3).get_by_text("goes on").count() == 1
    assert grid.locator("tbody tr").nth(0).get_by_text("time off").count() == 1
    assert panel(page, TOMORROW).locator(".sub").inner_text().startswith("Nothing is booked.")
    assert "Every booking of the last 28 days is marked." in panel(page, "To mark").inner_text()
    assert "Europe/London: a guess from office hours" in page.locator("#today").inner_text()
    for summary in page.locator("#today summary").all():
        summary.click()
    assert page.evaluate(CONTRASTS) == []
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    grid.and_(page.locator("[data-wide]")).wait_for()  # the hint to scroll sideways


def test_the_signs_of_a_long_day_are_whole_on_paper(made: Figures, look: Open, tmp_path: Path) -> None:
    """The key below the grid explains them."""
    from_six_to_twenty = [(0, 3, 0, hour, 1) for hour in range(6, 20)]
    day = replace(made.today, duty=replace(made.today.duty, rows=from_six_to_twenty))
    page = look(write(tmp_path / "long.html", replace(made, today=day)))
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 703, "height": 1000})  # A4 without its margins
    cut = page.eval_on_selector_all(
        ".chip .sign",
        """all => all.map(each => [each, each.parentElement].map(one => one.getBoundingClientRect().right))
          .filter(([sign, chip]) => sign > chip)""",
    )
    assert cut == []
    assert not page.get_by_role("link", name="How to set it").is_visible()


def test_the_section_names_no_appointment(reported: Reported) -> None:
    text = unpacked(reported.page.read_text(encoding="utf-8"))
    ids = reported.ask("SELECT appointment_id FROM marts_data.fct_appointments")
    assert ids
    assert not [each for (each,) in ids if each != "only" and each in text]
