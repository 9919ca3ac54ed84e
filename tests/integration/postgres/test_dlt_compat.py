"""The overrides of `dlt_compat` for PostgreSQL are still needed: plain dlt still has their failing cases.

A failing test here is good news: dlt has changed. Delete the override that the message names.
"""

from __future__ import annotations

from pathlib import Path

import dlt
import pyarrow as pa
import pytest
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.pipeline.exceptions import PipelineStepFailed

from bookings_sync.warehouse.dlt_compat.postgres import Postgres
from support.overrides import obsolete, still_raises

from .conftest import Database


def load(destination: object, rows: pa.Table, folder: Path) -> None:
    pipeline = dlt.pipeline(
        "plain", destination=destination, dataset_name="raw", pipelines_dir=str(folder / "pipelines")
    )
    try:
        pipeline.run(dlt.resource([rows], name="t"), loader_file_format="parquet")
    finally:
        pipeline.abort_packages()
        pipeline.deactivate()


@pytest.fixture(autouse=True)
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "1")


def test_a_table_without_rows_cannot_be_loaded(database: Database, tmp_path: Path) -> None:
    empty = pa.schema([("id", pa.int64())]).empty_table()
    with still_raises(PipelineStepFailed, "at least one RecordBatch", override="can_load_empty_tables"):
        load(dlt.destinations.postgres(database.url), empty, tmp_path)


def test_a_space_in_options_breaks_the_connection(database: Database, tmp_path: Path) -> None:
    url = f"{database.url}&options=-cwork_mem%3D64MB%20-cjit%3Doff"
    rows = pa.table({"id": [1]})
    load(Postgres(PostgresCredentials(url)), rows, tmp_path)
    with still_raises(PipelineStepFailed, "64MB+-cjit=off", override="the tabs in Postgres.configuration"):
        load(dlt.destinations.postgres(url), rows, tmp_path)


def test_a_merge_is_not_one_transaction(database: Database) -> None:
    capabilities = dlt.destinations.postgres(database.url).capabilities()
    assert not capabilities.supports_transactions, obsolete("merge_in_one_transaction")
