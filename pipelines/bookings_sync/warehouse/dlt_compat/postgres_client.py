"""dlt's client for PostgreSQL with a check in the transaction of each merge. It needs PostgreSQL's driver.

Input:  the tables of one load.
Output: dlt's jobs for them; a load that would stage a record twice fails before it commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlt.common.destination.client import FollowupJobRequest
from dlt.common.destination.typing import PreparedTableSchema
from dlt.destinations.impl.postgres.postgres import PostgresClient
from dlt.destinations.sql_client import SqlClientBase
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

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


class CheckedClient(PostgresClient):
    def _create_merge_followup_jobs(self, table_chain: Sequence[PreparedTableSchema]) -> list[FollowupJobRequest]:
        return [_CheckedMerge.from_table_chain(table_chain, self.sql_client)]
