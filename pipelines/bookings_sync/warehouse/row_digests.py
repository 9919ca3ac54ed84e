"""Row digests: computes those of the held rows again, in the database, from the columns.

Input:  the current versions of one raw table.
Output: the same rows with the digests that this program gives them. Tombstones keep theirs.

A digest covers all columns of a row, so it changes if the table gets a column, if a column changes its type, or if the
program uses another hash function. Without this, the next sync would take every row for changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pyarrow as pa
from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.records.columns import row_digests
from bookings_sync.records.schema import STAMPED
from bookings_sync.records.tables import Table
from bookings_sync.records.values import digest
from bookings_sync.warehouse.raw_tables import RawTables, in_chunks

_ROWS_AT_ONCE = 50_000
"""Rows in memory, about 50 MB of appointments."""

_CURRENT = "_dlt_valid_to IS NULL AND deleted_at IS NULL"


def layout(table: Table) -> str:
    """What the digests of a table depend on: the function, and the columns in their order."""
    probe = pa.table({"text": ["é", None], "instant": pa.array([0, None], pa.timestamp("us", tz="UTC"))})
    columns = [[column.name, column.type] for column in table.columns if column.name not in STAMPED]
    return digest([row_digests("location", probe), columns])


def recompute(client: SqlClientBase[Any], table: Table) -> int:
    """Recomputes the digests of a table's live rows. Returns how many have changed. Callers open the transaction.

    Rows whose digest is right already are not written, so a second call changes nothing.
    """
    raw = RawTables(client)
    changed = 0
    for rows in _parts(raw, table):
        pairs = [
            (before, now)
            for before, now in zip(rows["row_digest"].to_pylist(), _digests(table, rows), strict=True)
            if before != now
        ]
        changed += len(pairs)
        for some in in_chunks(pairs):
            values = ", ".join(f"({raw.literal(before)}, {raw.literal(now)})" for before, now in some)
            client.execute_sql(
                f"UPDATE {raw.name(table.name)} AS held SET row_digest = renewed.digest"  # noqa: S608 - our own names
                f" FROM (VALUES {values}) AS renewed (before, digest)"
                f" WHERE held.row_digest = renewed.before AND held._dlt_valid_to IS NULL"
            )
    return changed


def _parts(raw: RawTables, table: Table) -> Iterator[pa.Table]:
    """The live rows, not too many at once. Digests are evenly distributed, so their first digits divide the rows."""
    name = raw.name(table.name)
    nothing = raw.rows(f"SELECT * FROM {name} WHERE 1 = 0")  # noqa: S608 - our own names
    existing = nothing.column_names if nothing is not None else []
    selected = ", ".join(each if each in existing else f"NULL AS {each}" for each in table.names)
    ((number,),) = ([row["n"]] for row in raw.dicts(f"SELECT count(*) AS n FROM {name} WHERE {_CURRENT}"))  # noqa: S608
    digits = 0
    while number > _ROWS_AT_ONCE * 16**digits:
        digits += 1
    for prefix in map("".join, product("0123456789abcdef", repeat=digits)):
        rows = raw.rows(
            f"SELECT {selected} FROM {name} WHERE {_CURRENT} AND substr(row_digest, 1, {digits}) = '{prefix}'"  # noqa: S608
        )
        if rows is not None and len(rows):
            yield rows.cast(table.schema)


def _digests(table: Table, rows: pa.Table) -> list[str]:
    columns = rows.select([name for name in table.names if name not in STAMPED])
    digests: list[str] = [""] * len(rows)
    by_location: dict[str, list[int]] = {}
    for position, location_id in enumerate(rows["location_id"].to_pylist()):
        by_location.setdefault(location_id, []).append(position)
    for location_id, positions in by_location.items():
        found = row_digests(location_id, columns.take(pa.array(positions, pa.int64())))
        for position, each in zip(positions, found, strict=True):
            digests[position] = each
    return digests
