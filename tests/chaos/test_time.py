"""Time: clocks that stop or jump, days of 23 and 25 hours in every zone, leap days, year ends and workers in other
zones do not change the result.
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
"""One location in each time zone of the sandbox."""


def test_clocks_that_jump(open_site: Callable[..., Site]) -> None:
    """The worker's clock stands still, goes back by years and ahead by weeks. Versions keep their order."""
    site = open_site(small(appointments=80, services_per_location=1), request_budget=400)  # so that every run ends
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
    site.knobs["slots_horizon_days"] = 61  # as far as the run with the fast clock looked
    site.sync()
    assert site.differences() == []


DAYS = [
    datetime(2026, 3, 7, 20, tzinfo=UTC),  # America springs forward in the night,
    datetime(2026, 4, 4, 10, tzinfo=UTC),  # Australia and New Zealand fall back,
    datetime(2026, 10, 24, 20, tzinfo=UTC),  # Europe falls back
    datetime(2026, 12, 31, 12, tzinfo=UTC),
    datetime(2028, 2, 28, 20, tzinfo=UTC),
]
"""The evenings before days of 23 and 25 hours, a year's end and a leap day."""


def test_days_of_other_lengths(open_site: Callable[..., Site]) -> None:
    """Syncs in the small hours, with bookings at that time, in every zone. The long run adds the day after."""
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
def test_a_worker_in_another_time_zone(open_site: Callable[..., Site], victims: Victims, timezone: str) -> None:
    """A worker in another zone loads the same instants. The next worker, in UTC, finds nothing new."""
    site = open_site(small(appointments=60))
    assert not victims.order("sync", str(site.database), site.world.now, NEVER, site.settings, timezone=timezone)
    assert site.differences() == []
    assert site.sync().changes.total == 0
