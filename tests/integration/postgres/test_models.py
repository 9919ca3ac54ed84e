"""The models' unit tests (`sql/tests/*.yml`) on PostgreSQL: the same given rows must make the same expected rows; and
what is built of what changed must be what is built whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dlt
import pytest

from bookings_sync.models.project import Project, find_models
from bookings_sync.models.transform import Datasets
from unit.models.conftest import Warehouse
from unit.models.test_incremental import STARTS, Calendar, take
from unit.models.test_unit import test_model

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


def test_what_changed_is_built_in_place(shared_warehouse: Warehouse) -> None:
    calendar = Calendar(shared_warehouse)
    calendar.transform()
    # A column that came later stands last, whatever the model's order.
    live = "marts_data.fct_appointments"
    shared_warehouse.client.execute_sql(
        f"ALTER TABLE {live} RENAME status TO old; ALTER TABLE {live} ADD COLUMN status TEXT;"
        f" UPDATE {live} SET status = old; ALTER TABLE {live} DROP COLUMN old"
    )
    for step in (
        ("book", "a", STARTS[2], 1),
        ("book", "still1", STARTS[1], 3),
        ("delete", "still2"),
        ("vanish", "still3"),
        ("transform",),
        ("service", "S1", 45),
        ("book", "b", None, 4),
    ):
        take(calendar, step)
    assert calendar.transform() == 1
    calendar.check()
    assert calendar.transform() == 0
