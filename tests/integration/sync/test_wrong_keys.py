"""A key that opens another calendar than the one it is configured for: nothing is written, and the error says whose the
key is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from bookings_sync.config.settings import Location
from bookings_sync.sandbox import Fault, Faults, Switches

from .conftest import Site, small

TWO = small(locations=2, opaque_key_share=1.0)
TABLES = ("locations", "teams", "team_members", "services", "appointments", "contacts", "slots", "reads")


def names(site: Site) -> tuple[str, str]:
    first, second = site.world.locations
    return first.name, second.name


def ids(site: Site) -> tuple[str, str]:
    first, second = site.world.locations
    return first.id, second.id


def keys(site: Site) -> tuple[str, str]:
    first, second = site.world.locations
    return first.key, second.key


def contents(site: Site) -> dict[str, list[dict[str, Any]]]:
    """Everything that is held, in order."""
    return {
        table: sorted(site.query(f"SELECT * EXCLUDE (_dlt_load_id) FROM {table}"), key=repr)
        for table in (*TABLES, "rejected_records")
    }


def swapped(site: Site, *, with_ids: bool = False) -> dict[str, Location]:
    """Both keys under the other's name, perhaps with the ids written out."""
    (first, second), (one, other), both = names(site), keys(site), ids(site)
    return {
        first: Location(first, other, location_id=both[0] if with_ids else None),
        second: Location(second, one, location_id=both[1] if with_ids else None),
    }


@pytest.mark.parametrize("with_ids", [False, True], ids=["stored-ids", "written-ids"])
def test_swapped_keys_write_nothing(open_site: Callable[..., Site], with_ids: bool) -> None:
    site = open_site(TWO)
    assert site.sync().outcome == "ok"
    before = contents(site)
    result = site.sync(locations=swapped(site, with_ids=with_ids))
    assert result.outcome == "failed"
    for name, other, other_id in zip(names(site), reversed(names(site)), reversed(ids(site)), strict=True):
        assert f"locations.{name}.api_key" in result.row["errors"]
        assert f"opens the calendar of `{other}` (location id {other_id})" in result.row["errors"]
    assert not any(key in result.row["errors"] for key in keys(site))
    assert contents(site) == before
    assert site.sync().outcome == "ok"
    assert site.differences() == []
    assert result.changes.total == 0


def test_a_first_sync_with_swapped_keys_writes_nothing(open_site: Callable[..., Site]) -> None:
    """The ids are written out, and the data contradicts them."""
    site = open_site(TWO)
    result = site.sync(locations=swapped(site, with_ids=True))
    assert result.outcome == "failed"
    assert "opens the calendar of" in result.row["errors"]
    assert all(site.query(f"SELECT * FROM {table}") == [] for table in TABLES)
    assert site.sync().outcome == "ok"
    assert site.differences() == []


def test_a_first_sync_is_contradicted_by_old_appointments_only(open_site: Callable[..., Site]) -> None:
    site = open_site(replace(TWO, locations=1, future_days=1), lookback_days=1, horizon_days=1)
    site.world.now_ms += 700 * 86_400_000
    first = site.world.locations[0]
    result = site.sync(locations={"a": Location("a", first.key, location_id="elsewhere")})
    assert result.outcome == "failed"
    assert first.id in result.row["errors"]
    assert all(site.query(f"SELECT * FROM {table}") == [] for table in TABLES)


@pytest.mark.parametrize("knobs", [{}, {"history_start": date(2028, 6, 1)}], ids=["all-history", "short-history"])
def test_a_key_with_claims_gets_the_old_appointments_of_another(
    open_site: Callable[..., Site], knobs: dict[str, Any]
) -> None:
    """The API serves another tenant's calendar, which shows no appointment near today, or only some before the start of
    history that a long window of the plan reaches."""
    site = open_site(
        replace(TWO, opaque_key_share=0, future_days=1),
        lookback_days=1,
        horizon_days=1,
        max_window_days=2048,
        window_days=16,
        **knobs,
    )
    site.world.now_ms += 700 * 86_400_000
    site.server.faults = Faults([Fault(kind="other_tenant")])
    assert site.sync().outcome == "failed"
    assert all(site.query(f"SELECT * FROM {table}") == [] for table in TABLES)


def test_one_wrong_key_stops_nobody_else(open_site: Callable[..., Site]) -> None:
    """A key was replaced by the key of a tenant that is not known here."""
    site = open_site(replace(TWO, locations=3))
    first, second, third = site.world.locations
    known = {each.name: Location(each.name, each.key) for each in (first, second)}
    site.sync(locations=known)
    before = contents(site)
    site.world.book(second.id, next(iter(site.world.data[second.id].services)), site.world.now)
    result = site.sync(locations=known | {first.name: Location(first.name, third.key)})
    assert result.outcome == "partial"
    assert f"opens the calendar of location id {third.id}" in result.row["errors"]
    assert f'location_id = \\"{third.id}\\"' in result.row["errors"]
    assert site.differences(second.id) == []
    for table, rows in contents(site).items():
        of_first = [row for row in rows if row["location_id"] == first.id]
        assert of_first == [row for row in before[table] if row["location_id"] == first.id]
        assert not any(row["location_id"] == third.id for row in rows)


def test_a_key_with_claims_of_a_new_tenant(open_site: Callable[..., Site]) -> None:
    """The name is known for another location, which is no longer configured. Writing the id accepts the move."""
    site = open_site(small(locations=2, opaque_key_share=0))
    first, second = site.world.locations
    site.sync(locations={"a": Location("a", first.key)})
    result = site.sync(locations={"a": Location("a", second.key)})
    assert result.outcome == "failed"
    assert f'location_id = \\"{second.id}\\"' in result.row["errors"]
    assert site.sync(locations={"a": Location("a", second.key, location_id=second.id)}).outcome == "ok"
    assert site.differences(first.id) == []
    assert site.live("appointments", "location_id = ?", second.id)


def test_an_id_that_the_key_contradicts(open_site: Callable[..., Site]) -> None:
    site = open_site(small(locations=2, opaque_key_share=0))
    first, second = site.world.locations
    result = site.sync(locations={"a": Location("a", first.key, location_id=second.id)})
    assert result.outcome == "failed"
    assert first.id in result.row["errors"]
    assert second.id in result.row["errors"]
    assert result.row["requests"] == 0


@pytest.mark.parametrize("opaque", [0.0, 1.0], ids=["claims", "opaque"])
def test_a_renamed_location_keeps_its_history(open_site: Callable[..., Site], opaque: float) -> None:
    site = open_site(small(opaque_key_share=opaque))
    site.sync()
    location = site.world.locations[0]
    assert site.sync(locations={"new-name": Location("new-name", location.key)}).outcome == "ok"
    assert [row["name"] for row in site.live("locations")] == ["new-name"]
    assert site.query("SELECT count(*) AS n FROM appointments") == site.query(
        "SELECT count(DISTINCT id) AS n FROM appointments"
    )
    assert site.differences() == []


@pytest.mark.parametrize("opaque", [0.0, 1.0], ids=["claims", "opaque"])
def test_two_locations_exchange_their_names(open_site: Callable[..., Site], opaque: float) -> None:
    """With opaque keys this looks like keys under the wrong name, so the ids are needed."""
    site = open_site(replace(TWO, opaque_key_share=opaque))
    site.sync()
    (first, second), (one, other), (a, b) = names(site), keys(site), ids(site)
    exchanged = {
        second: Location(second, one, location_id=a if opaque else None),
        first: Location(first, other, location_id=b if opaque else None),
    }
    assert site.sync(locations=exchanged).outcome == "ok"
    assert {row["location_id"]: row["name"] for row in site.live("locations")} == {a: second, b: first}
    assert site.query("SELECT count(*) AS n FROM appointments") == site.query(
        "SELECT count(DISTINCT id) AS n FROM appointments"
    )


@pytest.mark.parametrize("endpoint", ["GET /calendars/teams", "GET /calendars/services", "GET /appointments/"])
def test_one_reply_of_another_tenant(open_site: Callable[..., Site], endpoint: str) -> None:
    """A proxy's cache mixes up two tenants once. Nothing of the reply is stored, and nothing is missing from it."""
    site = open_site(small(locations=2))
    site.sync()
    before = contents(site)
    location_id = site.location_id
    site.server.faults = Faults([Fault(kind="other_tenant", endpoints=(endpoint,), location_id=location_id, times=1)])
    result = site.sync()
    assert result.outcome == "partial"
    assert "the reply holds records of" in result.row["errors"]
    after = contents(site)
    for table in (*TABLES[:-1], "rejected_records"):
        assert after[table] == before[table]
    site.server.faults = Faults()
    assert site.sync().outcome == "ok"
    assert site.differences() == []


def test_replies_of_another_tenant_in_a_first_sync(open_site: Callable[..., Site]) -> None:
    site = open_site(small(locations=2))
    site.server.faults = Faults([Fault(kind="other_tenant", location_id=site.location_id)])
    site.sync()
    other = site.world.locations[1].id
    assert site.live("appointments", "location_id = ?", site.location_id) == []
    assert site.differences(other) == []
    site.server.faults = Faults()
    site.sync()
    assert site.differences() == []


def test_one_record_of_another_location(open_site: Callable[..., Site]) -> None:
    """A single wrong record is rejected with the reason; the rest of its reply is loaded."""
    site = open_site(small())
    row = next(iter(site.world.data[site.location_id].by_start.all()))
    row.location_id, row.head = "elsewhere", None
    result = site.sync()
    assert result.outcome == "ok"
    (rejected,) = site.query("SELECT reason, record FROM rejected_records WHERE table_name = 'appointments'")
    assert "another location" in rejected["reason"]
    assert row.id in rejected["record"]
    assert site.live("appointments", "id = ?", row.id) == []
    assert len(site.live("appointments")) == len(list(site.world.data[site.location_id].by_start.all())) - 1
    assert site.sync().outcome == "ok"
    assert len(site.query("SELECT * FROM rejected_records")) == 1


def test_a_held_record_that_names_another_location_stays_as_it_was(open_site: Callable[..., Site]) -> None:
    site = open_site(small())
    site.sync()
    row = next(iter(site.world.data[site.location_id].by_start.all()))
    row.location_id, row.head = "elsewhere", None
    before = site.versions("appointments", row.id)
    site.sync()
    assert site.versions("appointments", row.id) == before


@pytest.mark.parametrize(("opaque", "has_id"), [(0.0, False), (0.0, True), (1.0, False), (1.0, True)])
def test_the_proof_costs_no_request(open_site: Callable[..., Site], opaque: float, has_id: bool) -> None:
    """Neither in a first sync nor in a later one, with any kind of key."""
    site = open_site(small(opaque_key_share=opaque))
    location = site.world.locations[0]
    written = Location(location.name, location.key, location.id if has_id else None, location.timezone)
    for _ in range(3):
        site.world.requests.reset()
        assert site.sync(locations={location.name: written}).row["errors"] == "[]"
        asked = Counter((each.path, each.query) for each in site.world.requests.records)
        assert asked.most_common(1)[0][1] == 1


@pytest.mark.parametrize("days_ahead", [0, 100])
def test_all_services_were_replaced(open_site: Callable[..., Site], days_ahead: int) -> None:
    """None of the listed ids is known, but an appointment shows the location, also one that is not due to be read."""
    site = open_site(small(teams_per_location=1, services_per_location=1))
    site.sync()
    world, location_id = site.world, site.location_id
    data = world.data[location_id]
    for team in list(data.teams):
        world.add_team(location_id, f"new {team}", f"new-{team}", list(data.members)[:2])
        service = world.add_service(location_id, list(data.teams)[-1], "New", f"new-service-{team}")
        world.book(location_id, service.id, world.now + timedelta(days=days_ahead))
    for old in list(data.services)[:1]:
        world.delete_service(location_id, old)
    for old in list(data.teams)[:1]:
        world.delete_team(location_id, old)
    site.world.requests.reset()
    errors = site.sync().row["errors"]
    assert "this key" not in errors
    assert "the reply holds" not in errors
    assert site.live("services", "id = ?", service.id)
    assert days_ahead or site.live("appointments", "service_id = ?", service.id)
    asked = Counter((each.path, each.query) for each in site.world.requests.records)
    assert asked.most_common(1)[0][1] == 1


@pytest.mark.parametrize("are_known", [True, False], ids=["known-members", "new-members"])
def test_all_teams_were_replaced_and_nothing_is_booked(open_site: Callable[..., Site], are_known: bool) -> None:
    """Members whom only this location holds show that the list is its own. Else the teams stay as they were."""
    site = open_site(small(locations=2, teams_per_location=1))
    site.sync()
    world, location_id = site.world, site.location_id
    data, other = world.data[location_id], world.data[world.locations[1].id]
    data.members |= other.members
    before = site.live("teams", "location_id = ?", location_id)
    new = world.add_team(location_id, "New", "new", list((data if are_known else other).members)[:2])
    for old in [each for each in data.teams if each != new.id]:
        world.delete_team(location_id, old)
    errors = site.sync().row["errors"]
    teams = [row["id"] for row in site.live("teams", "location_id = ?", location_id)]
    assert teams == ([new.id] if are_known else [row["id"] for row in before])
    assert ("the reply holds" in errors) is not are_known


def test_switches_keep_working_with_opaque_keys(open_site: Callable[..., Site]) -> None:
    site = open_site(replace(TWO, locations=1), switches=Switches(max_window_days=31, unknown_scope="422"))
    assert site.sync().outcome == "ok"
    assert site.differences() == []
