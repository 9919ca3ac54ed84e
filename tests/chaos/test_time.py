"""Time: clocks that stand still or jump, days of 23 and 25 hours in every zone, leap days, year ends, a worker in
another zone: all the same result.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pendulum
import pytest

from bookings_sync import pipeline
from bookings_sync.sandbox.people import LOCATION_ZONES
from end_to_end.conftest import Site, small

from .conftest import CHAOS_SEED, amount
from .oracle import flaws
from .victims import NEVER, Victims

EVERYWHERE = small(
    locations=len(LOCATION_ZONES), services_per_location=1, teams_per_location=1, appointments=240, past_days=20
)
"""A location in each zone of the sandbox."""


def test_clocks_that_jump(open_site: Callable[..., Site]) -> None:
    """The worker's clock, not the calendar's: still, back by years, ahead by weeks. Versions keep their order."""
    site = open_site(small(appointments=80), request_budget=400)  # should a run have no end
    rng = random.Random(CHAOS_SEED)
    offsets = [0, 0, -3, -400, 40, -1, *(rng.randint(-500, 60) for _ in range(amount(0, 60)))]
    for number, days in enumerate(offsets):
        if number != 1:
            site.world.advance(timedelta(hours=7))
        clock = pendulum.instance(site.world.now).add(days=days)
        result = pipeline.sync(site.settings, clock=lambda now=clock: now)  # type: ignore[misc]
        assert result.row["loads"] <= 3
        assert result.row["errors"] == "[]"
        assert flaws(str(site.database)) == []
    site.knobs["slots_horizon_days"] = 61  # as far as the clock that was ahead looked
    site.sync()
    assert site.differences() == []


@pytest.mark.parametrize(
    "now",
    [  # the two that differ most, and in the long run all of them
        pytest.param(datetime(2026, 10, 24, 20, tzinfo=UTC), id="Europe-falls-back"),
        pytest.param(datetime(2028, 2, 28, 20, tzinfo=UTC), id="leap-day"),
        pytest.param(datetime(2026, 3, 7, 20, tzinfo=UTC), id="America-springs-forward"),
        pytest.param(datetime(2026, 4, 4, 10, tzinfo=UTC), id="Australia-and-New-Zealand-fall-back"),
        pytest.param(datetime(2026, 12, 31, 12, tzinfo=UTC), id="year-end"),
    ][: amount(2, 5)],
)
def test_days_of_other_lengths(open_site: Callable[..., Site], now: datetime) -> None:
    """Before, during and after, in every zone at once; bookings stand in the small hours of that very day too."""
    site = open_site(replace(EVERYWHERE, now=now), slots_horizon_days=4)
    for location in site.world.locations:
        service_id = next(iter(site.world.data[location.id].services))
        for quarter in range(0, 30 * 4, 7):
            site.world.book(location.id, service_id, now + timedelta(minutes=15 * quarter))
    for hours in (0, 5, 24):
        site.world.advance(timedelta(hours=hours))
        assert site.sync().row["errors"] == "[]"
        assert site.differences() == []


@pytest.mark.parametrize("timezone", ["Pacific/Kiritimati", "America/St_Johns"])
def test_a_worker_elsewhere(open_site: Callable[..., Site], victims: Victims, timezone: str) -> None:
    """A worker whose own zone is another loads the same instants; the next, in UTC, finds nothing new."""
    site = open_site(small(appointments=60))
    assert not victims.order("sync", str(site.database), site.world.now, NEVER, site.settings, timezone=timezone)
    assert site.differences() == []
    assert site.sync().changes.total == 0
