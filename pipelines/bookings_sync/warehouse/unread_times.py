"""Unread times: starts and ends of appointments that the sync could not read.

Input:  dlt's SQL client on the raw dataset.
Output: their number by location and column, and the ids of two of the appointments.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.warehouse.raw_tables import RawTables


class UnreadTimes(NamedTuple):
    """The values of one column that are no time, or have no offset while the settings name no zone. `examples` are
    ids."""

    location_id: str
    column: str
    records: int
    examples: str


def unread_times(client: SqlClientBase[Any]) -> list[UnreadTimes]:
    """What is counted are the current versions of appointments that are not deleted."""
    raw = RawTables(client)
    found: list[UnreadTimes] = []
    for column, field in (("start_time", "startTime"), ("end_time", "endTime")):
        rows = raw.dicts(
            "SELECT location_id, count(*) AS records, min(id) AS first_id, max(id) AS last_id"  # noqa: S608 - our own
            f" FROM {raw.name('appointments')} WHERE _dlt_valid_to IS NULL AND deleted_at IS NULL"
            f" AND {column} IS NULL AND ({column}_raw IS NOT NULL OR extra LIKE '%\"{field}\":%')"
            " GROUP BY location_id ORDER BY location_id"
        )
        for row in rows:
            examples = ", ".join(dict.fromkeys([row["first_id"], row["last_id"]]))
            found.append(UnreadTimes(row["location_id"], column, int(row["records"]), examples))
    return found
