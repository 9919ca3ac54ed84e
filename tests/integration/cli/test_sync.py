"""`bookings sync`: exit codes, summaries, usage errors, and `--plan`, which sends no request."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import duckdb
import pendulum
import pytest

from bookings_sync.sync.run import Run
from bookings_sync.warehouse.lock import locked

from .conftest import Project, Start, reload_configuration


def synced_appointments(project: Project) -> int:
    with duckdb.connect(str(project.database), read_only=True) as database:
        row = database.execute(
            "SELECT count(*) FROM bookings_raw.appointments WHERE _dlt_valid_to IS NULL AND deleted_at IS NULL"
        ).fetchone()
    assert row is not None
    return int(row[0])


def true_appointments(project: Project) -> int:
    return sum(len(project.world.truth(location.id)["appointments"]) for location in project.world.locations)


@contextmanager
def lock_held(project: Project) -> Iterator[None]:
    with locked(project.database.with_name("bookings.duckdb.lock"), since=pendulum.datetime(2026, 1, 1)):
        yield


def test_a_sync_reports_new_rows_and_the_next_reports_no_change(project: Project) -> None:
    first = project.bookings("sync")
    assert first.exit_code == 0
    assert "2 of 2 locations synced" in first.stdout
    assert re.search(rf"appointments +{true_appointments(project)}\b", first.stdout)
    assert synced_appointments(project) == true_appointments(project)
    second = project.bookings("sync")
    assert second.exit_code == 0
    assert "Nothing changed: no row was written." in second.stdout


def test_json_goes_to_stdout_and_logs_go_to_stderr(project: Project) -> None:
    result = project.bookings("-v", "sync", "--json")
    assert "GET /calendars/teams" in result.stderr
    summary = result.json
    assert summary["command"] == "sync"
    assert summary["outcome"] == "ok"
    assert summary["requests"] == project.world.requests.total
    assert summary["tables"]["appointments"]["new"] == true_appointments(project)
    assert {each["name"] for each in summary["locations"]} == set(project.names)


def test_location_option_syncs_only_that_location(project: Project) -> None:
    name = project.names[0]
    result = project.bookings("sync", "--location", name, "--json").json
    assert [each["name"] for each in result["locations"]] == [name]
    asked = {request.location_id for request in project.world.requests.records}
    assert asked == {project.world.locations[0].id}


def test_from_and_to_limit_the_windows(project: Project) -> None:
    day = pendulum.now("UTC").subtract(days=60).start_of("day")
    result = project.bookings("sync", "--from", day.to_date_string(), "--to", day.add(days=3).to_iso8601_string())
    assert result.exit_code == 0
    lists = [r for r in project.world.requests.records if r.endpoint == "GET /appointments/"]
    assert lists
    for request in lists:
        query = parse_qs(request.query)
        assert int(query["startDate"][0]) >= day.int_timestamp * 1000
        assert int(query["endDate"][0]) <= day.add(days=3).int_timestamp * 1000


def test_one_failed_location_is_partial(project: Project) -> None:
    keys = {each.name: each.key for each in project.world.locations}
    keys[project.names[1]] = "an-unknown-key"
    project.configure(keys=keys)
    result = project.bookings("sync")
    assert result.exit_code == 3
    assert "1 of 2 locations synced" in result.stdout
    assert f"location {project.names[1]}" in result.stderr
    assert "an-unknown-key" not in result.stdout + result.stderr


def test_only_failed_locations_is_failed(project: Project) -> None:
    project.configure(keys={"berlin": "an-unknown-key"})
    result = project.bookings("sync", "--json")
    assert result.exit_code == 1
    assert result.json["outcome"] == "failed"
    assert "an-unknown-key" not in result.stdout + result.stderr


def test_a_held_lock_has_its_own_exit_code(project: Project) -> None:
    with lock_held(project):
        result = project.bookings("sync", "--json")
        assert result.exit_code == 75
        assert str(os.getpid()) in result.json["error"]
        assert result.stderr.count("\n") == 1
        for command in ("status", "transform", "report"):
            (project.database).touch()
            assert project.bookings(command).exit_code == 75
    assert project.world.requests.total == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "2026-01-01", "--to", "2026-01-01"], "the range is empty"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "the range is empty"),
        (["--to", "1990-01-01"], "--to is not after history_start"),
        (["--from", "yesterday"], "expected a date"),
        (["--from", "12:00"], "expected a date"),
        (["--full", "--from", "2026-01-01"], "leave out --from"),
        (["--location", "nowhere"], "no such location"),
        (["--locations", "x"], "No such option"),
    ],
)
def test_wrong_usage_is_an_error_and_sends_no_request(project: Project, arguments: list[str], message: str) -> None:
    result = project.bookings("sync", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert result.stdout == ""
    assert project.world.requests.total == 0


def test_a_configuration_error_names_setting_file_and_fix(project: Project) -> None:
    project.configure(more="lookback_day = 3\n")
    result = project.bookings("sync", "--json")
    assert result.exit_code == 2
    assert result.json["error"] == (
        "sources.bookings.lookback_day: no such setting (in .dlt/config.toml). Did you mean lookback_days?"
    )
    assert result.stderr == f"✗ {result.json['error']}\n"
    project.configure(keys={})
    assert "no location is configured" in project.bookings("sync").stderr


def test_plan_sends_no_request_and_creates_no_database(project: Project) -> None:
    result = project.bookings("sync", "--plan")
    assert result.exit_code == 0
    assert "Never synced" in result.stdout
    assert project.world.requests.total == 0
    assert not project.database.exists()


def test_plan_leaves_a_file_alone_that_appears_meanwhile(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first sync may create the file while the plan is made."""
    open_run = Run.open

    def open_and_create(run: Run, client: Any, *, offline: bool = False) -> None:
        open_run(run, client, offline=offline)
        if not project.database.exists():
            duckdb.connect(project.database).close()

    monkeypatch.setattr(Run, "open", open_and_create)
    assert project.bookings("sync", "--plan").exit_code == 0
    assert project.database.exists()


def test_plan_predicts_the_requests_of_the_next_sync(project: Project) -> None:
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


def test_the_environment_alone_can_configure_a_sync(project: Project, start: Start, tmp_path: Path) -> None:
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


def test_shards_into_a_duckdb_file_are_refused(project: Project) -> None:
    """Shards into a server: tests/integration/postgres/test_shards.py."""
    result = project.bookings("sync", "--shard", "1/2")
    assert result.exit_code == 2
    assert "shards cannot share it" in result.stderr
    assert project.world.requests.total == 0
    assert not list(project.folder.glob("*.duckdb"))


@pytest.mark.parametrize("shard", ["3", "0/4", "5/4", "1/0", "a/b", "1/4/2", "-1/4", "1/99999"])
def test_an_invalid_shard_is_a_usage_error(project: Project, shard: str) -> None:
    result = project.bookings("sync", "--shard", shard)
    assert result.exit_code == 2
    assert "expected INDEX/COUNT" in result.stderr
    assert project.world.requests.total == 0


def test_shard_and_location_options_exclude_each_other(project: Project) -> None:
    result = project.bookings("sync", "--shard", "1/2", "--location", project.names[0])
    assert result.exit_code == 2
    assert "leave out --location" in result.stderr
