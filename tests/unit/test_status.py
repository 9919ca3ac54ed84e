"""Which locations are stale."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from pendulum import DateTime

from bookings_sync.status import LocationStatus, Status, stale

NOW = pendulum.datetime(2026, 11, 2, 12)


def location(name: str, fresh_at: DateTime | None) -> LocationStatus:
    return LocationStatus(name, name, fresh_at, None, 1.0, None, 0, 0)


def test_stale_locations_were_read_too_long_ago_or_never() -> None:
    status = Status(
        (
            location("fresh", NOW.subtract(hours=2)),
            location("late", NOW.subtract(hours=2, seconds=1)),
            location("never", None),
            location("removed from the configuration", None),
        ),
        (),
        (),
        (),
    )
    found = stale(status, {"fresh", "late", "never"}, now=NOW, after=timedelta(hours=2))
    assert [each.name for each in found] == ["late", "never"]
