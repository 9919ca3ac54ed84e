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

from bookings_sync.sandbox.sample_data import LOCATION_ZONES
from bookings_sync.sync import pipeline
from integration.sync.conftest import Site, small
from support.oracle import flaws
from support.victims import NEVER, Victims

from .conftest import CHAOS_SEED, amount

EVERYWHERE = small(
    locations=len(LOCATION_ZONES), services_per_location=1, teams_per_location=1, appointments=240, past_days=20
)
"""A location in each zone of the sandbox."""


def test_clocks_that_jump(open_site: Callable[..., Site]) -> None:
    """The worker's clock, not the calendar's: still, back by years, ahead by weeks. Versions keep their order."""
    site = open_site(small(appointments=80, services_per_location=1), request_budget=400)  # should a run have no end
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


DAYS = [
    datetime(2026, 3, 7, 20, tzinfo=UTC),  # America springs forward in the night,
    datetime(2026, 4, 4, 10, tzinfo=UTC),  # Australia and New Zealand fall back,
    datetime(2026, 10, 24, 20, tzinfo=UTC),  # Europe falls back
    datetime(2026, 12, 31, 12, tzinfo=UTC),
    datetime(2028, 2, 28, 20, tzinfo=UTC),
]
"""Before days of 23 and 25 hours, a year's end, a leap day."""


def test_days_of_other_lengths(open_site: Callable[..., Site]) -> None:
    """In the small hours of each, when bookings stand too, in every zone at once; in the long run the day after too."""
    site = open_site(replace(EVERYWHERE, now=DAYS[0]), slots_horizon_days=3, lookback_days=30, window_days=64)
    for day in DAYS:
        site.world.now_ms = int(day.timestamp() * 1000)
        for location in site.world.locations:
            service_id = next(iter(site.world.data[location.id].services))
            for quarter in range(0, 30 * 4, 7):
                site.world.book(location.id, service_id, day + timedelta(minutes=15 * quarter))
        for hours in (5, 24)[: amount(1, 2)]:
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
