"""Every mart and report equals a recomputation in plain Python from what each sync saw.

The recomputation follows the definitions in docs/metrics.md and in the headers of the models. It shares no code and no
SQL with them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bookings_sync.models.project import Project, find_models
from support.recompute.compare import differences
from support.recompute.figures import Row
from support.recompute.models import NOT_RECOMPUTED, PASSED_ON, recomputations

from .conftest import Recorded

PROJECT = Project.load(find_models())
MODELS = sorted(name for name, model in PROJECT.models.items() if model.layer == "marts")


@pytest.fixture(scope="module")
def recompute(recorded: Recorded) -> dict[str, Callable[[], list[Row]]]:
    """The recomputations, which share what they have in common."""
    return recomputations(recorded.places, recorded.now)


@pytest.mark.parametrize("model", [name for name in MODELS if name not in NOT_RECOMPUTED])
def test_the_model_equals_its_recomputation(
    recorded: Recorded, recompute: dict[str, Callable[[], list[Row]]], model: str
) -> None:
    assert model in recompute, "write a recomputation in support/recompute, or say in NOT_RECOMPUTED why there is none"
    built, recomputed = recorded.rows(model), recompute[model]()

    assert len(recomputed) > 3, "so few rows that the comparison proves little"
    missing = PROJECT.models[model].header.columns.keys() - recomputed[0].keys()
    assert missing == PASSED_ON.get(model, set()), "columns that are not recomputed"
    assert differences(built, recomputed, PROJECT.models[model].header.key) == []


def test_every_exception_is_a_model() -> None:
    assert {*NOT_RECOMPUTED, *PASSED_ON} <= set(MODELS)
