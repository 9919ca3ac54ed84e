"""`bookings check`: a verdict for each key and endpoint, and what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from bookings_sync.sandbox import Fault, Faults, Switches

from .conftest import Project


@pytest.fixture
def switched(project: Project) -> Iterator[Project]:
    """A project whose world may be switched: what it was comes back."""
    switches, faults = project.world.switches, project.server.faults
    yield project
    project.world.switches, project.server.faults = switches, faults


def findings(project: Project, exit_code: int) -> list[dict[str, dict[str, Any]]]:
    answer = project.bookings("check", "--json")
    assert answer.exit_code == exit_code, answer.stdout
    return [{each["subject"]: each for each in location["findings"]} for location in answer.json["locations"]]


def test_all_is_well(project: Project) -> None:
    answer = project.bookings("check")
    assert answer.exit_code == 0
    assert "2 of 2 locations ready to sync" in answer.stdout
    assert "✗" not in answer.stdout
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


def test_one_key_refused_is_partial_and_says_where_the_key_stands(project: Project) -> None:
    keys = {each.name: each.key for each in project.world.locations}
    keys[project.names[0]] = "a-key-that-is-not-known"
    project.configure(keys=keys)
    first, second = findings(project, exit_code=3)
    assert first["key"]["verdict"] == "failed"
    assert f"sources.bookings.locations.{project.names[0]}" in first["key"]["fix"]
    assert second["key"]["verdict"] == "ok"


def test_every_key_refused_is_failed(project: Project) -> None:
    project.configure(keys={"berlin": "a-key-that-is-not-known"})
    answer = project.bookings("check")
    assert answer.exit_code == 1
    assert "→ Paste the location's API key again" in answer.stdout


def test_nobody_answers(project: Project) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        project.configure(base_url=f"http://127.0.0.1:{unused.getsockname()[1]}/v1")
        (first, _) = findings(project, exit_code=1)
    assert list(first) == ["host"]
    assert "base_url" in first["host"]["fix"]


@pytest.mark.parametrize(("unknown_id", "known"), [("400", "400"), ("422", "422"), ("empty", "empty body")])
def test_what_an_unknown_id_gets_is_told(switched: Project, unknown_id: Any, known: str) -> None:
    switched.world.switches = Switches(unknown_id=unknown_id)
    for location in findings(switched, exit_code=0):
        assert known in location["unknown id"]["what"]


def test_an_unknown_ids_status_that_is_not_configured_fails_with_the_setting_to_change(switched: Project) -> None:
    switched.configure(more="unknown_id_statuses = [400]\n")
    for location in findings(switched, exit_code=1):
        assert location["unknown id"]["verdict"] == "failed"
        assert "Add 404 to unknown_id_statuses" in location["unknown id"]["fix"]


def test_scopes_that_list_nothing_fail(switched: Project) -> None:
    switched.world.switches = Switches(calendar_id_means="team")
    for location in findings(switched, exit_code=1):
        assert location["appointments"]["verdict"] == "failed"
        assert 'scopes = ["service", "team"]' in location["appointments"]["fix"]


def test_a_broken_endpoint_is_named_and_the_others_are_still_tried(switched: Project) -> None:
    switched.server.faults = Faults([Fault(kind="503", endpoints=("GET /appointments/slots",))])
    for location in findings(switched, exit_code=1):
        assert location["slots"]["verdict"] == "failed"
        assert "GET /appointments/slots" in location["slots"]["what"]
        assert location["slug"]["verdict"] == "ok"


def test_one_location_alone(project: Project) -> None:
    answer = project.bookings("check", "--location", project.names[1], "--json").json
    assert [each["name"] for each in answer["locations"]] == [project.names[1]]
    assert {request.location_id for request in project.world.requests.records} == {project.world.locations[1].id}


def test_scopes_that_miss_something_are_told(project: Project) -> None:
    """A service that has gone is listed no more, and its appointments stand: no list by service names them."""
    location_id = project.world.locations[0].id
    project.world.delete_service(location_id, next(iter(project.world.data[location_id].services)))
    first, second = findings(project, exit_code=0)
    assert first["appointments"]["verdict"] == "note"
    assert 'scopes = ["service", "team"]' in first["appointments"]["fix"]
    assert second["appointments"]["verdict"] == "ok"
