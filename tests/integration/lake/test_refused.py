"""Destinations that would silently append instead of merging, or cannot keep history, are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookings_sync.config.settings import Settings
from bookings_sync.errors import ConfigurationError
from bookings_sync.warehouse import dataset


def refusal(name: str) -> str:
    with pytest.raises(ConfigurationError) as caught, dataset.open_pipeline(Settings(destination=name)):
        pass
    return str(caught.value)


def test_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parquet appends instead of merging. Delta and Iceberg have no slowly changing dimensions."""
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", tmp_path.as_uri())
    told = refusal("filesystem")
    assert told.startswith("bookings.destination: filesystem keeps no history")
    assert "docs/destinations.md" in told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["duckdb", "postgres", "ducklake", "snowflake", "bigquery", "databricks", "clickhouse"]
)
def test_the_destinations_of_the_page_are_accepted(name: str) -> None:
    assert dataset.destination(Settings(destination=name)).destination_name == name


def test_an_unknown_destination() -> None:
    assert refusal("duckbd") == (
        "bookings.destination: dlt has no destination named duckbd (in .dlt/config.toml). Choose one from "
        "docs/destinations.md, or write the full name of a class."
    )
