"""A real DuckDB warehouse with the raw tables of `tables.TABLES`, and the real runner over dlt's own client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dlt
import pendulum
import pytest
from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.models.project import Project, find_models
from bookings_sync.models.transform import Datasets, TransformResult, transform
from bookings_sync.records.tables import TABLES

NOW = pendulum.datetime(2025, 3, 10, 12)
FIRST_SYNC = datetime.fromisoformat("2025-03-01T06:00:00+00:00")
_TYPES = {
    "text": "VARCHAR",
    "json": "VARCHAR",
    "bigint": "BIGINT",
    "double": "DOUBLE PRECISION",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "binary": "VARCHAR",  # no model reads one, and PostgreSQL calls it otherwise
}


@dataclass
class Warehouse:
    """A warehouse (one DuckDB file, unless a test has another), with an open client of a dlt pipeline on it."""

    path: Path
    client: SqlClientBase[Any]
    project: Project
    datasets: Datasets

    def create_raw(self, names: Iterable[str] = TABLES) -> None:
        """The raw tables, empty, as dlt makes them: history tables with the columns dlt adds."""
        statements = [f"CREATE SCHEMA IF NOT EXISTS {self.datasets.raw}"]
        for name in names:
            table = TABLES[name]
            columns = [f"{column.name} {_TYPES[column.type]}" for column in table.columns]
            columns += ["_dlt_load_id VARCHAR"]
            if table.history:
                columns += ["_dlt_valid_from TIMESTAMPTZ", "_dlt_valid_to TIMESTAMPTZ"]
            statements.append(f"DROP TABLE IF EXISTS {self.datasets.raw}.{name}")
            statements.append(f"CREATE TABLE {self.datasets.raw}.{name} ({', '.join(columns)})")
        self.client.execute_sql("; ".join(statements))

    def insert(self, name: str, *rows: Mapping[str, Any]) -> None:
        """Rows of a raw table. What a row leaves out is null; its location is L1, and the first sync saw it."""
        for given in rows:
            row = {"location_id": "L1", "row_digest": "d", **given}
            if TABLES[name].history:
                row = {"_dlt_valid_from": FIRST_SYNC, **row}
            columns = {*TABLES[name].names, "_dlt_valid_from", "_dlt_valid_to"}
            assert given.keys() <= columns, f"{name} has no column {given.keys() - columns}"
            row = {column: value for column, value in row.items() if column in columns}
            marks = ", ".join("%s" for _ in row)
            sql = f"INSERT INTO {self.datasets.raw}.{name} ({', '.join(row)}) VALUES ({marks})"
            self.client.execute_sql(sql, *row.values())

    def transform(self, *, now: pendulum.DateTime = NOW, **options: Any) -> TransformResult:
        return transform(self.client, self.datasets, **{"now": now, "project": self.project, **options})

    def rows(self, layer: str, name: str) -> list[dict[str, Any]]:
        with self.client.execute_query(f"SELECT * FROM {self.datasets.of(layer)}.{name}") as cursor:
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def tables(self) -> set[str]:
        rows = self.client.execute_sql("SELECT schema_name || '.' || table_name FROM duckdb_tables()")
        return {name for (name,) in rows or ()}

    def needed_by(self, name: str) -> tuple[str, ...]:
        """A model and all that it, its audits and theirs read: the smallest selection that can stand alone."""
        return (f"+{name}",)


@pytest.fixture(scope="session")
def project() -> Project:
    return Project.load(find_models())


def open_warehouse(folder: Path, project: Project) -> Iterator[Warehouse]:
    path = folder / "warehouse.duckdb"
    datasets = Datasets("raw_data", "staging_data", "marts_data")
    pipeline = dlt.pipeline(
        "models", pipelines_dir=str(folder), destination=dlt.destinations.duckdb(str(path)), dataset_name=datasets.raw
    )
    with pipeline.sql_client() as client:
        yield Warehouse(path, client, project, datasets)


@pytest.fixture
def empty_warehouse(tmp_path: Path, project: Project) -> Iterator[Warehouse]:
    """Nothing synced yet."""
    yield from open_warehouse(tmp_path, project)


@pytest.fixture
def warehouse(empty_warehouse: Warehouse) -> Warehouse:
    """Every raw table is there, and empty."""
    empty_warehouse.create_raw()
    return empty_warehouse


@pytest.fixture(scope="module")
def shared_warehouse(tmp_path_factory: pytest.TempPathFactory, project: Project) -> Iterator[Warehouse]:
    """One warehouse for many cases: each case creates the raw tables anew."""
    yield from open_warehouse(tmp_path_factory.mktemp("shared"), project)
