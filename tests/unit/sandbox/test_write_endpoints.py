"""POST, PUT and DELETE endpoints over a real socket: their effects, and their 422 replies."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest

from bookings_sync.sandbox import Switches


def booking(api: Any, slot: str, **fields: Any) -> dict[str, Any]:
    return {
        "calendarId": api.service_id,
        "selectedTimezone": "US/Central",
        "selectedSlot": slot,
        "email": "New.Guest@example.com",
        "name": "New Guest",
    } | fields


def service_form(api: Any, **fields: Any) -> dict[str, Any]:
    data = api.world.data[api.location.id]
    team = next(iter(data.teams.values()))
    return {
        "teamId": team.id,
        "name": "Massage",
        "description": "An hour",
        "eventType": "RoundRobin_OptimizeForAvailability",
        "teamMembers": [{"userId": team.user_ids[0], "priority": "High"}],
        "slug": "massage",
        "appointmentTitle": "{{contact.name}}",
        "eventColor": "Tomato",
        "availability": {
            "eventTiming": {"slotDuration": 60, "slotInterval": 30},
            "officeHours": {
                day: [{"openHour": 9, "openMinute": 0, "closeHour": 17, "closeMinute": 0}]
                for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
            },
            "schedule": {"allowBookingAfter": 1, "allowBookingAfterUnit": "days"},
        },
        "confirmation": {
            "notificationAndOther": {
                "autoConfirm": False,
                "shouldSendAlertEmailsToAssignedMember": True,
                "googleInvitationEmails": False,
                "allowReschedule": True,
                "allowCancellation": False,
            },
            "formSubmission": {"type": "RedirectURL", "content": "https://example.com/thanks"},
        },
    } | fields


def test_booking_moving_cancelling_and_deleting_update_the_free_slots(api: Any) -> None:
    first, second, *_ = before = api.slots(api.service_id)
    booked = api.json("POST", "/appointments/", json=booking(api, first))
    assert booked["contact"]["emailLowerCase"] == "new.guest@example.com"
    assert booked["contactId"] == booked["contact"]["id"]
    assert first not in api.slots(api.service_id)
    again = api.client.post("/appointments/", json=booking(api, first))
    assert (again.status_code, again.json()["selectedSlot"]["rule"]) == (422, "invalid")

    path = f"/appointments/{booked['id']}"
    moved = api.json("PUT", path, json={"selectedTimezone": "Asia/Calcutta", "selectedSlot": second})
    assert moved["id"] == booked["id"]
    shown = api.json("GET", path)
    assert shown["startTime"].endswith("+05:30")
    assert datetime.fromisoformat(shown["startTime"]) == datetime.fromisoformat(second)
    slots = api.slots(api.service_id)
    assert first in slots
    assert second not in slots

    cancelled = api.client.put(f"{path}/status", json={"status": "cancelled"})
    assert (cancelled.status_code, cancelled.content) == (200, b"")
    assert cancelled.headers["content-type"].startswith("text/plain")
    assert api.slots(api.service_id) == before
    assert api.json("GET", path)["status"] == "cancelled"
    api.client.put(f"{path}/status", json={"status": "confirmed"})
    assert second not in api.slots(api.service_id)
    assert api.client.delete(path).status_code == 200
    assert api.slots(api.service_id) == before
    assert api.client.get(path).status_code == 404


def test_a_returning_customer_gets_no_second_contact(api: Any) -> None:
    first, second, *_ = api.slots(api.service_id)
    one = api.json("POST", "/appointments/", json=booking(api, first))
    two = api.json("POST", "/appointments/", json=booking(api, second, phone="+15550001"))
    assert one["contactId"] == two["contactId"]
    assert api.json("GET", f"/appointments/{one['id']}")["contact"]["phone"] == "+15550001"


def test_blocked_off_time_removes_the_slots_it_overlaps(api: Any) -> None:
    slots = api.slots(api.service_id)
    block = {"calendarId": api.service_id, "selectedSlot": slots[0], "endAt": slots[3]}
    reply = api.json("POST", "/appointments/", json=block)
    assert (reply["contactId"], reply["contact"]) == (None, None)
    assert api.slots(api.service_id) == slots[3:]
    listed = [row for row in api.appointments(calendarId=api.service_id, includeAll="true") if row["id"] == reply["id"]]
    assert "contact" not in listed[0]


def test_time_can_be_blocked_off_for_a_group_class_or_for_one_member(api: Any) -> None:
    location_id, service_id = api.location.id, api.service_id
    service = api.world.data[location_id].services[service_id]
    group = api.world.add_service(location_id, service.team_id, "Class", per_slot=8)
    slots = api.slots(group.id)
    start, end = (datetime.fromisoformat(slot) for slot in slots[:2])
    api.world.block(location_id, group.id, start, end)
    assert api.slots(group.id) == slots[1:]
    one, *others = service.user_ids()
    slot = next(s for s in api.slots(service_id) if all(s in api.slots(service_id, userId=u) for u in (one, others[0])))
    at = datetime.fromisoformat(slot)
    api.world.block(location_id, service_id, at, at + timedelta(minutes=30), user_id=one)
    assert slot not in api.slots(service_id, userId=one)
    assert slot in api.slots(service_id)


def test_a_member_booked_for_one_service_is_busy_for_others(api: Any) -> None:
    service_id = api.service_id
    slot, *_ = api.slots(service_id)
    users = api.world.data[api.location.id].services[service_id].user_ids()
    start = datetime.fromisoformat(slot)
    row = api.world.book(api.location.id, service_id, start, user_id=users[0])
    assert row.user_id == users[0]
    api.world.cancel(api.location.id, row.id)
    assert slot in api.slots(service_id, userId=users[0])
    other = api.world.add_service(api.location.id, row.team_id, "Other")
    api.world.book(api.location.id, other.id, start, user_id=users[0])
    assert slot not in api.slots(service_id, userId=users[0])


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"calendarId": "nope"}, "calendarId", "invalid"),
        ({"selectedSlot": "tomorrow"}, "selectedSlot", "invalid"),
        ({"selectedSlot": "2020-01-01T10:00:00Z"}, "selectedSlot", "invalid"),
        ({"selectedTimezone": "Mars/Base"}, "selectedTimezone", "invalid"),
        ({"email": None}, "email or phone", "requiredWithout"),
        ({"userId": "nobody"}, "userId", "invalid"),
    ],
)
def test_an_invalid_booking_gets_422(api: Any, change: dict[str, Any], field: str, rule: str) -> None:
    response = api.client.post("/appointments", json=booking(api, api.slots(api.service_id)[0]) | change)
    assert response.status_code == 422
    assert {name: error["rule"] for name, error in response.json().items()} == {field: rule}


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("POST", "/appointments/", {"calendarId", "selectedTimezone", "selectedSlot", "email or phone"}),
        (
            "POST",
            "/calendars/teams/",
            {
                "name",
                "userIds",
                "calendarConfig.calendarName",
                "calendarConfig.description",
                "calendarConfig.slug",
            },
        ),
        (
            "POST",
            "/calendars/services/",
            {
                "teamId",
                "name",
                "description",
                "eventType",
                "teamMembers",
                "slug",
                "appointmentTitle",
                "eventColor",
                "availability.eventTiming.slotDuration",
                "availability.eventTiming.slotInterval",
                "availability.officeHours",
                "confirmation.notificationAndOther.autoConfirm",
                "confirmation.notificationAndOther.shouldSendAlertEmailsToAssignedMember",
                "confirmation.notificationAndOther.googleInvitationEmails",
                "confirmation.notificationAndOther.allowReschedule",
                "confirmation.notificationAndOther.allowCancellation",
                "confirmation.formSubmission.type",
                "confirmation.formSubmission.content",
            },
        ),
    ],
)
def test_a_422_names_all_missing_fields(api: Any, method: str, path: str, fields: set[str]) -> None:
    response = api.client.request(method, path, json={})
    assert response.status_code == 422
    assert set(response.json()) == fields


@pytest.mark.parametrize("content", [b"{", b"[]", b""])
def test_a_body_that_is_no_json_object_gets_400(api: Any, content: bytes) -> None:
    assert api.client.post("/appointments/", content=content).json() == {"msg": "Bad Request"}


def test_a_team_is_created_renamed_and_deleted_with_its_services(api: Any) -> None:
    users = list(api.world.data[api.location.id].members)[:2]
    config = {"calendarName": "Night", "description": "Late", "slug": "night", "shouldAssignContactToTeamMember": False}
    assert api.json("GET", "/calendars/check-slug-availability/night") == {"slug": "night", "isSlugAvailable": True}
    team = api.json("POST", "/calendars/teams/", json={"name": "Night", "userIds": users, "calendarConfig": config})
    assert team["calendarConfig"]["link"] == "/widget/appointment/night"
    assert team["calendarConfig"]["shouldAssignContactToTeamMember"] is False
    assert api.json("GET", "/calendars/check-slug-availability/night")["isSlugAvailable"] is False
    assert "slug" in api.client.get("/calendars/check-slug-availability/no!").json()
    twice = api.client.post("/calendars/teams", json={"name": "N", "userIds": users, "calendarConfig": config})
    assert twice.json()["calendarConfig.slug"]["rule"] == "invalid"

    path = f"/calendars/teams/{team['id']}"
    renamed = api.json("PUT", path, json={"name": "Nacht", "userIds": users[:1], "calendarConfig": config})
    assert (renamed["name"], [m["id"] for m in renamed["members"]]) == ("Nacht", users[:1])
    api.json(
        "POST", "/calendars/services/", json=service_form(api, teamId=team["id"], teamMembers=[{"userId": users[0]}])
    )
    assert len(api.json("GET", "/calendars/services", params={"teamId": team["id"]})["services"]) == 1
    assert api.client.delete(path).content == b""
    assert api.json("GET", "/calendars/services", params={"teamId": team["id"]})["services"] == []
    assert team["id"] not in {t["id"] for t in api.json("GET", "/calendars/teams")["teams"]}
    assert api.client.delete(path).json()["id"]["rule"] == "invalid"


def test_a_service_is_created_updated_and_deleted(api: Any) -> None:
    service = api.json("POST", "/calendars/services/", json=service_form(api))
    assert (service["eventColor"], service["teamMembers"][0]["priority"]) == ("#D50000", 2)
    assert service["availability"]["schedule"]["allowBookingAfterUnit"] == "Days"
    assert service["confirmation"]["notificationAndOther"]["hasAutoConfirm"] is False
    assert service in api.json("GET", "/calendars/services")["services"]
    assert api.slots(service["id"])
    path = f"/calendars/services/{service['id']}"
    assert api.client.post("/calendars/services", json=service_form(api)).json()["slug"]["rule"] == "invalid"
    assert api.json("PUT", path, json=service_form(api, name="Long massage"))["name"] == "Long massage"
    assert api.client.delete(path).status_code == 200
    again = api.client.delete(path)
    assert (again.status_code, again.json()) == (422, {"id": {"message": "The id is invalid.", "rule": "invalid"}})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("eventType", "Collective"),
        ("eventColor", "#FF0000"),
        ("syncOption", "threeway"),
        ("teamId", "nope"),
        ("teamMembers", [{"userId": "nope"}]),
        ("availability.eventTiming.slotDuration", 25),
        ("availability.eventTiming.slotInterval", "30"),
        ("availability.schedule.allowBookingAfterUnit", "Days"),
        ("availability.schedule.allowBookingForUnit", "years"),
        ("availability.officeHours", {"monday": []}),
        ("confirmation.formSubmission.type", "Popup"),
    ],
)
def test_an_invalid_option_of_a_service_gets_422(api: Any, path: str, value: Any) -> None:
    form = deepcopy(service_form(api))
    *parents, last = path.split(".")
    target = form
    for parent in parents:
        target = target[parent]
    target[last] = value
    response = api.client.post("/calendars/services/", json=form)
    assert response.status_code == 422
    assert {name: error["rule"] for name, error in response.json().items()} == {path: "invalid"}


def test_an_invalid_priority_gets_422(api: Any) -> None:
    form = service_form(api)
    form["teamMembers"][0]["priority"] = 3
    assert set(api.client.post("/calendars/services/", json=form).json()) == {"teamMembers.priority"}


def test_an_invalid_status_gets_422(api: Any) -> None:
    row = api.appointments(calendarId=api.service_id)[0]
    for body in ({}, {"status": "new"}, {"status": ["showed"]}):
        response = api.client.put(f"/appointments/{row['id']}/status", json=body)
        assert (response.status_code, set(response.json())) == (422, {"status"})


def test_put_status_and_delete_can_reply_with_ok(api: Any) -> None:
    api.world.switches = Switches(done_body="OK")
    row = api.appointments(calendarId=api.service_id)[0]
    assert api.client.put(f"/appointments/{row['id']}/status", json={"status": "showed"}).text == "OK"
    assert api.client.delete(f"/appointments/{row['id']}").text == "OK"
