"""Zones: finds the locations that get another time zone in a transform.

Input:  the live and the new `dim_location`.
Output: `zone_changes`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from bookings_sync.models.destination import Destination
from bookings_sync.models.zone_names import aliases


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """A location's time zone before and after a transform. All its local times move, also past ones."""

    location: str
    before: str
    after: str
    source: str
    """Where the new zone comes from: `dim_location.timezone_source`."""

    def __str__(self) -> str:
        pin = "" if self.source == "configured" else " Set the location's timezone to decide it."
        return (
            f"{self.location}: the time zone changes from {self.before} to {self.after} ({self.source}). Local days "
            f"and hours of all its appointments change, also in the past.{pin}"
        )


def zone_changes(destination: Destination, table_for: Callable[[str, str], exp.Expr]) -> tuple[ZoneChange, ...]:
    """Compares the zones of the live `dim_location` with those of the one that `table_for` gives."""
    if not destination.has("marts", "dim_location"):
        return ()
    columns = ("location_id", "name", "timezone", "timezone_source")
    query = exp.select(*columns)
    live = {row[0]: row[2] for row in destination.rows(query.copy().from_(destination.table("marts", "dim_location")))}
    canonical = aliases()
    found = []
    for location_id, name, zone, source in destination.rows(query.from_(table_for("marts", "dim_location"))):
        before = live.get(location_id, zone)
        if canonical.get(before, before) != canonical.get(zone, zone):
            found.append(ZoneChange(name, before, zone, source))
    return tuple(sorted(found, key=lambda each: each.location))
