"""The identity of each location: which calendar an API key opens.

Input:  a location's configuration, the ids that earlier runs stored, and the API if neither the configuration nor the
        key names an id.
Output: the location id, and where it was learnt: config, key or data.
"""

from __future__ import annotations

from collections.abc import Mapping

from pendulum import DateTime

from bookings_sync.api.client import Client
from bookings_sync.config.settings import Location, Settings, location_id_from_key
from bookings_sync.errors import ConfigurationError
from bookings_sync.planning.plan import hot_range
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import grid, to_ms
from bookings_sync.records.listed import listed_services

_WINDOW_DAYS = 16
"""Days per window of the search. Short, because the API may refuse long windows (UNK)."""


def stored_id(location: Location, known_names: Mapping[str, str]) -> tuple[str, str] | None:
    """The id that the configuration, the key or an earlier run knows; None if only the API knows.

    `known_names` are the names of the locations in the warehouse, by id.
    """
    if location.location_id:
        return location.location_id, "config"
    if from_key := location_id_from_key(location.api_key):
        return from_key, "key"
    return next(((known, "data") for known, name in known_names.items() if name == location.name), None)


def find_id(location: Location, client: Client, settings: Settings, now: DateTime) -> tuple[str, str]:
    """Looks for the id in the location's own appointments, nearest to now first, where most of them are.

    Raises ConfigurationError if no appointment of the hot range names one.
    """
    hot = hot_range(settings, now)
    services = listed_services(client.list_services().records or []).ids
    for window in sorted(grid(hot, _WINDOW_DAYS), key=lambda each: abs(each.end_ms - to_ms(now))):
        for service_id in services:
            listing = client.list_appointments(Scope("service", service_id), window).records
            for appointment in listing.records if listing else ():
                found = appointment.get("locationId") if isinstance(appointment, dict) else None
                if isinstance(found, str) and found:
                    return found, "data"
    raise ConfigurationError(
        "neither the key nor any appointment names the location's id",
        key=f"sources.bookings.locations.{location.name}.location_id",
        where=".dlt/secrets.toml",
        fix="Write the location's id there.",
    )


def same_calendar(name: str, other: str) -> ConfigurationError:
    """The error for two configured locations that turn out to be one calendar."""
    return ConfigurationError(
        f"opens the same calendar as {other}",
        key=f"sources.bookings.locations.{name}",
        where=".dlt/secrets.toml",
        fix="Remove one of the two locations, or correct its key.",
    )
