"""DuckDB as the warehouse: what it needs beside what dlt does for it.

Input:  dlt's configuration ([destination.duckdb], or a destination of another name and that type).
Output: the file, in a format that keeps texts small; `DuckDb`, dlt's destination that looks its configuration up once,
        writes each row once, merges by keys alone, and loads one table after another in the memory of one. For
        `dataset`; who runs the source in a pipeline of their own has dlt's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb as engine
from dlt.common.destination.client import FollowupJobRequest, RunnableLoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema.utils import get_validity_column_names
from dlt.common.storages.load_package import load_package_state
from dlt.common.time import ensure_pendulum_datetime
from dlt.destinations import duckdb
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from dlt.destinations.sql_client import SqlClientBase
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

_CHECKPOINT = "checkpoint_threshold = '16MB'"
"""What may be written into DuckDB's log: what is larger goes into the file at once. It is DuckDB's own; dlt makes a
gigabyte of it for each of its clients: all is then written twice, and stays in memory until the file closes."""

_CHECKPOINT_OF_A_LOAD = "checkpoint_threshold = '1MB'"
"""With 16 the smaller tables of a load stay in memory while the largest is written. The models, of which hundreds of
statements make small tables, would take 6 % longer so."""

_FORMAT = "v1.3.0"
"""DuckDB's storage version of the files made here: any DuckDB from 1.3 (May 2025) on reads them. In its own default,
which those from 1.0 on read, texts take a tenth more room, and a load and the models 5 to 8 % more time."""


def make_file(file: Path) -> None:
    """Makes the database file where there is none. One that stands keeps its format."""
    if not file.exists():
        engine.connect(file, config={"storage_compatibility_version": _FORMAT}).close()


class _Merge(SqlMergeFollowupJob):
    """dlt's merge, whose new versions end the ones before by their keys alone.

    What is staged is news, each row of it (`stage`). dlt would look for its digests among all that the table holds,
    twice, and keep those all in memory the second time: for a change of one row in a million as for a million.
    """

    @classmethod
    def gen_scd2_sql(cls, table_chain: Sequence[PreparedTableSchema], sql_client: SqlClientBase[Any]) -> list[str]:
        (table,) = table_chain  # a history table has no children
        name, staging_name = sql_client.get_qualified_table_names(str(table["name"]))
        escape = sql_client.escape_column_name
        from_, to = (escape(str(column)) for column in get_validity_column_names(table))  # type: ignore[arg-type]
        at = f"'{ensure_pendulum_datetime(load_package_state()['state']['created_at']).isoformat()}'"
        _, has_successor = cls.get_merge_conditions(table, sql_client)
        names = [escaped for column in table["columns"] if (escaped := escape(column)) not in {from_, to}]
        own = ", ".join(names)
        return [
            f"UPDATE {name} SET {to} = {at} WHERE {to} IS NULL AND {has_successor};",  # noqa: S608 - our own names
            f"INSERT INTO {name} ({own}, {from_}, {to}) SELECT {own}, {at}, NULL FROM {staging_name};",  # noqa: S608
        ]


class _Client(DuckDbClient):
    """dlt's client, which loads each table in the memory of one.

    Before each it lets DuckDB's allocator give back what the one before took: it keeps what is freed for some seconds,
    30 to 60 MB, and the next table takes as much again elsewhere. DuckDB has no statement for that, but does so as its
    number of threads changes: so it is changed, and back. Its settings that make it give back sooner cost 3 to 5 % of a
    load's CPU.
    """

    def prepare_load_job_execution(self, job: RunnableLoadJob) -> None:
        super().prepare_load_job_execution(job)
        self.sql_client.execute_sql(f"SET GLOBAL {_CHECKPOINT_OF_A_LOAD}")
        ((threads,),) = self.sql_client.execute_sql("SELECT current_setting('threads')") or ()
        for number in (int(threads) + 1, threads):
            self.sql_client.execute_sql(f"SET GLOBAL threads = {number}")

    def _create_merge_followup_jobs(self, table_chain: Sequence[PreparedTableSchema]) -> list[FollowupJobRequest]:
        return [_Merge.from_table_chain(table_chain, self.sql_client)]


class DuckDb(duckdb):
    """dlt's DuckDB destination, which resolves its configuration once for each dataset: dlt 1.31 does so again for
    every client that it makes, some thirty a load, and looks each option up in the environment and its files."""

    @cached_property  # no __init__: dlt would read from its parameters what is a default
    def _known(self) -> dict[str, DuckDbClientConfiguration]:
        return {}

    @property
    def destination_type(self) -> str:
        return "dlt.destinations.duckdb"  # by which dlt names the file of who has named none

    @property
    def client_class(self) -> type[DuckDbClient]:
        return _Client

    def configuration(
        self, initial_config: DuckDbClientConfiguration, accept_partial: bool = False
    ) -> DuckDbClientConfiguration:
        if initial_config is None or accept_partial:
            return super().configuration(initial_config, accept_partial)
        asked = repr(dict(initial_config))
        if asked not in self._known:
            self._known[asked] = resolved = super().configuration(initial_config)
            resolved.credentials.pragmas = [_CHECKPOINT, *(resolved.credentials.pragmas or [])]
        config = self._known[asked].copy()
        config.credentials.on_resolved()  # each client has a pool of connections of its own
        return config
