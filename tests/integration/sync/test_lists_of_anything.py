"""A list may contain anything: one location's odd lists stop neither its own rest nor another location."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
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


# -- each location has another oddity, and the last has none -----------------------------------------------------------

_SERVICE = {"id": "S", "name": "S"}
mine = partial(appointment, calendarServiceId="S", locationId=None)
ODDITIES: list[dict[str, Any]] = [
    *(
        {"services": [{**_SERVICE, "teamMembers": each, "availability": {"officeHours": each}}]}
        for each in (None, 7, "x", [], {}, [None, 7, [], {"userId": {}}], {"monday": 5}, {"monday": [None, 5, []]})
    ),
    *({"services": [{**_SERVICE, "availability": each, "linkedCalendars": each}]} for each in (7, "x", [None], [{}])),
    *({"teams": [{"id": "T", "members": each, "calendarConfig": each}]} for each in (7, "x", {}, [None, [], 7], [[]])),
    *({"services": each, "teams": each, "appointments": each, "slots": each} for each in (None, 7, "x", {}, {"a": []})),
    *(
        {"appointments": [mine("a", calendarServiceId="S", contact={"id": "c", "customField": each, "tags": each})]}
        for each in (7, "x", {}, [None, 7, [], {"id": []}], {"a": [1]})
    ),
    *({"appointments": [mine("a", calendarServiceId="S", contact=each)]} for each in (7, "x", [], [{"id": "c"}])),
    *({"appointments": [mine("a", meta=each, startTime=each)]} for each in (7, [], {"a": 1}, [[]])),
    *({"slots": {"2026-11-03": each}} for each in (7, "x", [], [None, 7, {}], {"slots": 5}, {"slots": [None, [], 5]})),
    {},
]


def answer_of(asked: Asked) -> Replied:
    headers = {name.lower(): value for name, value in asked.headers.items()}
    number = int(headers["authorization"].rpartition("-")[2])
    plain: dict[str, Any] = {
        "services": [_SERVICE], "teams": [], "appointments": [mine("a")], "slots": {},
    }  # fmt: skip
    lists = {**plain, **ODDITIES[number]}
    path = asked.path.rstrip("/").removeprefix("/v1")
    if path == "/appointments/slots":
        return Replied(as_json(lists["slots"]))
    name = path.rpartition("/")[2]
    return Replied(as_json({name: lists[name]})) if name in lists else UNKNOWN


def test_no_oddity_ends_another_location(warehouse_file: Path) -> None:
    locations = {
        f"location{number}": Location(f"location{number}", f"key-{number}", location_id=f"L{number}")
        for number in range(len(ODDITIES))
    }
    with FakeApi(answer_of) as api:
        settings = Settings(
            locations=locations, base_url=api.base_url, rate_limit=100_000, history_start=NOW.date(), lookback_days=10,
            attempts=1,
        )  # fmt: skip
        result = pipeline.sync(settings, clock=lambda: pendulum.instance(NOW))
        pipeline.plan_run(settings, clock=lambda: pendulum.instance(NOW), asked=None, full=False)
        checks = list(check(settings, clock=lambda: pendulum.instance(NOW)))
    outcomes = {each["name"]: each["outcome"] for each in json.loads(result.row["locations"])}
    assert outcomes[f"location{len(ODDITIES) - 1}"] == "ok"
    assert not any("unexpected" in each for each in json.loads(result.row["errors"]))
    assert not any("unexpected" in finding.what for each in checks for finding in each.findings)


@pytest.mark.parametrize("broken", ["listed_rows", "appointment_rows"])
def test_a_mistake_of_ours_ends_one_location(settings: Settings, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    from bookings_sync.sync import lists, whole_lists

    module = whole_lists if broken == "listed_rows" else lists
    real = getattr(module, broken)

    def fails_for_one(*given: Any, **more: Any) -> Any:
        if "one" in given:
            raise AttributeError("a value that nobody may see")
        return real(*given, **more)

    monkeypatch.setattr(module, broken, fails_for_one)
    both = {name: Location(name, f"key-of-{name}-{len(ODDITIES) - 1}", location_id=name) for name in ("one", "two")}
    with FakeApi(answer_of) as api:
        result = pipeline.sync(
            replace(settings, locations=both, base_url=api.base_url), clock=lambda: pendulum.instance(NOW)
        )
    outcomes = {each["name"]: each["outcome"] for each in json.loads(result.row["locations"])}
    assert outcomes == {"one": "failed", "two": "ok"}
    assert result.row["outcome"] == "partial"
    assert "nobody may see" not in result.row["errors"]
    assert "unexpected AttributeError" in result.row["errors"]
