"""Opening the raw dataset in a DuckDB file."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from bookings_sync.config.settings import Location, Settings
from bookings_sync.warehouse.dataset import database_file, open_client, open_pipeline


def test_every_client_keeps_duckdbs_checkpoint_threshold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "bookings.duckdb"))
    settings = Settings(base_url="http://127.0.0.1:1", locations={"North": Location("North", "key")})
    with (
        open_pipeline(settings) as pipeline,
        open_client(pipeline, settings) as first,
        open_client(pipeline, settings) as second,
    ):
        for client in (first, second):
            [(threshold,)] = client.execute_sql("SELECT current_setting('checkpoint_threshold')") or ()
            assert threshold == "15.2 MiB"  # 16 MB, DuckDB's default


def test_a_load_restores_the_number_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "bookings.duckdb"))
    settings = Settings(base_url="http://127.0.0.1:1", locations={"North": Location("North", "key")})
    with open_pipeline(settings) as pipeline, open_client(pipeline, settings) as client:
        client.execute_sql("SET GLOBAL threads = 3")
        pipeline.run([{"a": 1}], table_name="one").raise_on_failed_jobs()
        [(threads,)] = client.execute_sql("SELECT current_setting('threads')") or ()
        assert threads == 3


def test_the_default_database_is_dlts_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DESTINATION__DUCKDB__CREDENTIALS", raising=False)
    settings = Settings(base_url="http://127.0.0.1:1", locations={"North": Location("North", "key")})
    with open_pipeline(settings) as pipeline, open_client(pipeline, settings):
        assert [each.name for each in tmp_path.glob("*.duckdb")] == ["bookings.duckdb"]
        assert database_file(pipeline) == tmp_path / "bookings.duckdb"


def test_new_files_get_the_newer_storage_format_and_old_files_keep_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(base_url="http://127.0.0.1:1", locations={"North": Location("North", "key")})
    duckdb.connect(tmp_path / "older.duckdb").close()
    for name, version in (("new.duckdb", "v1.3.0+"), ("older.duckdb", "v1.0.0+")):
        monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / name))
        for _ in ("first", "again"):
            with open_pipeline(settings) as pipeline, open_client(pipeline, settings) as client:
                [(tags,)] = client.execute_sql("SELECT tags FROM duckdb_databases() WHERE NOT internal") or ()
                assert tags["storage_version"] == version
