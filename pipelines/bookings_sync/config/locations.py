"""Locations: the tenants that a sync reads, each with its own API key.

Input:  a location's configuration.
Output: `Location`, checked; and the location's id, if the key contains it.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from functools import lru_cache

import pendulum

from bookings_sync.config.keys import LOCATIONS_SECTION, SECRETS_FILE
from bookings_sync.errors import ConfigurationError

PLACEHOLDER = "paste-the-location-api-key-here"
"""The value in .dlt/secrets.toml.example. It is refused as a key."""


APIS = ("v1", "v2")
"""The APIs that serve a calendar (`dialects`)."""


@dataclass(frozen=True, slots=True)
class Location:
    """One location (tenant): its name in the configuration and its key, which `repr` hides.

    `location_id`, `timezone` (IANA) and `api` (one of `APIS`) are None if the configuration does not name them. Raises
    ConfigurationError.
    """

    name: str
    api_key: str = field(repr=False)
    location_id: str | None = None
    timezone: str | None = None
    api: str | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise self._invalid("name", "empty", f"Name the section: [{LOCATIONS_SECTION}.<name>].")
        if not self.api_key:
            raise self._invalid("api_key", "missing", "Paste the location's API key.")
        if self.api_key == PLACEHOLDER:
            raise self._invalid("api_key", "still the example's text", "Paste the location's own API key.")
        if not self.api_key.isascii() or not self.api_key.isprintable() or " " in self.api_key:
            # Such a key cannot be sent in a header, and the HTTP library's error would quote it.
            fix = "Paste it again: a key is one word of letters, digits and punctuation."
            raise self._invalid("api_key", "holds a space, a line break or a special character", fix)
        if self.location_id is not None and not self.location_id.strip():
            raise self._invalid("location_id", "empty", "Remove it: the sync finds the id in the key or in the data.")
        if self.timezone is not None and not is_timezone(self.timezone):
            fix = "Write an IANA zone such as Europe/Berlin, or remove it."
            raise self._invalid("timezone", f"no time zone is called {self.timezone!r}", fix)
        if self.api is not None and self.api not in APIS:
            fix = f"Write one of {', '.join(APIS)}, or remove it: the key's form decides then."
            raise self._invalid("api", f"no API is called {self.api!r}", fix)

    def _invalid(self, field_name: str, problem: str, fix: str) -> ConfigurationError:
        key = f"{LOCATIONS_SECTION}.{self.name or '<name>'}.{field_name}"
        return ConfigurationError(problem, key=key, where=SECRETS_FILE, fix=fix)


@lru_cache  # pendulum reads the zone's file on every call, and many locations share few zones
def is_timezone(name: str) -> bool:
    """Whether `name` is an IANA zone or an alias such as US/Central."""
    try:
        pendulum.timezone(name)
    except (ValueError, OSError):  # InvalidTimezone is a ValueError; the name of a folder gives an OSError
        return False
    return True


def location_id_from_key(api_key: str) -> str | None:
    """The claim `location_id` of a key that is a JWT (CODE); None for an opaque key.

    The JWT's signature is not verified: only the API can do that.
    """
    parts = api_key.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    location_id = claims.get("location_id") if isinstance(claims, dict) else None
    return location_id if isinstance(location_id, str) and location_id else None
