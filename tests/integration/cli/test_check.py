"""`bookings check` reports a verdict and a fix for each API key and endpoint."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from bookings_sync.sandbox import Fault, Faults, Switches

from .conftest import Project


@pytest.fixture
def changeable(project: Project) -> Iterator[Project]:
    """A project for tests that change the switches and faults of its sandbox."""
    switches, faults = project.world.switches, project.server.faults
    yield project
    project.world.switches, project.server.faults = switches, faults


def findings(project: Project, exit_code: int) -> list[dict[str, dict[str, Any]]]:
    result = project.bookings("check", "--json")
    assert result.exit_code == exit_code, result.stdout
    return [{each["subject"]: each for each in location["findings"]} for location in result.json["locations"]]


def test_a_working_setup_passes_and_every_endpoint_is_tried(project: Project) -> None:
    result = project.bookings("check")
    assert result.exit_code == 0
    assert "2 of 2 locations ready to sync" in result.stdout
    assert "✗" not in result.stdout
    asked = {request.endpoint for request in project.world.requests.records}
    assert asked == {
        "GET /calendars/teams",
        "GET /calendars/services",
        "GET /calendars/check-slug-availability/:slug",
        "GET /appointments/",
        "GET /appointments/:id",
        "GET /appointments/slots",
    }
    assert not project.database.exists()


def test_one_refused_key_is_partial_and_the_fix_names_the_setting(project: Project) -> None:
    keys = {each.name: each.key for each in project.world.locations}
    keys[project.names[0]] = "an-unknown-key"
    project.configure(keys=keys)
    first, second = findings(project, exit_code=3)
    assert first["key"]["verdict"] == "failed"
    assert f"sources.bookings.locations.{project.names[0]}" in first["key"]["fix"]
    assert second["key"]["verdict"] == "ok"


def test_only_refused_keys_fail(project: Project) -> None:
    project.configure(keys={"berlin": "an-unknown-key"})
    result = project.bookings("check")
    assert result.exit_code == 1
    assert "→ Paste the location's API key again" in result.stdout


def test_an_unreachable_host_fails_and_the_fix_names_base_url(project: Project) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        project.configure(base_url=f"http://127.0.0.1:{unused.getsockname()[1]}/v1")
        (first, _) = findings(project, exit_code=1)
    assert list(first) == ["host"]
    assert "base_url" in first["host"]["fix"]


@pytest.mark.parametrize(("unknown_id", "reported"), [("400", "400"), ("422", "422"), ("empty", "empty body")])
def test_the_reply_to_an_unknown_id_is_reported(changeable: Project, unknown_id: Any, reported: str) -> None:
    changeable.world.switches = Switches(unknown_id=unknown_id)
    for location in findings(changeable, exit_code=0):
        assert reported in location["unknown id"]["what"]


def test_an_unexpected_status_for_an_unknown_id_fails_and_the_fix_names_the_setting(changeable: Project) -> None:
    changeable.configure(more="unknown_id_statuses = [400]\n")
    for location in findings(changeable, exit_code=1):
        assert location["unknown id"]["verdict"] == "failed"
        assert "Add 404 to unknown_id_statuses" in location["unknown id"]["fix"]


def test_soft_deletion_is_probed(changeable: Project) -> None:
    for location in findings(changeable, exit_code=0):
        assert location["soft deletion"]["verdict"] == "ok"
    changeable.configure(more='deleted_when = ["appoinmentStatus=confirmed", "appointmentStatus=confirmed"]\n')
    for location in findings(changeable, exit_code=0):
        assert "count as deleted" in location["soft deletion"]["what"]


def test_lists_that_ignore_their_window_are_reported(changeable: Project) -> None:
    assert findings(changeable, exit_code=0)[0]["windows"]["verdict"] == "ok"
    changeable.world.switches = Switches(ignores_window=5_000)
    found = findings(changeable, exit_code=0)[0]["windows"]
    assert found["verdict"] == "note"
    assert "ignore the days" in found["what"]


def test_lists_by_overlap_are_reported(changeable: Project) -> None:
    assert "began before" not in findings(changeable, exit_code=0)[0]["windows"]["what"]
    changeable.world.switches = Switches(window_on="overlap", end_inclusive=False)
    found = findings(changeable, exit_code=0)[0]["windows"]
    assert (found["verdict"], "began before" in found["what"]) == ("ok", True)


def test_scopes_that_list_nothing_fail(changeable: Project) -> None:
    changeable.world.switches = Switches(calendar_id_means="team")
    for location in findings(changeable, exit_code=1):
        assert location["appointments"]["verdict"] == "failed"
        assert 'scopes = ["service", "team"]' in location["appointments"]["fix"]


def test_a_failing_endpoint_is_named_and_the_others_are_still_tried(changeable: Project) -> None:
    changeable.server.faults = Faults([Fault(kind="503", endpoints=("GET /appointments/slots",))])
    for location in findings(changeable, exit_code=1):
        assert location["slots"]["verdict"] == "failed"
        assert "GET /appointments/slots" in location["slots"]["what"]
        assert location["slug"]["verdict"] == "ok"


def test_location_option_checks_only_that_location(project: Project) -> None:
    result = project.bookings("check", "--location", project.names[1], "--json").json
    assert [each["name"] for each in result["locations"]] == [project.names[1]]
    assert {request.location_id for request in project.world.requests.records} == {project.world.locations[1].id}


def test_scopes_that_miss_appointments_are_noted(project: Project) -> None:
    """A deleted service is no longer listed but keeps its appointments, so lists by service miss them."""
    location_id = project.world.locations[0].id
    project.world.delete_service(location_id, next(iter(project.world.data[location_id].services)))
    first, second = findings(project, exit_code=0)
    assert first["appointments"]["verdict"] == "note"
    assert 'scopes = ["service", "team"]' in first["appointments"]["fix"]
    assert second["appointments"]["verdict"] == "ok"


def test_a_time_zone_that_is_not_configured_is_noted_with_the_setting(project: Project) -> None:
    for each, name in zip(findings(project, exit_code=0), project.names, strict=True):
        assert each["time zone"]["verdict"] == "note"
        assert f"[sources.bookings.locations.{name}] in .dlt/config.toml" in each["time zone"]["fix"]
