"""GET endpoints over a real socket: keys, routes, lists and slots."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from bookings_sync.sandbox import office_hours

DAY_MS = 86_400_000


def test_wrong_keys_get_401_with_their_message(api: Any, get_with_key: Callable[..., httpx.Response]) -> None:
    for key in (None, "fake"):
        assert (get_with_key("/calendars/teams", key).status_code, get_with_key("/calendars/teams", key).json()) == (
            401,
            {"msg": "Api key is invalid."},
        )
    wrong = get_with_key("/calendars/teams", api.world.wrong_key)
    assert (wrong.status_code, wrong.json()) == (401, {"msg": "Unauthorized, Switch to the new API token."})
    api.world.revoke_key(api.location.id)
    assert api.client.get("/calendars/teams").json() == {"msg": "Api key is invalid."}


def test_new_keys_contain_the_location_id_and_old_keys_do_not(api: Any) -> None:
    *new, old = api.world.locations
    for location in new:
        claims = location.key.split(".")[1]
        assert json.loads(base64.urlsafe_b64decode(claims + "=="))["location_id"] == location.id
    assert len(old.key) == 50


@pytest.mark.parametrize("path", ["/nothing", "/calendars", "/appointments/x/y/z"])
def test_an_unknown_route_gets_404(api: Any, path: str) -> None:
    response = api.client.get(path)
    assert (response.status_code, response.json()) == (404, {"msg": "Not found"})


def test_a_trailing_slash_makes_no_difference(api: Any) -> None:
    query = {"startDate": 0, "endDate": 4_000_000_000_000, "calendarId": api.service_id}
    slots = {"startDate": api.world.now_ms, "endDate": api.world.now_ms + DAY_MS, "calendarId": api.service_id}
    for path, params in (
        ("/calendars/teams", {}),
        ("/calendars/services", {}),
        ("/appointments", query),
        ("/appointments/slots", slots),
    ):
        assert api.json("GET", path, params=params) == api.json("GET", path + "/", params=params)


def test_all_get_endpoints_agree_with_the_truth(api: Any) -> None:
    for location in api.world.locations:
        api.client.headers["Authorization"] = f"Bearer {location.key}"
        truth = api.world.truth(location.id)
        assert api.json("GET", "/calendars/teams")["teams"] == truth["teams"]
        assert api.json("GET", "/calendars/services")["services"] == truth["services"]
        listed = [
            row
            for service in truth["services"]
            for row in api.appointments(calendarId=service["id"], includeAll="true")
        ]
        assert sorted(listed, key=lambda row: row["id"]) == sorted(truth["appointments"], key=lambda row: row["id"])
        by_team = [row for team in truth["teams"] for row in api.appointments(teamId=team["id"], includeAll="true")]
        assert {row["id"] for row in by_team} == {row["id"] for row in listed}
        assert api.json("GET", f"/appointments/{listed[0]['id']}") == listed[0]
        for service in truth["services"]:
            assert api.slots(service["id"]) == truth["slots"][service["id"]]
    dumped = httpx.get(
        api.server.url + "/sandbox/truth", params={"location": location.id}, trust_env=False, verify=False
    ).json()
    assert dumped == truth


def test_a_key_reads_only_its_own_location(api: Any) -> None:
    other = api.world.locations[1]
    theirs = api.world.truth(other.id)
    ours = {row["id"] for row in api.world.truth(api.location.id)["appointments"]}
    assert api.appointments(calendarId=theirs["services"][0]["id"]) == []
    assert api.client.get(f"/appointments/{theirs['appointments'][0]['id']}").status_code == 404
    assert not ours & {row["id"] for row in theirs["appointments"]}


def test_a_422_names_all_missing_query_fields(api: Any) -> None:
    body = api.client.get("/appointments/").json()
    assert body["startDate"] == {"message": "The start date field is mandatory.", "rule": "required"}
    assert {name: error["rule"] for name, error in body.items()} == {
        "startDate": "required",
        "endDate": "required",
        "userId or calendarProviderId": "requiredWithout",
    }
    assert set(api.client.get("/appointments/slots").json()) == {"calendarId", "startDate", "endDate"}


def test_a_time_that_is_no_epoch_gets_400(api: Any) -> None:
    response = api.client.get("/appointments/", params={"startDate": "June", "endDate": 1, "userId": "u"})
    assert (response.status_code, response.json()) == (400, {"msg": "Bad Request"})


def test_include_all_embeds_the_contact(api: Any) -> None:
    assert not any("contact" in row for row in api.appointments(calendarId=api.service_id))
    rows = api.appointments(calendarId=api.service_id, includeAll="true")
    assert all(row["contact"]["id"] == row["contactId"] for row in rows if row.get("contact") and row.get("contactId"))


def test_an_appointment_must_match_all_scopes(api: Any) -> None:
    rows = api.appointments(calendarId=api.service_id)
    user_id = Counter(row["userId"] for row in rows).most_common(1)[0][0]
    narrowed = api.appointments(calendarId=api.service_id, userId=user_id)
    assert narrowed == [row for row in rows if row["userId"] == user_id]
    assert narrowed != rows


def test_slots_follow_the_office_hours_and_the_requested_zone(api: Any) -> None:
    location = api.world.add_location("plain", "America/New_York")
    user = api.world.add_member(location.id, "A", "a@example.com")
    team = api.world.add_team(location.id, "T", "t", [user.id])
    service = api.world.add_service(
        location.id, team.id, "S", hours=office_hours("09:00-10:00", "13:00-14:00"), notice_hours=0
    )
    api.client.headers["Authorization"] = f"Bearer {location.key}"
    start = int(datetime(2026, 6, 2, tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000)
    query = {"calendarId": service.id, "startDate": start, "endDate": start + DAY_MS}
    day = ["2026-06-02T09:00:00-04:00", "2026-06-02T09:30:00-04:00", "2026-06-02T13:00:00-04:00"]
    reply = api.json("GET", "/appointments/slots", params=query)
    assert reply["2026-06-02"]["slots"] == [*day, "2026-06-02T13:30:00-04:00"]
    indian = api.json("GET", "/appointments/slots", params=query | {"timezone": "Asia/Calcutta"})
    assert indian["2026-06-02"]["slots"][0] == "2026-06-02T18:30:00+05:30"
    assert "timezone" in api.client.get("/appointments/slots", params=query | {"timezone": "Mars/Base"}).json()


@pytest.mark.parametrize(
    ("rules", "booked", "removed"),
    [
        ({}, ["10:00"], ["10:00"]),
        ({"buffer_min": 10}, ["10:00"], ["09:30", "10:00", "10:30"]),
        ({"per_day": 1}, ["10:00"], ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]),
        ({"per_slot": 2}, ["10:00"], []),
        ({"per_slot": 2}, ["10:00", "10:00"], ["10:00"]),
        ({"duration_min": 60}, ["10:00"], ["09:30", "10:00", "10:30"]),
    ],
)
def test_a_booking_removes_the_slots_that_each_rule_forbids(
    api: Any, rules: dict[str, Any], booked: list[str], removed: list[str]
) -> None:
    location = api.world.add_location("plain", "UTC")
    user = api.world.add_member(location.id, "A", "a@example.com")
    team = api.world.add_team(location.id, "T", "t", [user.id])
    hours = office_hours("09:00-12:00")
    service = api.world.add_service(location.id, team.id, "S", hours=hours, notice_hours=0, **rules)
    api.client.headers["Authorization"] = f"Bearer {location.key}"

    def tuesday() -> set[str]:
        return {slot[11:16] for slot in api.slots(service.id) if slot.startswith("2026-06-02")}

    before = tuesday()
    for time in booked:
        start = datetime.fromisoformat(f"2026-06-02T{time}:00+00:00")
        api.world.book(location.id, service.id, start, only_if_free=True)
    assert before - tuesday() == set(removed)


def test_slots_respect_notice_and_booking_horizon(api: Any) -> None:
    free = api.slots(api.service_id, endDate=api.world.now_ms + 31 * DAY_MS)
    times = [datetime.fromisoformat(slot) for slot in free]
    assert times == sorted(times)
    assert times[0] >= api.world.now + timedelta(hours=2)
    late = {"startDate": api.world.now_ms + 61 * DAY_MS, "endDate": api.world.now_ms + 80 * DAY_MS}
    assert api.slots(api.service_id, **late) == []
