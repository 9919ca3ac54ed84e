"""An API that answers as if everything had been deleted: nothing is deleted, and the run says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bookings_sync.sandbox import Fault, Faults

from .conftest import NOW, Site, small

TABLES = ("teams", "team_members", "services", "service_members", "service_hours", "appointments", "slots")
GONE = ("gone_400", "gone_404", "gone_422", "gone_empty", "gone_object")


def outage(*kinds: str, **where: Any) -> Faults:
    return Faults([Fault(kind=kind, **where) for kind in kinds])  # type: ignore[arg-type]


def tombstones(site: Site) -> dict[str, int]:
    """The tombstones of each table that has any."""
    counts = {table: len(site.query(f"SELECT 1 FROM {table} WHERE deleted_at IS NOT NULL")) for table in TABLES}
    return {table: count for table, count in counts.items() if count}


@pytest.mark.parametrize("gone", GONE)
def test_ids_that_are_refused_while_lists_are_right(open_site: Callable[..., Site], gone: str) -> None:
    """An appointment moved to a window that the run does not read. Its list misses it, and its id is refused."""
    site = open_site(small(), lookback_days=30, horizon_days=20)
    site.sync()
    moved = site.live("appointments", "start_time BETWEEN ? AND ?", NOW, NOW + timedelta(days=9))[0]["id"]
    site.world.reschedule(site.location_id, moved, site.world.now.replace(year=2031))
    site.server.faults = outage(gone)
    assert site.sync().outcome == "partial"
    assert tombstones(site) == {}
    site.server.faults = Faults()
    assert site.sync().outcome == "ok"
    assert site.differences() == []
