"""The shared switches that show records of v2 differently from the truth, over a real socket."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from bookings_sync.sandbox import truth_v2

from .conftest import switch


def events_by_id(api: Any) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in api.events(calendarId=api.service_id)}


@pytest.mark.parametrize("kind", ["same", "stale", "stale_last"])
def test_events_are_listed_twice(api: Any, kind: str) -> None:
    plain = events_by_id(api)
    switch(api, repeated_rows=kind)
    rows = api.events(calendarId=api.service_id)
    twice = {row_id for row_id, count in Counter(row["id"] for row in rows).items() if count == 2}
    assert twice
    for row_id in twice:
        variants = [row for row in rows if row["id"] == row_id]
        now, copy = variants[::-1] if kind == "stale" else variants
        assert now == plain[row_id]
        assert (copy == now) == (kind == "same")
        assert kind == "same" or copy["dateUpdated"] < now["dateUpdated"]


def test_events_are_listed_under_two_calendars(api: Any) -> None:
    own = events_by_id(api)
    switch(api, two_services=True)
    more = {row["id"]: row for row in api.events(calendarId=api.service_id)}
    assert more.keys() > own.keys()
    assert {row["calendarId"] for row in more.values()} == {api.service_id}


def test_events_lack_their_ids(api: Any) -> None:
    switch(api, missing_service_ids=True)
    rows = list(events_by_id(api).values())
    for name in ("calendarId", "groupId", "assignedUserId"):
        assert any(not row.get(name) for row in rows), name
    assert any(row.get("calendarId") for row in rows)


@pytest.mark.parametrize(
    ("moving", "seen"), [("appointment", {"events"}), ("contact", {"contacts"}), ("calendar", {"calendars", "groups"})]
)
def test_links_move(api: Any, moving: str, seen: set[str]) -> None:
    switch(api, moving_field=moving)
    mine = {"locationId": api.location.id}

    def replies() -> dict[str, Any]:
        search = api.v2_request("POST", "/contacts/search", json=mine | {"pageLimit": 5})
        return {
            "events": api.events(calendarId=api.service_id),
            "contacts": search.json()["contacts"],
            "calendars": api.v2("/calendars/", **mine)["calendars"],
            "groups": api.v2("/calendars/groups", **mine)["groups"],
        }

    first, second = replies(), replies()
    assert {name for name in first if first[name] != second[name]} == seen


def test_an_instance_is_answered_with_its_master_and_an_id_in_lower_case(api: Any) -> None:
    rows = truth_v2(api.world, api.location.id)["events"]
    series, single = (next(row for row in rows if bool(row.get("masterEventId")) is kind) for kind in (True, False))
    switch(api, instance_reply="master")
    reply = api.v2(f"/calendars/events/appointments/{series['id']}")["event"]
    assert reply["id"] == series["masterEventId"]
    assert reply["startTime"] <= series["startTime"]
    switch(api, id_case="lower")
    assert api.v2(f"/calendars/events/appointments/{single['id']}")["event"]["id"] == single["id"].lower()


def test_calendars_have_fractions(api: Any) -> None:
    switch(api, fractional_numbers=True)
    calendar = api.v2("/calendars/", locationId=api.location.id)["calendars"][0]
    assert (calendar["slotInterval"], calendar["slotBuffer"], calendar["slotIntervalUnit"]) == (7.5, 2.5, "mins")


def test_what_v1_tells_differently_is_no_matter_of_v2(api: Any) -> None:
    before = truth_v2(api.world, api.location.id)
    switch(api, client_field_names=True, attendance_spelling="sic", contact_variants="by_scope", blocked_listed=False)
    assert truth_v2(api.world, api.location.id) == before
    assert events_by_id(api)
