"""Times without an offset are local times of the location's zone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bookings_sync.records.instants import fit_instant, instant_ms


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-11-02T17:00:00", "Asia/Manila", "2026-11-02T09:00:00"),
        ("2026-11-02 17:00", "Asia/Manila", "2026-11-02T09:00:00"),
        ("2026-11-02", "Asia/Manila", "2026-11-01T16:00:00"),
        ("Mon, 02 Nov 2026 17:00:00", "Asia/Manila", "2026-11-02T09:00:00"),
        # Clocks go forward from 2:00 to 3:00 on 2026-03-29, and back from 3:00 to 2:00 on 2026-10-25.
        ("2026-03-29T01:59:59", "Europe/Berlin", "2026-03-29T00:59:59"),
        ("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T01:30:00"),
        ("2026-03-29T03:00:00", "Europe/Berlin", "2026-03-29T01:00:00"),
        ("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T00:30:00"),
        ("2026-10-25T03:00:00", "Europe/Berlin", "2026-10-25T02:00:00"),
        ("2026-11-02T09:00:00+00:00", "Asia/Manila", "2026-11-02T09:00:00"),
        ("1793610000", "Asia/Manila", "2026-11-02T09:00:00"),
        ("0001-01-01T00:00:00", "Europe/Berlin", None),
        ("9999-12-31T23:59:59", "America/Juneau", None),
        ("soon", "Asia/Manila", None),
    ],
)
def test_a_local_time_in_a_zone(text: str, zone: str, expected: str | None) -> None:
    instant = None if expected is None else datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert fit_instant(text, zone) == instant
    assert instant_ms(text, zone) == (None if instant is None else int(instant.timestamp() * 1000))
