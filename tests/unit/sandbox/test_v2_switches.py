"""The effect of each switch of v2, and of the shared switches on v2, over a real socket."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from bookings_sync.sandbox import Switches, office_hours, truth_v2
from bookings_sync.sandbox.v2.calendar_json import OUTDATED

from .conftest import switch

DAY_MS = 86_400_000


def mine(api: Any, **more: Any) -> dict[str, Any]:
    return {"locationId": api.location.id, **more}


def get(api: Any, path: str, **query: Any) -> httpx.Response:
    response: httpx.Response = api.v2_request("GET", path, params=query)
    return response


def booked(api: Any, days: int = 300) -> Any:
    return api.world.book(api.location.id, api.service_id, api.world.now + timedelta(days=days))


def event(api: Any, event_id: str, **request: Any) -> dict[str, Any]:
    found: dict[str, Any] = api.v2(f"/calendars/events/appointments/{event_id}", **request)["event"]
    return found


def test_trial_accounts_have_lower_limits(api: Any) -> None:
    switch(api, trial_account=True)
    replies = [get(api, "/calendars/groups", **mine(api)) for _ in range(26)]
    assert [reply.status_code for reply in replies] == [200] * 25 + [429]
    assert (replies[0].headers["X-RateLimit-Max"], replies[0].headers["X-RateLimit-Limit-Daily"]) == ("25", "10000")
    assert "X-RateLimit-Max" not in api.client.get("/calendars/teams").headers


@pytest.mark.parametrize("form", ["none", "seconds", "date"])
def test_retry_after(api: Any, form: str) -> None:
    switch(api, trial_account=True, limit_retry_after=form)
    last = [get(api, "/calendars/groups", **mine(api)) for _ in range(26)][-1]
    value = last.headers.get("Retry-After")
    assert (value is None, str(value).isdigit()) == (form == "none", form == "seconds")


@pytest.mark.parametrize(
    ("shown", "events", "groups", "refused"),
    [("none", False, False, False), ("some", True, False, False), ("all", True, True, True)],
)
def test_replies_have_trace_ids(api: Any, shown: str, events: bool, groups: bool, refused: bool) -> None:
    switch(api, trace_id=shown)
    window = {"calendarId": api.service_id, "startTime": "0", "endTime": "1"}
    slots = {"startDate": api.world.now_ms, "endDate": api.world.now_ms + DAY_MS}
    replies = {
        path: get(api, path, **mine(api, **query)).json()
        for path, query in (
            ("/calendars/events", window),
            ("/calendars/blocked-slots", window),
            (f"/calendars/{api.service_id}/free-slots", slots),
            ("/calendars/groups", {}),
            ("/calendars/nope", {}),
        )
    }
    assert ["traceId" in reply for reply in replies.values()] == [events, events, events, groups, refused]
    if events:
        again = get(api, "/calendars/events", **mine(api, **window)).json()
        assert again["traceId"] != replies["/calendars/events"]["traceId"]


def test_the_message_of_a_422_is_a_text(api: Any) -> None:
    switch(api, error_messages="text")
    body = get(api, "/calendars/groups").json()
    assert body == {"statusCode": 422, "message": "locationId should not be empty", "error": "Unprocessable Entity"}


def test_the_message_for_an_unknown_token(api: Any) -> None:
    switch(api, unknown_pit_message="Invalid JWT")
    reply = api.v2_request("GET", "/calendars/groups", token="pit-none", params=mine(api))
    assert (reply.status_code, reply.json()["message"]) == (401, "Invalid JWT")


def test_a_put_works_under_every_version(api: Any) -> None:
    switch(api, ignored_put_version="none")
    row = booked(api)
    path = f"/calendars/events/appointments/{row.id}"
    assert api.v2_request("PUT", path, json={"title": "New"}, version="2021-07-28").json()["title"] == "New"


@pytest.mark.parametrize(("reply", "status"), [("422", 422), ("empty", 200)])
def test_a_window_of_iso_texts(api: Any, reply: str, status: int) -> None:
    switch(api, iso_window=reply)
    query = mine(api, calendarId=api.service_id, startTime="2020-01-01T00:00:00Z", endTime="2030-01-01T00:00:00Z")
    response = get(api, "/calendars/events", **query)
    assert response.status_code == status
    assert status == 422 or response.json()["events"] == []


def test_lists_by_user_and_by_group_are_empty(api: Any) -> None:
    service = api.world.data[api.location.id].services[api.service_id]
    user_id = service.user_ids()[0]
    assert api.events(userId=user_id)
    switch(api, lists_by_user="empty")
    assert api.events(userId=user_id) == []
    assert api.events(groupId=service.team_id)
    switch(api, lists_by_group="empty")
    assert api.events(groupId=service.team_id) == []
    assert api.events(calendarId=service.id)


def test_events_contain_blocked_time(api: Any) -> None:
    start = api.world.now + timedelta(days=300)
    block = api.world.block(api.location.id, api.service_id, start, start + timedelta(hours=1))
    switch(api, events_contain_blocked=True)
    assert block.id in {row["id"] for row in api.events(calendarId=api.service_id)}
    assert block.id in {row["id"] for row in api.events("/calendars/blocked-slots", calendarId=api.service_id)}


def test_deleted_events_are_still_listed(api: Any) -> None:
    start, kept = booked(api), booked(api, 301)
    api.world.delete(api.location.id, start.id)
    window = {"startTime": start.start_ms, "endTime": kept.start_ms, "calendarId": api.service_id}
    assert [row["id"] for row in api.events(**window)] == [kept.id]
    switch(api, deleted_listed=True)
    assert [(row["id"], row.get("deleted")) for row in api.events(**window)] == [(start.id, True), (kept.id, None)]
    assert [row["id"] for row in api.events(**window | {"startTime": start.start_ms + 1})] == [kept.id]
    switch(api, window_on="overlap")
    assert [row["id"] for row in api.events(**window | {"startTime": start.start_ms + 1})] == [start.id, kept.id]
    assert api.events("/calendars/blocked-slots", **window) == []
    assert truth_v2(api.world, api.location.id)["events"][-1]["id"] == kept.id


def test_deleted_is_told_under_a_version_only(api: Any) -> None:
    row = booked(api)
    api.world.flag_as_deleted(api.location.id, row.id)
    assert event(api, row.id)["deleted"] is True
    switch(api, deleted_needs_version="v3")
    assert "deleted" not in event(api, row.id)
    assert event(api, row.id, version="v3")["deleted"] is True
    window = {"startTime": row.start_ms, "endTime": row.start_ms, "calendarId": api.service_id}
    assert "deleted" not in api.events(**window)[0]


@pytest.mark.parametrize(
    ("deleted_id", "status", "told"),
    [
        ("404", 404, {}),
        ("400", 400, {}),
        ("flag", 200, {"deleted": True}),
        ("plain", 200, {}),
        ("status", 200, {"appointmentStatus": "deleted"}),
        ("same", 422, {}),
    ],
)
def test_a_deleted_event_by_id(api: Any, deleted_id: str, status: int, told: dict[str, Any]) -> None:
    switch(api, deleted_id=deleted_id, unknown_id="422")
    row = booked(api)
    before = event(api, row.id)
    api.world.delete(api.location.id, row.id)
    reply = get(api, f"/calendars/events/appointments/{row.id}")
    assert reply.status_code == status
    assert status != 200 or reply.json()["event"] == before | told
    assert get(api, "/calendars/events/appointments/nope").status_code == 422


@pytest.mark.parametrize(("unknown", "body"), [("empty", b""), ("object", b"{}")])
def test_an_unknown_id_has_an_empty_reply(api: Any, unknown: str, body: bytes) -> None:
    switch(api, unknown_id=unknown)
    for path in ("/calendars/events/appointments/nope", "/contacts/nope"):
        reply = get(api, path)
        assert (reply.status_code, reply.content) == (200, body)


def test_date_updated_does_not_always_move(api: Any) -> None:
    row = booked(api)
    contact_id = row.contact.id
    switch(api, date_updated="some_changes")

    def moved() -> tuple[bool, bool]:
        contact = api.v2(f"/contacts/{contact_id}")["contact"]
        shown = event(api, row.id)
        return shown["dateUpdated"] != shown["dateAdded"], contact["dateUpdated"] != contact["dateAdded"]

    api.world.now_ms += 60_000
    api.world.mark(api.location.id, row.id, "showed")
    api.world.update_contact(api.location.id, contact_id, {"tags": ["vip"]})
    assert moved() == (False, False)
    switch(api, date_updated="every_change")
    assert moved() == (True, True)
    switch(api, date_updated="some_changes")
    api.world.reschedule(api.location.id, row.id, api.world.now + timedelta(days=200))
    api.world.update_contact(api.location.id, contact_id, {"firstName": "Jo"})
    assert moved() == (True, True)
    switch(api, date_updated="absent")
    assert "dateUpdated" not in event(api, row.id) | api.v2(f"/contacts/{contact_id}")["contact"]


@pytest.mark.parametrize(
    ("form", "shown"),
    [("milliseconds", "2026-06-01T12:00:00.000Z"), ("offset", "2026-06-01T12:00:00+00:00"), ("epoch", 1780315200000)],
)
def test_the_form_of_dates(api: Any, form: str, shown: str | int) -> None:
    switch(api, date_format=form)
    row = booked(api)
    for record in (event(api, row.id), api.v2(f"/contacts/{row.contact.id}")["contact"]):
        assert (record["dateAdded"], record["dateUpdated"]) == (shown, shown)


@pytest.mark.parametrize(("zone", "offset"), [("location", "-06:00"), ("booked", "+05:30"), ("utc", "+00:00")])
def test_the_offset_of_times(api: Any, zone: str, offset: str) -> None:
    switch(api, event_zone=zone)
    start = datetime.fromisoformat("2027-01-05T10:00:00-06:00")
    row = api.world.book(api.location.id, api.service_id, start, timezone="Asia/Calcutta")
    shown = event(api, row.id)["startTime"]
    assert (shown[-6:], datetime.fromisoformat(shown)) == (offset, start)


@pytest.mark.parametrize("spelling", ["right", "sic", "both"])
def test_the_spelling_of_the_status(api: Any, spelling: str) -> None:
    switch(api, event_status_spelling=spelling)
    shown = event(api, booked(api).id)
    expected = {"right": {"appointmentStatus"}, "sic": {"appoinmentStatus"}}
    names = {"appointmentStatus", "appoinmentStatus"}
    assert shown.keys() & names == expected.get(spelling, names)


def test_instances_have_ids_of_their_own(api: Any) -> None:
    same = {row["id"] for row in truth_v2(api.world, api.location.id)["events"] if row.get("masterEventId")}
    switch(api, series_ids="own")
    rows = [row for row in truth_v2(api.world, api.location.id)["events"] if row.get("masterEventId")]
    assert {row["id"].rpartition("_")[0] for row in rows} >= same
    for row in rows:
        start, end = (datetime.fromisoformat(row[name] or row["startTime"]) for name in ("startTime", "endTime"))
        master, _, seconds = row["id"].split("_")
        assert master == row["masterEventId"]
        assert row["endTime"] is None or int(seconds) == (end - start).total_seconds()
        assert event(api, row["id"]) == row
        assert get(api, f"/calendars/events/appointments/{row['id'].rpartition('_')[0]}").status_code == 404


@pytest.mark.parametrize(
    ("counted", "days"),
    [("sunday_0", [[1, 2, 3, 4, 5], [0]]), ("monday_0", [[0, 1, 2, 3, 4], [6]]), ("sunday_1", [[2, 3, 4, 5, 6], [1]])],
)
def test_days_of_the_week(api: Any, counted: str, days: list[list[int]]) -> None:
    switch(api, days_of_week=counted)
    team_id = next(iter(api.world.data[api.location.id].teams))
    hours = office_hours("09:00-12:00", sunday=("10:00-14:00",))
    service = api.world.add_service(api.location.id, team_id, "S", hours=hours)
    calendar = next(each for each in truth_v2(api.world, api.location.id)["calendars"] if each["id"] == service.id)
    assert [entry["daysOfTheWeek"] for entry in calendar["openHours"]] == days


@pytest.mark.parametrize(
    ("true", "places"),
    [("same", ("Room 1", "Room 1")), ("field", ("Room 1", OUTDATED)), ("configuration", (OUTDATED, "Room 1"))],
)
def test_which_meeting_location_is_true(api: Any, true: str, places: tuple[str, str]) -> None:
    switch(api, meeting_location=true)
    body = api.world.data[api.location.id].services[api.service_id].body
    body["meetingLocation"] = body["teamMembers"][0]["meetingLocation"] = "Room 1"
    calendar = api.v2("/calendars/", **mine(api))["calendars"][0]
    for record in (calendar, calendar["teamMembers"][0]):
        assert (record["meetingLocation"], record["locationConfigurations"][0]["location"]) == places


@pytest.mark.parametrize(("effect", "total"), [("works", 1), ("ignored", None), ("422", 422)])
def test_contacts_filtered_by_their_update(api: Any, effect: str, total: int | None) -> None:
    switch(api, contacts_updated_filter=effect)
    api.world.add_contact(api.location.id, {})
    condition = {"field": "dateUpdated", "operator": "range", "value": {"gte": api.world.now_ms}}
    body = mine(api, pageLimit=1, filters=[condition])
    reply = api.v2_request("POST", "/contacts/search", json=body).json()
    every = len(api.world.data[api.location.id].contacts)
    assert (reply.get("total") or reply["statusCode"]) == (every if total is None else total)


def test_shared_switches_of_windows_and_caps(api: Any) -> None:
    rows = [row["id"] for row in api.events(calendarId=api.service_id)]
    switch(api, max_rows=5)
    assert [row["id"] for row in api.events(calendarId=api.service_id)] == rows[:5]
    switch(api, cap_keeps="latest")
    assert [row["id"] for row in api.events(calendarId=api.service_id)] == rows[-5:]
    switch(api, max_rows=None, ignores_window=20)
    assert len(api.events(calendarId=api.service_id, endTime="0")) == 20
    switch(api, ignores_window=None, end_inclusive=False)
    row = booked(api)
    window = {"calendarId": api.service_id, "startTime": row.start_ms - 1, "endTime": row.start_ms}
    assert api.events(**window) == []
    switch(api, window_on="overlap")
    assert [each["id"] for each in api.events(**window | {"startTime": row.start_ms + 1, "endTime": row.end_ms})]
    switch(api, max_window_days=30)
    query = mine(api, calendarId=api.service_id, startTime=0, endTime=31 * DAY_MS)
    assert get(api, "/calendars/events", **query).status_code == 422


def test_shared_switches_of_unknown_and_vanished_calendars(api: Any) -> None:
    assert api.events(calendarId="nope") == []
    vanished = api.service_id
    everything = api.events(calendarId=vanished)
    api.world.delete_service(api.location.id, vanished)
    assert api.events(calendarId=vanished) == everything
    switch(api, vanished_service="empty", unknown_scope="422")
    assert api.events(calendarId=vanished) == []
    query = mine(api, startTime=0, endTime=1)
    assert get(api, "/calendars/events", **query, calendarId="nope").json()["message"] == ["calendarId is invalid"]
    switch(api, vanished_service="422")
    assert get(api, "/calendars/events", **query, calendarId=vanished).status_code == 422


def test_shared_switches_of_slots(api: Any) -> None:
    switch(api, empty_days="empty", slots_timezone="utc", max_slot_days=7)
    query = {"startDate": api.world.now_ms, "endDate": api.world.now_ms + 7 * DAY_MS}
    days = api.v2(f"/calendars/{api.service_id}/free-slots", **query)
    assert any(name != "traceId" and day["slots"] == [] for name, day in days.items())
    assert all(slot.endswith("+00:00") for name, day in days.items() if name != "traceId" for slot in day["slots"])
    api.v2(f"/calendars/{api.service_id}/free-slots", status=422, **query | {"endDate": query["endDate"] + 1})


def test_a_calendar_id_is_never_a_group(api: Any) -> None:
    switch(api, calendar_id_means="team")
    assert api.events(calendarId=api.service_id)


def test_defaults_are_the_most_likely_behaviour() -> None:
    defaults = Switches()
    assert (defaults.series_ids, defaults.days_of_week, defaults.date_updated) == ("same", "sunday_0", "every_change")
