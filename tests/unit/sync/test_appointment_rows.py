"""The span of time in which the warehouse looks for a load's rows first."""

from __future__ import annotations

from datetime import UTC, datetime

from bookings_sync.records.instants import FIRST_US, LAST_US
from bookings_sync.sync.appointment_rows import time_span


def test_the_span_may_reach_the_ends_of_the_calendar() -> None:
    first, last = FIRST_US // 1000, LAST_US // 1000
    assert time_span([last, first, 0]) == (
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    )
    assert time_span([]) is None
