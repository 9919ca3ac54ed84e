"""`bookings follow`: rounds on a real socket, its summary, and how it ends."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock

from bookings_sync.sandbox import World

from .conftest import Project, Start

CHANGED = r"1 changed\b.*appointments.*; published"
"""A cancelled appointment may free a slot, which is news as well."""


def lines_until(process: subprocess.Popen[str], what: str) -> list[str]:
    """The lines that the process prints, up to one that matches `what`."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if re.search(what, line):
            return lines
    raise AssertionError(f"the process ended without {what!r}: {lines}")


def cancel_one(world: World) -> str:
    """Cancels the appointment nearest to now in the first location. Returns its id."""
    location_id = world.locations[0].id
    rows = [row for row in world.data[location_id].by_start if row.active and not row.block]
    row = min(rows, key=lambda each: abs(each.start_ms - world.now_ms))
    world.cancel(location_id, row.id)
    return row.id


def status_in(copy: Path, appointment_id: str) -> str:
    with duckdb.connect(str(copy), read_only=True) as connection:
        row = connection.execute(
            "SELECT status FROM bookings_marts.fct_appointments WHERE appointment_id = ?", [appointment_id]
        ).fetchone()
    assert row is not None
    return str(row[0])


def test_it_syncs_and_publishes_until_its_time_is_over(project: Project) -> None:
    result = project.bookings("follow", "--for", "1s", "--report", "page.html", "--json")
    assert result.exit_code == 0
    assert result.json["outcome"] == "ok"
    assert result.json["rounds"] >= 1
    assert result.json["publications"] >= 1
    assert project.bookings("query", "SELECT count(*) FROM fct_appointments").exit_code == 0
    assert "<title>Bookings report</title>" in (project.folder / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("length", ["", "0s", "soon", "-1h", "1 h", "5"])
def test_a_length_that_is_none_is_refused(project: Project, length: str) -> None:
    result = project.bookings("follow", "--for", length)
    assert result.exit_code == 2
    assert "such as 90s, 30m, 1h or 2d" in result.stderr.replace("│", "").replace("\n", " ")


def test_a_change_is_published_and_a_signal_ends_it(project: Project, start: Start) -> None:
    assert project.bookings("run").exit_code == 0
    process = start(["follow"], project.folder)
    lines_until(process, "following")
    cancelled = cancel_one(project.world)
    lines_until(process, CHANGED)
    assert status_in(project.folder / "bookings_read.duckdb", cancelled) == "cancelled"
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "everything that was loaded is kept" in stderr
    with duckdb.connect(str(project.database), read_only=True) as connection:
        rows = connection.execute(
            "SELECT appoinment_status FROM bookings_raw.appointments WHERE id = ? AND _dlt_valid_to IS NULL",
            [cancelled],
        ).fetchall()
    assert rows == [("cancelled",)]


def test_a_manual_sync_that_has_the_lock_is_waited_for(project: Project, start: Start) -> None:
    assert project.bookings("sync").exit_code == 0
    with FileLock(project.folder / "bookings.duckdb.lock"):
        process = start(["follow", "--for", "40s"], project.folder)
        lines_until(process, "waiting: another run holds the lock")
        cancel_one(project.world)
    lines_until(process, CHANGED)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
