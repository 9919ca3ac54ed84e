"""The models on PostgreSQL: the unit tests of `sql/tests/*.yml`, and an incremental build."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bookings_sync.models.project import Project, find_models
from support.extreme_values import fill
from support.model_calendar import STARTS, Calendar
from support.model_cases import CASES, check_case
from support.model_warehouse import Warehouse, open_postgres

from .conftest import Database


@pytest.fixture(scope="module")
def shared_warehouse(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One database for all cases: each case creates the raw tables again."""
    database = Database(server, "models")
    Database(server, "postgres").query("CREATE DATABASE models")
    with open_postgres(tmp_path_factory.mktemp("models"), Project.load(find_models()), database.url) as warehouse:
        yield warehouse


@pytest.mark.parametrize(("model", "case"), CASES)
def test_model(shared_warehouse: Warehouse, model: str, case: dict[str, Any]) -> None:
    check_case(shared_warehouse, model, case)


def test_changed_appointments_are_rebuilt_in_place(shared_warehouse: Warehouse) -> None:
    calendar = Calendar(shared_warehouse)
    calendar.transform()
    # A column that was added later is the table's last, whatever the order in the model.
    live = "marts_data.fct_appointments"
    shared_warehouse.client.execute_sql(
        f"ALTER TABLE {live} RENAME status TO old; ALTER TABLE {live} ADD COLUMN status TEXT;"
        f" UPDATE {live} SET status = old; ALTER TABLE {live} DROP COLUMN old"
    )
    for step in (
        ("book", "a", STARTS[2], 1),
        ("book", "stable1", STARTS[1], 3),
        ("delete", "stable2"),
        ("vanish", "stable3"),
        ("transform",),
        ("service", "S1", 45),
        ("book", "b", None, 4),
    ):
        calendar.take(step)
    assert calendar.transform() == 1
    calendar.check()
    assert calendar.transform() == 0


def test_no_extreme_value_stops_the_models(shared_warehouse: Warehouse) -> None:
    fill(shared_warehouse)
    shared_warehouse.transform()
