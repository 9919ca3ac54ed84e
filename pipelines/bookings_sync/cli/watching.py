"""Opens the `Watch` that reports a command's runs to metrics, OpenLineage and notifications, as [observe] says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bookings_sync.clock import utc_now
from bookings_sync.config.settings import Settings
from bookings_sync.models.access import open_client
from bookings_sync.observe.settings import load_observing

if TYPE_CHECKING:
    from bookings_sync.observe.watch import Watch


def watch(settings: Settings) -> Watch:
    """What tells of a run or a transform those who are not looking at it, as [observe] has it."""
    from bookings_sync.observe.watch import Watch  # it knows of runs, and httpx: half as long to import as dlt

    return Watch(load_observing(), settings, clock=utc_now, open_client=lambda: open_client(settings))
