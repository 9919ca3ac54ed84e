"""Commands as processes: serving a sandbox, Ctrl-C, file permissions."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from bookings_sync.sandbox import Fault, Faults, SandboxServer, generate

from .conftest import Project, Start, small_world

SMALL = ("--locations", "2", "--services", "2", "--appointments", "100", "--now", "2026-06-01")


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_sandbox_serves_until_ctrl_c_with_the_given_rate_limit(start: Start) -> None:
    process = start(["sandbox", "--json", "--rate-limit", "5", *SMALL])
    ready = json.loads(first_line(process))
    assert ready["now"].startswith("2026-06-01T00:00")
    (location, _) = ready["locations"]
    headers = {"Authorization": f"Bearer {location['api_key']}"}
    with httpx.Client(base_url=ready["base_url"], headers=headers, trust_env=False) as client:
        statuses = [client.get("/calendars/teams").status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stdout, stderr) == (0, "", "")


def printed_secrets(start: Start, *options: str) -> Any:
    """The settings that the sandbox prints for pasting."""
    process = start(["sandbox", *SMALL, *options])
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    snippet = "".join(lines).partition("# Paste this into .dlt/secrets.toml")[2].partition("# Simulate two weeks")[0]
    return tomllib.loads("#" + snippet)["sources"]["bookings"]


def test_the_printed_snippet_is_a_valid_secrets_file(start: Start) -> None:
    secrets = printed_secrets(start)
    for location in secrets["locations"].values():
        headers = {"Authorization": f"Bearer {location['api_key']}"}
        reply = httpx.get(f"{secrets['base_url']}/calendars/teams", headers=headers, trust_env=False)
        assert reply.status_code == 200


def test_the_printed_snippet_is_valid_for_v2(start: Start) -> None:
    secrets = printed_secrets(start, "--api", "v2")
    assert len(secrets["locations"]) == 2
    for location in secrets["locations"].values():
        headers = {"Authorization": f"Bearer {location['api_key']}", "Version": "2021-04-15"}
        query = {"locationId": location["location_id"]}
        url = f"{secrets['v2_base_url']}/calendars/groups"
        reply = httpx.get(url, params=query, headers=headers, trust_env=False)
        assert reply.status_code == 200
        assert reply.json()["groups"]


def test_while_stdin_option_stops_the_sandbox_when_stdin_closes(start: Start) -> None:
    process = start(["sandbox", "--json", "--while-stdin", *SMALL])
    assert first_line(process)
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    process.wait(20)


def test_a_port_in_use_is_an_error(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(["sandbox", "--port", str(port), *SMALL])
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 1
    assert stderr.startswith(f"✗ cannot listen on 127.0.0.1:{port}: ")


def test_ctrl_c_ends_a_process_that_swallows_the_interrupt() -> None:
    script = """
import os, signal, time
from bookings_sync.cli.signals import handle_signals
handle_signals(grace_seconds=0.2)
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    pass
time.sleep(60)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=30).returncode == 130


@pytest.mark.parametrize(
    ("number", "seconds"),
    [(signal.SIGTERM, 0.1), (signal.SIGTERM, 0.3), (signal.SIGHUP, 0.5), (signal.SIGTERM, 1.0)],
)
def test_a_signal_while_the_command_starts_ends_it_without_a_traceback(
    start: Start, number: signal.Signals, seconds: float
) -> None:
    process = start(["sync"])
    time.sleep(seconds)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=20)
    if process.returncode != -number:  # the interpreter itself was still starting
        assert process.returncode in (128 + number, 2)  # 2: it had ended, because there is no configuration
        assert "Traceback" not in stderr
        assert "Exception ignored" not in stderr


def test_a_signal_that_the_caller_ignores_stays_ignored() -> None:
    script = """
import os, signal
from bookings_sync.cli.signals import handle_signals
signal.signal(signal.SIGHUP, signal.SIG_IGN)
handle_signals()
os.kill(os.getpid(), signal.SIGHUP)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=30).returncode == 0


def test_the_next_command_removes_what_a_killed_one_left(start: Start, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "bookings-sync-of-somebody").mkdir()  # new, and perhaps in use by an older version
    world = generate(small_world())
    with SandboxServer(world) as server:
        Project(tmp_path, server).configure()
        server.faults = Faults([Fault(kind="slow", endpoints=("GET /appointments/",), seconds=120)])
        process = start(["sync"], TMPDIR=str(scratch))
        while not world.requests.count(endpoint="GET /calendars/services"):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        running = start(["status"], TMPDIR=str(scratch))
        running.communicate(timeout=30)
        process.kill()
        process.communicate(timeout=20)
        assert len(list(scratch.glob("bookings-sync-*"))) == 2  # a command in between did not touch its folder
        server.faults = Faults()
        assert start(["sync"], TMPDIR=str(scratch)).wait(60) == 0
    assert [path.name for path in scratch.glob("bookings-sync-*")] == ["bookings-sync-of-somebody"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_sync_with_one_line_and_the_next_sync_succeeds(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    world = generate(small_world())
    with SandboxServer(world) as server:
        project = Project(tmp_path, server)
        project.configure()
        # No list of appointments arrives, so the sync would wait for its reading threads.
        server.faults = Faults([Fault(kind="slow", endpoints=("GET /appointments/",), seconds=120)])
        process = start(["sync"], TMPDIR=str(scratch))
        while not world.requests.count(endpoint="GET /calendars/services"):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=20)
        assert process.returncode == 128 + number
        assert list(scratch.glob("bookings-sync-*")) == []
        assert stderr == "✗ interrupted: finished loads are kept, and the next sync continues from there\n"

        server.faults = Faults()
        process = start(["sync", "--json"])
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
        assert json.loads(stdout)["outcome"] == "ok"
    truth = sum(len(world.truth(location.id)["appointments"]) for location in world.locations)
    with duckdb.connect(str(project.database), read_only=True) as database:
        held = database.execute(
            "SELECT count(*) FROM bookings_raw.appointments WHERE _dlt_valid_to IS NULL AND deleted_at IS NULL"
        ).fetchone()
    assert held == (truth,)


def test_only_the_owner_can_read_the_files_of_a_run(start: Start, tmp_path: Path) -> None:
    """Watches the database, write-ahead log, lock and dlt's working files during a sync, under umask 0."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with SandboxServer(generate(small_world())) as server:
        Project(tmp_path, server).configure()
        known = set(tmp_path.rglob("*"))
        before = os.umask(0)
        try:
            process = start(["sync"], TMPDIR=str(scratch))
        finally:
            os.umask(before)
        seen: dict[Path, int] = {}
        while process.poll() is None:
            for folder, folders, files in os.walk(tmp_path):  # os.walk skips folders that vanish
                for path in {Path(folder, name) for name in (*folders, *files)} - known:
                    with suppress(FileNotFoundError):
                        seen[path] = path.stat().st_mode & 0o777
            time.sleep(0.02)
        assert process.returncode == 0, process.communicate()
    names = {path.name for path in seen}
    assert {"bookings.duckdb", "bookings.duckdb.wal", "bookings.duckdb.lock"} <= names
    assert any(scratch in path.parents and path.suffix == ".parquet" for path in seen)
    assert {path: oct(mode) for path, mode in seen.items() if mode & 0o077} == {}
