"""Drift: fields that the API sends and did not send before.

Input:  dlt's SQL client on the raw dataset, the moment a run began.
Output: the names of the new fields, by table. Names alone: what stands in them may be personal.
"""

from __future__ import annotations

import json
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.records.tables import TABLES

_ROWS_LOOKED_AT = 1_000
"""Of each table's new versions: a field that has come stands in most of them."""


def new_fields(client: SqlClientBase[Any], *, since: DateTime) -> list[str]:
    """`table.field` for each field in `extra` that versions since then have and none before; none on the first run."""
    found: list[str] = []
    for table in TABLES.values():
        if "extra" not in table.names:
            continue
        name = client.make_qualified_table_name(table.name)
        rows = _rows(
            client,
            f"SELECT extra FROM {name} WHERE _dlt_valid_from >= %s AND extra IS NOT NULL LIMIT {_ROWS_LOOKED_AT}",  # noqa: S608 - our own names
            since,
        )
        fields = {key for (extra,) in rows for key in json.loads(extra)}
        if not fields or not _rows(client, f"SELECT 1 FROM {name} WHERE _dlt_valid_from < %s LIMIT 1", since):  # noqa: S608
            continue
        before = f"SELECT 1 FROM {name} WHERE _dlt_valid_from < %s AND extra LIKE %s LIMIT 1"  # noqa: S608
        found += [
            f"{table.name}.{key}" for key in sorted(fields) if not _rows(client, before, since, f"%{json.dumps(key)}:%")
        ]
    return found


def _rows(client: SqlClientBase[Any], sql: str, *values: Any) -> list[Any]:
    try:
        return list(client.execute_sql(sql, *values) or ())
    except DatabaseUndefinedRelation:
        return []
