"""`bookings query` reads the published copy, in every format, and cannot write."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from bookings_sync.cli.main import app

from .conftest import Project


@pytest.fixture
def published(project: Project) -> Iterator[Project]:
    """A project with a small read copy. A query needs neither the API nor the models."""
    with duckdb.connect(str(project.database)) as database:
        database.execute("CREATE SCHEMA bookings_raw")
    with duckdb.connect(str(project.folder / "bookings_read.duckdb")) as copy:
        copy.execute(
            """CREATE SCHEMA bookings_raw; CREATE SCHEMA bookings_staging; CREATE SCHEMA bookings_marts;
            CREATE TABLE bookings_marts.days AS
              SELECT DATE '2026-11-01' + i::INT AS day, i AS bookings, i / 3 AS share, 'Größe ' || i AS name
              FROM range(1, 131) AS t (i);
            CREATE TABLE bookings_raw.days AS SELECT 0 AS raw;"""
        )
    yield project
    with duckdb.connect(str(project.folder / "bookings_read.duckdb"), read_only=True) as copy:
        assert copy.execute("SELECT count(*), sum(bookings) FROM bookings_marts.days").fetchone() == (130, 8515)


def test_a_table_is_cut_at_the_limit_with_a_note(published: Project) -> None:
    result = published.bookings("query", "SELECT * FROM days ORDER BY day")
    assert result.exit_code == 0
    assert "0.3333" in result.stdout
    assert "Größe 100" in result.stdout
    assert "Größe 101" not in result.stdout
    assert "Only the first 100 rows" in result.stderr
    assert "rows" not in published.bookings("query", "FROM days", "--limit", "130").stderr


def test_rows_wider_than_the_terminal_are_shown_one_below_the_other(published: Project) -> None:
    times = ", ".join(f"TIMESTAMPTZ '2026-11-22 15:38:00.527+00' AS moment_{number}" for number in range(15))
    result = published.bookings("query", f"SELECT {times}, 1234 AS count FROM range(2)")
    lines = [line.split() for line in result.stdout.splitlines()]
    moments = [line[1:] for line in lines if line and line[0].startswith("moment_")]
    assert moments == 30 * [["2026-11-22", "15:38:00+00:00"]]
    assert [line for line in lines if line and line[0] == "row"] == [["row", "1"], ["row", "2"]]
    assert lines.count(["count", "1,234"]) == 2


def test_every_format_contains_the_same_rows(published: Project) -> None:
    sql = "SELECT day, bookings, name FROM days WHERE bookings <= 2 ORDER BY day"
    csv_rows = list(csv.DictReader(io.StringIO(published.bookings("query", sql, "--format", "csv").stdout)))
    assert csv_rows == [
        {"day": "2026-11-02", "bookings": "1", "name": "Größe 1"},
        {"day": "2026-11-03", "bookings": "2", "name": "Größe 2"},
    ]
    json_rows = json.loads(published.bookings("query", sql, "--format", "json").stdout)
    assert [{name: str(value) for name, value in row.items()} for row in json_rows] == csv_rows
    assert published.bookings("query", sql, "--out", "days.parquet").exit_code == 0
    parquet_rows = parquet.read_table(published.folder / "days.parquet").to_pylist()
    assert [{name: str(value) for name, value in row.items()} for row in parquet_rows] == csv_rows


def test_a_metric_is_computed_by_its_dimensions(published: Project) -> None:
    with duckdb.connect(str(published.folder / "bookings_read.duckdb")) as copy:
        copy.execute(
            """CREATE TABLE bookings_marts.rpt_bookings AS SELECT * FROM (VALUES
              (DATE '2026-11-02', 'L1', 'S1', 'showed', 8, 8), (DATE '2026-11-03', 'L1', 'S1', 'noshow', 2, 2),
              (DATE '2026-11-09', 'L1', 'S2', 'showed', 1, 1), (DATE '2026-11-09', 'L1', 'S2', 'cancelled', 7, 7)
            ) AS t (local_date, location_id, service_id, status, bookings, begun);
            CREATE TABLE bookings_marts.dim_service AS
              SELECT 'L1' AS location_id, 'S1' AS service_id, 'Advice' AS name;"""
        )
    ask = ("query", "--metric", "show_rate", "--by", "service", "--format", "json")
    advice, other = json.loads(published.bookings(*ask).stdout)
    interval = {"show_rate_low": 0.4902, "show_rate_high": 0.9433}
    wanted = {"service": "Advice", "showed": 8, "marked": 10, "show_rate": 0.8, **interval}
    assert advice == pytest.approx(wanted, abs=1e-4)
    assert (other["service"], other["showed"], other["show_rate"]) == ("S2", 1, 1)
    (second,) = json.loads(published.bookings(*ask, "--since", "2026-11-03", "--until", "2026-11-08").stdout)
    assert (second["marked"], second["show_rate"]) == (2, 0)


def test_the_metrics_are_listed_without_a_warehouse(project: Project) -> None:
    rows = json.loads(project.bookings("query", "--metrics", "--format", "json").stdout)
    (rate,) = [row for row in rows if row["name"] == "show_rate"]
    assert (rate["numerator"], rate["denominator"], rate["model"]) == ("showed", "showed + no-show", "rpt_bookings")
    assert "member" in rate["dimensions"].split(", ")
    assert "show_rate" in project.bookings("query", "--metrics").stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "expected a query, or --metric NAME, or --metrics"),
        (("FROM days", "--metrics"), "expected a query, or --metric NAME, or --metrics"),
        (("FROM days", "--by", "week"), "only --metric has dimensions and days"),
        (("--metric", "nothing"), "expected one of bookings, "),
        (
            ("--metric", "loss_rate", "--by", "member"),
            "loss_rate can be grouped by week, location, service, not by member",
        ),
        (("--metric", "bookings", "--since", "yesterday"), "expected a date such as 2026-01-31, got 'yesterday'"),
    ],
)
def test_a_wrong_choice_names_the_right_ones(project: Project, options: tuple[str, ...], message: str) -> None:
    asked = project.bookings("query", *options)
    assert asked.exit_code == 2
    assert message in " ".join(asked.stderr.replace("│", " ").split())


def test_a_query_leaves_no_folder_behind(
    published: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    assert published.bookings("query", "FROM days").exit_code == 0
    assert list(scratch.glob("bookings-sync-*/")) == []


def test_a_query_can_come_from_stdin(published: Project) -> None:
    ran = CliRunner().invoke(
        app, ["query", "-", "--format", "json"], input="SELECT max(bookings) AS most\nFROM days;\n"
    )
    assert (ran.exit_code, json.loads(ran.stdout)) == (0, [{"most": 130}])


HOSTILE = "SELECT chr(27) || ']0;owned' || chr(7) || chr(8238) || 'txt' AS name, 1 AS one"


@pytest.mark.parametrize("file_format", ["table", "csv", "json"])
def test_no_text_can_steer_the_terminal(published: Project, file_format: str) -> None:
    shown = published.bookings("query", HOSTILE, "--format", file_format).stdout
    assert "owned" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)
    if file_format == "json":
        assert json.loads(shown) == [{"name": "\x1b]0;owned\x07\u202etxt", "one": 1}]


def test_a_spreadsheet_executes_no_cell_unless_raw(published: Project) -> None:
    sql = "SELECT unnest(['=1+1', '+49 30', '-1', '@x', 'a=b', NULL]) AS cell, -1 AS number"
    cells = list(csv.DictReader(io.StringIO(published.bookings("query", sql, "--format", "csv").stdout)))
    assert [row["cell"] for row in cells] == ["'=1+1", "'+49 30", "'-1", "'@x", "a=b", ""]
    assert {row["number"] for row in cells} == {"-1"}
    raw = csv.DictReader(io.StringIO(published.bookings("query", sql, "--format", "csv", "--raw").stdout))
    assert [row["cell"] for row in raw] == ["=1+1", "+49 30", "-1", "@x", "a=b", ""]


def test_json_has_no_nan_and_every_column(published: Project) -> None:
    sql = "SELECT 1 AS a, 2 AS a, 3 AS a_1, 'nan'::DOUBLE AS b, [1.5, 'inf'::DOUBLE] AS c"
    shown = published.bookings("query", sql, "--format", "json").stdout
    assert json.loads(shown, parse_constant=pytest.fail) == [{"a": 1, "a_2": 2, "a_1": 3, "b": None, "c": [1.5, None]}]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE bookings_marts.mine AS SELECT 1",
        "DELETE FROM days",
        "COPY days TO 'stolen.csv'",
        "ATTACH 'other.duckdb' AS other",
        "SET enable_external_access = true",
        "SELECT 1; DROP TABLE days",
        "EXPLAIN ANALYZE DELETE FROM days",
        "WITH x AS (SELECT 1) INSERT INTO days SELECT * FROM x",
        "CALL pragma_version()",
        "EXPORT DATABASE 'stolen'",
        "SELECT * FROM read_text('.dlt/secrets.toml')",
        "PREPARE q AS DELETE FROM days",
        "EXPLAIN",
        "INSTALL httpfs",
    ],
)
def test_a_query_that_would_write_fails(published: Project, sql: str) -> None:
    before = sorted(published.folder.iterdir())
    result = published.bookings("query", sql)
    assert result.exit_code == 1
    assert result.stderr.startswith("✗ ")
    assert sorted(published.folder.iterdir()) == before


@pytest.mark.parametrize(
    "sql",
    [
        "FROM days",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "WITH x AS (SELECT 1 AS one) FROM x",
        "VALUES (1)",
        "SUMMARIZE days",
        "DESCRIBE days",
        "SHOW TABLES",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE FROM days",
        "PIVOT days ON share USING sum(bookings)",
        "SELECT 'a; DELETE FROM days' AS text -- ; DROP TABLE days",
    ],
)
def test_whatever_only_reads_runs(published: Project, sql: str) -> None:
    result = published.bookings("query", sql)
    assert result.exit_code == 0, result.stderr


def test_an_error_shows_the_line_and_a_suggestion(published: Project) -> None:
    result = published.bookings("query", "SELECT day\nFROM dayz")
    assert result.exit_code == 1
    assert "LINE 2: FROM dayz" in result.stderr
    assert 'Did you mean "days"' in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["FROM days", "--out", "days.xlsx"], ".csv, .json or .parquet"),
        (["FROM days", "--format", "parquet"], "--out"),
    ],
)
def test_an_impossible_format_is_a_usage_error(published: Project, arguments: list[str], message: str) -> None:
    result = published.bookings("query", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_an_empty_query_and_lists_in_csv_are_errors(published: Project) -> None:
    assert "the query is empty" in published.bookings("query", " ; ").stderr
    assert "--format json" in published.bookings("query", "SELECT [1, 2] AS several", "--format", "csv").stderr


def test_without_a_read_copy_the_error_names_transform(published: Project) -> None:
    copy = published.folder / "bookings_read.duckdb"
    aside = copy.rename(copy.with_suffix(".aside"))
    assert "bookings transform" in published.bookings("query", "SELECT 1").stderr
    Path(aside).rename(copy)


def test_before_the_first_sync_the_error_names_sync(project: Project) -> None:
    result = project.bookings("query", "SELECT 1")
    assert result.exit_code == 1
    assert "bookings sync" in result.stderr
