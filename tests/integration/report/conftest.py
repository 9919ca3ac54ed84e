"""The page of a made-up calendar, in a real browser: Chromium, driven by Playwright, offline."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pendulum
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bookings_sync.models.project import Project, find_models
from bookings_sync.report import Figures, Freshness, collect, render
from unit.models.conftest import NOW, Warehouse, open_warehouse

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
HOSTILE = "</script><img src=x onerror='window.hacked=1'>\u2028{{7*7}}&quot;\"'<b>"
"""What a service may be called. As text it is harmless, and nothing but text it may become."""
READ = (
    "+rpt_hourly_utilisation",
    "+rpt_bookings",
    "+fct_appointments",
    "+dim_member",
    "+dim_team",
    "dim_time_span",
    "+rpt_show_rate_as_known",
    "+rpt_schema_drift",
)
"""What the page and the app are made of."""
STAFF = ("Ann Example", "Bob Example")
CONTACT = "somebody@example.com"


@dataclass(frozen=True)
class Reported:
    """A calendar, its figures and its page, and of an empty calendar the page."""

    warehouse: Warehouse
    figures: Figures
    page: Path
    empty_page: Path

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """What SQL says of the marts, on 10 March 2025."""
        return [tuple(row) for row in self.warehouse.client.execute_sql(sql) or ()]


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    folder = tmp_path_factory.mktemp("report")
    with contextmanager(open_warehouse)(folder, Project.load(find_models())) as warehouse:
        warehouse.create_raw()
        warehouse.transform(select=READ)
        empty = folder / "empty.html"
        empty.write_text(render(collect(warehouse.client, warehouse.datasets, NOW)), encoding="utf-8")
        fill(warehouse)
        warehouse.transform(select=READ)
        known = [Freshness(name, NOW.subtract(hours=2), pendulum.datetime(2015, 1, 1), 1.0, NOW) for name in NAMES]
        figures = replace(collect(warehouse.client, warehouse.datasets, NOW), freshness=tuple(known), last_outcome="ok")
        page = folder / "report.html"
        page.write_text(render(figures), encoding="utf-8")
        yield Reported(warehouse, figures, page, empty)


NAMES = ("Main", "Osaka", "Tiny")


def fill(warehouse: Warehouse) -> None:
    """Two locations on two sides of the earth, with a service of the same name each, and one with a single booking."""
    chance = random.Random(5)
    for place, (name, zone) in enumerate(
        zip(NAMES, ("America/New_York", "Asia/Tokyo", "Europe/Oslo"), strict=True), start=1
    ):
        here = {"location_id": f"L{place}"}
        warehouse.insert("locations", {"name": name, "timezone": zone, **here})
        unknown = json.dumps({HOSTILE: place})
        warehouse.insert("teams", {"id": f"T{place}", "name": f"Team {place}", "extra": unknown, **here})
        for member, staff in enumerate(STAFF):
            warehouse.insert(
                "team_members",
                {"team_id": f"T{place}", "user_id": f"U{member}", "name": staff, "email": "staff@example.com", **here},
            )
        warehouse.insert(
            "services", {"id": "S1", "name": "Advice", "team_id": f"T{place}", "slot_duration": 30, **here}
        )
    warehouse.insert("services", {"id": "S2", "name": HOSTILE, "team_id": "T1", "slot_duration": 60})
    warehouse.insert("contacts", {"id": "C1", "email": CONTACT, "first_name": "Somebody", "phone": "+4712345678"})
    statuses = ("showed", "showed", "showed", "noshow", "cancelled", "invalid", "confirmed")
    appointments = [
        {
            "location_id": location, "id": f"{location}-{service}-{number}", "service_id": service, "contact_id": "C1",
            "user_id": chance.choice(("U0", "U1", None)), "start_time": start, "end_time": start.add(minutes=minutes),
            "appoinment_status": chance.choice(statuses) if start < NOW else chance.choice(("new", "cancelled")),
            "created_at": start.subtract(hours=chance.choice((2, 50, 400))), "title": f"{CONTACT} comes",
        }
        for location, service, minutes, step in (("L1", "S1", 30, 19), ("L1", "S2", 60, 45), ("L2", "S1", 30, 31))
        for number in range(140 * 24 // step)
        for start in [NOW.subtract(days=120).add(hours=number * step)]
    ]  # fmt: skip
    # Marked on the second day after.
    only = {**appointments[0], "location_id": "L3", "id": "only", "start_time": NOW.subtract(days=3)}
    marked = {"_dlt_valid_to": NOW.subtract(days=1)}, {"_dlt_valid_from": NOW.subtract(days=1)}
    appointments += [
        {**only, "appoinment_status": status, **versions}
        for status, versions in zip(("new", "showed"), marked, strict=True)
    ]
    warehouse.insert("appointments", *appointments)
    slots = [NOW.subtract(days=8).add(hours=7 * number) for number in range(90)]
    warehouse.insert("slots", *({"service_id": "S1", "start_time": start} for start in slots))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium as the machine has it: of its own browsers Playwright may fetch none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        why = "no Chromium here: apt-get install chromium"
        pytest.fail(why) if os.environ.get("REQUIRE_BROWSER") else pytest.skip(why)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield opened
        opened.close()


Open = Callable[..., Page]


@pytest.fixture
def look(browser: Browser) -> Iterator[Open]:
    """Opens a page file, at the report's own time. Whatever the test is about: nothing may be asked of anyone, no
    script may fail or complain, and no name may have become a script."""
    wrong: list[str] = []
    contexts = []

    def opened(file: Path, address: str = "", *, width: int = 1280, theme: str = "light", **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, **options)
        contexts.append(context)
        page = context.new_page()
        page.clock.set_fixed_time(NOW)
        page.on("console", lambda said: wrong.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith("file:") else None)
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
    page.wait_for_selector("body[data-drawn=yes]")
