"""The first API (v1): one path per list, contacts embedded in appointments, keys that are JWTs or opaque."""

from __future__ import annotations

from bookings_sync.dialects.dialect import Dialect
from bookings_sync.dialects.v1.calls import V1Calls
from bookings_sync.dialects.v1.writes import V1Writes

V1 = Dialect(
    name="v1",
    owns_key=lambda _: False,  # its keys have several forms, so it is what remains
    url_setting="base_url",
    check=lambda _: None,
    calls=V1Calls,
    writes=V1Writes,
    has_service_id_parameter=True,
    columns={},  # `records.tables` names the fields of this API
)
