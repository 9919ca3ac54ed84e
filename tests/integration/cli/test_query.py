"""`bookings query`: answers in every format, from the read copy, and never writes."""

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
def asked(project: Project) -> Iterator[Project]:
    """A project whose read copy holds a few tables: who asks needs neither the API nor the models."""
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


def test_a_table_stops_at_its_limit_and_says_so(asked: Project) -> None:
    answer = asked.bookings("query", "SELECT * FROM days ORDER BY day")
    assert answer.exit_code == 0
    assert "0.3333" in answer.stdout
    assert "Größe 100" in answer.stdout
    assert "Größe 101" not in answer.stdout
    assert "The first 100 rows" in answer.stderr
    assert "rows" not in asked.bookings("query", "FROM days", "--limit", "130").stderr


def test_rows_too_wide_to_read_stand_below_one_another(asked: Project) -> None:
    times = ", ".join(f"TIMESTAMPTZ '2026-11-22 15:38:00.527+00' AS moment_{number}" for number in range(15))
    answer = asked.bookings("query", f"SELECT {times}, 1234 AS count FROM range(2)")
    lines = [line.split() for line in answer.stdout.splitlines()]
    moments = [line[1:] for line in lines if line and line[0].startswith("moment_")]
    assert moments == 30 * [["2026-11-22", "15:38:00+00:00"]]
    assert [line for line in lines if line and line[0] == "row"] == [["row", "1"], ["row", "2"]]
    assert lines.count(["count", "1,234"]) == 2


def test_every_format_says_the_same(asked: Project) -> None:
    sql = "SELECT day, bookings, name FROM days WHERE bookings <= 2 ORDER BY day"
    of_csv = list(csv.DictReader(io.StringIO(asked.bookings("query", sql, "--format", "csv").stdout)))
    assert of_csv == [
        {"day": "2026-11-02", "bookings": "1", "name": "Größe 1"},
        {"day": "2026-11-03", "bookings": "2", "name": "Größe 2"},
    ]
    of_json = json.loads(asked.bookings("query", sql, "--format", "json").stdout)
    assert [{name: str(value) for name, value in row.items()} for row in of_json] == of_csv
    assert asked.bookings("query", sql, "--out", "days.parquet").exit_code == 0
    held = parquet.read_table(asked.folder / "days.parquet").to_pylist()
    assert [{name: str(value) for name, value in row.items()} for row in held] == of_csv


def test_a_query_comes_on_stdin(asked: Project) -> None:
    ran = CliRunner().invoke(
        app, ["query", "-", "--format", "json"], input="SELECT max(bookings) AS most\nFROM days;\n"
    )
    assert (ran.exit_code, json.loads(ran.stdout)) == (0, [{"most": 130}])


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE bookings_marts.mine AS SELECT 1",
        "DELETE FROM days",
        "COPY days TO 'stolen.csv'",
        "ATTACH 'other.duckdb' AS other",
        "SET enable_external_access = true",
        "SELECT 1; DROP TABLE days",
    ],
)
def test_nothing_is_written(asked: Project, sql: str) -> None:
    before = sorted(asked.folder.iterdir())
    answer = asked.bookings("query", sql)
    assert answer.exit_code == 1
    assert answer.stderr.startswith("✗ ")
    assert sorted(asked.folder.iterdir()) == before


def test_an_error_shows_the_line_and_what_was_meant(asked: Project) -> None:
    answer = asked.bookings("query", "SELECT day\nFROM dayz")
    assert answer.exit_code == 1
    assert "LINE 2: FROM dayz" in answer.stderr
    assert 'Did you mean "days"' in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["FROM days", "--out", "days.xlsx"], "csv, json or parquet"),
        (["FROM days", "--format", "parquet"], "--out"),
    ],
)
def test_a_format_that_cannot_be_is_a_usage_error(asked: Project, arguments: list[str], said: str) -> None:
    answer = asked.bookings("query", *arguments)
    assert answer.exit_code == 2
    assert said in answer.stderr


def test_an_empty_query_and_lists_in_csv(asked: Project) -> None:
    assert "nothing to ask" in asked.bookings("query", " ; ").stderr
    assert "--format json" in asked.bookings("query", "SELECT [1, 2] AS several", "--format", "csv").stderr


def test_before_there_is_a_copy(asked: Project) -> None:
    copy = asked.folder / "bookings_read.duckdb"
    aside = copy.rename(copy.with_suffix(".aside"))
    assert "bookings transform" in asked.bookings("query", "SELECT 1").stderr
    Path(aside).rename(copy)


def test_before_the_first_sync(project: Project) -> None:
    answer = project.bookings("query", "SELECT 1")
    assert answer.exit_code == 1
    assert "bookings sync" in answer.stderr
