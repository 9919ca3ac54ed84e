"""Drift: finds fields that the API did not send before.

Input:  dlt's SQL client on the raw dataset, the moment a run began.
Output: names of new fields, by table. Names only: the values may be personal data.
"""

from __future__ import annotations

import json
import re
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.records.tables import TABLES
from bookings_sync.status import rows_if_any

_SAMPLE_ROWS = 1_000
"""New versions examined per table. Enough, because a new field is in most new versions."""


def new_fields(client: SqlClientBase[Any], *, since: DateTime) -> list[str]:
    """`table.field` for each field in `extra` of versions since `since` but of none before. Nothing is new in a
    location's first run, nor in a run that reads the location in another way: another API has other fields."""
    found: list[str] = []
    for table in TABLES.values():
        if "extra" not in table.names:
            continue
        name = client.make_qualified_table_name(table.name)
        new = (
            f"SELECT extra FROM {name} WHERE _dlt_valid_from >= %s AND extra IS NOT NULL"  # noqa: S608 - our own names
            f" AND location_id IN (SELECT location_id FROM {name} WHERE _dlt_valid_from < %s)"
            f" AND location_id NOT IN ({_REREAD.format(name)})"
            f" LIMIT {_SAMPLE_ROWS}"
        )
        fields = {key for (extra,) in rows_if_any(client, new, since, since, since) for key in json.loads(extra)}
        old = f"SELECT 1 FROM {name} WHERE _dlt_valid_from < %s"  # noqa: S608 - our own names
        found += [
            f"{table.name}.{key}"
            for key in sorted(fields)
            if not rows_if_any(client, f"{old} AND {_HOLDS} LIMIT 1", since, *_patterns(key))
        ]
    return found


_REREAD = "SELECT location_id FROM {} WHERE _dlt_valid_from >= %s AND unchanged_since IS NOT NULL"
_HOLDS = "(extra LIKE %s ESCAPE '!' OR extra LIKE %s ESCAPE '!')"


def _patterns(key: str) -> list[str]:
    """LIKE patterns for both ways in which `records.values.canonical` writes a field's name: as UTF-8 or as ASCII."""
    written = (f"{json.dumps(key, ensure_ascii=is_ascii)}:" for is_ascii in (False, True))
    return ["%" + re.sub("[!%_]", r"!\g<0>", name) + "%" for name in written]
