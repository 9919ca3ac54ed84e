"""The dialects: the APIs that serve a booking calendar, and how to read each of them.

Input:  a location.
Output: `Dialect`: paths, parameters, headers, envelopes, how errors read, and each column's source. A further API is a
        further folder here.
"""

from __future__ import annotations

from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects.dialect import (
    AboutLocation,
    ApiCall,
    Calls,
    ContactCalls,
    ContactPage,
    Dialect,
    Pace,
    Probes,
    Refusal,
    Send,
    path_segment,
)
from bookings_sync.dialects.v1 import V1
from bookings_sync.dialects.v2 import V2
from bookings_sync.records.interpretation import Interpretation

__all__ = [
    "DIALECTS",
    "AboutLocation",
    "ApiCall",
    "Calls",
    "ContactCalls",
    "ContactPage",
    "Dialect",
    "Pace",
    "Probes",
    "Refusal",
    "Send",
    "dialect_of",
    "interpretations",
    "path_segment",
]

DIALECTS: dict[str, Dialect] = {each.name: each for each in (V1, V2)}
"""By the name that the setting `api` of a location has."""


def dialect_of(location: Location) -> Dialect:
    """The dialect that the location's setting `api` names; without it, the one whose keys look like the location's."""
    if location.api:
        return DIALECTS[location.api]
    return next((each for each in DIALECTS.values() if each.owns_key(location.api_key)), V1)


def interpretations(settings: Settings) -> dict[str, Interpretation]:
    """How the replies of each configured location are read, by its name. It follows from zone and dialect."""
    read: dict[tuple[str | None, str], Interpretation] = {}
    for location in settings.locations.values():
        dialect = dialect_of(location)
        key = (location.timezone, dialect.name)
        if key not in read:
            read[key] = Interpretation.of(settings, location.timezone, dialect.columns)
    return {name: read[location.timezone, dialect_of(location).name] for name, location in settings.locations.items()}
