"""v2's calendars and groups as services and teams."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bookings_sync.dialects.v2.calendars import service, team
from bookings_sync.records.decoding import listed_rows
from bookings_sync.records.tables import SERVICES, TEAMS

HOURS = {"openHour": 9, "openMinute": 0, "closeHour": 17, "closeMinute": 30}
CALENDAR: dict[str, Any] = {
    "id": "calendar-1",
    "groupId": "group-1",
    "name": "Massage",
    "eventTitle": "{{contact.name}}",
    "eventColor": "#039be5",
    "calendarType": "round_robin",
    "slotDuration": 1.5,
    "slotDurationUnit": "hours",
    "slotInterval": 30,
    "slotIntervalUnit": "mins",
    "slotBuffer": 5,
    "appoinmentPerSlot": 2,
    "allowBookingAfter": 1,
    "allowBookingAfterUnit": "days",
    "formSubmitType": "RedirectURL",
    "formSubmitRedirectURL": "https://thanks.invalid",
    "formSubmitThanksMessage": "Thanks",
    "autoConfirm": True,
    "openHours": [{"daysOfTheWeek": [0, 1], "hours": [HOURS, {**HOURS, "openHour": 7}]}],
    "teamMembers": [
        {"userId": "user-1", "priority": 0.5, "locationConfigurations": [{"kind": "custom", "location": "Room 2"}]}
    ],
}


def rows(calendar: Any, *, sunday: int = 0) -> dict[str, list[dict[str, Any]]]:
    batch = listed_rows(SERVICES, "location-1", [service(calendar, sunday=sunday)])
    assert not batch.rejected
    return {name: of_table.arrow().to_pylist() for name, of_table in batch.rows.items()}


def test_a_calendar_in_the_columns_of_a_service() -> None:
    (row,) = rows(CALENDAR)["services"]
    assert (row["team_id"], row["appointment_title"]) == ("group-1", "{{contact.name}}")
    assert (row["slot_duration"], row["slot_interval"], row["slot_buffer"]) == (90, 30, 5)
    assert (row["appointments_per_slot"], row["allow_booking_after"], row["allow_booking_after_unit"]) == (2, 1, "days")
    assert (row["form_submission_type"], row["form_submission_content"]) == ("RedirectURL", "https://thanks.invalid")
    assert (row["has_auto_confirm"], row["meeting_location"]) == (True, "Room 2")
    assert json.loads(row["extra"]) == {"calendarType": "round_robin", "formSubmitThanksMessage": "Thanks"}


@pytest.mark.parametrize(("sunday", "days"), [(0, {"sunday", "monday"}), (1, {"saturday", "sunday"})])
def test_opening_hours_by_weekday_in_the_order_of_the_day(sunday: int, days: set[str]) -> None:
    hours = rows(CALENDAR, sunday=sunday)["service_hours"]
    assert {row["weekday"] for row in hours} == days
    assert [row["open_hour"] for row in sorted(hours, key=lambda row: (row["weekday"], row["position"]))] == [
        7,
        9,
        7,
        9,
    ]


def test_members_of_a_calendar() -> None:
    (row,) = rows(CALENDAR)["service_members"]
    assert (row["user_id"], row["priority"], row["meeting_location"]) == ("user-1", 0.5, "Room 2")


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_place_stays_as_it_came(empty: str | None) -> None:
    member = {"userId": "user-1", "meetingLocation": empty, "locationConfigurations": []}
    (row,) = rows({**CALENDAR, "teamMembers": [member]})["service_members"]
    assert row["meeting_location"] == empty


def test_a_length_of_an_unknown_unit_is_no_number() -> None:
    (row,) = rows({**CALENDAR, "slotDurationUnit": "fortnights"})["services"]
    assert row["slot_duration"] is None
    assert "1.5 fortnights" in row["extra"]


@pytest.mark.parametrize("odd", [None, 7, "text", [], {}, {"id": "c", "openHours": 7, "teamMembers": "x"}])
def test_odd_calendars_do_not_stop_the_list(odd: Any) -> None:
    listed_rows(SERVICES, "location-1", [service(odd, sunday=0), service(CALENDAR, sunday=0)])


def test_a_group_has_the_members_of_its_calendars() -> None:
    users = {"user-1": {"id": "user-1", "firstName": "Ada", "lastName": "Holt", "email": "ada@example.invalid"}}
    others = {**CALENDAR, "id": "calendar-2", "groupId": "group-2", "teamMembers": [{"userId": "user-2"}]}
    group = {"id": "group-1", "name": "Salon", "slug": "salon", "description": "Hair", "isActive": True}
    batch = listed_rows(TEAMS, "location-1", [team(group, [CALENDAR, others], users)])
    (row,) = batch.rows["teams"].arrow().to_pylist()
    assert (row["name"], row["slug"], row["description"], row["extra"]) == (
        "Salon",
        "salon",
        "Hair",
        '{"isActive":true}',
    )
    (member,) = batch.rows["team_members"].arrow().to_pylist()
    assert (member["user_id"], member["name"], member["email"]) == ("user-1", "Ada Holt", "ada@example.invalid")
