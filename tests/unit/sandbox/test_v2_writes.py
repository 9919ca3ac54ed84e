"""The write endpoints of v2, over a real socket."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

APPOINTMENTS, BLOCKS = "/calendars/events/appointments", "/calendars/events/block-slots"


def first_slots(api: Any) -> list[str]:
    slots: list[str] = api.slots(api.service_id)
    return slots


def booking(api: Any, **more: Any) -> dict[str, Any]:
    contact_id = next(iter(api.world.data[api.location.id].contacts))
    body = {"locationId": api.location.id, "calendarId": api.service_id, "contactId": contact_id}
    return body | {"startTime": first_slots(api)[0]} | more


def block(api: Any, **more: Any) -> dict[str, Any]:
    start = api.world.now + timedelta(days=300)
    times = {"startTime": start.isoformat(), "endTime": (start + timedelta(hours=1)).isoformat()}
    return {"locationId": api.location.id, "calendarId": api.service_id} | times | more


def send(api: Any, method: str, path: str, status: int, body: dict[str, Any] | None = None, **kwargs: Any) -> Any:
    response: httpx.Response = api.v2_request(method, path, json=body, **kwargs)
    assert response.status_code == status, response.text
    return response.json()


def event(api: Any, event_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api.v2(f"{APPOINTMENTS}/{event_id}")["event"]
    return found


def test_an_appointment_is_booked(api: Any) -> None:
    body = booking(api, title="First visit", notes="Bring tea", address="Room 5", appointmentStatus="new")
    created = send(api, "POST", APPOINTMENTS, 201, body)
    assert created.keys() == {
        "id", "calendarId", "contactId", "title", "status", "appoinmentStatus", "assignedUserId", "address",
        "isRecurring",
    }  # fmt: skip
    assert (created["status"], created["appoinmentStatus"]) == ("booked", "new")
    shown = event(api, created["id"])
    told = {name: shown[name] for name in ("title", "notes", "address", "appointmentStatus", "contactId")}
    assert told == {name: body[name] for name in told}
    assert datetime.fromisoformat(shown["startTime"]) == datetime.fromisoformat(body["startTime"])
    v1 = api.json("GET", f"/appointments/{created['id']}")
    assert (v1["id"], v1["title"]) == (created["id"], "First visit")
    assert body["startTime"] not in first_slots(api) or shown["assignedUserId"]


def test_a_taken_slot_is_refused_unless_the_check_is_ignored(api: Any) -> None:
    closed = (api.world.now + timedelta(days=300)).replace(hour=3).isoformat()
    refused = send(api, "POST", APPOINTMENTS, 400, booking(api, startTime=closed))
    assert "no longer available" in refused["message"]
    forced = send(api, "POST", APPOINTMENTS, 201, booking(api, startTime=closed, ignoreFreeSlotValidation=True))
    assert send(api, "PUT", f"{APPOINTMENTS}/{forced['id']}", 200, {"startTime": first_slots(api)[0]})["id"]
    send(api, "PUT", f"{APPOINTMENTS}/{forced['id']}", 400, {"startTime": closed})


def test_an_appointment_is_changed(api: Any) -> None:
    created = send(api, "POST", APPOINTMENTS, 201, booking(api))
    api.world.now_ms += 60_000
    slot = first_slots(api)[3]
    end = datetime.fromisoformat(slot) + timedelta(minutes=90)
    body = {"startTime": slot, "endTime": end.isoformat(), "title": "Moved", "appointmentStatus": "showed"}
    changed = send(api, "PUT", f"{APPOINTMENTS}/{created['id']}", 200, body)
    assert changed.keys().isdisjoint({"dateAdded", "dateUpdated", "status"})
    assert changed["appoinmentStatus"] == "showed"
    shown = event(api, created["id"])
    assert (shown["title"], shown["appointmentStatus"]) == ("Moved", "showed")
    assert [datetime.fromisoformat(shown[name]) for name in ("startTime", "endTime")] == [
        datetime.fromisoformat(slot),
        end,
    ]
    assert (shown["dateAdded"], shown["dateUpdated"]) == ("2026-06-01T12:00:00.000Z", "2026-06-01T12:01:00.000Z")


def test_an_appointment_moves_to_another_calendar_and_user(api: Any) -> None:
    created = send(api, "POST", APPOINTMENTS, 201, booking(api))
    services = api.world.data[api.location.id].services
    other = list(services.values())[1]
    user_id = other.user_ids()[-1]
    send(api, "PUT", f"{APPOINTMENTS}/{created['id']}", 200, {"calendarId": other.id, "assignedUserId": user_id})
    shown = event(api, created["id"])
    assert (shown["calendarId"], shown["groupId"], shown["assignedUserId"]) == (other.id, other.team_id, user_id)
    assert created["id"] in {row["id"] for row in api.events(calendarId=other.id)}
    assert created["id"] not in {row["id"] for row in api.events(calendarId=api.service_id)}


def test_a_put_under_an_old_version_changes_nothing(api: Any) -> None:
    created = send(api, "POST", APPOINTMENTS, 201, booking(api))
    path, body = f"{APPOINTMENTS}/{created['id']}", {"appointmentStatus": "cancelled"}
    assert send(api, "PUT", path, 200, body, version="2021-07-28")["appoinmentStatus"] == "confirmed"
    assert event(api, created["id"])["appointmentStatus"] == "confirmed"
    assert send(api, "PUT", path, 200, body, version="2023-02-21")["appoinmentStatus"] == "cancelled"
    assert event(api, created["id"])["appointmentStatus"] == "cancelled"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"calendarId": "nope"}, "calendarId"),
        ({"contactId": "nope"}, "contactId"),
        ({"contactId": None}, "contactId"),
        ({"startTime": None}, "startTime"),
        ({"startTime": "soon"}, "startTime"),
        ({"endTime": "2020-01-01T00:00:00Z"}, "endTime"),
        ({"appointmentStatus": "late"}, "appointmentStatus"),
        ({"assignedUserId": "nope"}, "assignedUserId"),
    ],
)
def test_an_invalid_appointment_is_refused(api: Any, more: dict[str, Any], field: str) -> None:
    assert field in send(api, "POST", APPOINTMENTS, 422, booking(api, **more))["message"][0]


def test_time_is_blocked_and_moved(api: Any) -> None:
    created = send(api, "POST", BLOCKS, 201, block(api, title="Lunch"))
    listed = {row["id"]: row for row in api.events("/calendars/blocked-slots", calendarId=api.service_id)}
    assert (listed[created["id"]]["title"], listed[created["id"]]["startTime"]) == ("Lunch", created["startTime"])
    end = (datetime.fromisoformat(created["endTime"]) + timedelta(hours=3)).isoformat()
    moved = send(api, "PUT", f"{BLOCKS}/{created['id']}", 200, {"startTime": created["endTime"], "endTime": end})
    assert (moved["startTime"], moved["endTime"], moved["title"]) == (created["endTime"], end, "Lunch")
    send(api, "PUT", f"{APPOINTMENTS}/{created['id']}", 404, {"title": "x"})


def test_a_user_is_blocked_in_all_calendars(api: Any) -> None:
    user_id = api.world.data[api.location.id].services[api.service_id].user_ids()[0]
    created = send(api, "POST", BLOCKS, 201, block(api, calendarId=None, assignedUserId=user_id))
    assert created["id"] in {row["id"] for row in api.events("/calendars/blocked-slots", userId=user_id)}


@pytest.mark.parametrize("with_calendar", [True, False])
def test_a_block_is_for_a_calendar_or_a_user_but_not_both(api: Any, with_calendar: bool) -> None:
    user_id = next(iter(api.world.data[api.location.id].members))
    body = block(api, assignedUserId=user_id) if with_calendar else block(api, calendarId=None)
    assert "calendarId or assignedUserId" in send(api, "POST", BLOCKS, 422, body)["message"][0]
    assert send(api, "POST", BLOCKS, 422, block(api, endTime=body["startTime"]))["message"] == ["endTime is invalid"]


def test_events_are_deleted(api: Any) -> None:
    for created in (send(api, "POST", APPOINTMENTS, 201, booking(api)), send(api, "POST", BLOCKS, 201, block(api))):
        path = f"/calendars/events/{created['id']}"
        assert send(api, "DELETE", path, 201) == {"succeeded": True}
        send(api, "DELETE", path, 404)
        api.v2(f"{APPOINTMENTS}/{created['id']}", status=404)
        assert api.client.get(f"/appointments/{created['id']}").status_code == 404
