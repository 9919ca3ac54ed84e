"""PostgreSQL: the indexes of the raw tables, and the removal of stale staging datasets."""

from __future__ import annotations

import re
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.config.settings import Part

_CURRENT = "WHERE _dlt_valid_to IS NULL"

_INDEXES = {
    # Hash indexes: an id may be longer than a btree index accepts.
    "appointments": ("btree (location_id, start_time)", "hash (id)"),
    "contacts": ("hash (id)",),
    "contact_custom_fields": ("hash (contact_id)",),
    "slots": ("btree (location_id, start_time)",),
}
"""The diff queries the growing tables by key or time. Without an index each query reads the whole table."""


def create_indexes(client: SqlClientBase[Any]) -> None:
    """Creates missing indexes. `client` is open on the raw dataset, and its tables exist."""
    rows = client.execute_sql("SELECT indexname FROM pg_indexes WHERE schemaname = %s", client.dataset_name)
    existing = {name for (name,) in rows or ()}
    for table, indexes in _INDEXES.items():
        for index in indexes:
            name = f"{table}_current_{index.partition(' ')[0]}"
            # `CREATE INDEX IF NOT EXISTS` would wait for running loads, even if the index exists.
            if name not in existing:
                qualified = client.make_qualified_table_name(table)
                client.execute_sql(f"CREATE INDEX {name} ON {qualified} USING {index} {_CURRENT}")


def drop_stale_staging(client: SqlClientBase[Any], part: Part | None) -> None:
    """Drops the staging datasets of sharded runs with another number of parts than this one.

    `client` is open on the raw dataset. The caller holds the dataset's lock, so no such run is active.
    """
    rows = client.execute_sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", r"%\_of\_%")
    for (name,) in rows or ():
        match = re.fullmatch(rf"{client.dataset_name}_staging_[0-9]+_of_([0-9]+)", name)
        if match and not (part and int(match[1]) == part.of):
            with client.with_alternative_dataset_name(name):
                client.drop_dataset()
