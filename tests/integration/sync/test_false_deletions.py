"""An API that answers as if records had been deleted: existing records stay, and deleted ones go."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from bookings_sync.sandbox import Fault, Faults, Switches
from bookings_sync.sync import pipeline
from bookings_sync.sync.pipeline import SyncResult
from bookings_sync.sync.run import Run

from .conftest import NOW, Site, small

TABLES = ("teams", "team_members", "services", "service_members", "service_hours", "appointments", "slots")
APPOINTMENTS = ("GET /appointments/", "GET /appointments/:id")
GONE = ("gone_400", "gone_404", "gone_422", "gone_empty", "gone_object")


def outage(*kinds: str, **where: Any) -> Faults:
    return Faults([Fault(kind=kind, **where) for kind in kinds])  # type: ignore[arg-type]


def tombstones(site: Site) -> dict[str, int]:
    """The tombstones of each table that has any."""
    counts = {table: len(site.query(f"SELECT 1 FROM {table} WHERE deleted_at IS NOT NULL")) for table in TABLES}
    return {table: count for table, count in counts.items() if count}


def held(result: SyncResult) -> dict[str, tuple[int, str]]:
    """What the first location holds back: rows and reason, by table."""
    return {each["table"]: (each["rows"], each["why"]) for each in json.loads(result.row["locations"])[0]["held"]}


def recovers(site: Site) -> None:
    """The next run finds everything as it was."""
    site.server.faults = Faults()
    result = site.sync()
    assert (result.outcome, result.changes.total) == ("ok", 0)
    assert tombstones(site) == {}
    assert site.differences() == []
    assert site.query("SELECT * FROM held_deletions WHERE ended_at IS NULL") == []


def delete_some(site: Site, count: int) -> list[str]:
    """Deletes the appointments nearest to now."""
    rows = site.live("appointments")
    rows.sort(key=lambda row: abs(row["start_time"] - site.world.now))
    ids = [row["id"] for row in rows[:count]]
    for appointment_id in ids:
        site.world.delete(site.location_id, appointment_id)
    return ids


# -- the API lies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", GONE)
def test_empty_lists_and_refused_ids_delete_nothing(site: Site, gone: str) -> None:
    site.sync()
    site.server.faults = outage("empty_list", gone)
    result = site.sync()
    assert result.outcome == "held"
    assert held(result)["appointments"] == (300, "no control")
    assert tombstones(site) == {}
    recovers(site)


@pytest.mark.parametrize("gone", GONE)
def test_ids_that_are_refused_while_lists_are_right(open_site: Callable[..., Site], gone: str) -> None:
    """An appointment moved to a window that the run does not read. Its list misses it, and its id is refused."""
    site = open_site(small(), lookback_days=30, horizon_days=20)
    site.sync()
    moved = site.live("appointments", "start_time BETWEEN ? AND ?", NOW, NOW + timedelta(days=9))[0]["id"]
    site.world.reschedule(site.location_id, moved, site.world.now.replace(year=2031))
    site.server.faults = outage(gone)
    result = site.sync()
    assert result.outcome == "partial"
    assert "listed appointments are not found by their ids" in result.row["errors"]
    assert tombstones(site) == {}
    site.server.faults = Faults()
    assert site.sync().outcome == "ok"
    assert site.differences() == []


@pytest.mark.parametrize("answers", [2, 3, 5, 7])
def test_an_outage_that_begins_during_a_load(open_site: Callable[..., Site], answers: int) -> None:
    site = open_site(small(), concurrency=1)
    site.sync()
    seen = 0

    def progress(_: Run) -> None:
        nonlocal seen
        seen += 1
        if seen == answers:
            site.server.faults = outage("empty_list", "gone_404")

    result = pipeline.sync(site.settings, clock=site.clock, on_progress=progress)
    assert result.outcome != "ok" or answers > 3, "the last lists may be in before the outage begins"
    assert tombstones(site) == {}
    recovers(site)


def test_an_outage_that_ends_during_a_load(site: Site) -> None:
    """The lists are empty, the first ids are refused, and then all is well."""
    site.sync()
    rules = [Fault(kind="empty_list"), Fault(kind="gone_404", times=60)]
    site.server.faults = Faults(rules)
    assert site.sync().outcome != "ok"
    assert tombstones(site) == {}
    recovers(site)


def test_empty_lists_while_ids_are_right(site: Site) -> None:
    site.sync()
    site.server.faults = outage("empty_list")
    assert site.sync().outcome == "held"
    assert tombstones(site) == {}
    recovers(site)


def test_an_outage_of_one_location(open_site: Callable[..., Site]) -> None:
    site = open_site(small(locations=2, appointments=300))
    site.sync()
    ill, well = (each.id for each in site.world.locations)
    site.server.faults = outage("empty_list", "gone_empty", location_id=ill)
    deleted = site.live("appointments", "location_id = ?", well)[0]["id"]
    site.world.delete(well, deleted)
    result = site.sync()
    assert result.outcome == "held"
    assert [each["outcome"] for each in json.loads(result.row["locations"])] == ["held", "ok"]
    assert tombstones(site) == {"appointments": 1}
    site.server.faults = Faults()
    assert site.sync().outcome == "ok"
    assert site.differences() == []


@pytest.mark.parametrize("table", ["teams", "services", "slots"])
def test_one_list_is_empty(site: Site, table: str) -> None:
    site.sync()
    paths = {"slots": "GET /appointments/slots"}
    site.server.faults = outage("empty_list", endpoints=(paths.get(table, f"GET /calendars/{table}"),))
    result = site.sync()
    assert (result.outcome, list(held(result))) == ("held", [table])
    assert tombstones(site) == {}
    not_read = json.loads(result.row["locations"])[0]["slots_not_read"]
    services = {row["id"] for row in site.live("services")}
    assert (set(not_read) == services) if table == "slots" else (set(not_read) <= services)
    recovers(site)


@pytest.mark.parametrize(("closed", "days", "outcome"), [(3, 0, "held"), (3, 7, "ok"), (7, 7, "held")])
def test_slots_close_as_time_goes_by(open_site: Callable[..., Site], closed: int, days: int, outcome: str) -> None:
    """Half of the slots within a week are bookings. Half of them at once, or all of them, are more likely an outage."""
    site = open_site(small(appointments=40, services_per_location=1), slots_horizon_days=20)
    site.sync()
    site.world.now_ms += days * 86_400_000
    (service,) = site.world.data[site.location_id].services.values()
    service.body = deepcopy(service.body)
    hours = service.body["availability"]["officeHours"]
    for day in [day for day in hours if hours[day]][:closed]:
        hours[day] = []
    assert site.sync().outcome == outcome


def test_a_held_service_is_still_asked_for_its_appointments(site: Site) -> None:
    site.sync()
    booked = site.live("appointments", "start_time > ?", NOW)[0]["id"]
    site.world.mark(site.location_id, booked, "showed")
    site.server.faults = outage("empty_list", endpoints=("GET /calendars/services",))
    assert site.sync().changes.changed == 1
    assert tombstones(site) == {}


def test_empty_lists_close_no_slots_of_a_small_location(open_site: Callable[..., Site]) -> None:
    """So few slots may all close within a day, and appointments are still found by their ids. But the service, whose
    list is empty too, is held back."""
    site = open_site(small(appointments=20, services_per_location=1, teams_per_location=1), slots_horizon_days=1)
    site.sync()
    assert 0 < len(site.live("slots")) <= site.settings.deletion_guard_rows
    site.server.faults = outage("empty_list")
    assert site.sync().outcome == "held"
    assert tombstones(site) == {}
    recovers(site)


def test_services_that_are_held_back_and_whose_lists_are_refused(open_site: Callable[..., Site]) -> None:
    """All services are gone at once. Their appointments are asked for by their ids meanwhile, and the run is held, not
    partial."""
    site = open_site(small(appointments=20), switches=Switches(vanished_service="422"), slots=False)
    site.sync()
    for service in site.live("services"):
        site.world.delete_service(site.location_id, service["id"])
    row = min(site.live("appointments"), key=lambda each: abs(each["start_time"] - site.world.now))
    site.world.mark(site.location_id, row["id"], "noshow")
    result = site.sync()
    assert (result.outcome, result.row["errors"], held(result)) == ("held", "[]", {"services": (3, "empty list")})
    assert site.live("appointments", "id = ?", row["id"])[0]["appoinment_status"] == "noshow"
    for _ in range(2):
        site.world.now_ms += 4 * 3_600_000
        result = site.sync()
    assert (result.outcome, site.live("services"), site.differences()) == ("ok", [], [])


# -- records are really gone -------------------------------------------------------------------------------------------


def test_many_deletions_are_held_until_they_are_accepted(site: Site) -> None:
    site.sync()
    deleted = delete_some(site, 75)
    for _ in range(4):
        result = site.sync()
        assert (result.outcome, held(result)) == ("held", {"appointments": (75, "too many")})
        assert tombstones(site) == {}
        site.world.now_ms += 4 * 3_600_000
    name = site.world.locations[0].name
    accepted = pipeline.sync(site.settings, clock=site.clock, accept_deletions=[name])
    assert (accepted.outcome, accepted.row["rows_deleted"] >= 75) == ("ok", True)
    gone = site.query("SELECT id FROM appointments WHERE deleted_at IS NOT NULL AND _dlt_valid_to IS NULL")
    assert {row["id"] for row in gone} == set(deleted)
    assert site.differences() == []
    assert {row["ended_as"] for row in site.query("SELECT * FROM held_deletions")} == {"accepted"}
    delete_some(site, 70)
    assert site.sync().outcome == "held", "accepted once, not for ever"


@pytest.mark.parametrize(("count", "of"), [(45, 300), (20, 25), (2, 5)])
def test_few_deletions_pass_at_once(open_site: Callable[..., Site], count: int, of: int) -> None:
    """15 % of many rows, or not more than 20 rows."""
    site = open_site(small(appointments=of), slots=False)
    site.sync()
    delete_some(site, count)
    result = site.sync()
    assert (result.outcome, result.changes.deleted) == ("ok", count)


def test_many_small_loads_exceed_the_share_together(open_site: Callable[..., Site]) -> None:
    small_loads = {"reads_per_load": 8, "max_window_days": 32, "rows_per_reply": 20, "slots": False}
    site = open_site(small(), **small_loads)
    site.sync()
    delete_some(site, 75)
    result = site.sync()
    assert result.row["loads"] > 1
    assert (result.outcome, tombstones(site)) == ("held", {})
    assert held(result) == {"appointments": (75, "too many")}
    name = site.world.locations[0].name
    pipeline.sync(site.settings, clock=site.clock, accept_deletions=[name])
    assert tombstones(site) == {"appointments": 75}


def test_few_deletions_in_many_small_loads(open_site: Callable[..., Site]) -> None:
    site = open_site(small(), reads_per_load=8, max_window_days=32, rows_per_reply=20, slots=False)
    site.sync()
    delete_some(site, 30)
    result = site.sync()
    assert (result.outcome, tombstones(site)) == ("ok", {"appointments": 30})
    assert site.sync().changes.total == 0


def test_an_emptied_location_follows_after_three_runs_over_six_hours(open_site: Callable[..., Site]) -> None:
    """If it had no more rows than may end at once."""
    site = open_site(small(appointments=20), slots=False)
    site.sync()
    delete_some(site, 20)
    for hours in (2, 2, 1):
        assert held(site.sync()) == {"appointments": (20, "no control")}
        site.world.now_ms += hours * 3_600_000
    assert (site.sync().outcome, tombstones(site)) == ("held", {}), "five hours are not enough"
    site.world.now_ms += 3_600_000
    assert (site.sync().outcome, tombstones(site)) == ("ok", {"appointments": 20})
    assert site.sync().changes.total == 0


def test_an_outage_of_two_days_deletes_nothing(open_site: Callable[..., Site]) -> None:
    """Many runs see the same, but no number of runs shows that so many rows are gone."""
    site = open_site(small(), slots=False)
    site.sync()
    site.server.faults = outage("empty_list", "gone_404", endpoints=APPOINTMENTS)
    reasons = []
    for _ in range(5):
        result = site.sync()
        assert (result.outcome, tombstones(site)) == ("held", {})
        reasons.append(held(result)["appointments"])
        site.world.now_ms += 12 * 3_600_000
    assert reasons == [(300, "no control")] * 2 + [(300, "too many")] * 3
    site.server.faults = Faults()
    result = site.sync()
    assert (result.outcome, result.changes.deleted, tombstones(site)) == ("ok", 0, {})


def test_an_emptied_location_is_accepted(open_site: Callable[..., Site]) -> None:
    """What comes back nevertheless was wrongly deleted, because no control confirmed the deletion."""
    site = open_site(small(), slots=False)
    site.sync()
    site.server.faults = outage("empty_list", "gone_404", endpoints=APPOINTMENTS)
    for _ in range(3):
        assert site.sync().outcome == "held"
        site.world.now_ms += 4 * 3_600_000
    name = site.world.locations[0].name
    accepted = pipeline.sync(site.settings, clock=site.clock, accept_deletions=[name])
    assert (accepted.outcome, tombstones(site)) == ("ok", {"appointments": 300})
    holds = site.query("SELECT DISTINCT why, ended_as FROM held_deletions")
    assert holds == [{"why": "no control", "ended_as": "accepted"}]


def test_a_run_that_finds_the_rows_starts_the_count_again(open_site: Callable[..., Site]) -> None:
    site = open_site(small(), slots=False)
    site.sync()
    for _ in range(3):
        site.server.faults = outage("empty_list", "gone_404")
        for _ in range(2):
            assert site.sync().outcome == "held"
            site.world.now_ms += 4 * 3_600_000
        site.server.faults = Faults()
        assert site.sync().outcome == "ok"
    assert tombstones(site) == {}


def test_ids_refused_in_another_way_than_unknown_ones(open_site: Callable[..., Site]) -> None:
    site = open_site(small(), switches=Switches(unknown_id="404", deleted_id="422"), slots=False)
    site.sync()
    delete_some(site, 2)
    for hours in (3, 3):
        assert held(site.sync()) == {"appointments": (2, "other refusal")}
        site.world.now_ms += hours * 3_600_000
    assert (site.sync().outcome, tombstones(site)) == ("ok", {"appointments": 2})


def test_a_control_that_fails_is_not_overruled(open_site: Callable[..., Site]) -> None:
    """The user accepts deletions while the API finds nothing by its id."""
    site = open_site(small(), lookback_days=30, horizon_days=20, slots=False)
    site.sync()
    moved = site.live("appointments", "start_time BETWEEN ? AND ?", NOW, NOW + timedelta(days=9))[0]["id"]
    site.world.reschedule(site.location_id, moved, site.world.now.replace(year=2031))
    site.server.faults = outage("gone_404")
    name = site.world.locations[0].name
    assert pipeline.sync(site.settings, clock=site.clock, accept_deletions=[name]).outcome == "partial"
    assert tombstones(site) == {}


def test_all_services_are_really_gone(open_site: Callable[..., Site]) -> None:
    site = open_site(small(), slots=False)
    site.sync()
    for service_id in list(site.world.data[site.location_id].services):
        site.world.delete_service(site.location_id, service_id)
    for hours in (3, 3):
        assert held(site.sync()) == {"services": (3, "empty list")}
        site.world.now_ms += hours * 3_600_000
    assert site.sync().outcome == "ok"
    assert site.live("services") == site.live("service_hours") == []


def test_the_only_service_is_replaced(open_site: Callable[..., Site]) -> None:
    """The list is as long as before, so it did not come empty."""
    site = open_site(small(services_per_location=1), slots=False)
    site.sync()
    (old,) = site.world.data[site.location_id].services.values()
    site.world.add_service(site.location_id, old.team_id, "Another")
    site.world.delete_service(site.location_id, old.id)
    assert site.sync().outcome == "ok"
    assert len(site.live("services")) == 1
    assert [each for each in site.differences() if not each.startswith("slots")] == []


def test_a_healthy_sync_asks_for_no_control(site: Site) -> None:
    site.sync()
    site.world.requests.reset()
    site.sync()
    assert site.world.requests.count(endpoint="GET /appointments/:id") == 0
