"""Appointments: what is known of a load's rows before the warehouse is asked for them."""

from __future__ import annotations

from datetime import UTC, datetime

from bookings_sync.records.values import FIRST_US, LAST_US
from bookings_sync.sync.appointment_rows import time_span


def test_starts_at_the_calendars_ends_bound_a_time_too() -> None:
    first, last = FIRST_US // 1000, LAST_US // 1000
    assert time_span([last, first, 0]) == (
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    )
    assert time_span([]) is None
