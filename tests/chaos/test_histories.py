"""Random histories, lived through by the real thing, each compared with the truth (`histories` says what is promised).

A history that fails is printed as Python, as small as the search could make it: it belongs in `test_regressions`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from .conftest import CHAOS_SEED, amount
from .histories import History, live
from .strategies import histories

LOCATIONS = 10
"""Histories in one example."""

PARTS = 8
"""Tests that the work is divided into, so that every process has some."""


@pytest.mark.parametrize("part", range(PARTS))
def test_any_history(folder: Path, part: int) -> None:
    @seed(CHAOS_SEED * PARTS + part)
    @settings(
        max_examples=amount(24, 504) // PARTS,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(histories(LOCATIONS))
    def holds(history: History) -> None:
        assert live(history, folder) == []

    holds()
