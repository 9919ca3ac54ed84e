"""Zones: the time zone of each location, and the locations that get another one in a transform.

Input:  the live `dim_location`, before and after a transform.
Output: `read_zones`, `zone_changes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlglot import exp

from bookings_sync.models.destination import Destination
from bookings_sync.models.zone_names import aliases

STATED = ("configured", "API")
"""The `timezone_source` of a zone that the configuration or the API names. All other sources are guesses."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A location's IANA time zone and its origin: `dim_location.timezone_source`."""

    location_id: str
    name: str
    timezone: str
    source: str


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """A location's time zone before and after a transform. All its local times move, also past ones."""

    location: str
    before: str
    after: str
    source: str
    """Where the new zone comes from: `dim_location.timezone_source`."""

    def __str__(self) -> str:
        pin = "" if self.source in STATED else " Set the location's timezone to decide it."
        return (
            f"{self.location}: the time zone changes from {self.before} to {self.after} (source: {self.source}). Local "
            f"days and hours of all its appointments change, also in the past.{pin}"
        )


def zone_changes(before: Iterable[Zone], after: Iterable[Zone]) -> tuple[ZoneChange, ...]:
    """The locations that have another zone than `before`."""
    earlier = {zone.location_id: zone.timezone for zone in before}
    canonical = aliases()
    found = []
    for zone in after:
        old, new = earlier.get(zone.location_id, zone.timezone), zone.timezone
        if canonical.get(old, old) != canonical.get(new, new):
            found.append(ZoneChange(zone.name, old, new, zone.source))
    return tuple(sorted(found, key=lambda each: each.location))


def read_zones(destination: Destination) -> tuple[Zone, ...]:
    """The zones that the last transform found. Empty if the models were never built."""
    if not destination.has("marts", "dim_location"):
        return ()
    table = destination.table("marts", "dim_location")
    query = exp.select("location_id", "name", "timezone", "timezone_source").from_(table)
    return tuple(Zone(*row) for row in destination.rows(query))
