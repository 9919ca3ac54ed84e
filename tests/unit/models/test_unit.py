"""The models' unit tests: `sql/tests/*.yml`, given raw rows and the model's expected rows, through the real runner."""

from __future__ import annotations

from typing import Any

import pendulum
import pytest
import yaml

from bookings_sync.models.project import Project, find_models

from .conftest import NOW, Warehouse

CASES = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}")
    for path in sorted((find_models() / "tests").glob("*.yml"))
    for case in yaml.safe_load(path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("model", "case"), CASES)
def test_model(shared_warehouse: Warehouse, model: str, case: dict[str, Any]) -> None:
    assert case.keys() <= {"name", "why", "now", "given", "expect"}
    shared_warehouse.create_raw()
    for table, rows in case["given"].items():
        shared_warehouse.insert(table, *rows)
    now = pendulum.instance(case["now"]) if "now" in case else NOW

    shared_warehouse.transform(now=now, select=shared_warehouse.needed_by(model))

    declared = shared_warehouse.project.models[model]
    actual = shared_warehouse.rows(declared.layer, model)
    key = declared.header.key
    found = {tuple(row[column] for column in key): row for row in actual}
    wanted = {tuple(row[column] for column in key): row for row in _with_location(case["expect"], key)}
    assert found.keys() == wanted.keys()
    for row_key, row in wanted.items():
        assert {column: found[row_key][column] for column in row} == row


def test_each_model_has_a_unit_test(project: Project) -> None:
    tested = {case.values[0] for case in CASES}
    assert tested == project.models.keys()


def _with_location(rows: list[dict[str, Any]], key: tuple[str, ...]) -> list[dict[str, Any]]:
    """L1 goes without saying, as in the given rows."""
    return [{"location_id": "L1", **row} if "location_id" in key else row for row in rows]
