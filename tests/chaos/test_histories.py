"""Random histories, each compared with the truth after every sync. `histories` lists the promises.

A history that fails is printed as Python, as small as the search could make it: it belongs in `test_regressions`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, seed, settings

from integration.sync.conftest import Tally

from .conftest import CHAOS_SEED, amount
from .histories import History, live
from .strategies import histories

LOCATIONS = 25
"""Locations in one example, synced by the same runs."""
EXAMPLES = amount(8, 200)
PARTS = amount(4, 40)
"""Tests that divide the work, so that every process is busy to the end."""


@pytest.mark.parametrize("part", range(PARTS))
def test_any_history(folder: Path, tally: Tally, part: int) -> None:
    for number in range(part, EXAMPLES, PARTS):
        any_history(folder, CHAOS_SEED + number)
        tally("histories", LOCATIONS)


def any_history(folder: Path, number: int) -> None:
    """One example per search: within one search, Hypothesis would mostly vary earlier examples."""

    @seed(number)
    @settings(
        max_examples=1,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(histories(LOCATIONS, rounds=amount(3, 5)))
    def holds(history: History) -> None:
        assume(len(history.rounds) > 1)  # a search begins with the simplest example, which has no rounds
        assert live(history, folder) == []

    holds()
