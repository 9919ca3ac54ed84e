"""Records with several variants: twice in a reply, or differently in two lists.

One variant counts, whatever the order of the replies, and a sync in which nothing changed writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pendulum
import pytest

from bookings_sync import transform_warehouse
from bookings_sync.sandbox import Switches
from support.fake_api import FakeApi
from support.scripted_calendar import ScriptedCalendar, at, booked

from .conftest import Site, small

EARLIER, LATER = "2026-10-01T08:00:00Z", "2026-10-02T08:00:00Z"


@pytest.fixture
def calendar(warehouse_file: Path) -> Iterator[ScriptedCalendar]:
    found: list[ScriptedCalendar] = []
    with FakeApi(lambda asked: found[0].answer(asked)) as api:
        found.append(ScriptedCalendar(api, warehouse_file))
        yield found[0]


# -- twice in one reply ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stale_first", [True, False])
def test_the_newer_of_two_records_counts(calendar: ScriptedCalendar, stale_first: bool) -> None:
    stale, new = booked("a", title="stale", updatedAt=EARLIER), booked("a", title="new", updatedAt=LATER)
    calendar.lists = {"s1": [stale, new] if stale_first else [new, stale]}
    assert calendar.sync().changes.rejected == 1
    assert calendar.live("appointments", "title") == ["new"]
    assert calendar.idle() == 0


def test_without_instants_of_change_the_held_record_counts(calendar: ScriptedCalendar) -> None:
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


def test_a_rejected_record_is_counted_once(calendar: ScriptedCalendar) -> None:
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
def test_teams_services_and_their_members_twice(calendar: ScriptedCalendar, told_first: str) -> None:
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
def test_one_instant_twice_among_the_slots(calendar: ScriptedCalendar, order: int) -> None:
    day = at(1)[:10]
    calendar.lists = {"s1": []}
    calendar.slots = {day: {"slots": [at(1)[:19] + "+00:00", at(1)[:19] + "Z"][::order]}}
    calendar.sync()
    assert calendar.live("slots", "start_time_raw") == [min(calendar.slots[day]["slots"])]
    calendar.slots[day]["slots"].append(at(1.5))
    assert calendar.sync().changes.total == 1


@pytest.mark.parametrize("other", ["Bea", "Cleo", "Zoe"])
@pytest.mark.parametrize("order", [1, -1])
def test_a_contact_told_in_two_ways_by_one_reply(calendar: ScriptedCalendar, order: int, other: str) -> None:
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
def test_the_newer_variant_of_a_contact_counts(calendar: ScriptedCalendar, order: int) -> None:
    contacts = [{"id": "c", "firstName": name, "dateUpdated": at} for name, at in (("Ada", EARLIER), ("Eve", LATER))]
    calendar.lists = {"s1": [booked(f"a{n}", contact=each) for n, each in enumerate(contacts[:1])]}
    calendar.sync()
    calendar.lists = {"s1": [booked(f"a{n}", contact=each) for n, each in enumerate(contacts)][::order]}
    calendar.sync()
    assert calendar.live("contacts", "first_name") == ["Eve"]
    assert calendar.idle() == 0


@pytest.mark.parametrize("order", [1, -1])
def test_a_custom_field_twice_in_a_contact(calendar: ScriptedCalendar, order: int) -> None:
    fields = [{"id": "f", "value": "one"}, {"id": "f", "value": "two"}][::order]
    calendar.lists = {"s1": [booked("a", contact={"id": "c", "customField": fields[:1]})]}
    calendar.sync()
    calendar.lists["s1"] = [booked("a", contact={"id": "c", "customField": [*fields[1:], *fields[:1]]})]
    calendar.sync()
    assert calendar.live("contact_custom_fields", "value") == [f'"{fields[0]["value"]}"']
    assert calendar.idle(2) == 0


# -- differently by two lists ------------------------------------------------------------------------------------------

ORDERS = [(), ("s1",), ("s2",)]
"""Which lists arrive late."""


def of_contact(record_id: str, service_id: str, name: str, **fields: Any) -> dict[str, Any]:
    return booked(record_id, service_id, contactId="c", contact={"id": "c", "firstName": name} | fields)


@pytest.mark.parametrize("late", ORDERS)
def test_two_lists_that_disagree_about_a_contact(calendar: ScriptedCalendar, late: tuple[str, ...]) -> None:
    """The same variant counts whatever list arrives first, and nothing is written while nothing changes."""
    calendar.lists = {"s1": [of_contact("a", "s1", "Ada")], "s2": [of_contact("b", "s2", "Bea")]}
    calendar.late = late
    calendar.sync()
    assert calendar.live("contacts", "first_name") == ["Bea"]
    for calendar.late in ORDERS:
        result = calendar.sync()
        assert result.changes.total == 0
        assert [each for each in result.warnings if "told in several ways" in each]
    assert calendar.live("contacts", "first_name") == ["Bea"]


@pytest.mark.parametrize("late", ORDERS)
def test_a_change_of_a_contact_that_two_lists_disagree_about(calendar: ScriptedCalendar, late: tuple[str, ...]) -> None:
    """It is seen if both lists show it, or only the list with the held version. The other list is not believed."""
    calendar.lists = {"s1": [of_contact("a", "s1", "Ada")], "s2": [of_contact("b", "s2", "Ada")]}
    calendar.sync()
    calendar.late = late
    for number in range(4):
        calendar.lists["s2"] = [of_contact("b", "s2", f"other {number}")]
        assert calendar.idle(2) == 0
    for number in range(4):
        calendar.lists["s1"] = [of_contact("a", "s1", f"Ada {number}")]
        assert calendar.sync().changes.changed == 1
        assert calendar.live("contacts", "first_name") == [f"Ada {number}"]
        assert calendar.idle(2) == 0
    calendar.lists = {"s1": [of_contact("a", "s1", "Zoe")], "s2": [of_contact("b", "s2", "Zoe")]}
    assert calendar.sync().changes.changed == 1
    assert calendar.live("contacts", "first_name") == ["Zoe"]
    assert calendar.idle(2) == 0


@pytest.mark.parametrize("late", ORDERS)
@pytest.mark.parametrize("newer", ["s1", "s2"])
def test_the_newer_of_two_lists_counts(calendar: ScriptedCalendar, newer: str, late: tuple[str, ...]) -> None:
    calendar.late = late
    calendar.lists = {
        each: [of_contact(each, each, each, dateUpdated=LATER if each == newer else EARLIER)] for each in ("s1", "s2")
    }
    calendar.sync()
    assert calendar.live("contacts", "first_name") == [newer]
    assert calendar.idle(3) == 0


def test_a_variant_ends_with_its_list(calendar: ScriptedCalendar) -> None:
    """The appointment with the held variant is gone, so the other list's variant counts."""
    calendar.lists = {"s1": [of_contact("a", "s1", "Ada"), booked("x")], "s2": [of_contact("b", "s2", "Ada")]}
    calendar.sync()
    calendar.lists["s2"] = [of_contact("b", "s2", "Bea")]
    assert calendar.idle(2) == 0
    calendar.lists["s1"].pop(0)
    calendar.sync()
    assert calendar.live("contacts", "first_name") == ["Bea"]
    assert calendar.idle(2) == 0


def test_a_reply_by_id_that_disagrees_with_a_list_about_a_contact(calendar: ScriptedCalendar) -> None:
    """The list no longer contains one appointment of the contact, and still shows the contact with the other one."""
    calendar.services = [{"id": "s1"}]
    calendar.lists = {"s1": [of_contact("a", "s1", "Ada"), of_contact("b", "s1", "Ada")]}
    calendar.sync()
    calendar.lists["s1"].pop()
    calendar.lists["no service"] = [booked("b", calendarServiceId=None, contact={"id": "c", "firstName": "Eve"})]
    assert calendar.sync().changes.total == 1, "the appointment has lost its service"
    assert calendar.idle() == 0
    assert calendar.live("contacts", "first_name") == ["Ada"]


@pytest.mark.parametrize("late", ORDERS)
@pytest.mark.parametrize("names", [("Ada", "Bea"), ("Bea", "Ada"), ("Cleo", "Dan")])
def test_a_contact_told_differently_by_the_second_service_of_its_appointment(
    calendar: ScriptedCalendar, names: tuple[str, str], late: tuple[str, ...]
) -> None:
    """The list that the warehouse holds the appointment in counts."""
    calendar.lists = {"s1": [of_contact("a", "s1", names[0])], "s2": []}
    calendar.sync()
    calendar.lists["s1"] = [of_contact("a", "s1", f"{names[0]} Two")]
    calendar.lists["s2"] = [of_contact("a", "s2", f"{names[1]} Two")]
    calendar.late = late
    calendar.sync()
    assert calendar.live("contacts", "first_name") == [f"{names[0]} Two"]
    assert calendar.idle() == 0


@pytest.mark.parametrize("late", ORDERS)
def test_appointments_that_two_services_show_first_with_different_contacts(
    calendar: ScriptedCalendar, late: tuple[str, ...]
) -> None:
    """Whichever list an appointment is held in after its first sync, its contact is of the same list."""
    calendar.late = late
    calendar.lists = {
        list_: [booked(f"a{n}", list_, contact={"id": f"c{n}", "firstName": f"{list_} {n}"}) for n in range(12)]
        for list_ in ("s1", "s2")
    }
    calendar.sync()
    assert calendar.idle() == 0
    held = zip(calendar.live("appointments", "id"), calendar.live("appointments", "service_id"), strict=True)
    assert sorted(calendar.live("contacts", "first_name")) == sorted(f"{each} {id_[1:]}" for id_, each in held)


def test_cold_windows_that_disagree_with_hot_ones(calendar: ScriptedCalendar) -> None:
    calendar.knobs = {"cold_reread_days": 1, "window_days": 4, "lookback_days": 1}
    hot, cold = of_contact("a", "s1", "Ada"), of_contact("b", "s1", "Bea", startTime=at(-15), endTime=at(-15))
    calendar.lists = {"s1": [hot, cold, booked("x", startTime=at(-15.1))]}
    calendar.sync()
    for number in range(3):
        calendar.lists["s1"][2] = booked("x", startTime=at(-15.1), title=str(number))
        calendar.now = calendar.now.add(hours=23)
        assert calendar.sync().changes.total == 1, "the cold window is decoded, because another row of it changed"
        assert calendar.idle(1) == 0
    assert calendar.versions("contacts") <= 2


@pytest.mark.parametrize("late", ORDERS)
@pytest.mark.parametrize("names_its_list", [True, False])
def test_an_appointment_under_two_services(
    calendar: ScriptedCalendar, names_its_list: bool, late: tuple[str, ...]
) -> None:
    """Each list names itself, or both name the first service."""
    calendar.late = late
    calendar.lists = {
        each: [booked("a", each if names_its_list else "s1", title=f"of {each}")] for each in ("s1", "s2", "s3")
    }
    calendar.sync()
    told = calendar.live("appointments", "title")
    assert names_its_list or told == ["of s1"]
    for calendar.late in ORDERS:
        assert calendar.sync().changes.total == 0
    assert calendar.live("appointments", "title") == told
    winner = told[0].removeprefix("of ")
    calendar.lists[winner][0]["title"] = "changed"
    assert calendar.sync().changes.total == 1
    assert calendar.live("appointments", "title") == ["changed"]
    assert calendar.idle(2) == 0


@pytest.mark.parametrize("late", ORDERS)
def test_an_appointment_at_the_edge_of_a_window_under_two_services(
    calendar: ScriptedCalendar, late: tuple[str, ...]
) -> None:
    """Each list names itself. Every run reads the later window, in which the appointment ends but does not begin."""
    calendar.late, calendar.overlap, calendar.knobs = late, True, {"window_days": 4, "lookback_days": 1}
    calendar.lists = {"s1": [], "s2": []}
    calendar.sync()
    hot = calendar.now.subtract(days=1)
    (first,) = calendar.query("SELECT min(window_start) AS edge FROM reads WHERE window_end > ?", hot)
    edge = pendulum.instance(first["edge"])
    for each in calendar.lists:
        times = {"startTime": edge.subtract(hours=1).isoformat(), "endTime": edge.add(hours=1).isoformat()}
        calendar.lists[each] = [booked("a", calendarServiceId=None, title=each, **times)]
    calendar.sync(full=True)
    (told,) = calendar.live("appointments", "title")
    for _ in range(3):
        calendar.now = calendar.now.subtract(minutes=10)  # no cold window is due at once, so only the later one is read
        assert calendar.sync().changes.total == 0
    assert calendar.live("appointments", "title") == [told]
    calendar.lists[told][0]["title"] = "changed"
    calendar.sync(full=True)
    assert calendar.live("appointments", "title") == ["changed"]
    assert calendar.idle(2) == 0


@pytest.mark.parametrize("late", [(), ("s1",), ("u",)])
def test_an_appointment_told_differently_by_service_and_by_user(
    calendar: ScriptedCalendar, late: tuple[str, ...]
) -> None:
    calendar.knobs = {"scopes": ("service", "user")}
    calendar.services = [{"id": "s1", "teamMembers": [{"userId": "u"}]}]
    calendar.late = late
    calendar.lists = {each: [booked("a", userId="u", title=each)] for each in ("s1", "u")}
    calendar.sync()
    told = calendar.live("appointments", "title")
    for calendar.late in [(), ("s1",), ("u",)]:
        assert calendar.sync().changes.total == 0
    for title in ("one", "two"):
        calendar.lists[told[0]] = [booked("a", userId="u", title=title)]
        assert calendar.sync().changes.total == 1
        assert calendar.live("appointments", "title") == [title]
        assert calendar.idle(2) == 0


@pytest.mark.parametrize(
    "switches", [{"contact_variants": "by_scope"}, {"two_services": True}, {"repeated_rows": "stale_last"}]
)
def test_the_sandboxs_variants_settle(open_site: Callable[..., Site], switches: dict[str, Any]) -> None:
    site = open_site(small(appointments=200), switches=Switches(**switches), slots=False)
    site.sync()
    assert sum(site.sync().changes.total for _ in range(4)) == 0


def test_the_fields_that_public_clients_read(open_site: Callable[..., Site]) -> None:
    """calendarId is the service, and contactId the contact. They join up to the marts."""
    site = open_site(small(appointments=60), switches=Switches(client_field_names=True), slots=False)
    result = site.sync()
    assert result.changes.rejected == 0
    assert site.sync().changes.total == 0
    assert site.live("contacts")
    transform_warehouse(site.settings)
    facts = "bookings_marts.fct_appointments"
    assert site.query(f"SELECT count(*) AS n FROM {facts} WHERE service_id IS NULL AND NOT is_blocked") == [{"n": 0}]
    joined = f"FROM {facts} AS fact JOIN bookings_marts.dim_contact AS contact USING (location_id, contact_id)"
    assert site.query(f"SELECT count(*) AS n {joined} WHERE contact.is_inferred") == [{"n": 0}]
    assert site.query(f"SELECT count(*) > 0 AS any {joined}") == [{"any": True}]
