"""Connects a command to `observe`: metrics, OpenLineage events and notifications."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from bookings_sync.clock import utc_now
from bookings_sync.config.settings import Settings
from bookings_sync.observe.settings import load_observing

if TYPE_CHECKING:
    from dlt.destinations.sql_client import SqlClientBase

    from bookings_sync.observe.watch import Watch


def watch(settings: Settings) -> Watch:
    """The `Watch` for one sync or transform, as [observe] configures it."""
    from bookings_sync.observe.watch import Watch  # slow to import: it needs httpx

    def open_raw() -> AbstractContextManager[SqlClientBase[Any]]:
        from bookings_sync.models.access import open_client  # slow to import: a sync without notices never needs it

        return open_client(settings)

    return Watch(load_observing(), settings, clock=utc_now, open_client=open_raw)
