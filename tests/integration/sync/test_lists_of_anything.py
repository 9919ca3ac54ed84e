"""A list may contain anything: one location's odd lists stop neither its own rest nor another location."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pendulum
import pytest

from bookings_sync.config.settings import Location, Settings
from bookings_sync.sync import pipeline
from bookings_sync.sync.check import check
from support.fake_api import Asked, FakeApi, Replied
from support.fake_calendar import NOW, UNKNOWN, appointment
from support.nasty import as_json

DEEP: Any = []
for _ in range(990):
    DEEP = [DEEP]
ANYTHING = [
    None,
    7,
    "text",
    [],
    {},
    {"id": None},
    {"id": [1]},
    {"id": DEEP},
    {"id": "S", "teamMembers": [None], "calendarConfig": 5},
]
ODD_NOTICE = {"id": "N", "availability": {"schedule": {"allowBookingAfter": 1e300, "allowBookingAfterUnit": "Hours"}}}
ODD_UNIT = {"id": "U", "availability": {"schedule": {"allowBookingAfter": 10**400, "allowBookingAfterUnit": DEEP}}}


def answer(asked: Asked) -> Replied:
    lists: dict[str, Any] = {
        "/v1/calendars/teams": {"teams": [*ANYTHING, {"id": "T", "members": [None, 7, {"id": "U"}]}]},
        "/v1/calendars/services": {"services": [*ANYTHING, ODD_NOTICE, ODD_UNIT]},
        "/v1/appointments": {"appointments": [None, 7, "text", [], appointment("a", calendarServiceId="S")]},
        "/v1/appointments/slots": {},
    }
    path = asked.path.rstrip("/")
    return Replied(as_json(lists[path])) if path in lists else UNKNOWN


@pytest.fixture
def settings(warehouse_file: Path) -> Settings:
    locations = {name: Location(name, f"key-of-{name}") for name in ("one", "two")}  # opaque: the data name the id
    return Settings(locations=locations, rate_limit=100_000, history_start=NOW.date(), lookback_days=10)


def test_a_sync_loads_what_it_can(settings: Settings) -> None:
    with FakeApi(answer) as api:
        result = pipeline.sync(
            replace(settings.only(["one"]), base_url=api.base_url), clock=lambda: pendulum.instance(NOW)
        )
    assert result.row["errors"] == "[]"
    assert result.changes.rejected > 0


def test_a_check_ends_with_findings(settings: Settings) -> None:
    with FakeApi(answer) as api:
        checks = list(check(replace(settings, base_url=api.base_url), clock=lambda: pendulum.instance(NOW)))
    assert [each.name for each in checks] == ["one", "two"]
    assert all(each.findings for each in checks)
