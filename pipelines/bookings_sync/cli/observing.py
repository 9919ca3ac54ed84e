"""Connects a command to `observe`: metrics, OpenLineage events and notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bookings_sync.clock import utc_now
from bookings_sync.config.settings import Settings
from bookings_sync.models.access import open_client
from bookings_sync.observe.settings import load_observing

if TYPE_CHECKING:
    from bookings_sync.observe.watch import Watch


def watch(settings: Settings) -> Watch:
    """The `Watch` for one sync or transform, as [observe] configures it."""
    from bookings_sync.observe.watch import Watch  # slow to import: it needs httpx

    return Watch(load_observing(), settings, clock=utc_now, open_client=lambda: open_client(settings))
