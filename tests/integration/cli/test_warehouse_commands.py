"""`bookings status`, `transform`, `report` and `docs`, before and after a first sync."""

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
def first_sync(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("synced") / "bookings.duckdb"


@pytest.fixture
def synced(project: Project, first_sync: Path) -> Iterator[Project]:
    """A project after a first sync and transform. Each test gets a copy of the same database."""
    if not first_sync.exists():
        assert project.bookings("sync", "--quiet").exit_code == 0
        assert project.bookings("transform", "--quiet").exit_code == 0
        shutil.copy(project.database, first_sync)
    shutil.copy(first_sync, project.database)
    project.world.requests.reset()
    yield project
    assert project.world.requests.total == 0, "only sync and check send requests"


def execute(project: Project, sql: str) -> None:
    with duckdb.connect(str(project.database)) as database:
        database.execute(sql)


@pytest.mark.parametrize("command", [["status"], ["transform"], ["transform", "--audit-only"], ["report"]])
def test_before_the_first_sync_the_error_names_sync(project: Project, command: list[str]) -> None:
    result = project.bookings(*command, "--json")
    assert result.exit_code == 1
    assert result.json["outcome"] == "failed"
    assert result.stderr == "✗ the dataset bookings_raw holds no synced tables yet: run `bookings sync` first\n"
    assert not project.database.exists()


_TRANSFORM = """
import contextlib, io, json, sys
from bookings_sync.cli.main import main
sys.argv = ["bookings", "transform", "--quiet"]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
"""


def test_a_transform_does_not_import_the_api_client(synced: Project) -> None:
    script = _TRANSFORM + "print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "bookings_sync.models.transform" in loaded
    assert not {"httpx", "bookings_sync.api", "bookings_sync.sync.pipeline"} & loaded


def test_status_shows_fresh_complete_locations(synced: Project) -> None:
    result = synced.bookings("status", "--json").json
    assert [each["name"] for each in result["locations"]] == sorted(synced.names)
    truth = {each.id: len(synced.world.truth(each.id)["appointments"]) for each in synced.world.locations}
    for location in result["locations"]:
        assert location["appointments"] == truth[location["location_id"]]
        assert location["covered"] == 1.0
        assert location["oldest_read_at"] <= location["fresh_at"]
    (run,) = result["runs"]
    assert run["outcome"] == "ok"
    assert result["rejections"] == []
    text = synced.bookings("status").stdout
    assert "100%" in text
    assert " ago" in text


def test_rpt_freshness_agrees_with_status(synced: Project) -> None:
    result = synced.bookings("status", "--json").json
    with duckdb.connect(str(synced.database)) as database:
        database.execute("SET TimeZone = 'UTC'")
        columns = "fresh_at, history_from, appointments, deleted_appointments, rejected_records"
        rows = database.sql(f"SELECT location_id, {columns} FROM bookings_marts.rpt_freshness").fetchall()
    assert len(rows) == len(synced.names)
    statuses = {each["location_id"]: each for each in result["locations"]}
    for location_id, fresh_at, history_from, appointments, deleted, rejected in rows:
        status = statuses[location_id]
        assert pendulum.instance(fresh_at) == pendulum.parse(status["fresh_at"])
        # The mart uses whole windows, status the range of the settings.
        assert pendulum.instance(history_from) <= pendulum.parse(status["history_from"])
        assert (appointments, deleted, rejected) == (status["appointments"], status["deleted"], 0)


def test_a_location_with_a_missing_read_is_not_fresh(synced: Project) -> None:
    """Without the newest read of one service, the location is not fresh and its history is incomplete."""
    execute(
        synced,
        """DELETE FROM bookings_raw.reads WHERE endpoint = 'appointments' AND scope_id = (
             SELECT min(scope_id) FROM bookings_raw.reads WHERE endpoint = 'appointments')""",
    )
    locations = synced.bookings("status", "--json").json["locations"]
    (stale,) = [each for each in locations if each["fresh_at"] is None]
    assert stale["covered"] == pytest.approx(0.5)
    assert stale["history_from"] is None


def test_reads_of_an_incomplete_load_do_not_count(synced: Project) -> None:
    execute(synced, "UPDATE bookings_raw._dlt_loads SET status = 1")
    for location in synced.bookings("status", "--json").json["locations"]:
        assert location["fresh_at"] is None
        assert location["covered"] == 0


def test_status_shows_locations_that_were_never_synced(synced: Project) -> None:
    keys = {each.name: each.key for each in synced.world.locations}
    synced.configure(keys={**keys, "oslo": "another-key"})
    assert "never synced" in synced.bookings("status").stdout
    locations = {each["name"]: each for each in synced.bookings("status", "--json").json["locations"]}
    assert locations["oslo"]["location_id"] is None


def test_status_works_without_any_key(synced: Project) -> None:
    synced.configure(keys={})
    assert len(synced.bookings("status", "--json").json["locations"]) == 2


def test_status_counts_rejected_records_and_hides_their_content(synced: Project) -> None:
    location_id = synced.world.locations[0].id
    execute(
        synced,
        f"""INSERT INTO bookings_raw.rejected_records
              (rejection_id, location_id, table_name, reason, record, rejected_at, run_id, _dlt_load_id)
            SELECT 'r' || i, '{location_id}', 'appointments', 'the record has no usable id',
              '{{"email": "someone@example.com"}}', now(), 'run', 'load' FROM range(3) AS t (i)""",
    )
    result = synced.bookings("status")
    assert "the record has no usable id" in result.stdout
    assert "someone@example.com" not in result.stdout
    (rejection,) = synced.bookings("status", "--json").json["rejections"]
    assert (rejection["location"], rejection["records"]) == (synced.names[0], 3)


def test_transform_lists_the_models_it_built(synced: Project) -> None:
    result = synced.bookings("transform", "--select", "rpt_*", "--json").json
    assert result["published"] is True
    assert {each["name"] for each in result["models"]} >= {"rpt_show_rate", "rpt_daily_bookings"}
    assert all(each["name"].startswith("rpt_") for each in result["models"])
    assert "models audited" in synced.bookings("transform", "--audit-only").stdout


def test_as_of_and_dev_do_not_touch_the_live_tables(synced: Project) -> None:
    future = synced.bookings("transform", "--as-of", "2999-01-01")
    assert future.exit_code == 2
    assert "expected a time in the past" in future.stderr
    early = synced.bookings("transform", "--as-of", "2020-01-01")
    assert early.exit_code == 1
    assert "nothing had been synced by 2020-01-01" in early.stderr
    for name in ("Ann", "a" * 41, "../x"):
        assert synced.bookings("transform", "--dev", name).exit_code == 2

    result = synced.bookings("transform", "--dev", "ann", "--select", "+dim_team", "--json").json
    assert (result["staging"], result["marts"]) == ("bookings_staging_ann", "bookings_marts_ann")
    assert "dim_service" not in {each["name"] for each in result["models"]}
    assert "The live tables are unchanged" in synced.bookings("transform", "--dev", "ann", "-s", "dim_team").stdout
    with duckdb.connect(str(synced.database)) as database:
        same = "SELECT count(*) FROM bookings_marts_ann.dim_team SEMI JOIN bookings_marts.dim_team USING (team_id)"
        assert database.sql(same).fetchall() == database.sql("SELECT count(*) FROM bookings_marts.dim_team").fetchall()


def test_a_dev_name_that_would_overwrite_a_live_dataset_is_refused(synced: Project) -> None:
    synced.configure(more='[bookings]\nraw_dataset = "bookings_marts_raw"')
    result = synced.bookings("transform", "--dev", "raw")
    assert result.exit_code == 2
    assert "live dataset" in result.stderr


def test_docs_needs_no_warehouse(project: Project) -> None:
    result = project.bookings("docs", "--out", "site/words.html", "--json").json
    assert result["tables"] > 50
    page = (project.folder / "site/words.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("rpt_show_rate", "stg_appointments", "calendarConfig.slug"))
    assert not project.database.exists()


def test_a_failed_audit_fails_the_command(synced: Project) -> None:
    execute(synced, "INSERT INTO bookings_marts.dim_date SELECT * FROM bookings_marts.dim_date LIMIT 1")
    result = synced.bookings("transform", "--audit-only", "--json")
    assert result.exit_code == 1
    assert "dim_date" in result.json["error"]


def test_report_text_prints_every_table(synced: Project) -> None:
    result = synced.bookings("report", "--text", "--json").json
    titles = [each["title"] for each in result["tables"]]
    assert any("Show rate" in title for title in titles)
    for each in result["tables"]:
        assert all(len(row) == len(each["columns"]) for row in each["rows"])
    text = synced.bookings("report", "--text").stdout
    assert all(title in text for title in titles)
    assert synced.names[0] in text
    assert "%" in text


def test_report_writes_a_page_and_prints_key_figures(synced: Project) -> None:
    result = synced.bookings("report", "--out", "pages/today.html", "--json").json
    page = synced.folder / "pages/today.html"
    assert result["page"] == str(page)
    assert "<title>Bookings report</title>" in page.read_text(encoding="utf-8")
    page.chmod(0o644)
    text = synced.bookings("report", "--out", "pages/today.html", "--location", synced.names[0])
    assert "show rate" in text.stdout
    assert "Calendar read " in text.stdout
    assert "pages/today.html" in text.stdout
    assert page.stat().st_mode & 0o777 == 0o644, "a new page keeps the old permissions"
    assert [each.name for each in page.parent.iterdir()] == ["today.html"]
    refused = synced.bookings("report", "--location", "rome")
    assert refused.exit_code == 1
    assert synced.names[0] in refused.stderr


_NOW_AND_THEN = ("bookings_marts", "bookings_marts_as_of")


def test_report_as_of_uses_the_tables_of_that_time(synced: Project) -> None:
    synced.bookings("transform")
    result = synced.bookings("report", "--as-of", pendulum.now("UTC").isoformat(), "--out", "past.html")
    assert result.exit_code == 0, result.stderr
    assert "As known at" in result.stdout
    assert (synced.folder / "past.html").is_file()
    with duckdb.connect(str(synced.folder / "bookings_read.duckdb"), read_only=True) as copy:
        now, then = (copy.sql(f"SELECT count(*) FROM {name}.fct_appointments").fetchone() for name in _NOW_AND_THEN)
    assert now == then
    early = synced.bookings("report", "--as-of", "2020-01-01")
    assert (early.exit_code, "nothing had been synced by 2020-01-01" in early.stderr) == (1, True)
    assert "expected a time in the past" in synced.bookings("report", "--as-of", "2999-01-01").stderr


def test_report_reads_the_copy_even_if_the_database_is_unreadable(synced: Project) -> None:
    shutil.copy(synced.database, synced.database.with_name("bookings_read.duckdb"))
    synced.database.write_bytes(b"not a database")
    assert synced.bookings("report", "--text").exit_code == 0
    assert synced.bookings("status").exit_code == 1


def test_report_before_a_transform_names_transform(synced: Project) -> None:
    execute(synced, "DROP SCHEMA bookings_marts CASCADE")
    result = synced.bookings("report")
    assert result.exit_code == 1
    assert "bookings transform" in result.stderr


def test_status_says_which_time_zones_are_guessed_and_how_to_set_them(synced: Project) -> None:
    shown = synced.bookings("status")
    assert "Time zones that are guessed" in shown.stdout
    assert "timezone under [sources.bookings.locations.LOCATION] in .dlt/config.toml" in " ".join(shown.stdout.split())
    zones = {each.name: each.timezone for each in synced.world.locations}
    for each in synced.bookings("status", "--json").json["locations"]:
        assert (each["timezone"], each["timezone_source"]) == (zones[each["name"]], "office hours")
    for source in ("configured", "API"):
        execute(synced, f"UPDATE bookings_marts.dim_location SET timezone_source = '{source}'")
        assert "Time zones that are guessed" not in synced.bookings("status").stdout
