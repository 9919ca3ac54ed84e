"""The models' unit tests (`sql/tests/*.yml`) on PostgreSQL: the same given rows must make the same expected rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dlt
import pytest

from bookings_sync.models.project import Project, find_models
from bookings_sync.transform import Datasets
from models.conftest import Warehouse
from models.test_unit import test_model

from .conftest import Database

__all__ = ["test_model"]


@pytest.fixture(scope="module")
def shared_warehouse(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One database for all cases: each case makes the raw tables anew."""
    database = Database(server, "models")
    Database(server, "postgres").query("CREATE DATABASE models")
    folder = tmp_path_factory.mktemp("models")
    datasets = Datasets("raw_data", "staging_data", "marts_data")
    pipeline = dlt.pipeline(
        "models",
        pipelines_dir=str(folder),
        destination=dlt.destinations.postgres(database.url),
        dataset_name=datasets.raw,
    )
    with pipeline.sql_client() as client:
        yield Warehouse(Path(), client, Project.load(find_models()), datasets)
