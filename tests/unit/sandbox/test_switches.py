"""The effect of each switch, over a real socket."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bookings_sync.sandbox import Switches

from .conftest import switch

DAY_MS = 86_400_000


def rows_of(api: Any, start: datetime, end: datetime) -> list[str]:
    window = {"startDate": int(start.timestamp() * 1000), "endDate": int(end.timestamp() * 1000)}
    return [row["id"] for row in api.appointments(calendarId=api.service_id, **window)]


def test_every_switch_has_a_test() -> None:
    """Looks for `name=` of each switch in the tests of switches and variants."""
    names = ("test_switches.py", "test_variants.py", "test_v2_switches.py", "test_v2_errors.py")
    source = "".join(Path(__file__).with_name(name).read_text() for name in names)
    assert [field.name for field in fields(Switches) if f"{field.name}=" not in source] == []


@pytest.mark.parametrize("settings", [{"nope": 1}, {"window_on": "end"}, {"max_rows": 0}, {"end_inclusive": 1}])
def test_an_invalid_switch_is_refused(api: Any, settings: dict[str, Any]) -> None:
    response = httpx.post(api.server.url + "/sandbox/switches", json=settings, trust_env=False, verify=False)
    assert response.status_code == 400
    assert next(iter(settings)) in response.json()["error"]
    assert api.world.switches == Switches()


def test_window_on_start_or_overlap_and_end_inclusive(api: Any) -> None:
    start = api.world.now + timedelta(days=300)
    end = start + timedelta(minutes=30)
    appointment = api.world.book(api.location.id, api.service_id, start).id
    assert rows_of(api, start - timedelta(hours=1), start) == [appointment]
    switch(api, end_inclusive=False)
    assert rows_of(api, start - timedelta(hours=1), start) == []
    assert rows_of(api, start + timedelta(minutes=1), end) == []
    switch(api, window_on="overlap")
    assert rows_of(api, start + timedelta(minutes=1), end) == [appointment]
    assert rows_of(api, end, end + timedelta(hours=1)) == []
    assert rows_of(api, start - timedelta(hours=1), start) == []


def test_max_rows_and_cap_keeps(api: Any) -> None:
    rows = [row["id"] for row in api.appointments(calendarId=api.service_id)]
    switch(api, max_rows=5, cap_keeps="earliest")
    assert [row["id"] for row in api.appointments(calendarId=api.service_id)] == rows[:5]
    switch(api, cap_keeps="latest")
    assert [row["id"] for row in api.appointments(calendarId=api.service_id)] == rows[-5:]
    switch(api, cap_keeps="scattered")
    scattered = [row["id"] for row in api.appointments(calendarId=api.service_id)]
    assert len(scattered) == 5
    assert scattered not in (rows[:5], rows[-5:])
    assert len(api.world.truth(api.location.id)["appointments"]) > 5


def test_max_window_days_and_max_slot_days(api: Any) -> None:
    switch(api, max_window_days=30, max_slot_days=7)
    query = {"calendarId": api.service_id, "startDate": api.world.now_ms, "endDate": api.world.now_ms + 31 * DAY_MS}
    for path in ("/appointments/", "/appointments/slots"):
        assert api.client.get(path, params=query).json()["endDate"]["rule"] == "invalid"
        assert api.client.get(path, params=query | {"endDate": api.world.now_ms + 7 * DAY_MS}).status_code == 200
    switch(api, max_slot_days=None, max_window_days=None)
    assert api.client.get("/appointments/slots", params=query).status_code == 200


@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [("400", 400, b'{"'), ("404", 404, b'{"'), ("422", 422, b'{"'), ("empty", 200, b""), ("object", 200, b"{}")],
)
def test_unknown_id_and_deleted_id(api: Any, reply: str, status: int, body: bytes) -> None:
    row = api.appointments(calendarId=api.service_id)[0]
    api.world.delete(api.location.id, row["id"])
    switch(api, unknown_id=reply, deleted_id="same")
    for appointment_id in ("nope", row["id"]):
        response = api.client.get(f"/appointments/{appointment_id}")
        assert response.status_code == status
        assert response.content[:2] == body
    switch(api, unknown_id="404", deleted_id=reply)
    assert api.client.get("/appointments/nope").status_code == 404
    assert api.client.get(f"/appointments/{row['id']}").status_code == status


def test_unknown_scope_and_vanished_service(api: Any) -> None:
    service_id = api.service_id
    before = api.appointments(calendarId=service_id)
    api.world.delete_service(api.location.id, service_id)
    window = {"startDate": 0, "endDate": 4_000_000_000_000}
    assert api.appointments(calendarId=service_id) == before
    switch(api, vanished_service="empty")
    assert api.appointments(calendarId=service_id) == []
    switch(api, vanished_service="422")
    assert api.client.get("/appointments/", params=window | {"calendarId": service_id}).status_code == 422
    for scope in ("calendarId", "teamId", "userId"):
        assert api.appointments(**{scope: "nope"}) == []
    switch(api, unknown_scope="422")
    for scope in ("calendarId", "teamId", "userId"):
        assert scope in api.client.get("/appointments/", params=window | {scope: "nope"}).json()


def test_calendar_id_means_service_team_or_either(api: Any) -> None:
    data = api.world.data[api.location.id]
    service_id, team_id = api.service_id, data.services[api.service_id].team_id
    by_service, by_team = (api.appointments(**scope) for scope in ({"calendarId": service_id}, {"teamId": team_id}))
    found = {}
    for means in ("service", "team", "either"):
        switch(api, calendar_id_means=means)
        found[means] = [api.appointments(calendarId=one) for one in (service_id, team_id)]
    assert found == {"service": [by_service, []], "team": [[], by_team], "either": [by_service, by_team]}
    slots = {"startDate": api.world.now_ms, "endDate": api.world.now_ms + DAY_MS, "calendarId": team_id}
    assert api.client.get("/appointments/slots", params=slots).status_code == 200
    switch(api, calendar_id_means="service")
    assert "calendarId" in api.client.get("/appointments/slots", params=slots).json()


def test_contact_in_get_and_contact_without_include_all(api: Any) -> None:
    row = next(row for row in api.appointments(calendarId=api.service_id, includeAll="true") if row.get("contact"))
    switch(api, contact_in_get=False, contact_without_include_all=True)
    assert "contact" not in api.json("GET", f"/appointments/{row['id']}")
    assert row in api.appointments(calendarId=api.service_id)


def test_blocked_listed(api: Any) -> None:
    start = api.world.now + timedelta(days=300)
    block = api.world.block(api.location.id, api.service_id, start, start + timedelta(hours=2)).id
    assert block in rows_of(api, start, start + timedelta(hours=1))
    switch(api, blocked_listed=False)
    assert rows_of(api, start, start + timedelta(hours=1)) == []
    assert block not in {row["id"] for row in api.world.truth(api.location.id)["appointments"]}


@pytest.mark.parametrize(
    ("spelling", "names"),
    [
        ("sic", {("appoinmentStatus",)}),
        ("right", {("appointmentStatus",)}),
        ("both", {("appoinmentStatus", "appointmentStatus")}),
        (
            "mixed",
            {("appoinmentStatus",), ("appointmentStatus",), ("appoinmentStatus", "appointmentStatus")},
        ),
    ],
)
def test_attendance_spelling(api: Any, spelling: str, names: set[tuple[str, ...]]) -> None:
    switch(api, attendance_spelling="sic")
    sic = {row["id"]: row["appoinmentStatus"] for row in api.appointments(calendarId=api.service_id)}
    switch(api, attendance_spelling=spelling)
    rows = api.appointments(calendarId=api.service_id)
    spelt = ("appoinmentStatus", "appointmentStatus")
    assert {tuple(name for name in spelt if name in row) for row in rows} == names
    assert {row["id"]: row.get("appoinmentStatus") or row["appointmentStatus"] for row in rows} == sic


@pytest.mark.parametrize(("form", "pieces"), [("plain", 1), ("epoch", 2), ("epoch_duration", 3)])
def test_recurring_ids(api: Any, form: str, pieces: int) -> None:
    switch(api, recurring_ids=form)
    recurring = [row for row in api.world.truth(api.location.id)["appointments"] if row.get("isRecurring")]
    assert recurring
    assert {len(row["id"].split("_")) for row in recurring} == {pieces}
    for row in recurring:
        assert api.json("GET", f"/appointments/{row['id']}") == row


def test_empty_days_slots_trace_id_and_slots_timezone(api: Any) -> None:
    query = {"calendarId": api.service_id, "startDate": api.world.now_ms, "endDate": api.world.now_ms + 7 * DAY_MS}
    switch(api, slots_trace_id=True)
    reply = api.json("GET", "/appointments/slots", params=query)
    assert isinstance(reply.pop("traceId"), str)
    switch(api, empty_days="empty", slots_trace_id=False)
    whole = api.json("GET", "/appointments/slots", params=query)
    assert whole["2026-06-07"] == {"slots": []}
    assert {day: slots for day, slots in whole.items() if slots["slots"]} == reply
    switch(api, slots_timezone="utc")
    assert all(slot.endswith("+00:00") for slot in api.slots(api.service_id))


def test_done_body_booked_contact_id_and_invalid_key_message(api: Any) -> None:
    switch(api, done_body="OK", booked_contact_id="fingerprint", invalid_key_message="Unauthorized")
    slot = api.slots(api.service_id)[0]
    body = {"calendarId": api.service_id, "selectedTimezone": "UTC", "selectedSlot": slot, "phone": "+15550002"}
    booked = api.json("POST", "/appointments/", json=body)
    assert booked["contactId"] == booked["contact"]["fingerprint"]
    assert api.client.delete(f"/appointments/{booked['id']}").text == "OK"
    refused = httpx.get(api.server.base_url + "/calendars/teams", trust_env=False, verify=False)
    assert (refused.status_code, refused.json()) == (401, {"msg": "Unauthorized"})


@pytest.mark.parametrize(
    ("settings", "body", "header"),
    [
        ({}, '{"msg":"Too Many Requests"}', "seconds"),
        ({"limit_body": "html", "limit_retry_after": "date"}, "<html>", "date"),
        ({"limit_body": "empty", "limit_retry_after": "none", "limit_headers": False}, "", None),
    ],
)
def test_the_reply_to_an_exceeded_quota(api: Any, settings: dict[str, Any], body: str, header: str | None) -> None:
    # Covers limit_body=, limit_retry_after= and limit_headers=.
    switch(api, **settings)
    httpx.post(
        api.server.url + "/sandbox/limits",
        json={"rateLimit": {"requests": 1, "seconds": 60}},
        trust_env=False,
        verify=False,
    )
    first, second = api.client.get("/calendars/teams"), api.client.get("/calendars/teams")
    assert (first.status_code, second.status_code) == (200, 429)
    assert second.text.startswith(body)
    wait = second.headers.get("Retry-After")
    if header is None:
        assert wait is None
    else:
        assert wait.isdigit() == (header == "seconds")
    assert ("X-RateLimit-Remaining" in first.headers) == settings.get("limit_headers", True)
