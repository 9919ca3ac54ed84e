"""PostgreSQL as the warehouse: what it needs beside what dlt does for it.

Input:  dlt's configuration ([destination.postgres], or a destination of another name and that type).
Output: `Postgres`, dlt's destination with a session fit for merges and few connections; the indexes that the diff's
        questions need; and no staging datasets of sharded runs that are no more. For `pipeline`; the models need
        nothing of this.
"""

from __future__ import annotations

import re
from typing import Any

from dlt.common.destination import DestinationCapabilitiesContext
from dlt.destinations import postgres
from dlt.destinations.impl.postgres.configuration import PostgresClientConfiguration
from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.config.settings import Part

_SESSION = {
    # Memory of one hash table. dlt's merge looks each new row's digest up among all current ones (`NOT IN`): with the
    # server's default of 4 MB and more than some 80,000 rows PostgreSQL makes no hash table of them and compares each
    # with each: a load of 1.4 s takes a quarter of an hour. This is enough for 8 million; the rest is not taken.
    "work_mem": "256MB",
    # Instants are the same in any zone, but they come as text in the session's: years 1 and 9999 must not leave it.
    "timezone": "UTC",
}

_LOAD_JOBS = 4
"""Tables loaded at once. Each takes two connections, and 16 runs that share the work must do with the server's 100."""

_CURRENT = "WHERE _dlt_valid_to IS NULL"

_INDEXES = {
    # By hash, for an id may be longer than a sorted index takes.
    "appointments": ("btree (location_id, start_time)", "hash (id)"),
    "contacts": ("hash (id)",),
    "contact_custom_fields": ("hash (contact_id)",),
    "slots": ("btree (location_id, start_time)",),
}
"""What the diff asks for by key or time, of the tables that grow: without them each question reads the whole table."""


class Postgres(postgres):
    """dlt's PostgreSQL destination. What `options` of the credentials set themselves stands."""

    def configuration(
        self, initial_config: PostgresClientConfiguration, accept_partial: bool = False
    ) -> PostgresClientConfiguration:
        config: PostgresClientConfiguration = super().configuration(initial_config, accept_partial)
        credentials = config.credentials
        if credentials is not None:
            query = credentials.query or {}
            options = str(query.get("options", "")).split()
            given = " ".join(options).lower()
            options += [f"-c{name}={value}" for name, value in _SESSION.items() if f"{name}=" not in given]
            # Tabs, for dlt's address of the database would have a + for a space, which ADBC's driver takes for a plus.
            credentials.query = {**query, "options": "\t".join(options)}
        return config

    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        capabilities = super()._raw_capabilities()
        capabilities.max_parallel_load_jobs = _LOAD_JOBS
        return capabilities


def create_indexes(client: SqlClientBase[Any]) -> None:
    """Makes the indexes of the raw tables that are missing. `client` is open on the raw dataset, its tables made."""
    rows = client.execute_sql("SELECT indexname FROM pg_indexes WHERE schemaname = %s", client.dataset_name)
    there = {name for (name,) in rows or ()}
    for table, indexes in _INDEXES.items():
        for index in indexes:
            name = f"{table}_current_{index.partition(' ')[0]}"
            if name not in there:
                # Asked for first: even IF NOT EXISTS waits for every load under way.
                on = client.make_qualified_table_name(table)
                client.execute_sql(f"CREATE INDEX {name} ON {on} USING {index} {_CURRENT}")


def drop_stale_staging(client: SqlClientBase[Any], part: Part | None) -> None:
    """Drops the staging datasets of parts of a sharded run of another number of parts than now.

    `client` is open on the raw dataset, and this run holds its lock: so no run of another number is under way.
    """
    rows = client.execute_sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", r"%\_of\_%")
    for (name,) in rows or ():
        match = re.fullmatch(rf"{client.dataset_name}_staging_[0-9]+_of_([0-9]+)", name)
        if match and not (part and int(match[1]) == part.of):
            with client.with_alternative_dataset_name(name):
                client.drop_dataset()
