"""The version that each family of v2's paths is asked for. The `Version` header is compulsory (OBS)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bookings_sync.dialects.dialect import ApiCall

CALENDARS_VERSION = "2021-04-15"
VERSION = "2021-07-28"
"""Of contacts, users and locations (DOC)."""


def get(path: str, params: Mapping[str, str] = MappingProxyType({}), version: str = CALENDARS_VERSION) -> ApiCall:
    """A call that reads."""
    return ApiCall("GET", path, dict(params), headers={"Version": version})
