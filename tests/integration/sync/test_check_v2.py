"""`check` for the successor API: access, scopes, and an answer to each thing that its reference leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pendulum
import pytest

from bookings_sync.config.settings import Location, Settings
from bookings_sync.sandbox import SandboxServer, Switches, WorldSpec, generate
from bookings_sync.sync.check import Finding, check
from support.fake_api import Replied
from support.fake_v2 import NOW, READ_SCOPES, FakeV2, as_json, event


@pytest.fixture
def api() -> Iterator[FakeV2]:
    with FakeV2() as serving:
        yield serving


def checked(api: FakeV2, **knobs: Any) -> dict[str, Finding]:
    (location,) = check(api.settings(**knobs), clock=lambda: pendulum.instance(NOW))
    return {each.subject: each for each in location.findings}


def verdict(found: Finding, *words: str) -> str:
    """The verdict, if the finding and its fix say these words."""
    text = f"{found.what} {found.fix}"
    assert all(word in text for word in words), text
    return found.verdict


def test_a_working_token_passes(api: FakeV2) -> None:
    found = checked(api)
    assert {each.verdict for each in found.values()} <= {"ok", "note"}, found
    assert verdict(found["location"], "Berlin, Europe/Berlin, company Comp") == "ok"
    assert verdict(found["scopes"]) == "ok"
    assert verdict(found["time zone"], "Europe/Berlin, as the API reports") == "ok"
    assert verdict(found["appointments"], "3 by service, 3 by team, 3 by user") == "ok"
    assert verdict(found["update times"], "3 of 3") == "ok"
    assert verdict(found["weekdays"], "v2_sunday = 0") == "ok"
    assert verdict(found["unknown id"], "404", "JSON object") == "ok"


@pytest.mark.parametrize(
    "lacking",
    [
        ["calendars/groups.readonly", "users.readonly"],
        ["calendars.readonly", "calendars/events.readonly", "contacts.readonly", "locations.readonly"],
        sorted(READ_SCOPES),
    ],
)
def test_all_missing_scopes_are_named_at_once(api: FakeV2, lacking: list[str]) -> None:
    api.scopes -= set(lacking)
    found = checked(api)["scopes"]
    assert verdict(found, *lacking) == "failed"
    assert not any(each in found.what for each in READ_SCOPES - set(lacking) if each != "calendars.readonly")


def test_contacts_that_are_not_wanted_need_no_scope(api: FakeV2) -> None:
    api.scopes.remove("contacts.readonly")
    assert verdict(checked(api, include_contacts=False)["scopes"]) == "ok"


def test_a_token_of_another_location(api: FakeV2) -> None:
    found = checked(api, location_id="another")
    assert list(found) == ["location"]
    assert verdict(found["location"], "another", "Correct location_id") == "failed"


def test_an_unknown_token(api: FakeV2) -> None:
    found = checked(api, token="pit-of-nobody")
    assert list(found) == ["key"]
    assert verdict(found["key"], "private integration token", "api_key") == "failed"


def test_a_location_without_its_id_is_a_finding_of_that_location_only(api: FakeV2) -> None:
    found = checked(api, location_id=None)
    assert list(found) == ["configuration"]
    assert verdict(found["configuration"], "location_id", "secrets.toml") == "failed"


def test_another_address_is_no_refused_token(api: FakeV2) -> None:
    base_url = api.api.base_url
    assert verdict(checked(api, v2_base_url=base_url)["host"], "v2_base_url") == "failed"


def test_blocked_time_that_only_users_list(api: FakeV2) -> None:
    api.blocked = [event("b1", 5, contactId=None, calendarId=None, groupId=None)]
    found = checked(api)["appointments"]
    assert verdict(found, "4 (1 blocked off) by user", "miss 1 (1 blocked off)", '["service", "user"]') == "note"


def test_capped_lists(api: FakeV2) -> None:
    assert verdict(checked(api)["caps"], "all 3") == "ok"
    api.cap = 2
    assert verdict(checked(api)["caps"], "holds 2 appointments", "1 more") == "note"


@pytest.mark.parametrize("end_inclusive", [False, True])
@pytest.mark.parametrize("overlap", [False, True])
def test_window_edges(api: FakeV2, end_inclusive: bool, overlap: bool) -> None:
    api.end_inclusive, api.overlap = end_inclusive, overlap
    found = checked(api)
    says = "end is listed" if end_inclusive else "end is not listed"
    assert verdict(found["window edges"], says, "at its start is listed") == "ok"
    assert ("began before" in found["windows"].what) is overlap


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        (as_json({"message": "no", "statusCode": 400}, 400), "ok", ("400", "JSON object")),
        (as_json({"message": "no", "statusCode": 410}, 410), "failed", ("Add 410 to unknown_id_statuses",)),
        (Replied(b"<html>", 404), "failed", ("404 and no JSON object",)),
        (as_json({"message": "Cannot GET /calendars/events/appointments/x"}, 404), "failed", ("does not serve",)),
        (as_json({}), "ok", ("empty body",)),
        (as_json({"event": event("other")}), "failed", ()),
    ],
)
def test_the_answer_to_an_unknown_id(api: FakeV2, answer: Replied, expected: str, words: tuple[str, ...]) -> None:
    api.unknown_id = answer
    assert verdict(checked(api)["unknown id"], *words) == expected


@pytest.mark.parametrize(
    ("days", "free", "sunday", "expected"),
    [
        ([1, 2, 3], {0, 1, 2}, 0, "ok"),
        ([1, 2, 3], {0, 1, 2}, 1, "failed"),
        ([2, 3, 4], {0, 1, 2}, 1, "ok"),
        ([0, 1, 2], {0, 1, 2}, 6, "ok"),
        ([0, 1, 2], {0, 1, 2}, 0, "failed"),
        ([1, 2, 3, 4, 5, 6, 0], {0, 1, 2}, 0, "note"),
        ([1, 2, 3], set(), 0, "note"),
    ],
)
def test_which_number_sunday_has(api: FakeV2, days: list[int], free: set[int], sunday: int, expected: str) -> None:
    api.calendars[0]["openHours"][0]["daysOfTheWeek"] = days
    api.free_weekdays = free
    fix = "v2_sunday = " if expected == "failed" else ""
    assert verdict(checked(api, v2_sunday=sunday)["weekdays"], fix) == expected


def test_days_with_special_hours_do_not_count(api: FakeV2) -> None:
    api.free_weekdays = {0, 1, 2, 6}
    assert verdict(checked(api)["weekdays"]) == "note"  # a free Sunday contradicts 0, a free Wednesday 1
    sundays = [NOW.date().replace(day=day).isoformat() for day in (8, 15, 22, 29)]
    api.calendars[0]["availabilities"] = [{"date": f"{day}T00:00:00.000Z", "hours": []} for day in sundays]
    assert verdict(checked(api)["weekdays"], "v2_sunday = 0") == "ok"


def test_whether_contacts_are_filtered_by_change(api: FakeV2) -> None:
    api.contacts = [{"id": f"K{day}", "dateUpdated": f"2026-10-0{day}T10:00:00.000Z"} for day in (1, 2, 3)]
    assert verdict(checked(api)["changed contacts"], "contacts_changed_filter = true") == "ok"
    api.heeds_changed = False
    assert verdict(checked(api)["changed contacts"], "Keep contacts_changed_filter = false") == "note"
    found = checked(api, contacts_changed_filter=True)["changed contacts"]
    assert verdict(found, "Write contacts_changed_filter = false") == "failed"


def test_records_without_update_times(api: FakeV2) -> None:
    api.events = [event("e1", dateUpdated=None), event("e2")]
    assert verdict(checked(api)["update times"], "1 of 2") == "note"


def test_deletion_marks(api: FakeV2) -> None:
    api.events.append(event("e4", 4, deleted=True))
    assert verdict(checked(api)["soft deletion"], "1 listed appointments are marked") == "ok"


def test_the_limits_that_replies_state(api: FakeV2) -> None:
    assert "rate limit" not in checked(api)
    api.headers = {"X-RateLimit-Max": "100", "X-RateLimit-Interval-Milliseconds": "10000"}
    assert verdict(checked(api)["rate limit"], "100 requests in 10 s") == "ok"
    api.headers |= {"X-RateLimit-Max": "25", "X-RateLimit-Limit-Daily": "10000"}
    found = checked(api)
    assert verdict(found["rate limit"], "rate_limit = 25") == "note"
    assert verdict(found["daily limit"], "request_budget = 10000") == "note"


def test_no_value_of_a_record_is_reported(api: FakeV2) -> None:
    api.contacts = [{"id": "K1", "email": "anna@example.org", "dateUpdated": "2026-10-01T10:00:00.000Z"}]
    api.events = [event("e1", title="Anna Karenina")]
    assert "anna" not in str(checked(api)).lower()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    world = generate(WorldSpec(now=NOW, seed=3, locations=1, appointments=600))
    location_id = world.locations[0].id
    near = [
        each for each in world.data[location_id].by_start.all() if abs(each.start_ms - world.now_ms) < 5 * 86_400_000
    ]
    world.delete(location_id, near[0].id)
    with SandboxServer(world, quota=None) as server:
        yield server


@pytest.mark.parametrize(
    ("switches", "subject", "expected", "words"),
    [
        ({}, "scopes", "ok", ()),
        ({"max_rows": 5}, "caps", "note", ("cut off",)),
        ({"lists_by_user": "empty", "lists_by_group": "empty"}, "appointments", "ok", ("0 by team, 0 by user",)),
        ({"end_inclusive": False}, "window edges", "ok", ("end is not listed",)),
        ({"days_of_week": "monday_0"}, "weekdays", "failed", ("v2_sunday = 6",)),
        ({"days_of_week": "sunday_1"}, "weekdays", "failed", ("v2_sunday = 1",)),
        ({"contacts_updated_filter": "422"}, "changed contacts", "note", ("filters",)),
        ({"contacts_updated_filter": "ignored"}, "changed contacts", "note", ("ignores",)),
        ({}, "deleted events", "ok", ("or not listed",)),
        ({"deleted_listed": True}, "deleted events", "ok", ("marked by",)),
        ({"deleted_listed": True, "deleted_needs_version": "v3"}, "deleted events", "failed", ('"v3"',)),
        ({"date_updated": "absent"}, "update times", "note", ("0 of",)),
        ({"unknown_id": "422"}, "unknown id", "ok", ("422",)),
    ],
)
def test_each_switch_of_the_sandbox_is_found(
    sandbox: SandboxServer, switches: dict[str, Any], subject: str, expected: str, words: tuple[str, ...]
) -> None:
    sandbox.world.switches = Switches(**switches)
    here = sandbox.world.locations[0]
    locations = {here.name: Location(here.name, here.pit, location_id=here.id)}
    settings = Settings(v2_base_url=sandbox.base_url_v2, locations=locations)
    (location,) = check(settings, clock=lambda: pendulum.instance(NOW))
    found = {each.subject: each for each in location.findings}
    assert verdict(found[subject], *words) == expected
    failed = [each.subject for each in location.findings if each.verdict == "failed"]
    assert failed == [subject] * (expected == "failed")
