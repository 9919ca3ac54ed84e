"""Who reads PostgreSQL reads the same: the report's figures, the SQL of explore, and queries that cannot write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import dlt
import pytest
from typer.testing import CliRunner

from bookings_sync.cli.explore_app.metrics import DIMENSIONS, METRICS, metric_sql
from bookings_sync.cli.main import app
from bookings_sync.models.project import Project, find_models
from bookings_sync.models.transform import Datasets
from bookings_sync.report import collect
from integration.report.conftest import READ, fill
from unit.models.conftest import NOW, Warehouse, open_warehouse

from .conftest import Database


@pytest.fixture
def warehouses(database: Database, tmp_path: Path) -> Iterator[list[Warehouse]]:
    """The same calendar in DuckDB and in PostgreSQL."""
    project = Project.load(find_models())
    datasets = Datasets("raw_data", "staging_data", "marts_data")
    pipeline = dlt.pipeline("read", pipelines_dir=str(tmp_path), destination="postgres", dataset_name=datasets.raw)
    with contextmanager(open_warehouse)(tmp_path, project) as here, pipeline.sql_client() as client:
        both = [here, Warehouse(Path(), client, project, datasets)]
        for each in both:
            each.create_raw()
            fill(each)
            each.transform(select=READ)
        yield both


def query(sql: str) -> tuple[int, str, str]:
    answer = CliRunner().invoke(app, ["query", sql, "--format", "json"])
    return answer.exit_code, answer.stdout, answer.stderr


def test_postgresql_tells_what_duckdb_tells(warehouses: list[Warehouse], database: Database) -> None:
    here, there = (collect(each.client, each.datasets, NOW) for each in warehouses)
    assert there == here
    assert len(here.days.rows) > 100

    connection = warehouses[0].client.native_connection
    connection.execute("SET search_path = 'marts_data'")
    for figure in METRICS:
        for by in DIMENSIONS:
            sql = metric_sql(figure, by, None, date(2025, 1, 1), date(2025, 3, 20))
            held = connection.execute(sql).fetchall()
            told = database.query(f"SET search_path TO marts_data; {sql}")
            assert _numbers(told) == pytest.approx(_numbers(held)), sql


def test_a_query_reads_and_cannot_write(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOOKINGS__DESTINATION", "postgres")
    for schema in ("bookings_marts", "bookings_staging", "bookings_raw"):
        database.query(f"CREATE SCHEMA {schema}")
    database.query("CREATE TABLE bookings_marts.dim_location AS SELECT unnest(ARRAY['Main', 'Osaka', 'Tiny']) AS name")
    code, stdout, _ = query("SELECT name FROM dim_location ORDER BY name")
    assert (code, json.loads(stdout)) == (0, [{"name": "Main"}, {"name": "Osaka"}, {"name": "Tiny"}])
    for sql, said in {
        "DELETE FROM dim_location": "read-only transaction",
        "WITH gone AS (DELETE FROM dim_location RETURNING 1) SELECT * FROM gone": "read-only transaction",
        "SELECT set_config('transaction_read_only', 'off', false)": "read-write mode",
        "COMMIT; DELETE FROM dim_location": "one query at a time",
        "SELECT 1 FROM dim_locations": "LINE 1: SELECT 1 FROM dim_locations",
    }.items():
        code, _, stderr = query(sql)
        assert code == 1, sql
        assert said in stderr
    assert database.query("SELECT count(*) FROM bookings_marts.dim_location") == [(3,)]


def _numbers(rows: list[tuple[Any, ...]]) -> dict[Any, float]:
    return {key: -1.0 if value is None else float(value) for key, value in rows}
