"""dlt's DuckDB destination with overrides: fewer configuration lookups, a merge by key, less memory.

The connector's own pipelines use it. A pipeline that a user builds has dlt's plain destination.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from dlt.common.destination.client import FollowupJobRequest, LoadJob, RunnableLoadJob
from dlt.common.destination.exceptions import DestinationTerminalException
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema.utils import get_validity_column_names
from dlt.common.storages.load_package import load_package_state
from dlt.common.time import ensure_pendulum_datetime
from dlt.destinations import duckdb
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration
from dlt.destinations.impl.duckdb.duck import DuckDbClient, DuckDbCopyJob
from dlt.destinations.sql_client import SqlClientBase
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

from bookings_sync.records.tables import TABLES
from bookings_sync.warehouse.dlt_compat.tables import key_of, two_versions

CHECKPOINT = "checkpoint_threshold = '16MB'"
"""Size of the write-ahead log at which DuckDB writes it into the file: DuckDB's own default.

Each dlt client sets 1 GB, and `global_config` of the credentials cannot override it. DuckDB then writes a load twice,
and keeps all of it in memory until the file closes. A pragma runs later than dlt's setting, so it wins.
"""

_LOAD_CHECKPOINT = "checkpoint_threshold = '1MB'"
"""The same during a load, so that small tables leave the memory before the largest one is written. The models need the
larger value: their hundreds of statements create small tables."""


class KeyedMerge(SqlMergeFollowupJob):
    """dlt's scd2 merge, reduced to what staged rows need: end the current version of each key, insert the new one.

    Every staged row is known to be new or changed. dlt does not know this and looks for each digest among all current
    rows, twice: `{"id": 2, "row_digest": "x"}` is not even inserted if record 1 has the digest "x" now. DuckDB keeps
    all digests in memory for this, even if one row in a million has changed.
    """

    @classmethod
    def gen_scd2_sql(cls, table_chain: Sequence[PreparedTableSchema], sql_client: SqlClientBase[Any]) -> list[str]:
        (table,) = table_chain  # a history table has no nested tables
        name, staging_name = sql_client.get_qualified_table_names(str(table["name"]))
        escape = sql_client.escape_column_name
        valid_from, valid_to = (escape(str(each)) for each in get_validity_column_names(table))  # type: ignore[arg-type]
        at = f"'{ensure_pendulum_datetime(load_package_state()['state']['created_at']).isoformat()}'"
        _, has_successor = cls.get_merge_conditions(table, sql_client)
        names = [column for each in table["columns"] if (column := escape(each)) not in {valid_from, valid_to}]
        columns = ", ".join(names)
        return [
            f"UPDATE {name} SET {valid_to} = {at} WHERE {valid_to} IS NULL AND {has_successor};",  # noqa: S608 - our own names
            f"INSERT INTO {name} ({columns}, {valid_from}, {valid_to}) "  # noqa: S608
            f"SELECT {columns}, {at}, NULL FROM {staging_name};",
            # Last, inside the transaction: of two staged rows with one key, both would be current.
            f"SELECT error('{two_versions(str(table['name']))}' || left(count(*)::VARCHAR, 0)) FROM "  # noqa: S608
            f"(SELECT 1 FROM {staging_name} GROUP BY {key_of(str(table['name']))} HAVING count(*) > 1) "
            "HAVING count(*) > 0;",
        ]


class _Append(DuckDbCopyJob):
    """Appends a file to a table, unless a record in it has a current version already.

    `tables.append_new_versions` sends only new records here. If one is not new after all, it must not get a second
    current version: no later sync would end it.
    """

    def run(self) -> None:
        client = self._job_client.sql_client
        name = self.load_table_name
        table = TABLES.get(name)
        if table is None or not table.history or client.dataset_name == client.staging_dataset_name:
            super().run()
            return
        with client.begin_transaction():
            super().run()
            qualified, key = client.make_qualified_table_name(name), key_of(name)
            ((found,),) = (
                client.execute_sql(
                    f"SELECT count(*) FROM {qualified} WHERE _dlt_valid_to IS NULL AND _dlt_load_id <> %s"  # noqa: S608
                    f" AND ({key}) IN (SELECT {key} FROM {qualified} WHERE _dlt_load_id = %s)",
                    self._load_id,
                    self._load_id,
                )
                or ()
            )
            if found:
                raise DestinationTerminalException(two_versions(name))


class _Client(DuckDbClient):
    """dlt's client. Uses the memory of one table, however many tables a load has."""

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        job = super().create_load_job(table, file_path, load_id, restore)
        return _Append(file_path) if type(job) is DuckDbCopyJob else job

    def prepare_load_job_execution(self, job: RunnableLoadJob) -> None:
        super().prepare_load_job_execution(job)
        self.sql_client.execute_sql(f"SET GLOBAL {_LOAD_CHECKPOINT}")
        # DuckDB's allocator keeps 30 to 60 MB of freed memory for some seconds, and the next table allocates as much
        # again. DuckDB has no statement that frees this memory, but a change of its thread count does.
        ((threads,),) = self.sql_client.execute_sql("SELECT current_setting('threads')") or ()
        for number in (int(threads) + 1, threads):
            self.sql_client.execute_sql(f"SET GLOBAL threads = {number}")

    def _create_merge_followup_jobs(self, table_chain: Sequence[PreparedTableSchema]) -> list[FollowupJobRequest]:
        return [KeyedMerge.from_table_chain(table_chain, self.sql_client)]


class DuckDb(duckdb):
    """dlt's DuckDB destination with the overrides above.

    No `__init__`: dlt compares the arguments with the defaults in its signature.
    """

    @cached_property
    def _resolved(self) -> dict[str, DuckDbClientConfiguration]:
        return {}

    @property
    def destination_type(self) -> str:
        """dlt's own type. A destination without a configured name gets its name, and its default file, from the type:
        a subclass `Other` of dlt's destination would be called "Other" and ignore `[destination.duckdb]`."""
        return "dlt.destinations.duckdb"

    @property
    def client_class(self) -> type[DuckDbClient]:
        return _Client

    def configuration(
        self, initial_config: DuckDbClientConfiguration, accept_partial: bool = False
    ) -> DuckDbClientConfiguration:
        """The configuration, resolved once for each dataset. dlt does so for each client, up to 20 times a load."""
        if initial_config is None or accept_partial:
            return super().configuration(initial_config, accept_partial)
        key = repr(dict(initial_config))
        if key not in self._resolved:
            self._resolved[key] = resolved = super().configuration(initial_config)
            resolved.credentials.pragmas = [CHECKPOINT, *(resolved.credentials.pragmas or [])]
        config = self._resolved[key].copy()
        config.credentials.on_resolved()  # creates a connection pool for each client
        return config
