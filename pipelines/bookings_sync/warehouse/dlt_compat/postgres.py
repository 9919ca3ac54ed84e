"""dlt's PostgreSQL destination with overrides: session settings that reach both drivers, and few connections.

The connector's own pipelines use it. A pipeline that a user builds has dlt's plain destination.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlt.common.destination import DestinationCapabilitiesContext
from dlt.destinations import postgres
from dlt.destinations.impl.postgres.configuration import PostgresClientConfiguration

if TYPE_CHECKING:
    from dlt.destinations.impl.postgres.postgres import PostgresClient


_SESSION = {
    # Memory per hash table. dlt's scd2 merge compares digests with `NOT IN`. PostgreSQL builds a hash table only if it
    # fits, otherwise it compares each row with each. The default of 4 MB fits about 80,000 rows, 256 MB 8 million.
    # PostgreSQL allocates only what it needs.
    "work_mem": "256MB",
    # psycopg2 receives instants as text in the session's time zone. Years 1 and 9999 are only in range in UTC.
    "timezone": "UTC",
    # ADBC sends and receives UTF-8, whatever the role's encoding is.
    "client_encoding": "UTF8",
    # The SQL of dlt and of the models is written for these.
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    # A load may take longer than a role's limits, which are meant for people. A run waits for its API in between.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}

LATER_SESSION = {
    "idle_session_timeout": ("0", 14),
    "transaction_timeout": ("0", 17),
    "default_transaction_isolation": ("read committed", 9),  # its space cannot be written in `options`
}
"""Settings for a connected session, and the first version of PostgreSQL that knows each. An older server refuses a
connection with a setting that it does not know."""

_LOAD_JOBS = 4
"""Tables that one load writes at the same time. Each takes two connections, and 16 parallel workers share the server's
default of 100."""


class Postgres(postgres):
    """dlt's PostgreSQL destination with `_SESSION`, unless the credentials' `options` set the same names."""

    @property
    def client_class(self) -> type[PostgresClient]:
        # Imported here, because an installation for DuckDB alone has no driver for PostgreSQL.
        from bookings_sync.warehouse.dlt_compat.postgres_client import CheckedClient

        return CheckedClient

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
