"""dlt's PostgreSQL destination with overrides: session settings that reach both drivers, and few connections.

The connector's own pipelines use it. A pipeline that a user builds has dlt's plain destination.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.client import FollowupJobRequest
from dlt.common.destination.typing import PreparedTableSchema
from dlt.destinations import postgres
from dlt.destinations.impl.postgres.configuration import PostgresClientConfiguration
from dlt.destinations.impl.postgres.postgres import PostgresClient
from dlt.destinations.sql_client import SqlClientBase
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

from bookings_sync.warehouse.dlt_compat.tables import key_of, two_versions

_SESSION = {
    # Memory per hash table. dlt's scd2 merge compares digests with `NOT IN`. PostgreSQL builds a hash table only if it
    # fits, otherwise it compares each row with each. The default of 4 MB fits about 80,000 rows, 256 MB 8 million.
    # PostgreSQL allocates only what it needs.
    "work_mem": "256MB",
    # psycopg2 receives instants as text in the session's time zone. Years 1 and 9999 are only in range in UTC.
    "timezone": "UTC",
}

_LOAD_JOBS = 4
"""Tables that one load writes at the same time. Each takes two connections, and 16 parallel workers share the server's
default of 100."""


class _CheckedMerge(SqlMergeFollowupJob):
    """dlt's scd2 merge, and a check that no record is staged twice: both versions would be current."""

    @classmethod
    def gen_scd2_sql(cls, table_chain: Sequence[PreparedTableSchema], sql_client: SqlClientBase[Any]) -> list[str]:
        name = str(table_chain[0]["name"])
        _, staging_name = sql_client.get_qualified_table_names(name)
        twice = f"SELECT 1 FROM {staging_name} GROUP BY {key_of(name)} HAVING count(*) > 1"  # noqa: S608 - our own names
        # A cast that fails is the only error that one SQL statement can raise.
        message = f"CAST('{two_versions(name)}' || left(CAST(count(*) AS text), 0) AS integer)"
        check = f"SELECT {message} FROM ({twice}) AS f HAVING count(*) > 0;"  # noqa: S608
        return [*super().gen_scd2_sql(table_chain, sql_client), check]


class _Client(PostgresClient):
    def _create_merge_followup_jobs(self, table_chain: Sequence[PreparedTableSchema]) -> list[FollowupJobRequest]:
        return [_CheckedMerge.from_table_chain(table_chain, self.sql_client)]


class Postgres(postgres):
    """dlt's PostgreSQL destination with `_SESSION`, unless the credentials' `options` set the same names."""

    @property
    def client_class(self) -> type[PostgresClient]:
        return _Client

    def configuration(
        self, initial_config: PostgresClientConfiguration, accept_partial: bool = False
    ) -> PostgresClientConfiguration:
        """Adds the session settings to `options`, separated by tabs.

        dlt writes a space in the connection string as "+". psycopg2 decodes it, but libpq in the ADBC driver does not:
        `options=-cwork_mem=64MB -cjit=off` fails with `invalid value for parameter "work_mem": "64MB+-cjit=off"`.
        """
        config: PostgresClientConfiguration = super().configuration(initial_config, accept_partial)
        credentials = config.credentials
        if credentials is not None:
            query = credentials.query or {}
            options = str(query.get("options", "")).split()
            given = " ".join(options).lower()
            options += [f"-c{name}={value}" for name, value in _SESSION.items() if f"{name}=" not in given]
            credentials.query = {**query, "options": "\t".join(options)}
        return config

    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        capabilities = super()._raw_capabilities()
        capabilities.max_parallel_load_jobs = _LOAD_JOBS
        return capabilities
