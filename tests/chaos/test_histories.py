"""Random histories, lived through by the real thing, each compared with the truth (`histories` says what is promised).

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
"""Histories in one example: so many locations, synced by the same runs."""
EXAMPLES = amount(8, 200)
PARTS = amount(8, 40)
"""Tests that the work is divided into, so that every process has some to the end."""


@pytest.mark.parametrize("part", range(PARTS))
def test_any_history(folder: Path, tally: Tally, part: int) -> None:
    for number in range(part, EXAMPLES, PARTS):
        any_history(folder, CHAOS_SEED + number)
        tally("histories", LOCATIONS)


def any_history(folder: Path, number: int) -> None:
    """One example. A search of its own for each: within one, hypothesis would mostly vary what it has tried already."""

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
        assume(len(history.rounds) > 1)  # a search begins with what is simplest: two rounds of nothing are no history
        assert live(history, folder) == []

    holds()
