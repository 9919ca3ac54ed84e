"""Each override of `dlt_compat` is still needed: plain dlt still has the failing case of its docstring.

A failing test here is good news: dlt has changed. Delete the override that the message names.
"""

from __future__ import annotations

import gc
import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ValueNotSecretException
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.destination import Destination
from dlt.common.logger import suppress_and_warn
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.pipeline.exceptions import PipelineStepFailed

from bookings_sync.warehouse.dlt_compat.duckdb import DuckDb
from bookings_sync.warehouse.dlt_compat.loads import keep_records_out_of_logs, merge_in_one_transaction
from bookings_sync.warehouse.dlt_compat.tables import history_hints
from support.overrides import obsolete, still_raises

SCD2 = {"disposition": "merge", "strategy": "scd2", "row_version_column_name": "row_digest"}


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder, in which dlt looks for its configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.delenv("DESTINATION__DUCKDB__CREDENTIALS", raising=False)
    context = Container()[PluggableRunContext]
    context.reload_providers()
    yield tmp_path
    monkeypatch.undo()
    context.reload_providers()


Open = Callable[..., dlt.Pipeline]


@pytest.fixture
def open_pipeline(in_folder: Path) -> Iterator[Open]:
    """Pipelines into one DuckDB file: with dlt's plain destination, or the one that is passed."""
    opened = []

    def open_(destination: Any = None, name: str = "plain") -> dlt.Pipeline:
        plain = destination or dlt.destinations.duckdb(str(in_folder / "warehouse.duckdb"))
        pipeline = dlt.pipeline(name, destination=plain, dataset_name="raw", pipelines_dir=str(in_folder / "pipelines"))
        opened.append(pipeline)
        return pipeline

    yield open_
    for pipeline in opened:
        if pipeline.is_active:
            pipeline.deactivate()


def load(pipeline: dlt.Pipeline, *rows: dict[str, Any], **hints: Any) -> None:
    """Loads rows into the history table `t`."""
    resource = dlt.resource(list(rows), name="t", **{"write_disposition": SCD2, "merge_key": "id"} | hints)
    pipeline.run(resource, loader_file_format="parquet").raise_on_failed_jobs()


def query(pipeline: dlt.Pipeline, sql: str) -> list[tuple[Any, ...]]:
    with pipeline.sql_client() as client:
        return [tuple(row) for row in client.execute_sql(sql) or ()]


def current(pipeline: dlt.Pipeline, columns: str = "id") -> list[tuple[Any, ...]]:
    return query(pipeline, f"SELECT {columns} FROM t WHERE _dlt_valid_to IS NULL ORDER BY ALL")


# -- destinations ------------------------------------------------------------------------------------------------------


def test_capabilities_and_configuration_are_resolved_again_and_again(
    open_pipeline: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {"partial": 0, "client": 0}
    configuration = Destination.configuration

    def counted(self: Any, initial_config: Any, accept_partial: bool = False) -> Any:
        calls["partial" if accept_partial else "client"] += 1
        return configuration(self, initial_config, accept_partial)

    monkeypatch.setattr(Destination, "configuration", counted)
    load(open_pipeline(), {"id": 1, "row_digest": "x"})
    assert calls["partial"] > 5, obsolete("destinations.cache_capabilities")
    assert calls["client"] > 3, obsolete("DuckDb.configuration")


def test_a_duckdb_path_in_config_toml_is_refused_as_a_secret(in_folder: Path, open_pipeline: Open) -> None:
    (in_folder / ".dlt").mkdir()
    (in_folder / ".dlt/config.toml").write_text('[destination.duckdb]\ncredentials = "bookings.duckdb"\n')
    Container()[PluggableRunContext].reload_providers()
    with still_raises(ValueNotSecretException, "credentials", override="destinations.duckdb_path"):
        open_pipeline(dlt.destinations.duckdb()).destination_client()


def test_plain_files_get_an_append_instead_of_a_merge(in_folder: Path, open_pipeline: Open) -> None:
    pipeline = open_pipeline(dlt.destinations.filesystem(bucket_url=(in_folder / "files").as_uri()))
    load(pipeline, {"id": 1, "row_digest": "x"})  # a second version would be a second file
    files = list(in_folder.glob("files/raw/t/*.parquet"))
    assert files, obsolete("destinations.supports_history")


def test_two_pipelines_share_the_staging_dataset(open_pipeline: Open) -> None:
    names = {open_pipeline(name=name).sql_client().staging_dataset_name for name in ("one", "two")}
    assert names == {"raw_staging"}, obsolete("destinations.staging_layout")


# -- the DuckDB destination --------------------------------------------------------------------------------------------


def test_a_subclass_of_the_destination_has_another_default_file(in_folder: Path, open_pipeline: Open) -> None:
    class Other(dlt.destinations.duckdb):  # type: ignore[misc]
        pass

    assert Other().destination_name == "Other", obsolete("DuckDb.destination_type")
    assert DuckDb().destination_name == "duckdb"


def test_users_cannot_set_the_checkpoint_threshold(in_folder: Path, open_pipeline: Open) -> None:
    path = str(in_folder / "warehouse.duckdb")
    credentials = DuckDbCredentials(path, global_config={"checkpoint_threshold": "16MB"})
    sql = "SELECT current_setting('checkpoint_threshold')"
    assert query(open_pipeline(dlt.destinations.duckdb(credentials)), sql) == [("953.6 MiB",)], obsolete("CHECKPOINT")
    assert query(open_pipeline(DuckDb(path)), sql) == [("15.2 MiB",)]


def test_a_merge_compares_digests_across_all_records(open_pipeline: Open) -> None:
    pipeline = open_pipeline()
    load(pipeline, {"id": 1, "row_digest": "same"})
    load(pipeline, {"id": 2, "row_digest": "same"})
    assert current(pipeline) == [(1,)], obsolete("KeyedMerge, and work_mem in Postgres")


# -- history tables ----------------------------------------------------------------------------------------------------


def test_a_compound_merge_key_ends_versions_of_other_records(open_pipeline: Open) -> None:
    pipeline = open_pipeline()
    load(pipeline, {"location": 1, "id": 23, "row_digest": "x"}, merge_key=["location", "id"])
    load(pipeline, {"location": 12, "id": 3, "row_digest": "y"}, merge_key=["location", "id"])
    assert current(pipeline, "location, id") == [(12, 3)], obsolete("destination_scope in history_hints")


def test_our_merge_keeps_other_records(in_folder: Path, open_pipeline: Open) -> None:
    pipeline = open_pipeline(DuckDb(str(in_folder / "warehouse.duckdb")))
    hints: dict[str, Any] = {"write_disposition": history_hints(["location", "id"]), "merge_key": None}
    load(pipeline, {"location": 1, "id": 23, "row_digest": "same"}, **hints)
    load(pipeline, {"location": 12, "id": 3, "row_digest": "same"}, **hints)
    assert current(pipeline, "location, id") == [(1, 23), (12, 3)]


def digest_column(**hints: Any) -> dict[str, Any]:
    columns = {"row_digest": {"name": "row_digest", "data_type": "text", "description": "The digest."}}
    table = dlt.resource([], name="t", columns=columns, **hints).compute_table_schema()
    return dict(table["columns"]["row_digest"])


def test_the_digest_column_loses_its_hints() -> None:
    assert {"description", "data_type"} <= digest_column().keys()
    column = digest_column(write_disposition=SCD2)
    assert "description" not in column, obsolete("describe_columns")
    assert "data_type" not in column, obsolete("the data type of the digest column in planned_table")


def test_a_first_load_goes_through_a_staging_table(open_pipeline: Open) -> None:
    pipeline = open_pipeline()
    load(pipeline, {"id": 1, "row_digest": "x"})
    assert query(pipeline, "SELECT id FROM raw_staging.t") == [(1,)], obsolete("append_new_versions")


# -- loads -------------------------------------------------------------------------------------------------------------


def load_refused_successor(pipeline: dlt.Pipeline) -> None:
    """Loads record 1, and a second version that the table refuses after the first one was ended."""
    load(pipeline, {"id": 1, "email": "someone@example.com", "row_digest": "x"})
    query(pipeline, "ALTER TABLE t ADD PRIMARY KEY (email)")
    with pytest.raises(PipelineStepFailed):
        load(pipeline, {"id": 1, "email": "someone@example.com", "row_digest": "y"})


def test_a_merge_is_not_one_transaction(in_folder: Path, open_pipeline: Open) -> None:
    pipeline = open_pipeline()
    load_refused_successor(pipeline)
    assert current(pipeline) == [], obsolete("merge_in_one_transaction")
    destination = dlt.destinations.duckdb(str(in_folder / "other.duckdb"))
    merge_in_one_transaction(destination)
    other = open_pipeline(destination, name="other")
    load_refused_successor(other)
    assert current(other) == [(1,)]


def test_a_failed_load_logs_values_of_the_record(open_pipeline: Open, capfd: pytest.CaptureFixture[str]) -> None:
    load_refused_successor(open_pipeline())
    assert "someone@example.com" in capfd.readouterr().err, obsolete("keep_records_out_of_logs")
    with keep_records_out_of_logs(), pytest.raises(PipelineStepFailed):
        load(open_pipeline(), {"id": 1, "email": "someone@example.com", "row_digest": "z"})
    assert "someone@example.com" not in capfd.readouterr().err


def test_a_full_disk_logs_tracebacks(open_pipeline: Open) -> None:
    """dlt cannot write the trace of a run, and says so with a traceback."""
    open_pipeline()
    handler = logging.StreamHandler(io.StringIO())
    logging.getLogger("dlt").addHandler(handler)

    def logged() -> str:
        with suppress_and_warn("no trace"):
            raise OSError(28, "No space left on device")
        return str(handler.stream.getvalue())

    with keep_records_out_of_logs():
        assert "Traceback" not in logged()
    assert "Traceback" in logged(), obsolete("keep_records_out_of_logs")


def test_tables_are_loaded_in_parallel() -> None:
    strategy = dlt.destinations.duckdb().capabilities().loader_parallelism_strategy
    assert strategy != "sequential", obsolete("load_one_table_at_a_time")


def test_a_boundary_timestamp_changes_the_schema() -> None:
    hashes = set()
    for instant in ("2026-11-02T09:00:00Z", "2026-11-02T10:00:00Z"):
        resource = dlt.resource([], name="t", write_disposition={**SCD2, "boundary_timestamp": instant})
        schema = dlt.Schema("raw")
        schema.update_table(resource.compute_table_schema())
        hashes.add(schema.version_hash)
    assert len(hashes) == 2, obsolete("start_versions_at, and set boundary_timestamp in history_hints")


def test_resources_take_turns(open_pipeline: Open) -> None:
    order: list[str] = []

    def items(name: str) -> Iterator[dict[str, int]]:
        for number in (1, 2):
            order.append(f"{name}{number}")
            yield {"number": number}

    @dlt.source
    def source() -> Any:
        return [dlt.resource(items(name), name=name) for name in "ab"]

    open_pipeline().extract(source())
    assert order == ["a1", "b1", "a2", "b2"], obsolete("ResourceOrder")


def test_a_load_leaves_reference_cycles(open_pipeline: Open) -> None:
    pipeline = open_pipeline()
    arrow = pa.table({"id": [1]})
    pipeline.run(arrow, table_name="once")
    gc.collect()
    gc.disable()
    try:
        pipeline.run(arrow, table_name="once")
        assert gc.collect() > 500, obsolete("collect_cycles")
    finally:
        gc.enable()


@dlt.source(name="own")
def _source(*, full: bool = False) -> Any:
    return dlt.resource([{"full": full}], name="t")


def test_options_come_from_variables_of_any_program(open_pipeline: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEV_MODE", "true")
    monkeypatch.setenv("FULL", "true")
    pipeline = open_pipeline()
    assert pipeline.dev_mode, obsolete("own_options")
    assert next(iter(_source())) == {"full": True}, obsolete("NoOptions")
