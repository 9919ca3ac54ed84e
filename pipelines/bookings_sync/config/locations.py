"""Locations: the tenants whose calendars are read, each with its own key.

Input:  a location's configuration.
Output: `Location`, checked; and its id as far as the key itself tells it. Part of `settings`, which holds them all.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from functools import lru_cache

import pendulum

from bookings_sync.errors import ConfigurationError

SECRETS_FILE = ".dlt/secrets.toml"
SECTION = "sources.bookings.locations"
PLACEHOLDER = "paste-the-location-api-key-here"
"""Stands in .dlt/secrets.toml.example, and is refused as a key."""


@dataclass(frozen=True, slots=True)
class Location:
    """One location (tenant): its name in the configuration, and its key, which no repr shows.

    `location_id` and `timezone` (IANA) are None where the configuration does not name them.
    Raises ConfigurationError.
    """

    name: str
    api_key: str = field(repr=False)
    location_id: str | None = None
    timezone: str | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise self._wrong("name", "empty", f"Name the section: [{SECTION}.<name>].")
        if not self.api_key:
            raise self._wrong("api_key", "missing", "Paste the location's API key.")
        if self.api_key == PLACEHOLDER:
            raise self._wrong("api_key", "still the example's", "Paste the location's own API key.")
        if not self.api_key.isascii() or not self.api_key.isprintable() or " " in self.api_key:
            # Such a key cannot stand in a header, and the HTTP library's error would quote it.
            fix = "Paste it again: a key is one word of letters, digits and punctuation."
            raise self._wrong("api_key", "holds a space, a line break or a special character", fix)
        if self.location_id is not None and not self.location_id.strip():
            raise self._wrong("location_id", "empty", "Leave it out: it is then learnt from the key or the data.")
        if self.timezone is not None and not is_timezone(self.timezone):
            fix = "Write an IANA zone such as Europe/Berlin, or leave it out."
            raise self._wrong("timezone", f"no time zone is called {self.timezone!r}", fix)

    def _wrong(self, field_name: str, problem: str, fix: str) -> ConfigurationError:
        key = f"{SECTION}.{self.name or '<name>'}.{field_name}"
        return ConfigurationError(problem, key=key, where=SECRETS_FILE, fix=fix)


@lru_cache  # pendulum reads a zone's file each time, and many locations lie in a few zones
def is_timezone(name: str) -> bool:
    """Whether `name` is an IANA zone or one of its aliases, such as US/Central."""
    try:
        pendulum.timezone(name)
    except (ValueError, OSError):  # pendulum's InvalidTimezone is a ValueError; a folder's name is an OSError
        return False
    return True


def location_id_from_key(api_key: str) -> str | None:
    """The location's id as the key itself tells it: the claim `location_id` of a JWT (api.md, CODE), not verified, as
    only the API can. None for an opaque key."""
    parts = api_key.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    location_id = claims.get("location_id") if isinstance(claims, dict) else None
    return location_id if isinstance(location_id, str) and location_id else None
