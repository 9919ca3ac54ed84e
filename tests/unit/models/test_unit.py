"""The models' unit tests (`sql/tests/*.yml`) on DuckDB."""

from __future__ import annotations

from typing import Any

import pytest

from bookings_sync.models.project import Project
from support.model_cases import CASES, check_case
from support.model_warehouse import Warehouse


@pytest.mark.parametrize(("model", "case"), CASES)
def test_model(shared_warehouse: Warehouse, model: str, case: dict[str, Any]) -> None:
    check_case(shared_warehouse, model, case)


def test_every_model_has_a_unit_test(project: Project) -> None:
    assert {case.values[0] for case in CASES} == project.models.keys()
