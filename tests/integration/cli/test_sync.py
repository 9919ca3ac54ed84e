"""`bookings sync`: each way it ends, what it says, and that --plan asks nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import duckdb
import pendulum
import pytest

from bookings_sync.warehouse.lock import locked

from .conftest import Project, Start, reload_configuration


def held(project: Project) -> int:
    with duckdb.connect(str(project.database), read_only=True) as database:
        row = database.execute(
            "SELECT count(*) FROM bookings_raw.appointments WHERE _dlt_valid_to IS NULL AND deleted_at IS NULL"
        ).fetchone()
    assert row is not None
    return int(row[0])


def true(project: Project) -> int:
    return sum(len(project.world.truth(location.id)["appointments"]) for location in project.world.locations)


@contextmanager
def lock_held(project: Project) -> Iterator[None]:
    with locked(project.database.with_name("bookings.duckdb.lock"), since=pendulum.datetime(2026, 1, 1)):
        yield


def test_sync_tells_what_it_found_and_the_next_one_that_nothing_changed(project: Project) -> None:
    first = project.bookings("sync")
    assert first.exit_code == 0
    assert "2 of 2 locations synced" in first.stdout
    assert re.search(rf"appointments +{true(project)}\b", first.stdout)
    assert held(project) == true(project)
    second = project.bookings("sync")
    assert second.exit_code == 0
    assert "Nothing had changed: no row was written." in second.stdout


def test_json_is_one_object_alone_on_stdout_and_logs_are_on_stderr(project: Project) -> None:
    said = project.bookings("-v", "sync", "--json")
    assert "GET /calendars/teams" in said.stderr
    answer = said.json
    assert answer["command"] == "sync"
    assert answer["outcome"] == "ok"
    assert answer["requests"] == project.world.requests.total
    assert answer["tables"]["appointments"]["new"] == true(project)
    assert {each["name"] for each in answer["locations"]} == set(project.names)


def test_one_location_alone(project: Project) -> None:
    name = project.names[0]
    answer = project.bookings("sync", "--location", name, "--json").json
    assert [each["name"] for each in answer["locations"]] == [name]
    asked = {request.location_id for request in project.world.requests.records}
    assert asked == {project.world.locations[0].id}


def test_a_range_is_read_and_no_more(project: Project) -> None:
    day = pendulum.now("UTC").subtract(days=60).start_of("day")
    answer = project.bookings("sync", "--from", day.to_date_string(), "--to", day.add(days=3).to_iso8601_string())
    assert answer.exit_code == 0
    lists = [r for r in project.world.requests.records if r.endpoint == "GET /appointments/"]
    assert lists
    for request in lists:
        query = parse_qs(request.query)
        assert int(query["startDate"][0]) >= day.int_timestamp * 1000
        assert int(query["endDate"][0]) <= day.add(days=3).int_timestamp * 1000


def test_some_location_failed(project: Project) -> None:
    keys = {each.name: each.key for each in project.world.locations}
    keys[project.names[1]] = "a-key-that-is-not-known"
    project.configure(keys=keys)
    answer = project.bookings("sync")
    assert answer.exit_code == 3
    assert "1 of 2 locations synced" in answer.stdout
    assert f"location {project.names[1]}" in answer.stderr
    assert "a-key-that-is-not-known" not in answer.stdout + answer.stderr


def test_every_location_failed(project: Project) -> None:
    project.configure(keys={"berlin": "a-key-that-is-not-known"})
    answer = project.bookings("sync", "--json")
    assert answer.exit_code == 1
    assert answer.json["outcome"] == "failed"
    assert "a-key-that-is-not-known" not in answer.stdout + answer.stderr


def test_another_run_holds_the_lock(project: Project) -> None:
    with lock_held(project):
        answer = project.bookings("sync", "--json")
        assert answer.exit_code == 75
        assert str(os.getpid()) in answer.json["error"]
        assert answer.stderr.count("\n") == 1
        for command in ("status", "transform", "report"):
            (project.database).touch()
            assert project.bookings(command).exit_code == 75
    assert project.world.requests.total == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--from", "2026-01-01", "--to", "2026-01-01"], "an empty range"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "an empty range"),
        (["--to", "1990-01-01"], "--to is not after history_start"),
        (["--from", "yesterday"], "neither a date"),
        (["--from", "12:00"], "neither a date"),
        (["--full", "--from", "2026-01-01"], "leave out --from"),
        (["--location", "nowhere"], "no such location"),
        (["--locations", "x"], "No such option"),
    ],
)
def test_wrong_usage(project: Project, arguments: list[str], told: str) -> None:
    answer = project.bookings("sync", *arguments)
    assert answer.exit_code == 2
    assert told in " ".join(answer.stderr.replace("│", " ").split())
    assert answer.stdout == ""
    assert project.world.requests.total == 0


def test_wrong_configuration_names_key_file_and_fix(project: Project) -> None:
    project.configure(more="lookback_day = 3\n")
    answer = project.bookings("sync", "--json")
    assert answer.exit_code == 2
    assert answer.json["error"] == (
        "sources.bookings.lookback_day: no such setting (in .dlt/config.toml). Did you mean lookback_days?"
    )
    assert answer.stderr == f"✗ {answer.json['error']}\n"
    project.configure(keys={})
    assert "no location is configured" in project.bookings("sync").stderr


def test_plan_asks_nothing_and_leaves_nothing(project: Project) -> None:
    answer = project.bookings("sync", "--plan")
    assert answer.exit_code == 0
    assert "Never synced" in answer.stdout
    assert project.world.requests.total == 0
    assert not project.database.exists()


def test_plan_tells_what_the_next_sync_costs(project: Project) -> None:
    quiet = project.bookings("sync", "--quiet")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")
    project.world.requests.reset()
    config = project.folder / ".dlt/config.toml"
    config.write_text(config.read_text().replace("rate_limit = 10000", "rate_limit = 3"))
    reload_configuration()
    planned = project.bookings("sync", "--plan", "--json").json
    assert project.world.requests.total == 0
    assert planned["never_synced"] == []
    assert {each["reason"] for each in planned["reads"]} >= {"list", "hot"}
    by_location: dict[str, int] = {}
    for each in planned["reads"]:
        by_location[each["location"]] = by_location.get(each["location"], 0) + each["requests"]
    assert planned["least_seconds"] == (max(by_location.values()) - 1) // 3 * 10
    project.configure()
    done = project.bookings("sync", "--json").json
    assert done["requests"] == planned["requests"] == project.world.requests.total


def test_from_an_empty_folder_by_the_environment_alone(project: Project, start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    location = project.world.locations[0]
    variables = {
        "SOURCES__BOOKINGS__BASE_URL": project.server.base_url,
        "SOURCES__BOOKINGS__LOCATIONS__OSLO__API_KEY": location.key,
        "SOURCES__BOOKINGS__RATE_LIMIT": "10000",
        "SOURCES__BOOKINGS__HISTORY_START": "2025-06-01",
    }
    process = start(["sync"], folder, **variables)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert "1 of 1 locations synced" in stdout
    assert (folder / "bookings.duckdb").exists()
    assert {path.name for path in folder.iterdir()} <= {"bookings.duckdb", "bookings.duckdb.lock", ".dlt"}
    assert location.key not in stdout + stderr


def test_shards_share_no_file(project: Project) -> None:
    """Into a server they do: tests/postgres/test_shards.py."""
    answer = project.bookings("sync", "--shard", "1/2")
    assert answer.exit_code == 2
    assert "no shards can share it (in .dlt/config.toml)" in answer.stderr
    assert project.world.requests.total == 0
    assert not list(project.folder.glob("*.duckdb"))


@pytest.mark.parametrize("shard", ["3", "0/4", "5/4", "1/0", "a/b", "1/4/2", "-1/4", "1/99999"])
def test_a_shard_that_cannot_be(project: Project, shard: str) -> None:
    answer = project.bookings("sync", "--shard", shard)
    assert answer.exit_code == 2
    assert "not such as 3/16" in answer.stderr
    assert project.world.requests.total == 0


def test_a_shard_picks_its_locations_itself(project: Project) -> None:
    answer = project.bookings("sync", "--shard", "1/2", "--location", project.names[0])
    assert answer.exit_code == 2
    assert "leave out --location" in answer.stderr
