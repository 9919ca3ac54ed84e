"""A warehouse with raw tables that tests fill row by row, and the real transform on top."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dlt
import pendulum
from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.models.project import Project
from bookings_sync.models.transform import Datasets, TransformResult, transform
from bookings_sync.records.tables import TABLES

NOW = pendulum.datetime(2025, 3, 10, 12)
FIRST_SYNC = datetime.fromisoformat("2025-03-01T06:00:00+00:00")
DATASETS = Datasets("raw_data", "staging_data", "marts_data")
_TYPES = {
    "text": "VARCHAR",
    "json": "VARCHAR",
    "bigint": "BIGINT",
    "double": "DOUBLE PRECISION",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "binary": "VARCHAR",  # no model reads a binary column, and PostgreSQL has another name for the type
}


@dataclass
class Warehouse:
    """An open client on a warehouse: a DuckDB file, or whatever a test opens. `path` is the DuckDB file."""

    path: Path
    client: SqlClientBase[Any]
    project: Project
    datasets: Datasets = DATASETS

    def create_raw(self, names: Iterable[str] = TABLES) -> None:
        """Creates empty raw tables, with the columns that dlt adds."""
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
        """Inserts rows into a raw table. Defaults: location L1, first seen at FIRST_SYNC, everything else null."""
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


@contextmanager
def open_warehouse(folder: Path, project: Project) -> Iterator[Warehouse]:
    """Opens, or creates, `folder`/warehouse.duckdb."""
    path = folder / "warehouse.duckdb"
    pipeline = dlt.pipeline(
        "models", pipelines_dir=str(folder), destination=dlt.destinations.duckdb(str(path)), dataset_name=DATASETS.raw
    )
    with pipeline.sql_client() as client:
        yield Warehouse(path, client, project)


@contextmanager
def open_postgres(folder: Path, project: Project, url: str) -> Iterator[Warehouse]:
    """Opens a PostgreSQL database. `folder` holds dlt's working files."""
    pipeline = dlt.pipeline(
        "models", pipelines_dir=str(folder), destination=dlt.destinations.postgres(url), dataset_name=DATASETS.raw
    )
    with pipeline.sql_client() as client:
        yield Warehouse(Path(), client, project)
