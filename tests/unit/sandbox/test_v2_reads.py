"""The read endpoints of v2, over a real socket."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bookings_sync.sandbox import office_hours, truth_v2

DAY_MS = 86_400_000

CALENDAR = {
    "id", "locationId", "groupId", "name", "description", "slug", "widgetSlug", "calendarType", "eventType",
    "eventTitle", "eventColor", "isActive", "teamMembers", "slotDuration", "slotDurationUnit", "slotInterval",
    "slotIntervalUnit", "slotBuffer", "slotBufferUnit", "preBuffer", "preBufferUnit", "appoinmentPerSlot",
    "appoinmentPerDay", "allowBookingAfter", "allowBookingAfterUnit", "allowBookingFor", "allowBookingForUnit",
    "openHours", "availabilities", "formId", "stickyContact", "autoConfirm", "alertEmail", "googleInvitationEmails",
    "allowReschedule", "allowCancellation", "shouldAssignContactToTeamMember", "shouldSkipAssigningContactForExisting",
    "shouldSendAlertEmailsToAssignedMember", "notes", "pixelId", "formSubmitType", "formSubmitRedirectURL",
    "formSubmitThanksMessage", "recurring", "lookBusyConfig",
}  # fmt: skip
EVENT = {
    "id", "calendarId", "groupId", "locationId", "contactId", "assignedUserId", "users", "title", "address", "notes",
    "description", "appointmentStatus", "isRecurring", "startTime", "endTime", "dateAdded", "dateUpdated",
    "assignedResources", "createdBy",
}  # fmt: skip


def mine(api: Any, **more: Any) -> dict[str, Any]:
    return {"locationId": api.location.id, **more}


def test_groups(api: Any) -> None:
    groups = api.v2("/calendars/groups", **mine(api))["groups"]
    teams = api.world.truth(api.location.id)["teams"]
    assert [group["id"] for group in groups] == [team["id"] for team in teams]
    first = dict(groups[0])
    assert first == {
        "id": teams[0]["id"],
        "locationId": api.location.id,
        "name": teams[0]["name"],
        "description": teams[0]["calendarConfig"]["description"],
        "slug": "team-0",
        "isActive": True,
    }
    assert groups[1]["teamColour"] == teams[1]["teamColour"]


def test_calendars(api: Any) -> None:
    calendars = api.v2("/calendars/", **mine(api))["calendars"]
    services = api.world.truth(api.location.id)["services"]
    assert calendars == api.v2("/calendars", **mine(api))["calendars"]
    assert [each["id"] for each in calendars] == [each["id"] for each in services]
    assert all(each.keys() >= CALENDAR for each in calendars)
    for calendar, service in zip(calendars, services, strict=True):
        timing = service["availability"]["eventTiming"]
        for name in ("slotDuration", "slotInterval", "slotBuffer"):
            unit = {"mins": 1, "hours": 60}[calendar[f"{name}Unit"]]
            assert calendar[name] * unit == timing[name]
        members = [(member["userId"], member["priority"]) for member in calendar["teamMembers"]]
        assert members == [(member["userId"], 0.5) for member in service["teamMembers"]]
        assert calendar["appoinmentPerDay"] == service["availability"]["appointmentInfo"]["perDay"]
    assert {each["slotDurationUnit"] for each in calendars} == {"mins", "hours"}
    group_id = calendars[0]["groupId"]
    assert api.v2("/calendars/", **mine(api, groupId=group_id))["calendars"] == [
        each for each in calendars if each["groupId"] == group_id
    ]


def test_drafts_are_listed_unless_they_are_not_wanted(api: Any) -> None:
    api.world.set_active(api.location.id, api.service_id, False)
    listed = {each["id"]: each["isActive"] for each in api.v2("/calendars/", **mine(api))["calendars"]}
    assert listed[api.service_id] is False
    active = {each["id"] for each in api.v2("/calendars/", **mine(api, showDrafted="false"))["calendars"]}
    assert active == listed.keys() - {api.service_id}


def test_open_hours_have_the_days_that_share_them(api: Any) -> None:
    hours = office_hours("09:00-12:00", "13:00-17:00", saturday=("10:00-14:00",))
    team_id = next(iter(api.world.data[api.location.id].teams))
    service = api.world.add_service(api.location.id, team_id, "S", hours=hours)
    calendars = api.v2("/calendars/", **mine(api))["calendars"]
    shown = next(each for each in calendars if each["id"] == service.id)["openHours"]
    assert shown == [
        {"daysOfTheWeek": [1, 2, 3, 4, 5], "hours": hours["monday"]},
        {"daysOfTheWeek": [6], "hours": hours["saturday"]},
    ]


def test_events_of_a_calendar_a_group_and_a_user(api: Any) -> None:
    truth = truth_v2(api.world, api.location.id)
    events = {name: api.events(**{name: value}) for name, value in scopes_of(api).items()}
    for name, field in (("calendarId", "calendarId"), ("groupId", "groupId"), ("userId", "assignedUserId")):
        value = scopes_of(api)[name]
        expected = [row for row in truth["events"] if row.get(field) == value]
        assert events[name] == expected != []
    both = api.events(calendarId=scopes_of(api)["calendarId"], userId=scopes_of(api)["userId"])
    assert both == [row for row in events["calendarId"] if row.get("assignedUserId") == scopes_of(api)["userId"]]


def scopes_of(api: Any) -> dict[str, str]:
    service = api.world.data[api.location.id].services[api.service_id]
    return {"calendarId": service.id, "groupId": service.team_id, "userId": service.user_ids()[0]}


def test_an_event_has_the_documented_fields(api: Any) -> None:
    row = api.world.book(api.location.id, api.service_id, api.world.now + timedelta(days=300))
    event = next(each for each in api.events(calendarId=api.service_id) if each["id"] == row.id)
    assert event.keys() == EVENT
    zone = ZoneInfo(api.location.timezone)
    assert event["startTime"] == (api.world.now + timedelta(days=300)).astimezone(zone).isoformat()
    assert event["dateAdded"] == event["dateUpdated"] == "2026-06-01T12:00:00.000Z"
    assert (event["users"], event["contactId"]) == ([row.user_id], row.contact and row.contact.id)
    assert event.keys().isdisjoint({"contact", "selectedTimezone", "status"})
    assert api.v2(f"/calendars/events/appointments/{row.id}")["event"] == event


def test_instances_of_a_series_name_their_master(api: Any) -> None:
    series = [row for row in truth_v2(api.world, api.location.id)["events"] if row.get("masterEventId")]
    assert series
    assert all(row["id"].split("_")[0] == row["masterEventId"] and row["rrule"] for row in series)


def test_a_window(api: Any) -> None:
    start = api.world.now + timedelta(days=300)
    row = api.world.book(api.location.id, api.service_id, start)
    at = row.start_ms
    assert [each["id"] for each in api.events(calendarId=api.service_id, startTime=at, endTime=at)] == [row.id]
    assert api.events(calendarId=api.service_id, startTime=at + 1, endTime=at + DAY_MS) == []


def test_blocked_time_has_a_list_of_its_own(api: Any) -> None:
    start = api.world.now + timedelta(days=300)
    block = api.world.block(api.location.id, api.service_id, start, start + timedelta(hours=2))
    user_id = scopes_of(api)["userId"]
    absent = api.world.block(api.location.id, None, start, start + timedelta(hours=2), user_id=user_id)
    by_calendar = api.events("/calendars/blocked-slots", calendarId=api.service_id)
    by_user = api.events("/calendars/blocked-slots", userId=user_id)
    assert block.id in {row["id"] for row in by_calendar}
    assert absent.id in {row["id"] for row in by_user} - {row["id"] for row in by_calendar}
    assert {block.id, absent.id}.isdisjoint(row["id"] for row in api.events(calendarId=api.service_id))
    assert all("contactId" not in row for row in by_calendar)
    assert next(row for row in by_user if row["id"] == absent.id)["calendarId"] is None


def test_free_slots_are_those_of_v1(api: Any) -> None:
    start = api.world.now_ms
    query: dict[str, Any] = {"startDate": start, "endDate": start + 14 * DAY_MS}
    reply = api.v2(f"/calendars/{api.service_id}/free-slots", **query)
    assert reply.pop("traceId")
    assert [slot for day in reply.values() for slot in day["slots"]] == api.slots(api.service_id)
    users = scopes_of(api)["userId"]
    of_user = api.v2(f"/calendars/{api.service_id}/free-slots", **query, userIds=users, timezone="Asia/Calcutta")
    assert of_user.pop("traceId")
    slots = [slot for day in of_user.values() for slot in day["slots"]]
    assert slots == api.slots(api.service_id, userId=users, timezone="Asia/Calcutta")
    assert {slot[-6:] for slot in slots} == {"+05:30"}


@pytest.mark.parametrize(("slug", "available"), [("team-0", False), ("service-1", False), ("nobody-has-this", True)])
def test_a_slug_is_validated(api: Any, slug: str, available: bool) -> None:
    reply = api.v2_request("POST", "/calendars/groups/validate-slug", json=mine(api, slug=slug))
    assert (reply.status_code, reply.json()) == (200, {"available": available})


def test_a_contact(api: Any) -> None:
    contact_id = next(iter(api.world.data[api.location.id].contacts))
    api.world.update_contact(api.location.id, contact_id, {"firstName": "Zoë", "lastName": "Rao", "tags": ["vip"]})
    v1 = api.world.data[api.location.id].contacts[contact_id].body()
    contact = api.v2(f"/contacts/{contact_id}", version="2021-07-28")["contact"]
    assert contact.keys().isdisjoint({"fingerprint", "customField"})
    assert contact["customFields"] == v1["customField"]
    assert (contact["fullNameLowerCase"], contact["tags"]) == ("zoë rao", ["vip"])
    assert (contact["dateAdded"], contact["dateUpdated"]) == (v1["dateAdded"], "2026-06-01T12:00:00.000Z")


def searched(api: Any, **body: Any) -> dict[str, Any]:
    response = api.v2_request("POST", "/contacts/search", json=mine(api, pageLimit=500) | body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_contacts_are_searched_by_pages(api: Any) -> None:
    every = {each["id"]: each for each in truth_v2(api.world, api.location.id)["contacts"]}
    found: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        page = searched(api, pageLimit=7, **cursor)
        assert page["total"] == len(every)
        if not page["contacts"]:
            break
        cursor = {"searchAfter": page["contacts"][-1]["searchAfter"]}
        found += page["contacts"]
    dates = [each["dateAdded"] for each in found]
    assert dates == sorted(dates, reverse=True)
    assert len(found) == len(every) > 7
    assert {each.pop("searchAfter")[1] for each in found} == every.keys()
    assert {each["id"]: each for each in found} == every


def test_contacts_are_filtered_by_their_dates(api: Any) -> None:
    added = api.world.add_contact(api.location.id, {"firstName": "Late"})
    other = next(iter(api.world.data[api.location.id].contacts))
    api.world.advance(timedelta(0))
    api.world.now_ms += 1000
    api.world.update_contact(api.location.id, other, {"tags": ["moved"]})

    def ids(field: str, **limits: Any) -> set[str]:
        condition = {"field": field, "operator": "range", "value": limits}
        return {each["id"] for each in searched(api, filters=[condition])["contacts"]}

    since = "2026-06-01T12:00:00.000Z"
    assert ids("dateAdded", gte=since) == {added.id}
    assert ids("dateUpdated", gte=since) == {added.id, other}
    assert ids("dateUpdated", gt=api.world.now_ms - 1000, lte=api.world.now_ms) == {other}
    group = {"group": "OR", "filters": [{"field": "id", "operator": "eq", "value": each} for each in (added.id, other)]}
    assert searched(api, filters=[group])["total"] == 2


def test_contacts_are_listed_the_old_way(api: Any) -> None:
    every = {each["id"]: each for each in truth_v2(api.world, api.location.id)["contacts"]}
    found: dict[str, Any] = {}
    cursor: dict[str, Any] = {}
    while page := (reply := api.v2("/contacts/", **mine(api, limit=50, **cursor)))["contacts"]:
        found |= {each["id"]: each for each in page}
        cursor = {name: reply["meta"][name] for name in ("startAfter", "startAfterId")}
    assert found == every


def test_users(api: Any) -> None:
    members = api.world.data[api.location.id].members
    query = {"companyId": api.world.company_id, "locationId": api.location.id}
    reply = api.v2("/users/search", **query)
    assert [(user["id"], user["email"]) for user in reply["users"]] == [
        (each.id, each.email) for each in members.values()
    ]
    assert reply["count"] == len(members)
    page = api.v2("/users/search", **query, skip=2, limit=3)["users"]
    assert page == reply["users"][2:5]
    assert api.v2("/users/", **mine(api))["users"] == reply["users"]


def test_a_location(api: Any) -> None:
    location = api.v2(f"/locations/{api.location.id}")["location"]
    expected = (api.location.id, api.location.name, api.location.timezone, api.world.company_id)
    assert tuple(location[name] for name in ("id", "name", "timezone", "companyId")) == expected


def test_date_updated_follows_the_simulation(api: Any) -> None:
    """Each change of the simulation moves dateUpdated of the event or the contact."""
    api.world.data[api.location.id].bookings_per_day = 20
    before = truth_v2(api.world, api.location.id)
    since = datetime.fromisoformat(before["now"])
    api.world.advance(timedelta(days=20), seed=3)
    after = truth_v2(api.world, api.location.id)
    for name in ("events", "contacts"):
        old = {each["id"]: each for each in before[name]}
        changed = [each for each in after[name] if each != old.get(each["id"])]
        assert {each["id"] in old for each in changed} == {True, False}
        assert all(datetime.fromisoformat(each["dateUpdated"]) > since for each in changed)


def test_the_simulation_changes_names_emails_and_tags(api: Any) -> None:
    api.world.data[api.location.id].bookings_per_day = 20
    before = {each["id"]: each for each in truth_v2(api.world, api.location.id)["contacts"]}
    api.world.advance(timedelta(days=60), seed=3)
    after = [each for each in truth_v2(api.world, api.location.id)["contacts"] if each["id"] in before]
    for name in ("lastName", "email", "tags"):
        assert any(each[name] != before[each["id"]][name] for each in after), name


@pytest.mark.parametrize("days", [0, 30])
def test_v1_and_v2_tell_the_same_truth(api: Any, days: int) -> None:
    api.world.advance(timedelta(days=days), seed=3)
    v1, v2 = api.world.truth(api.location.id), truth_v2(api.world, api.location.id)

    def instant(text: str | None) -> datetime | None:
        return None if text is None else datetime.fromisoformat(text)

    def status(row: dict[str, Any]) -> str:
        found: str = row.get("appoinmentStatus", row.get("appointmentStatus"))
        return found

    def told(rows: list[dict[str, Any]], service: str, team: str) -> dict[str, tuple[Any, ...]]:
        """By id: the service, the team, the contact, the times, the status and the title."""
        times = {row["id"]: (instant(row["startTime"]), instant(row["endTime"])) for row in rows}
        return {
            row["id"]: (row[service], row[team], contact_id(row), *times[row["id"]], status(row), row["title"])
            for row in rows
        }

    def contact_id(row: dict[str, Any]) -> str | None:
        found: str | None = row.get("contactId") or (row.get("contact") or {}).get("id")
        return found

    of_v1 = told(v1["appointments"], "calendarServiceId", "calendarProviderId")
    assert of_v1 == told(v2["events"] + v2["blockedSlots"], "calendarId", "groupId")
    for ours, theirs in (("teams", "groups"), ("services", "calendars")):
        assert [(each["id"], each["name"]) for each in v1[ours]] == [(each["id"], each["name"]) for each in v2[theirs]]
    contacts = {row["contact"]["id"]: row["contact"] for row in v1["appointments"] if row.get("contact")}
    in_v2 = {each["id"]: each for each in v2["contacts"]}
    for contact_id, contact in contacts.items():
        same = contact.keys() - {"fingerprint", "customField"}
        assert {name: contact[name] for name in same} == {name: in_v2[contact_id][name] for name in same}
        assert contact["customField"] == in_v2[contact_id]["customFields"]
    assert v1["slots"] == v2["slots"]
