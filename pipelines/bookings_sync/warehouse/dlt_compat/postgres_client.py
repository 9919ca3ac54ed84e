"""dlt's client for PostgreSQL with a check in the transaction of each merge. It needs PostgreSQL's driver.

Input:  the tables of one load.
Output: dlt's jobs for them; a load that would stage a record twice fails before it commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.client import FollowupJobRequest, RunnableLoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema import Schema
from dlt.destinations.impl.postgres.configuration import PostgresClientConfiguration
from dlt.destinations.impl.postgres.postgres import PostgresClient
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient
from dlt.destinations.sql_client import SqlClientBase
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

from bookings_sync.warehouse.dlt_compat.postgres import LATER_SESSION
from bookings_sync.warehouse.dlt_compat.tables import key_of, two_versions


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


class _SqlClient(Psycopg2SqlClient):
    """dlt's SQL client with `LATER_SESSION`, unless the credentials' `options` set the same names."""

    def _reset_connection(self) -> None:
        """dlt calls this after each connect and each error. It resets every setting of the session but `options`."""
        super()._reset_connection()
        with self.native_connection.cursor() as cursor:
            for name, value in self.later_session().items():
                cursor.execute("SELECT set_config(%s, %s, FALSE)", (name, value))

    def later_session(self) -> dict[str, str]:
        """The settings of `LATER_SESSION` that this server knows and that the user has not given."""
        given = str((self.credentials.query or {}).get("options", "")).lower()
        server = self.native_connection.server_version
        return {
            name: value
            for name, (value, since) in LATER_SESSION.items()
            if server >= since * 10_000 and f"{name}=" not in given
        }


class CheckedClient(PostgresClient):
    def __init__(
        self, schema: Schema, config: PostgresClientConfiguration, capabilities: DestinationCapabilitiesContext
    ) -> None:
        super().__init__(schema, config, capabilities)
        names = self.sql_client.dataset_name, self.sql_client.staging_dataset_name
        self.sql_client = _SqlClient(*names, config.credentials, capabilities)

    def prepare_load_job_execution(self, job: RunnableLoadJob) -> None:
        """Gives ADBC's connections, which a job opens by itself, the same settings."""
        super().prepare_load_job_execution(job)
        later = cast("_SqlClient", self.sql_client).later_session()
        options = [f"-c{name}={value}" for name, value in later.items() if " " not in value]
        credentials = self.config.credentials
        query = credentials.query or {}
        credentials.query = {**query, "options": "\t".join([*str(query.get("options", "")).split(), *options])}

    def _create_merge_followup_jobs(self, table_chain: Sequence[PreparedTableSchema]) -> list[FollowupJobRequest]:
        return [_CheckedMerge.from_table_chain(table_chain, self.sql_client)]
