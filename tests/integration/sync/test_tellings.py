"""Records that are told in several ways: twice in a reply, or differently by two lists.

One telling counts, whatever the order of the replies, and a sync in which nothing changed writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.fake_api import FakeApi
from support.told_calendar import ToldCalendar, at, booked

EARLIER, LATER = "2026-10-01T08:00:00Z", "2026-10-02T08:00:00Z"


@pytest.fixture
def calendar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ToldCalendar]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    database = tmp_path / "warehouse.duckdb"
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(database))
    found: list[ToldCalendar] = []
    with FakeApi(lambda asked: found[0].answer(asked)) as api:
        found.append(ToldCalendar(api, database))
        yield found[0]


# -- twice in one reply ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stale_first", [True, False])
def test_the_newer_of_two_records_counts(calendar: ToldCalendar, stale_first: bool) -> None:
    stale, new = booked("a", title="stale", updatedAt=EARLIER), booked("a", title="new", updatedAt=LATER)
    calendar.lists = {"s1": [stale, new] if stale_first else [new, stale]}
    assert calendar.sync().changes.rejected == 1
    assert calendar.live("appointments", "title") == ["new"]
    assert calendar.idle() == 0


def test_without_instants_of_change_the_held_record_counts(calendar: ToldCalendar) -> None:
    for number, held in enumerate(("one", "two")):
        other = "two" if held == "one" else "one"
        record_id = f"record {number}"
        calendar.lists = {"s1": [booked(record_id, title=held)]}
        calendar.sync()
        for title in (held, other), (other, held):
            calendar.lists = {"s1": [booked(record_id, title=each) for each in title]}
            calendar.sync()
            assert calendar.query("SELECT DISTINCT title FROM appointments WHERE id = ?", record_id) == [
                {"title": held}
            ]


def test_a_rejected_record_is_counted_once(calendar: ToldCalendar) -> None:
    """The list is decoded in each run, because another record of it changes."""
    calendar.lists = {"s1": [booked("a", title="one"), booked("a", title="two"), booked("b"), "no record"]}
    assert calendar.sync().changes.rejected == 2
    for number in range(3):
        calendar.lists["s1"][2] = booked("b", title=str(number))
        changes = calendar.sync().changes
        assert (changes.rejected, changes.total) == (0, 1)
    assert calendar.query("SELECT count(DISTINCT run_id) AS runs, count(*) AS n FROM rejected_records") == [
        {"runs": 1, "n": 2}
    ]


@pytest.mark.parametrize("told_first", ["held", "other"])
def test_teams_services_and_their_members_twice(calendar: ToldCalendar, told_first: str) -> None:
    """Also if the two records differ in their members only, or a member is listed twice."""

    def team(name: str, *users: str) -> dict[str, Any]:
        return {"id": name, "members": [{"id": user, "name": user} for user in users]}

    def service(priority: int) -> dict[str, Any]:
        return {"id": "s1", "name": "Room", "teamMembers": [{"userId": "u", "priority": priority}]}

    calendar.teams, calendar.services = [team("t", "a"), team("v", "a")], [service(5)]
    calendar.sync()
    held = calendar.live("team_members", "name"), calendar.live("service_members", "priority")
    for number in range(3):  # enough for the held record to lose by chance
        twice = [team("t", "a"), team("t", "a", f"b{number}"), {"id": "v", "members": [{"id": "a", "name": "a"}] * 2}]
        twice[2]["members"][1:] = [{"id": "a", "name": f"b{number}"}]
        services = [service(5), service(number)]
        services[0]["teamMembers"] += [{"userId": "u", "priority": 10 + number}]
        order = 1 if told_first == "held" else -1
        for record in (*twice, *services):
            for items in {"members", "teamMembers"} & record.keys():
                record[items] = record[items][::order]
        calendar.teams, calendar.services = twice[::order], services[::order]
        changes = calendar.sync().changes
        assert changes.total == changes.rejected > 0
        assert calendar.idle(1) == 0
    assert (calendar.live("team_members", "name"), calendar.live("service_members", "priority")) == held


@pytest.mark.parametrize("order", [1, -1])
def test_one_instant_twice_among_the_slots(calendar: ToldCalendar, order: int) -> None:
    day = at(1)[:10]
    calendar.lists = {"s1": []}
    calendar.slots = {day: {"slots": [at(1)[:19] + "+00:00", at(1)[:19] + "Z"][::order]}}
    calendar.sync()
    assert calendar.live("slots", "start_time_raw") == [min(calendar.slots[day]["slots"])]
    calendar.slots[day]["slots"].append(at(1.5))
    assert calendar.sync().changes.total == 1


@pytest.mark.parametrize("other", ["Bea", "Cleo", "Zoe"])
@pytest.mark.parametrize("order", [1, -1])
def test_a_contact_told_in_two_ways_by_one_reply(calendar: ToldCalendar, order: int, other: str) -> None:
    def told(*names: str) -> list[dict[str, Any]]:
        contacts = [{"id": "c", "firstName": name} for name in names]
        return [booked(f"a{n}", contactId="c", contact=each) for n, each in enumerate(contacts)][::order]

    calendar.lists = {"s1": told("Ada")}
    calendar.sync()
    calendar.lists = {"s1": told(other, "Ada")}
    calendar.sync()
    assert calendar.idle() == 0
    assert calendar.live("contacts", "first_name") == ["Ada"]


@pytest.mark.parametrize("order", [1, -1])
def test_the_newer_telling_of_a_contact_counts(calendar: ToldCalendar, order: int) -> None:
    contacts = [{"id": "c", "firstName": name, "dateUpdated": at} for name, at in (("Ada", EARLIER), ("Eve", LATER))]
    calendar.lists = {"s1": [booked(f"a{n}", contact=each) for n, each in enumerate(contacts[:1])]}
    calendar.sync()
    calendar.lists = {"s1": [booked(f"a{n}", contact=each) for n, each in enumerate(contacts)][::order]}
    calendar.sync()
    assert calendar.live("contacts", "first_name") == ["Eve"]
    assert calendar.idle() == 0


@pytest.mark.parametrize("order", [1, -1])
def test_a_custom_field_twice_in_a_contact(calendar: ToldCalendar, order: int) -> None:
    fields = [{"id": "f", "value": "one"}, {"id": "f", "value": "two"}][::order]
    calendar.lists = {"s1": [booked("a", contact={"id": "c", "customField": fields[:1]})]}
    calendar.sync()
    calendar.lists["s1"] = [booked("a", contact={"id": "c", "customField": [*fields[1:], *fields[:1]]})]
    calendar.sync()
    assert calendar.live("contact_custom_fields", "value") == [f'"{fields[0]["value"]}"']
    assert calendar.idle(2) == 0
