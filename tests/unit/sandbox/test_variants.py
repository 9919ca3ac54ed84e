"""The switches that show records differently from the truth, over a real socket."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from .conftest import switch


def rows_by_id(api: Any, **query: Any) -> dict[str, dict[str, Any]]:
    rows = api.appointments(calendarId=query.pop("calendarId", api.service_id), includeAll="true", **query)
    return {row["id"]: row for row in rows}


def test_a_window_is_ignored(api: Any) -> None:
    everything = [row["id"] for row in api.appointments(calendarId=api.service_id)]
    switch(api, ignores_window=20)
    for start in (0, api.world.now_ms):
        rows = api.appointments(calendarId=api.service_id, startDate=start, endDate=start + 1)
        assert [row["id"] for row in rows] == everything[:20]
    switch(api, cap_keeps="latest")
    assert [row["id"] for row in api.appointments(calendarId=api.service_id)] == everything[-20:]


@pytest.mark.parametrize(
    ("deleted_id", "told"), [("plain", {}), ("flag", {"deleted": True}), ("status", {"status": "deleted"})]
)
def test_a_deleted_appointment_is_still_told(api: Any, deleted_id: str, told: dict[str, Any]) -> None:
    switch(api, deleted_id=deleted_id)
    row = next(iter(rows_by_id(api).values()))
    api.world.delete(api.location.id, row["id"])
    row["updatedAt"] = api.json("GET", f"/appointments/{row['id']}")["updatedAt"]
    assert api.json("GET", f"/appointments/{row['id']}") == row | told
    assert row["id"] not in rows_by_id(api)
    assert api.client.get("/appointments/nope").status_code == 404
    api.world.restore(api.location.id, row["id"])
    assert row["id"] in rows_by_id(api)


def test_an_instance_is_answered_with_its_master(api: Any) -> None:
    switch(api, instance_reply="master")
    truth = api.world.truth(api.location.id)["appointments"]
    series = [row for row in truth if row["id"] and row.get("isRecurring")]
    for row in series:
        reply = api.json("GET", f"/appointments/{row['id']}")
        assert reply["id"] == row["id"].split("_")[0]
        assert reply["startTime"][:10] <= row["startTime"][:10]
    single = next(row for row in truth if not row.get("isRecurring"))
    assert api.json("GET", f"/appointments/{single['id']}")["id"] == single["id"]


def test_an_id_is_answered_in_lower_case(api: Any) -> None:
    row = next(iter(rows_by_id(api).values()))
    switch(api, id_case="lower")
    assert api.json("GET", f"/appointments/{row['id']}") == row | {"id": row["id"].lower()}
    assert row["id"] in rows_by_id(api)


@pytest.mark.parametrize("kind", ["same", "stale", "stale_last"])
def test_appointments_are_listed_twice(api: Any, kind: str) -> None:
    plain = rows_by_id(api)
    switch(api, repeated_rows=kind)
    rows = api.appointments(calendarId=api.service_id, includeAll="true")
    twice = {row_id for row_id, count in Counter(row["id"] for row in rows).items() if count == 2}
    assert twice
    assert len(rows) == len(plain) + len(twice)
    for row_id in twice:
        variants = [row for row in rows if row["id"] == row_id]
        now, copy = variants[::-1] if kind == "stale" else variants
        assert now == plain[row_id]
        assert (copy == now) == (kind == "same")
        assert kind == "same" or copy["updatedAt"] < now["updatedAt"]


def test_lists_disagree_about_contacts(api: Any) -> None:
    by_service = rows_by_id(api)
    team_id = api.world.data[api.location.id].services[api.service_id].team_id
    switch(api, contact_variants="by_scope")
    told = {
        scope: {row["id"]: row["contact"] for row in api.appointments(includeAll="true", **query) if row.get("contact")}
        for scope, query in {"service": {"calendarId": api.service_id}, "team": {"teamId": team_id}}.items()
    }
    changed = {row_id for row_id, contact in told["service"].items() if contact != by_service[row_id]["contact"]}
    assert 0 < len(changed) < len(told["service"])
    for row_id in changed:
        contacts = [told[scope][row_id] for scope in told]
        assert contacts[0]["source"] != contacts[1]["source"]
        assert contacts[0] | {"source": None} == contacts[1] | {"source": None}
    assert rows_by_id(api) == rows_by_id(api)


def test_appointments_are_listed_under_two_services(api: Any) -> None:
    first, second = list(api.world.data[api.location.id].services)[:2]
    alone = {service_id: rows_by_id(api, calendarId=service_id) for service_id in (first, second)}
    switch(api, two_services=True)
    both = {service_id: rows_by_id(api, calendarId=service_id) for service_id in (first, second)}
    shared = set(both[first]) & set(both[second])
    assert shared
    assert shared < set(alone[first])
    for row_id in shared:
        assert both[first][row_id] == alone[first][row_id]
        assert both[second][row_id] == alone[first][row_id] | {"calendarServiceId": second}
        assert api.json("GET", f"/appointments/{row_id}")["calendarServiceId"] == first
    starts = [row["startTime"] for row in both[second].values()]
    assert len(starts) > len(alone[second])


@pytest.mark.parametrize("kind", ["appointment", "contact", "calendar", "all"])
def test_a_link_is_different_in_every_reply(api: Any, kind: str) -> None:
    switch(api, moving_field=kind)
    row_id = next(row_id for row_id, row in rows_by_id(api).items() if row["contact"])

    def moving() -> dict[str, list[Any]]:
        rows = [rows_by_id(api)[row_id], api.json("GET", f"/appointments/{row_id}")]
        return {
            "appointment": [row.get("joinLink") for row in rows],
            "contact": [row["contact"].get("portalLink") for row in rows],
            "calendar": [api.json("GET", f"/calendars/{name}")[name][0].get("previewLink") for name in NAMES],
        }

    for name, links in moving().items():
        if kind in (name, "all"):
            assert len({*links, *moving()[name]}) == 2 * len(links)
        else:
            assert set(links) == {None}


NAMES = ("teams", "services")


def test_ids_of_the_service_are_missing(api: Any) -> None:
    before = rows_by_id(api)
    switch(api, missing_service_ids=True)
    rows = rows_by_id(api)
    assert rows.keys() == before.keys()
    assert list(rows.values()) == [
        row for row in api.world.truth(api.location.id)["appointments"] if row["id"] in before
    ]
    by_ids = Counter(
        tuple(bool(row.get(name)) for name in ("calendarServiceId", "calendarProviderId", "userId"))
        for row in rows.values()
    )
    assert by_ids[False, True, True] > 0
    assert by_ids[False, False, False] > 0
    assert by_ids[True, True, True] > len(rows) / 2
    assert {"calendarServiceId" in row for row in rows.values() if not row.get("calendarServiceId")} == {True, False}


def test_the_fields_that_public_clients_read(api: Any) -> None:
    before = rows_by_id(api)
    switch(api, client_field_names=True)
    for row_id, row in rows_by_id(api).items():
        assert not {"calendarServiceId", "userId"} & row.keys()
        assert row["calendarId"] == api.service_id
        assert row["assignedUserId"] == before[row_id]["userId"]
        if row.get("contact"):
            assert row["contactId"] == before[row_id]["contact"]["id"]
            assert "id" not in row["contact"]
        assert api.json("GET", f"/appointments/{row_id}") == row


def test_services_have_fractions(api: Any) -> None:
    switch(api, fractional_numbers=True)
    services = api.json("GET", "/calendars/services")["services"]
    assert services == api.world.truth(api.location.id)["services"]
    assert services[0]["availability"]["eventTiming"]["slotInterval"] == 7.5
    assert {member["priority"] for service in services for member in service["teamMembers"]} == {0.5}
    switch(api, fractional_numbers=False)
    assert api.json("GET", "/calendars/services")["services"][0]["availability"]["eventTiming"]["slotInterval"] == 30


def test_an_appointment_moves_to_other_lists_and_may_be_in_none(api: Any) -> None:
    """A rescheduling by its id still works, although no service says which slots are free."""
    location_id, service_id = api.location.id, api.service_id
    row = next(each for each in api.world.data[location_id].by_start.all() if each.service_id == service_id)
    other = next(each for each in api.world.data[location_id].services.values() if each.id != service_id)

    def is_in(**query: Any) -> bool:
        return row.id in {each["id"] for each in api.appointments(**query)}

    api.world.reassign(location_id, row.id, service_id=other.id, team_id=other.team_id, user_id=row.user_id)
    assert (is_in(calendarId=service_id), is_in(calendarId=other.id)) == (False, True)
    api.world.reassign(location_id, row.id, service_id=None, team_id=None, user_id=row.user_id)
    assert (is_in(calendarId=other.id), is_in(teamId=other.team_id), is_in(userId=row.user_id)) == (False, False, True)
    slot = api.slots(service_id)[0]
    api.json("PUT", f"/appointments/{row.id}", json={"selectedTimezone": "UTC", "selectedSlot": slot})
    shown = api.json("GET", f"/appointments/{row.id}")
    assert shown["calendarServiceId"] is None
    assert datetime.fromisoformat(shown["startTime"]) == datetime.fromisoformat(slot)


def test_a_listed_appointment_may_say_that_it_is_deleted(api: Any) -> None:
    location_id, service_id = api.location.id, api.service_id
    (first, *_) = api.appointments(calendarId=service_id)
    for deleted in (True, False):
        api.world.flag_as_deleted(location_id, first["id"], deleted=deleted)
        (shown,) = [each for each in api.appointments(calendarId=service_id) if each["id"] == first["id"]]
        assert shown.get("deleted", False) == deleted


def test_two_locations_may_have_the_same_id(api: Any) -> None:
    (first, *_) = api.appointments(calendarId=api.service_id)
    other = api.world.locations[1].id
    service_id = next(iter(api.world.data[other].services))
    api.world.book(other, service_id, api.world.now, title="another", appointment_id=first["id"])
    assert api.json("GET", f"/appointments/{first['id']}")["title"] == first["title"]
    assert {"another"} == {row["title"] for row in api.world.truth(other)["appointments"] if row["id"] == first["id"]}
