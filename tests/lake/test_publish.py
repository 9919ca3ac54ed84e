"""The example that hands the reporting tables on as Delta and Iceberg tables."""

from __future__ import annotations

import importlib
from pathlib import Path

import deltalake
import duckdb
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/lake/publish.py"


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
def test_tables_are_replaced_whole(
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


def read(folder: Path, table_format: str) -> list[object]:
    """As another reader of the format sees it."""
    if table_format == "delta":
        return deltalake.DeltaTable(str(folder)).to_pyarrow_table().to_pylist()
    from pyiceberg.table import StaticTable

    newest = max(folder.glob("metadata/*.metadata.json"))
    return StaticTable.from_metadata(str(newest)).scan().to_arrow().to_pylist()
