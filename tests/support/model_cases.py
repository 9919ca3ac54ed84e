"""The models' unit tests: each case of `sql/tests/*.yml` gives raw rows and the expected rows of one model."""

from __future__ import annotations

from typing import Any

import pendulum
import pytest
import yaml

from bookings_sync.models.project import find_models

from .model_warehouse import NOW, Warehouse

CASES = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}")
    for path in sorted((find_models() / "tests").glob("*.yml"))
    for case in yaml.safe_load(path.read_text(encoding="utf-8"))
]
"""Parameters (model, case)."""


def check_case(warehouse: Warehouse, model: str, case: dict[str, Any]) -> None:
    """Fills the raw tables, builds the model and everything upstream, and compares the rows."""
    assert case.keys() <= {"name", "why", "now", "given", "only", "expect"}
    warehouse.create_raw()
    for table, rows in case["given"].items():
        warehouse.insert(table, *rows)
    now = pendulum.instance(case["now"]) if "now" in case else NOW

    warehouse.transform(now=now, select=[f"+{model}"])

    declared = warehouse.project.models[model]
    key = declared.header.key
    found = {
        tuple(row[column] for column in key): row
        for row in warehouse.rows(declared.layer, model)
        if all(row[column] == value for column, value in case.get("only", {}).items())
    }
    wanted = {tuple(row[column] for column in key): row for row in _with_location(case["expect"], key)}
    assert found.keys() == wanted.keys()
    for row_key, row in wanted.items():
        assert {column: found[row_key][column] for column in row} == {
            column: _about(value) for column, value in row.items()
        }


def _about(value: Any) -> Any:
    """`{about: x}` in a case is a number near x."""
    return pytest.approx(value["about"], abs=1e-6) if isinstance(value, dict) else value


def _with_location(rows: list[dict[str, Any]], key: tuple[str, ...]) -> list[dict[str, Any]]:
    """L1 is the default location, as in the given rows."""
    return [{"location_id": "L1", **row} if "location_id" in key else row for row in rows]
