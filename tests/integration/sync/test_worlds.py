"""Worlds of 1, 3 and 30 locations: the warehouse equals the truth after the first sync and after each round of changes.

`make chaos` lives through ten rounds.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from support.apis import alternating

from .conftest import Site, small

ROUNDS = 10 if os.environ.get("CHAOS") else 3


@pytest.mark.parametrize("api", ["v1", "v2", "mixed"])
@pytest.mark.parametrize(
    ("locations", "services", "appointments"),
    [
        pytest.param(1, 6, 800, id="1-location"),
        pytest.param(3, 4, 900, id="3-locations"),
        pytest.param(6, 2, 900, id="6-locations"),
        pytest.param(30, 1, 900, id="30-locations"),
    ],
)
def test_equal_after_each_round(
    open_site: Callable[..., Site], api: str, locations: int, services: int, appointments: int
) -> None:
    """Also of locations that v1 and v2 serve in turn, in the same runs. The hot range covers all history, so every
    round must be equal. `test_staleness_is_bounded` covers cold history."""
    spec = small(seed=locations, locations=locations, services_per_location=services, appointments=appointments)
    # v2 lists contacts apart. By this filter, each run reads those that changed, and not only a share of all.
    site = open_site(spec, apis="v1" if api == "mixed" else api, contacts_changed_filter=True)
    if api == "mixed":
        site.apis = alternating(site.world)
    assert site.sync().row["errors"] == "[]"
    assert site.differences() == []
    rng = random.Random(locations)
    for number in range(ROUNDS):
        happened = site.world.advance(timedelta(days=rng.randint(0, 7), hours=rng.randint(1, 23)))
        assert site.sync().row["errors"] == "[]"
        assert site.differences() == [], f"round {number}, in which happened {happened}"
