"""What a run reports: log lines, metrics, OpenLineage events and notices, sent to a real HTTP server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bookings_sync.models.project import Project as Models
from bookings_sync.models.project import find_models
from bookings_sync.records.tables import TABLES
from bookings_sync.sandbox import Fault, Faults

from .conftest import Project, Receiver


def texts(receiver: Receiver) -> str:
    return "\n".join(body["text"] for body in receiver.bodies)


def webhook(receiver: Receiver) -> str:
    return f'notify_webhook = "{receiver.url}/services/s3cret"'


def test_json_logs_have_run_and_location_on_each_line(project: Project) -> None:
    result = project.bookings("--log-format", "json", "-v", "sync", "--json")
    run_id = json.loads(result.stdout)["run_id"]
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert {line["run_id"] for line in lines} == {run_id}
    calls = [line for line in lines if line["logger"] == "bookings_sync.api.calls"]
    names = {each.name for each in project.world.locations}
    assert {line["location"] for line in calls} == names
    assert all(line["message"].startswith(line["location"]) for line in calls)
    assert len(calls) == project.world.requests.total
    assert lines[-1]["message"] == "synced"
    assert (lines[-1]["outcome"], lines[-1]["level"]) == ("ok", "info")


def test_log_lines_of_dlt_have_the_run_id_too(project: Project) -> None:
    """Runs in its own process, because dlt sets up its logger only once."""
    command = [sys.executable, "-m", "bookings_sync.cli", "--log-format", "json", "-v", "-v", "sync", "--json"]
    result = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert any(line["logger"] == "dlt" for line in lines)
    assert {line["run_id"] for line in lines} == {json.loads(result.stdout)["run_id"]}


def test_json_logs_report_failures(project: Project) -> None:
    (first, _) = project.world.locations
    project.configure(**{first.name: "a-key-that-was-revoked"})
    result = project.bookings("--log-format", "json", "sync")
    errors = [line for line in map(json.loads, result.stderr.splitlines()) if line["level"] == "error"]
    assert result.exit_code == 3
    assert "status 401" in errors[0]["message"]
    project.configure("stale_after_hours = 0")
    result = project.bookings("--log-format", "json", "sync")
    assert json.loads(result.stderr)["message"].startswith("observe.stale_after_hours")


def test_held_deletions_are_everywhere_that_a_run_reports(project: Project, receiver: Receiver) -> None:
    project.configure('metrics_file = "bookings.prom"', webhook(receiver))
    assert project.bookings("sync").exit_code == 0
    ill = project.world.locations[0]
    empty = Fault(kind="empty_list", endpoints=("GET /calendars/services",), location_id=ill.id)
    project.server.faults = Faults([empty])
    result = project.bookings("sync", "--json")
    summary = json.loads(result.stdout)
    assert (result.exit_code, summary["outcome"], summary["exit_code"]) == (4, "held", 4)
    (held,) = next(each["held"] for each in summary["locations"] if each["name"] == ill.name)
    metrics = (project.folder / "bookings.prom").read_text()
    assert f'bookings_location_held_rows{{location="{ill.name}"}} {float(held["rows"])}' in metrics
    assert 'bookings_last_run_outcome{outcome="held"} 1.0' in metrics
    assert "held back" in texts(receiver)
    (shown,) = json.loads(project.bookings("status", "--json").stdout)["held"]
    assert (shown["location"], shown["table"], shown["rows"]) == (ill.name, "services", held["rows"])
    assert "held back" in project.bookings("status").stdout
    assert project.bookings("sync").exit_code == 4
    assert project.bookings("sync", "--accept-deletions", ill.name).exit_code == 0
    assert json.loads(project.bookings("status", "--json").stdout)["held"] == []


def test_metrics_equal_the_figures_of_the_run(project: Project) -> None:
    project.configure('metrics_file = "bookings.prom"')
    summary = json.loads(project.bookings("sync", "--json").stdout)
    text = (project.folder / "bookings.prom").read_text()
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["bookings_last_run_requests",] == summary["requests"]
    assert samples["bookings_last_run_rows", "appointments", "new"] == summary["tables"]["appointments"]["new"]
    assert samples["bookings_last_run_outcome", "ok"] == 1
    for location in summary["locations"]:
        assert samples["bookings_location_ok", location["name"]] == 1
    (project.folder / "bookings.duckdb").write_bytes(b"not a database")
    assert project.bookings("sync", "--quiet").exit_code == 1
    assert 'bookings_last_run_outcome{outcome="failed"} 1.0' in (project.folder / "bookings.prom").read_text()


def test_the_metrics_and_the_status_say_how_long_changes_were_unseen(project: Project) -> None:
    project.configure('metrics_file = "bookings.prom"')
    assert project.bookings("sync").exit_code == 0
    assert "unseen" not in (project.folder / "bookings.prom").read_text()
    location = project.world.locations[0]
    rows = project.world.data[location.id].by_start
    row = min((each for each in rows if each.active), key=lambda each: abs(each.start_ms - project.world.now_ms))
    project.world.cancel(location.id, row.id)
    assert project.bookings("sync").exit_code == 0
    metrics = (project.folder / "bookings.prom").read_text()
    assert f'bookings_location_changes_last_day{{location="{location.name}"}} 1.0' in metrics
    assert f'location="{location.name}",measure="at_most",quantile="0.95"' in metrics
    found = json.loads(project.bookings("status", "--json").stdout)["locations"]
    (unseen,) = [each["unseen"] for each in found if each["unseen"]]
    assert unseen["changes"] == 1
    assert unseen["at_most_p50"] == unseen["at_most_p95"] >= 5
    assert "How long changes of the last day were unseen" in project.bookings("status").stdout


def test_a_good_run_sends_no_notice(project: Project, receiver: Receiver) -> None:
    project.configure(secrets=webhook(receiver))
    assert project.bookings("sync").exit_code == 0
    assert receiver.received == []


def test_the_webhook_receives_partial_failed_and_stale(project: Project, receiver: Receiver) -> None:
    first, second = project.world.locations
    project.configure(secrets=webhook(receiver), **{first.name: "a-key-that-was-revoked"})
    result = project.bookings("sync")
    assert result.exit_code == 3
    assert "some locations were not synced" in texts(receiver)
    assert f"not read for 24 hours\n• {first.name}: never" in texts(receiver)
    receiver.received.clear()
    project.configure(secrets=webhook(receiver), **{first.name: "a-key-that-was-revoked", second.name: "a-second-one"})
    assert project.bookings("sync").exit_code == 1
    assert "no location was synced" in texts(receiver)
    receiver.received.clear()
    (project.folder / "bookings.duckdb").write_bytes(b"not a database")
    result = project.bookings("sync")
    assert result.exit_code == 1
    assert "the sync failed" in texts(receiver)
    assert {path for path, _ in receiver.received} == {"/services/s3cret"}
    assert not re.search("revoked|s3cret", result.stdout + result.stderr + texts(receiver))


def test_a_command_receives_the_notice_on_its_standard_input(project: Project) -> None:
    (first, _) = project.world.locations
    script = "import sys; open('notices.jsonl', 'a').write(sys.stdin.read() + '\\n')"
    command = f"notify_command = {json.dumps([sys.executable, '-c', script])}\nnotify_on = ['partial']"
    project.configure(command, **{first.name: "a-key-that-was-revoked"})
    run_id = json.loads(project.bookings("sync", "--json").stdout)["run_id"]
    (notice,) = map(json.loads, (project.folder / "notices.jsonl").read_text().splitlines())
    assert (notice["event"], notice["run_id"]) == ("partial", run_id)
    assert "status 401" in notice["details"][0]


@pytest.mark.parametrize(
    ("status", "message"), [(500, "the webhook answered with status 500"), (None, "the webhook could not be reached")]
)
def test_a_receiver_that_fails_is_a_warning(
    project: Project, receiver: Receiver, status: int | None, message: str
) -> None:
    (first, _) = project.world.locations
    address = receiver.url if status else "http://127.0.0.1:9"
    receiver.status = status or 200
    broken = 'metrics_file = "no/such/folder/x.prom"\nnotify_command = ["no-such-command"]'
    project.configure(broken, f'notify_webhook = "{address}/s3cret"', **{first.name: "a-key-that-was-revoked"})
    result = project.bookings("sync", "--quiet")
    assert result.exit_code == 3
    assert f"notice not sent: {message}" in result.stderr
    assert "notice not sent: no-such-command could not be started" in result.stderr
    assert "writing the metrics failed" in result.stderr
    assert "s3cret" not in result.stderr


@pytest.mark.parametrize("kind", ["a PATH folder that may not be entered", "not executable", "a folder", "missing"])
def test_a_command_that_cannot_start_is_named_with_what_to_do(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The errors differ (PermissionError, FileNotFoundError), the message does not.

    The folder holds a file without execute permission. So the first case raises PermissionError for root too, whom
    the folder's mode does not stop.
    """
    (first, _) = project.world.locations
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "tell-me").write_text("not a program")
    command = {"not executable": str(folder / "tell-me"), "a folder": str(folder)}.get(kind, "tell-me")
    if kind == "a PATH folder that may not be entered":
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        folder.chmod(0)
    project.configure(f"notify_command = {json.dumps([command])}", **{first.name: "a-key-that-was-revoked"})
    result = project.bookings("sync", "--quiet")
    folder.chmod(0o700)
    assert result.exit_code == 3
    assert f"notice not sent: {command} could not be started" in result.stderr
    assert "Set observe.notify_command to the full path" in result.stderr


def test_a_command_that_fails_is_a_warning(project: Project) -> None:
    (first, _) = project.world.locations
    command = json.dumps([sys.executable, "-c", "raise SystemExit(4)"])
    project.configure(f"notify_command = {command}", **{first.name: "a-key-that-was-revoked"})
    assert f"{sys.executable} ended with exit code 4" in project.bookings("sync", "--quiet").stderr


def test_a_new_field_is_reported(project: Project, receiver: Receiver) -> None:
    project.configure(secrets=webhook(receiver))
    assert project.bookings("sync").exit_code == 0
    (location, _) = project.world.locations
    chosen = next(each for each in project.world.truth(location.id)["appointments"])
    with duckdb.connect(str(project.folder / "bookings.duckdb")) as connection:
        connection.execute("UPDATE bookings_raw.appointments SET extra = '{\"old\": 1}'")
    project.bookings("sync", "--quiet")
    assert "old" not in texts(receiver)
    receiver.received.clear()
    with duckdb.connect(str(project.folder / "bookings.duckdb")) as connection:
        connection.execute(
            'UPDATE bookings_raw.appointments SET extra = \'{"old": 1, "mood": "x"}\','
            " _dlt_valid_from = now() + INTERVAL 1 DAY WHERE id = ?",
            [chosen["id"]],
        )
    project.bookings("sync", "--quiet")
    assert "new field appointments.mood" in texts(receiver)
    assert "appointments.old" not in texts(receiver)


def test_openlineage_events_of_runs_and_models(
    project: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", receiver.url)
    project.configure("openlineage = true")
    summary = json.loads(project.bookings("sync", "--json").stdout)
    began, ended = receiver.bodies
    assert [event["eventType"] for event in (began, ended)] == ["START", "COMPLETE"]
    assert {event["run"]["runId"].replace("-", "") for event in (began, ended)} == {summary["run_id"]}
    assert ended["job"] == ended["job"] | {"namespace": "bookings", "name": "sync"}
    rows = {each["name"]: each["outputFacets"]["outputStatistics"]["rowCount"] for each in ended["outputs"]}
    assert set(rows) == {f"bookings_raw.{name}" for name in TABLES}
    assert rows["bookings_raw.appointments"] == summary["tables"]["appointments"]["new"]
    receiver.received.clear()
    assert project.bookings("transform", "--quiet").exit_code == 0
    models = Models.load(find_models()).models
    assert Counter(event["eventType"] for event in receiver.bodies) == {"START": len(models), "COMPLETE": len(models)}
    read: dict[str, Any] = {
        event["job"]["name"]: {each["name"] for each in event["inputs"]}
        for event in receiver.bodies
        if event["eventType"] == "COMPLETE"
    }
    for name, model in models.items():
        assert read[f"transform.{name}"] == {
            f"bookings_{layer}.{of}" for layer, of in model.reads if layer != "warehouse"
        }
    project.configure("openlineage = true", **{each.name: f"revoked-{each.name}" for each in project.world.locations})
    receiver.received.clear()
    assert project.bookings("sync", "--quiet").exit_code == 1
    assert [event["eventType"] for event in receiver.bodies] == ["START", "FAIL"]


def test_a_failed_audit_sends_a_notice(project: Project, receiver: Receiver) -> None:
    assert project.bookings("sync", "--quiet").exit_code == 0
    with duckdb.connect(str(project.folder / "bookings.duckdb")) as connection:
        connection.execute("INSERT INTO bookings_raw.teams SELECT * FROM bookings_raw.teams")
    project.configure(secrets=webhook(receiver))
    assert project.bookings("transform", "--select", "stg_teams").exit_code == 1
    assert "the transform failed and published nothing" in texts(receiver)
    assert "stg_teams: unique" in texts(receiver)
