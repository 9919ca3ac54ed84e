"""The successor API (v2): tokens that name no location, contacts apart from appointments, two lists per calendar."""

from __future__ import annotations

from bookings_sync.config.keys import LOCATIONS_SECTION, SECRETS_FILE
from bookings_sync.config.settings import Location
from bookings_sync.dialects.dialect import Dialect
from bookings_sync.dialects.v2.calendars import COLUMNS
from bookings_sync.dialects.v2.calls import V2Calls
from bookings_sync.dialects.v2.contacts import V2Contacts
from bookings_sync.dialects.v2.errors import pace, refusal
from bookings_sync.dialects.v2.fields import EVENTS, FIELD_COLUMNS, of_v2
from bookings_sync.dialects.v2.probes import V2Probes
from bookings_sync.dialects.v2.writes import V2Writes
from bookings_sync.errors import ConfigurationError
from bookings_sync.records.tables import CONTACT_CUSTOM_FIELDS


def _check(location: Location) -> None:
    if not location.location_id:
        raise ConfigurationError(
            "missing, and a token of the API v2 does not name its location",
            key=f"{LOCATIONS_SECTION}.{location.name}.location_id",
            where=SECRETS_FILE,
            fix='Write the id of the location (sub-account) there: location_id = "…".',
        )


V2 = Dialect(
    name="v2",
    owns_key=lambda key: key.startswith("pit-"),
    url_setting="v2_base_url",
    check=_check,
    calls=V2Calls,
    writes=V2Writes,
    columns={**FIELD_COLUMNS, **of_v2(CONTACT_CUSTOM_FIELDS, {}, alike=()), **COLUMNS},
    appointments=EVENTS,
    lists_cost=2,
    refusal=refusal,
    pace=pace,
    contacts=V2Contacts,
    weekday_setting="v2_sunday",
    where_id_is="in the app: Settings > Business Profile, and in the address of every page, after /location/",
    probes=V2Probes,
)
