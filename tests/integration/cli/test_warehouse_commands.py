"""`bookings status`, `transform` and `report`: what they say before the first sync, and after one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pendulum
import pytest

from .conftest import Project


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("synced") / "bookings.duckdb"


@pytest.fixture
def synced(project: Project, kept: Path) -> Iterator[Project]:
    """A project after its first sync and transform: made once, a copy for each test."""
    if not kept.exists():
        assert project.bookings("sync", "--quiet").exit_code == 0
        assert project.bookings("transform", "--quiet").exit_code == 0
        shutil.copy(project.database, kept)
    shutil.copy(kept, project.database)
    project.world.requests.reset()
    yield project
    assert project.world.requests.total == 0, "only a sync and a check ask the API"


def execute(project: Project, sql: str) -> None:
    with duckdb.connect(str(project.database)) as database:
        database.execute(sql)


@pytest.mark.parametrize("command", [["status"], ["transform"], ["transform", "--audit-only"], ["report"]])
def test_before_the_first_sync(project: Project, command: list[str]) -> None:
    answer = project.bookings(*command, "--json")
    assert answer.exit_code == 1
    assert answer.json["outcome"] == "failed"
    assert answer.stderr == "✗ the dataset bookings_raw holds no synced tables yet: run `bookings sync` first\n"
    assert not project.database.exists()


_TRANSFORM = """
import contextlib, io, json, sys
from bookings_sync.cli.main import main
sys.argv = ["bookings", "transform", "--quiet"]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
"""


def test_a_transform_imports_nothing_that_reads_the_api(synced: Project) -> None:
    script = _TRANSFORM + "print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "bookings_sync.models.transform" in loaded
    assert not {"httpx", "bookings_sync.api", "bookings_sync.sync.pipeline"} & loaded


def test_status_of_a_synced_location(synced: Project) -> None:
    answer = synced.bookings("status", "--json").json
    assert [each["name"] for each in answer["locations"]] == sorted(synced.names)
    truth = {each.id: len(synced.world.truth(each.id)["appointments"]) for each in synced.world.locations}
    for location in answer["locations"]:
        assert location["appointments"] == truth[location["location_id"]]
        assert location["covered"] == 1.0
        assert location["oldest_read_at"] <= location["fresh_at"]
    (run,) = answer["runs"]
    assert run["outcome"] == "ok"
    assert answer["rejections"] == []
    for_people = synced.bookings("status").stdout
    assert "100%" in for_people
    assert " ago" in for_people


def test_the_freshness_mart_says_what_status_says(synced: Project) -> None:
    answer = synced.bookings("status", "--json").json
    with duckdb.connect(str(synced.database)) as database:
        database.execute("SET TimeZone = 'UTC'")
        columns = "fresh_at, history_from, appointments, deleted_appointments, rejected_records"
        rows = database.sql(f"SELECT location_id, {columns} FROM bookings_marts.rpt_freshness").fetchall()
    assert len(rows) == len(synced.names)
    told = {each["location_id"]: each for each in answer["locations"]}
    for location_id, fresh_at, history_from, appointments, deleted, rejected in rows:
        status = told[location_id]
        assert pendulum.instance(fresh_at) == pendulum.parse(status["fresh_at"])
        # Whole windows here, there no more than the settings ask for.
        assert pendulum.instance(history_from) <= pendulum.parse(status["history_from"])
        assert (appointments, deleted, rejected) == (status["appointments"], status["deleted"], 0)


def test_status_does_not_call_fresh_what_was_read_in_part(synced: Project) -> None:
    """The newest read of one service is taken away: the location is no longer fresh, nor its history whole."""
    execute(
        synced,
        """DELETE FROM bookings_raw.reads WHERE endpoint = 'appointments' AND scope_id = (
             SELECT min(scope_id) FROM bookings_raw.reads WHERE endpoint = 'appointments')""",
    )
    locations = synced.bookings("status", "--json").json["locations"]
    (stale,) = [each for each in locations if each["fresh_at"] is None]
    assert stale["covered"] == pytest.approx(0.5)
    assert stale["history_from"] is None


def test_a_read_whose_load_is_not_complete_does_not_count(synced: Project) -> None:
    execute(synced, "UPDATE bookings_raw._dlt_loads SET status = 1")
    for location in synced.bookings("status", "--json").json["locations"]:
        assert location["fresh_at"] is None
        assert location["covered"] == 0


def test_status_shows_a_location_that_was_never_synced(synced: Project) -> None:
    keys = {each.name: each.key for each in synced.world.locations}
    synced.configure(keys={**keys, "oslo": "a-key-of-its-own"})
    assert "never synced" in synced.bookings("status").stdout
    locations = {each["name"]: each for each in synced.bookings("status", "--json").json["locations"]}
    assert locations["oslo"]["location_id"] is None


def test_status_needs_no_key(synced: Project) -> None:
    synced.configure(keys={})
    assert len(synced.bookings("status", "--json").json["locations"]) == 2


def test_status_counts_rejected_records_without_showing_them(synced: Project) -> None:
    location_id = synced.world.locations[0].id
    execute(
        synced,
        f"""INSERT INTO bookings_raw.rejected_records
              (rejection_id, location_id, table_name, reason, record, rejected_at, run_id, _dlt_load_id)
            SELECT 'r' || i, '{location_id}', 'appointments', 'the record has no usable id',
              '{{"email": "someone@example.com"}}', now(), 'run', 'load' FROM range(3) AS t (i)""",
    )
    answer = synced.bookings("status")
    assert "the record has no usable id" in answer.stdout
    assert "someone@example.com" not in answer.stdout
    (rejection,) = synced.bookings("status", "--json").json["rejections"]
    assert (rejection["location"], rejection["records"]) == (synced.names[0], 3)


def test_transform_says_what_it_built(synced: Project) -> None:
    answer = synced.bookings("transform", "--select", "rpt_*", "--json").json
    assert answer["published"] is True
    assert {each["name"] for each in answer["models"]} >= {"rpt_show_rate", "rpt_daily_bookings"}
    assert all(each["name"].startswith("rpt_") for each in answer["models"])
    assert "models audited as they stand" in synced.bookings("transform", "--audit-only").stdout


def test_the_past_and_a_trial_are_built_beside_the_live_tables(synced: Project) -> None:
    now = synced.bookings("transform", "--as-of", "2999-01-01")
    assert now.exit_code == 2
    assert "moment of the past" in now.stderr
    early = synced.bookings("transform", "--as-of", "2020-01-01")
    assert early.exit_code == 1
    assert "nothing had been synced by 2020-01-01" in early.stderr
    for name in ("Ann", "a" * 41, "../x"):
        assert synced.bookings("transform", "--dev", name).exit_code == 2

    answer = synced.bookings("transform", "--dev", "ann", "--select", "+dim_team", "--json").json
    assert (answer["staging"], answer["marts"]) == ("bookings_staging_ann", "bookings_marts_ann")
    assert "dim_service" not in {each["name"] for each in answer["models"]}
    assert "the live ones are untouched" in synced.bookings("transform", "--dev", "ann", "-s", "dim_team").stdout
    with duckdb.connect(str(synced.database)) as database:
        same = "SELECT count(*) FROM bookings_marts_ann.dim_team SEMI JOIN bookings_marts.dim_team USING (team_id)"
        assert database.sql(same).fetchall() == database.sql("SELECT count(*) FROM bookings_marts.dim_team").fetchall()


def test_a_name_that_would_make_a_live_dataset(synced: Project) -> None:
    synced.configure(more='[bookings]\nraw_dataset = "bookings_marts_raw"')
    answer = synced.bookings("transform", "--dev", "raw")
    assert answer.exit_code == 2
    assert "live dataset" in answer.stderr


def test_docs_need_no_warehouse(project: Project) -> None:
    answer = project.bookings("docs", "--out", "site/words.html", "--json").json
    assert answer["tables"] > 50
    page = (project.folder / "site/words.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("rpt_show_rate", "stg_appointments", "calendarConfig.slug"))
    assert not project.database.exists()


def test_a_failed_audit_fails_the_command(synced: Project) -> None:
    execute(synced, "INSERT INTO bookings_marts.dim_date SELECT * FROM bookings_marts.dim_date LIMIT 1")
    answer = synced.bookings("transform", "--audit-only", "--json")
    assert answer.exit_code == 1
    assert "dim_date" in answer.json["error"]


def test_report_answers_in_tables(synced: Project) -> None:
    answer = synced.bookings("report", "--text", "--json").json
    titles = [each["title"] for each in answer["tables"]]
    assert any("Show rate" in title for title in titles)
    for each in answer["tables"]:
        assert all(len(row) == len(each["columns"]) for row in each["rows"])
    for_people = synced.bookings("report", "--text").stdout
    assert all(title in for_people for title in titles)
    assert synced.names[0] in for_people
    assert "%" in for_people


def test_report_writes_a_page_and_its_headlines(synced: Project) -> None:
    answer = synced.bookings("report", "--out", "pages/today.html", "--json").json
    page = synced.folder / "pages/today.html"
    assert answer["page"] == str(page)
    assert "<title>Bookings report</title>" in page.read_text(encoding="utf-8")
    page.chmod(0o644)
    for_people = synced.bookings("report", "--out", "pages/today.html", "--location", synced.names[0])
    assert "show rate" in for_people.stdout
    assert "Calendar read " in for_people.stdout
    assert "pages/today.html" in for_people.stdout
    assert page.stat().st_mode & 0o777 == 0o644, "who may read it was decided before"
    assert [each.name for each in page.parent.iterdir()] == ["today.html"]
    refused = synced.bookings("report", "--location", "rome")
    assert refused.exit_code == 1
    assert synced.names[0] in refused.stderr


_NOW_AND_THEN = ("bookings_marts", "bookings_marts_as_of")


def test_report_as_it_stood(synced: Project) -> None:
    synced.bookings("transform")
    answer = synced.bookings("report", "--as-of", pendulum.now("UTC").isoformat(), "--out", "past.html")
    assert answer.exit_code == 0, answer.stderr
    assert "As it stood at" in answer.stdout
    assert (synced.folder / "past.html").is_file()
    with duckdb.connect(str(synced.folder / "bookings_read.duckdb"), read_only=True) as copy:
        now, then = (copy.sql(f"SELECT count(*) FROM {name}.fct_appointments").fetchone() for name in _NOW_AND_THEN)
    assert now == then
    early = synced.bookings("report", "--as-of", "2020-01-01")
    assert (early.exit_code, "nothing had been synced by 2020-01-01" in early.stderr) == (1, True)
    assert "is yet to come" in synced.bookings("report", "--as-of", "2999-01-01").stderr


def test_report_reads_the_copy_whoever_holds_the_database(synced: Project) -> None:
    shutil.copy(synced.database, synced.database.with_name("bookings_read.duckdb"))
    synced.database.write_bytes(b"held, and unreadable")
    assert synced.bookings("report", "--text").exit_code == 0
    assert synced.bookings("status").exit_code == 1


def test_report_before_a_transform(synced: Project) -> None:
    execute(synced, "DROP SCHEMA bookings_marts CASCADE")
    answer = synced.bookings("report")
    assert answer.exit_code == 1
    assert "bookings transform" in answer.stderr
