"""`bookings run`: a sync, a transform and the report in one command."""

from __future__ import annotations

from .conftest import Project


def test_one_command_does_all_three(project: Project) -> None:
    result = project.bookings("run", "--report", "page.html", "--json")
    assert result.exit_code == 0
    found = result.json
    assert (found["command"], found["outcome"]) == ("run", "ok")
    assert found["sync"]["tables"]["appointments"]["new"] > 0
    assert {each["name"] for each in found["transform"]["models"]} >= {"fct_appointments", "rpt_show_rate"}
    assert "<title>Bookings report</title>" in (project.folder / "page.html").read_text(encoding="utf-8")
    assert project.bookings("query", "SELECT count(*) FROM fct_appointments").exit_code == 0


def test_people_read_one_summary(project: Project) -> None:
    result = project.bookings("run")
    assert "2 of 2 locations synced" in result.stdout
    assert "models published" in result.stdout
    assert not (project.folder / "report.html").exists()
    assert project.bookings("run", "--quiet").stdout == ""


def test_a_location_that_fails_does_not_stop_the_others(project: Project) -> None:
    keys = {each.name: each.key for each in project.world.locations}
    project.configure(keys={**keys, project.names[0]: "a-revoked-key"})
    result = project.bookings("run", "--json")
    assert (result.exit_code, result.json["outcome"]) == (3, "partial")
    assert result.json["transform"]["published"]


def test_nothing_is_published_if_the_sync_cannot_run(project: Project) -> None:
    assert project.bookings("run").exit_code == 0
    copy = project.folder / "bookings_read.duckdb"
    before = copy.stat().st_mtime_ns
    project.configure(keys={})
    assert project.bookings("run", "--report", "page.html").exit_code == 2
    assert copy.stat().st_mtime_ns == before
    assert not (project.folder / "page.html").exists()
