"""Random histories, each compared with the truth after every sync. `histories` lists the promises.

A history that fails is printed as Python, as small as the search could make it: it belongs in `test_regressions`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, seed, settings

from integration.sync.conftest import Tally
from support.victims import Victims

from .conftest import CHAOS_SEED, amount
from .histories import History, live
from .strategies import histories

LOCATIONS = 25
"""Locations in one example, synced by the same runs."""
EXAMPLES = amount(8, 40)
PARTS = amount(4, 20)
"""Tests that divide the work, so that every process is busy to the end."""


@pytest.mark.parametrize("part", range(PARTS))
def test_any_history(folder: Path, tally: Tally, victims: Victims, part: int) -> None:
    for number in range(part, EXAMPLES, PARTS):
        for what, count in any_history(folder, CHAOS_SEED + number, victims).items():
            tally(what, count)
        tally("histories", LOCATIONS)


def any_history(folder: Path, number: int, victims: Victims) -> Counter[str]:
    """One example per search: within one search, Hypothesis would mostly vary earlier examples. Returns
    what was tried."""
    tried: Counter[str] = Counter()

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
        assert live(history, folder, victims) == []
        tried.update(each.sync.befalls for each in history.rounds if each.sync.befalls != "nothing")
        tried.update(syncs=len(history.rounds), damages=sum(len(each.damage) for each in history.rounds))
        tried.update(happenings=sum(len(each) for round_ in history.rounds for each in round_.happenings))
        tried.update(upgrades=bool(history.older))
        tried.update(troubles=sum(bool(each.sync.trouble) for each in history.rounds))

    holds()
    return tried
