"""Reading from PostgreSQL: the same figures as on DuckDB, the SQL of explore, and queries that cannot write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bookings_sync.catalogue import load_metrics
from bookings_sync.catalogue.query import metric_query
from bookings_sync.cli.explore_app.reports import REPORTS
from bookings_sync.cli.main import app
from bookings_sync.models.project import Project, find_models
from bookings_sync.report import collect
from support.model_warehouse import NOW, Warehouse, open_postgres, open_warehouse
from support.report_data import READ_BY_EXPLORE, fill

from .conftest import Database


@pytest.fixture
def warehouses(database: Database, tmp_path: Path) -> Iterator[list[Warehouse]]:
    """The same calendar in DuckDB and in PostgreSQL."""
    project = Project.load(find_models())
    with open_warehouse(tmp_path, project) as duckdb, open_postgres(tmp_path, project, database.url) as postgres:
        for each in (duckdb, postgres):
            each.create_raw()
            fill(each)
            each.transform(select=READ_BY_EXPLORE)
        yield [duckdb, postgres]


def query(sql: str) -> tuple[int, str, str]:
    answer = CliRunner().invoke(app, ["query", sql, "--format", "json"])
    return answer.exit_code, answer.stdout, answer.stderr


def test_postgresql_and_duckdb_give_the_same_figures(warehouses: list[Warehouse], database: Database) -> None:
    on_duckdb, on_postgres = (collect(each.client, each.datasets, NOW) for each in warehouses)
    assert on_postgres == on_duckdb
    assert on_duckdb.counts.bookings.rows

    connection = warehouses[0].client.native_connection
    connection.execute("SET search_path = 'marts_data'")
    for metric in load_metrics().values():
        for by in metric.dimensions:
            on_both = [
                metric_query(metric, [by], first=date(2025, 1, 1), last=date(2025, 3, 20), dialect=dialect)
                for dialect in ("duckdb", "postgres")
            ]
            held = connection.execute(on_both[0]).fetchall()
            told = database.query(f"SET search_path TO marts_data; {on_both[1]}")
            wanted = {key: pytest.approx(values) for key, values in _numbers(held).items()}
            assert _numbers(told) == wanted, on_both[1]
    for report in REPORTS:
        held = connection.execute(report.question("duckdb")).fetchall()
        assert len(database.query(f"SET search_path TO marts_data; {report.question('postgres')}")) == len(held)


def test_a_query_reads_and_cannot_write(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOOKINGS__DESTINATION", "postgres")
    for schema in ("bookings_marts", "bookings_staging", "bookings_raw"):
        database.query(f"CREATE SCHEMA {schema}")
    database.query("CREATE TABLE bookings_marts.dim_location AS SELECT unnest(ARRAY['Main', 'Osaka', 'Tiny']) AS name")
    code, stdout, _ = query("SELECT name FROM dim_location ORDER BY name")
    assert (code, json.loads(stdout)) == (0, [{"name": "Main"}, {"name": "Osaka"}, {"name": "Tiny"}])
    for sql, said in {
        "DELETE FROM dim_location": "only reads",
        "WITH gone AS (DELETE FROM dim_location RETURNING 1) SELECT * FROM gone": "read-only transaction",
        "SELECT set_config('transaction_read_only', 'off', false)": "only reads",
        "COMMIT; DELETE FROM dim_location": "expected one query, got several",
        "SELECT 1 FROM dim_locations": "LINE 1: SELECT 1 FROM dim_locations",
    }.items():
        code, _, stderr = query(sql)
        assert code == 1, sql
        assert said in stderr
    assert database.query("SELECT count(*) FROM bookings_marts.dim_location") == [(3,)]


def _numbers(rows: list[tuple[Any, ...]]) -> dict[Any, list[float]]:
    """The numbers of each group, which is in the first column."""
    return {key: [-1.0 if value is None else float(value) for value in values] for key, *values in rows}
