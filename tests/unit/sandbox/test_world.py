"""Generated worlds: determinism, realism, the simulation, changes by tests, and the control routes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from bookings_sync.sandbox import World, WorldSpec, generate

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def spec(**settings: Any) -> WorldSpec:
    defaults: dict[str, Any] = {"now": NOW, "seed": 3, "appointments": 3000}
    return WorldSpec(**defaults | settings)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    world = generate(spec(appointments=20_000))
    return [row for location in world.locations for row in world.truth(location.id)["appointments"]]


def attendance(row: dict[str, Any]) -> str:
    status: str = row.get("appoinmentStatus") or row["appointmentStatus"]
    return status


def truths(world: World) -> list[bytes]:
    return [world.truth_json(location.id) for location in world.locations]


def test_the_same_seed_gives_the_same_world_and_the_same_changes() -> None:
    one, two, other = generate(spec()), generate(spec()), generate(spec(seed=4))
    assert truths(one) == truths(two)
    assert truths(one) != truths(other)
    assert one.advance(timedelta(days=9)) == two.advance(timedelta(days=9))
    assert truths(one) == truths(two)
    assert one.journal == two.journal
    two.advance(timedelta(days=1), seed=9)
    one.advance(timedelta(days=1))
    assert truths(one) != truths(two)


@pytest.mark.parametrize(("locations", "count"), [(1, 1), (3, 2), (30, 300), (0, 0)])
def test_worlds_have_the_requested_size(locations: int, count: int) -> None:
    world = generate(spec(locations=locations, appointments=count))
    assert len(world.locations) == locations == len({location.name for location in world.locations})
    assert sum(len(data.appointments) for data in world.data.values()) == count
    world.advance(timedelta(days=1))


def test_generated_appointments_look_like_a_real_business(rows: list[dict[str, Any]]) -> None:
    counts = Counter(map(attendance, rows))
    assert 0.75 < counts["showed"] / (counts["showed"] + counts["noshow"]) < 0.85
    assert 0.08 < counts["cancelled"] / len(rows) < 0.15
    busiest = Counter(row["calendarServiceId"] for row in rows).most_common()
    assert busiest[0][1] > 3 * busiest[-1][1]
    ahead = [row for row in rows if datetime.fromisoformat(row["startTime"]) > NOW]
    assert 0.02 < len(ahead) / len(rows) < 0.3
    assert not {"showed", "noshow"} & set(map(attendance, ahead))


def test_generated_appointments_have_the_irregularities_of_the_real_api(rows: list[dict[str, Any]]) -> None:
    contacts = [row["contact"] for row in rows if row.get("contact")]
    values = {type(field["value"]) for contact in contacts for field in contact["customField"] or ()}
    assert values == {str, list}
    assert {"companyName", "dndSettings", "additionalEmails"} <= {name for contact in contacts for name in contact}
    assert any("postalCode" not in contact for contact in contacts)
    assert any("contact" not in row for row in rows)
    assert any("contact" in row and row["contact"] is None for row in rows)
    assert {"attributionSource", "appointmentMeta", "googleEventId"} <= {name for row in rows for name in row}
    assert len({row["startTime"][19:] for row in rows}) > 6
    assert {"US/Central", "Asia/Calcutta"} <= {row.get("selectedTimezone") for row in rows}
    assert {20, 36, 34} == {len(row["id"]) for row in rows}
    assert len({row["id"] for row in rows}) == len(rows)
    disagreeing = [row for row in rows if row.get("appointmentStatus", attendance(row)) != attendance(row)]
    assert 0 < len(disagreeing) < 0.05 * len(rows)
    small_hours = [row for row in rows if row["startTime"].startswith("2025-11-02T0") and "T0" in row["startTime"]]
    assert {row["startTime"][-6:] for row in small_hours} >= {"-05:00", "-06:00"}, "the day Chicago's clocks went back"


def test_advance_makes_every_kind_of_change_and_journals_it() -> None:
    world = generate(spec(appointments=20_000))
    before = {location.id: world.truth(location.id) for location in world.locations}
    changes = world.advance(timedelta(days=60))
    assert world.now == NOW + timedelta(days=60)
    assert set(changes) >= {
        "booked", "backdated", "rescheduled", "cancelled", "marked", "deleted", "restored", "contact_updated",
        "service_added", "service_renamed", "service_deleted", "team_renamed",
    }  # fmt: skip
    assert Counter(change.kind for change in world.journal) == changes
    times = [change.at_ms for change in world.journal]
    assert times == sorted(times)
    assert times[0] > NOW.timestamp() * 1000
    touched = {(change.location_id, change.id) for change in world.journal}
    for location_id, old in before.items():
        new = {row["id"]: row for row in world.truth(location_id)["appointments"]}
        for row in old["appointments"]:
            same = {k: v for k, v in row.items() if k != "contact"}
            now = {k: v for k, v in new.get(row["id"], {}).items() if k != "contact"}
            assert now == same or (location_id, row["id"]) in touched, "a change is missing from the journal"


def test_some_attendance_is_marked_weeks_late() -> None:
    world = generate(spec(appointments=20_000))
    world.advance(timedelta(days=30))
    late = [
        change
        for change in world.journal
        if change.kind == "marked"
        and change.at_ms - world.data[change.location_id].appointments[change.id].end_ms > 10 * 86_400_000
    ]
    assert late


def test_a_test_can_change_an_appointment_step_by_step() -> None:
    world = generate(spec())
    location_id = world.locations[0].id
    service_id = next(iter(world.data[location_id].services))
    past = NOW - timedelta(days=200)
    row = world.book(location_id, service_id, past, contact={"firstName": "Ada", "odd": [1]}, timezone="Asia/Calcutta")

    def shown() -> dict[str, Any] | None:
        return next((r for r in world.truth(location_id)["appointments"] if r["id"] == row.id), None)

    first = shown()
    assert first is not None
    assert first["startTime"].endswith("+05:30")
    assert first["contact"]["odd"] == [1]
    world.mark(location_id, row.id, "showed")
    world.update_contact(location_id, first["contactId"], {"tags": ["x"]})
    world.reschedule(location_id, row.id, past + timedelta(days=1))
    second = shown()
    assert second is not None
    assert (attendance(second), second["contact"]["tags"]) == ("showed", ["x"])
    world.delete(location_id, row.id)
    assert shown() is None
    with pytest.raises(KeyError):
        world.delete(location_id, row.id)
    world.restore(location_id, row.id)
    third = shown()
    assert third is not None
    assert third["startTime"] == second["startTime"]
    world.delete_contact(location_id, first["contactId"])
    fourth = shown()
    assert fourth is not None
    assert (fourth["contact"], fourth["contactId"]) == (None, first["contactId"])
    kinds = [change.kind for change in world.journal]
    assert kinds == [
        "backdated", "marked", "contact_updated", "rescheduled", "deleted", "restored", "contact_deleted",
    ]  # fmt: skip


def test_negative_times_and_naive_datetimes_are_refused() -> None:
    world = generate(spec(appointments=0))
    with pytest.raises(ValueError, match="positive"):
        world.advance(timedelta(days=-1))
    with pytest.raises(ValueError, match="time zone"):
        generate(spec(now=datetime(2026, 1, 1)))  # noqa: DTZ001 -- the error under test


def test_the_control_routes_agree_with_the_world(api: Any) -> None:
    def get(path: str, **params: Any) -> Any:
        return httpx.get(f"{api.server.url}/sandbox/{path}", params=params, trust_env=False, verify=False).json()

    locations = get("locations")["locations"]
    assert locations == [location._asdict() for location in api.world.locations]
    assert get("clock")["nowMs"] == api.world.now_ms
    advanced = httpx.post(
        f"{api.server.url}/sandbox/advance", json={"days": 2, "hours": 1}, trust_env=False, verify=False
    ).json()
    assert datetime.fromisoformat(advanced["now"]) == NOW + timedelta(days=2, hours=1) == api.world.now
    assert sum(advanced["changes"].values()) == len(get("journal")["journal"])
    assert get("truth", location=api.location.id) == api.world.truth(api.location.id)
    assert "error" in get("truth", location="nope")
    limits = httpx.post(f"{api.server.url}/sandbox/limits", json={"latencyMs": 1}, trust_env=False, verify=False).json()
    assert limits == {"rateLimit": None, "latencyMs": 1.0}
    assert api.server.latency_ms == 1.0


def test_run_reports_its_address_and_ends_on_sigint() -> None:
    program = (
        "from datetime import UTC, datetime\n"
        "from bookings_sync.sandbox import WorldSpec, run\n"
        "run(WorldSpec(now=datetime(2026, 6, 1, tzinfo=UTC), appointments=30),\n"
        "    on_ready=lambda url, world: print(url, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().strip()
        locations = httpx.get(
            base_url.removesuffix("/v1") + "/sandbox/locations", trust_env=False, verify=False
        ).json()["locations"]
        headers = {"Authorization": f"Bearer {locations[0]['key']}"}
        assert httpx.get(base_url + "/calendars/teams", headers=headers, trust_env=False, verify=False).json()["teams"]
        os.kill(process.pid, signal.SIGINT)
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.poll() == 0
