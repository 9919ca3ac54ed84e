"""The dlt source: one bounded load of a run, as dlt resources.

Input:  settings, and the warehouse of the pipeline that runs the source.
Output: the resources `locations`, `teams`, `services`, `appointments`, `slots` and `runs`: Arrow tables with types,
        descriptions, keys and write dispositions.

dlt users run the source in their own pipeline. One run is then one load:

    pipeline = dlt.pipeline("calendar", destination="duckdb", dataset_name="bookings_raw")
    pipeline.run(bookings_source())
    pipeline.run(bookings_source().with_resources("teams", "services"))

The command line uses `pipeline.sync`, which runs the source as often as needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import Any, get_args

import dlt
import pyarrow as pa
from dlt.common.schema import Schema
from dlt.common.schema.utils import pipeline_state_table
from dlt.destinations import duckdb
from dlt.destinations.sql_client import SqlClientBase
from dlt.extract import DltResource
from pendulum import DateTime

from bookings_sync.changes.stage import Emitted
from bookings_sync.clock import utc_now
from bookings_sync.config.load import load_settings
from bookings_sync.config.settings import Settings
from bookings_sync.planning.windows import Window
from bookings_sync.records.tables import TABLES, Resource, Table
from bookings_sync.sync.batches import in_batches
from bookings_sync.sync.load import Load
from bookings_sync.sync.run import Run
from bookings_sync.warehouse.dlt_compat.loads import (
    ResourceOrder,
    load_one_table_at_a_time,
    merge_in_one_transaction,
    start_versions_at,
)
from bookings_sync.warehouse.dlt_compat.tables import (
    append_new_versions,
    can_load_empty_tables,
    describe_columns,
    history_hints,
    planned_table,
)

_TABLES_OF: dict[str, tuple[str, ...]] = {
    resource: tuple(table.name for table in TABLES.values() if table.resource == resource)
    for resource in get_args(Resource)
}
"""The tables of each resource, in extraction order. Every resource that sends requests also adds rows to `reads`,
`rejected_records` and `held_deletions`."""


@dlt.source(name="bookings", max_table_nesting=0)
def bookings_source(
    settings: Settings | None = None,
    *,
    start: DateTime | None = None,
    end: DateTime | None = None,
    full: bool = False,
    clock: Callable[[], DateTime] | None = None,
    run: Run | None = None,
) -> Iterable[DltResource]:
    """The booking calendar of every configured location.

    `start` and `end` (UTC) select a range, `full` all history. By default a run reads the hot range, ranges that it has
    never read, and a share of the rest. `clock` returns the time in UTC. Only `pipeline.sync` passes `run`.
    Raises ConfigurationError, and ValueError for an empty range.
    """
    tables_exist = run is not None  # `sync` creates them before the first load
    if run is None:
        asked = Window.between(start, end) if start is not None and end is not None else None
        run = Run(settings or load_settings(), clock=clock or utc_now, asked=asked, full=full, is_one_load=True)
    load = _SharedLoad(run, tables_exist=tables_exist)
    return [
        _resource("locations", load, Load.locations),
        _resource("teams", load, Load.teams),
        _resource("services", load, Load.services),
        _resource("appointments", load, Load.appointments),
        _resource("slots", load, Load.slots),
        _resource("runs", load, Load.runs),
    ]


def raw_schema(run: Run) -> Schema:
    """The schema of the whole raw dataset, to create all tables before the first load.

    Parts of a sharded run would otherwise create the same table at the same time.
    """
    schema = bookings_source(run=run).schema
    for resource_name, table_names in _TABLES_OF.items():
        for name in table_names:
            table = TABLES[name]
            schema.update_table(planned_table(resource_name, name, _hints(table), history=table.history))
        describe_columns(schema, _descriptions(table_names))
    schema.update_table(pipeline_state_table(add_dlt_id=True))  # as a user's own pipeline has it
    return schema


class _SharedLoad:
    """The load that all resources of one source fill, and its connection to the warehouse.

    The first resource opens the connection and the last one closes it: opening takes dlt and DuckDB a while.
    """

    def __init__(self, run: Run, *, tables_exist: bool) -> None:
        self.tables_exist = tables_exist
        self._run = run
        self._load: Load | None = None
        self._connection = ExitStack()
        # Teams and services determine which appointments to read, and the run's own row comes last.
        self._order = ResourceOrder(list(_TABLES_OF))
        self.destination: Any = None

    def is_next(self, name: str) -> bool:
        """Whether it is this resource's turn."""
        return self._order.is_next(name)

    def is_last(self, name: str) -> bool:
        """Whether no resource follows."""
        return self._order.is_last(name)

    @contextmanager
    def open(self, name: str) -> Iterator[Load]:
        """The shared load. The resource `name` has ended when the block ends."""
        try:
            if self._load is None:
                self._load = self._start(dlt.current.pipeline())
            yield self._load
            if self._order.end(name):
                self._connection.close()
                self._load = None  # frees its memory for dlt, which loads the rows next
                pa.default_memory_pool().release_unused()
        except BaseException:
            self._connection.close()
            raise

    def _start(self, pipeline: dlt.Pipeline) -> Load:
        self.destination = pipeline.destination
        load_one_table_at_a_time(self.destination)
        merge_in_one_transaction(self.destination)
        client: SqlClientBase[Any] = pipeline.sql_client()
        client.open_connection()
        self._connection.callback(client.close_connection)
        self._run.open(client)
        package = dlt.current.load_package_state()
        started_at = self._run.next_version()  # later than every version before, even if the clock was set back
        start_versions_at(package, started_at)
        return Load(self._run, client, package["load_id"], started_at)


def _resource(name: str, shared: _SharedLoad, rows: Callable[[Load], Iterator[Emitted]]) -> DltResource:
    """The resource `name`. Its tables carry the hints: dlt would add hints of the resource to every one of them."""

    def extract() -> Iterator[Any]:
        while not shared.is_next(name):
            yield None
        with shared.open(name) as load:
            schema = dlt.current.source_schema()
            if not shared.tables_exist and can_load_empty_tables(shared.destination):
                yield from _missing_tables(schema, load, _TABLES_OF[name])
            last = load.contents() if shared.is_last(name) else ()
            for table_name, arrow in in_batches(chain(rows(load), last)):
                yield _with_hints(table_name, arrow)
            describe_columns(schema, _descriptions(_TABLES_OF[name]))
            if isinstance(shared.destination, duckdb):
                append_new_versions(schema, _growing_tables(schema, load, _TABLES_OF[name]))

    return dlt.resource(extract, name=name)


def _missing_tables(schema: Schema, load: Load, table_names: Iterable[str]) -> Iterator[Any]:
    """Empty tables for those that the schema does not have yet, so that users can query every table after one load."""
    for name in set(table_names) - schema.tables.keys():
        empty = TABLES[name].schema.empty_table()
        yield _with_hints(name, load.stage.version(empty) if TABLES[name].history else load.stage.stamped(empty))


def _growing_tables(schema: Schema, load: Load, table_names: Iterable[str]) -> list[str]:
    """History tables in which no row of this load follows an earlier version."""
    names = (name for name in table_names if TABLES[name].history)
    return [name for name in names if name in schema.tables and name not in load.stage.merged]


def _with_hints(table_name: str, arrow: pa.Table) -> Any:
    hints = dlt.mark.make_hints(table_name=table_name, **_hints(TABLES[table_name]))
    return dlt.mark.with_hints(arrow, hints, create_table_variant=True)


def _descriptions(table_names: Iterable[str]) -> dict[str, dict[str, str]]:
    return {name: {column.name: column.description for column in TABLES[name].columns} for name in table_names}


def _hints(table: Table) -> dict[str, Any]:
    columns = {
        column.name: {
            "name": column.name,
            "data_type": "text" if column.type == "json" else column.type,
            "description": column.description,
            "nullable": table.nullable(column),
        }
        for column in table.columns
    }
    hints: dict[str, Any] = {"columns": columns, "file_format": "parquet"}
    if table.history:
        return {**hints, "write_disposition": history_hints(table.key)}
    return {
        **hints,
        "write_disposition": {"disposition": "merge", "strategy": "delete-insert"},
        "primary_key": table.key,
    }
