"""SIGKILL during a load into PostgreSQL, at each boundary of its stages and at random moments: the next run converges,
with no manual step, no key twice, and the lock of the killed run free.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chaos.conftest import CHAOS_SEED, amount
from integration.sync.conftest import Tally
from support.oracle import flaws
from support.victims import BOUNDARIES, Death, Victims

from .conftest import Database, Site, small

WORLD = small(appointments=60, past_days=40, services_per_location=1, teams_per_location=1)


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    with Victims() as each:
        yield each


def deaths() -> list[Death]:
    """The boundaries of a first sync, then of later ones, then random moments."""
    rng = random.Random(CHAOS_SEED)
    most = {"answer": 8, "statement": 90, "milliseconds": 3_000, "a table staged": 12, "a table merged": 10}
    moments = [rng.choice(list(most)) for _ in range(amount(2, 60))]
    first, *later = [*BOUNDARIES[2 :: amount(2, 1)], *BOUNDARIES[:: amount(7, 1)]]
    return [Death(first), *map(Death, later), *(Death(moment, rng.randint(1, most[moment])) for moment in moments)]


def test_the_next_run_converges(
    open_site: Callable[..., Site], database: Database, victims: Victims, tally: Tally, tmp_path: Path
) -> None:
    site = open_site(WORLD)
    died = 0
    for death in deaths():
        site.world.advance(timedelta(hours=30))
        died += victims.order("sync", database.url, site.world.now, death, site.settings)
        if died % 2 == 0 or CHAOS_SEED:
            assert site.sync().row["errors"] == "[]", death
            assert site.differences(database, tmp_path) == [], death
            assert flaws(str(tmp_path / f"{database.name}.duckdb")) == [], death
    assert site.sync().row["errors"] == "[]"
    assert site.differences(database, tmp_path) == []
    assert died >= len(deaths()) // 2
    tally("kills on PostgreSQL", died)
