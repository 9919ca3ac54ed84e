"""The example that publishes the reporting tables as Delta and Iceberg tables."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import deltalake
import duckdb
import pytest

EXAMPLE = Path(__file__).parents[3] / "examples/lake/publish.py"


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = str(tmp_path / "bookings_read.duckdb")
    with duckdb.connect(path) as connection:
        connection.execute(
            "CREATE SCHEMA bookings_marts; CREATE TABLE bookings_marts.dim_team AS SELECT 'T1' AS team_id"
        )
        connection.execute(
            "CREATE TABLE bookings_marts.fct_slots AS SELECT now() AS starts_at, n FROM range(5) AS t (n)"
        )
    return path


@pytest.mark.parametrize("table_format", ["delta", "iceberg"])
def test_tables_are_replaced_completely(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table_format: str
) -> None:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLE.parent))
    publish = importlib.import_module("publish").publish
    lake = tmp_path / "lake"
    for rows in (5, 2):
        publish(database, lake.as_uri(), table_format)
        folder = lake / "bookings_marts/fct_slots"
        assert len(read(folder, table_format)) == rows
        with duckdb.connect(database) as connection:
            connection.execute("DELETE FROM bookings_marts.fct_slots WHERE n > 1")


def test_the_commands_of_the_page_run(database: str, tmp_path: Path) -> None:
    """The commands of docs/lake.md, without pip and the bucket: tables by the example, Parquet by DuckDB."""
    page = (EXAMPLE.parents[2] / "docs/lake.md").read_text(encoding="utf-8")
    here, bucket = re.findall(r"^python (examples/lake/publish.py .*)$", page, re.MULTILINE)
    assert bucket == here.replace("file:///srv/lake delta", "s3://bucket/lake iceberg")
    script, *arguments = here.replace("file:///srv/lake", (tmp_path / "lake").as_uri()).split()
    environment = os.environ | {"DLT_DATA_DIR": str(tmp_path / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    command = [sys.executable, str(EXAMPLE.parents[2] / script), *arguments]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    assert len(read(tmp_path / "lake/bookings_marts/fct_slots", "delta")) == 5
    (sql,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    for told, made in {"'bookings_read.duckdb'": f"'{database}'", "fct_appointments": "fct_slots"}.items():
        assert told in sql
        sql = sql.replace(told, made)
    parquet = tmp_path / "fct_slots.parquet"
    with duckdb.connect() as connection:
        connection.execute(sql.replace("'fct_slots.parquet'", f"'{parquet}'"))
        assert connection.execute(f"SELECT count(*) FROM '{parquet}'").fetchall() == [(5,)]


def read(folder: Path, table_format: str) -> list[object]:
    """The table as another reader of the format sees it."""
    if table_format == "delta":
        return deltalake.DeltaTable(str(folder)).to_pyarrow_table().to_pylist()
    from pyiceberg.table import StaticTable

    newest = max(folder.glob("metadata/*.metadata.json"))
    return StaticTable.from_metadata(str(newest)).scan().to_arrow().to_pylist()
