"""Columns that are computed from a field of the API's record.

Input:  the values of one field, one per record: decoded JSON, or an Arrow array of texts.
Output: an Arrow array of the same length. Pure.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from functools import cache
from typing import Any

import pyarrow as pa

from bookings_sync.records.values import digest

_ZONES = zoneinfo.available_timezones()


def known_zones(zones: Sequence[Any] | pa.Array) -> pa.Array:
    """IANA time zones; null for any other value."""
    if not isinstance(zones, pa.Array):
        return pa.array([zone if isinstance(zone, str) and zone in _ZONES else None for zone in zones], pa.string())
    import pyarrow.compute

    return pyarrow.compute.if_else(pyarrow.compute.is_in(zones, _zones_as_arrow()), zones, None)


@cache
def _zones_as_arrow() -> pa.Array:
    return pa.array(sorted(_ZONES))


def digests_of_lists(lists: Sequence[Any] | pa.Array) -> pa.Array:
    """A digest of each list; null for an empty list or none."""
    return pa.array([None if items in (None, []) else digest(items) for items in lists], pa.string())
