"""Unusable values: what the models could not compute with, as `rpt_unusable_values` counts it.

Input:  the published marts.
Output: one `Unusable` per location, raw table, column and reason. Ids only: the values may be personal data.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import parse_one

from bookings_sync.models.destination import Destination

MODEL = "rpt_unusable_values"


@dataclass(frozen=True, slots=True)
class Unusable:
    """Values of one column of a raw table that no report uses. `examples` are the keys of up to three records."""

    location: str
    table: str
    column: str
    reason: str
    records: int
    examples: str


def read_unusable(destination: Destination) -> tuple[Unusable, ...]:
    """The unusable values, most frequent first. Empty if the models were never built."""
    if not (destination.has("marts", MODEL) and destination.has("marts", "dim_location")):
        return ()
    query = parse_one(
        "SELECT location.name, held.table_name, held.column_name, held.reason, held.records, held.examples"  # noqa: S608 - our own names
        f" FROM {destination.sql(destination.table('marts', MODEL))} AS held"
        f" JOIN {destination.sql(destination.table('marts', 'dim_location'))} AS location"
        " ON location.location_id = held.location_id"
        " ORDER BY held.records DESC, location.name, held.table_name, held.column_name, held.reason",
        read=destination.dialect,
    )
    found = destination.rows(query)
    return tuple(Unusable(name, table, column, why, int(n), keys) for name, table, column, why, n, keys in found)
