"""The dlt source: one bounded load of a run, as resources.

Input:  settings (dlt's configuration), and the warehouse of the pipeline that the source is run in.
Output: the resources `locations`, `teams`, `services`, `appointments`, `slots` and `runs`, as Arrow tables with every
        hint set: types, descriptions, keys, and the write disposition, which is slowly changing dimension, type 2, for
        what has a history. Next room: the raw dataset.

A dlt user runs it in a pipeline of their own; one run is then one load:

    pipeline = dlt.pipeline("calendar", destination="duckdb", dataset_name="bookings_raw")
    pipeline.run(bookings_source())
    pipeline.run(bookings_source().with_resources("teams", "services"))

`pipeline.sync`, which the command uses, makes as many loads of it as a run needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, get_args

import dlt
import pyarrow as pa
from dlt.common.schema import Schema
from dlt.destinations import duckdb, postgres
from dlt.destinations.sql_client import SqlClientBase
from dlt.extract import DltResource
from pendulum import DateTime

from bookings_sync.changes.stage import Emitted
from bookings_sync.clock import utc_now
from bookings_sync.config.load import load_settings
from bookings_sync.config.settings import Settings
from bookings_sync.planning.windows import Window
from bookings_sync.records.tables import TABLES, Resource, Table
from bookings_sync.sync.load import Load
from bookings_sync.sync.run import Run
from bookings_sync.warehouse.queries import Warehouse

_TABLES_OF: dict[str, tuple[str, ...]] = {
    resource: tuple(table.name for table in TABLES.values() if table.resource == resource)
    for resource in get_args(Resource)
}
"""The tables of each resource. Every resource also adds rows to `reads` and `rejected_records`."""

_ROWS_PER_BATCH = 20_000
_TABLES_PER_COPY = 100


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

    With `start` and `end` (UTC) that range is read, with `full` all history; else the hot range, what has never been
    read, and a share of the rest. `clock` gives the time in UTC. `run` is a run under way, which
    `pipeline.sync` passes.
    Raises ConfigurationError; and, where the range is empty, ValueError.
    """
    if run is None:
        asked = Window.between(start, end) if start is not None and end is not None else None
        run = Run(settings or load_settings(), clock=clock or utc_now, asked=asked, full=full)
    loading = _Loading(run)
    return [
        _resource("locations", loading, Load.locations),
        _resource("teams", loading, Load.teams),
        _resource("services", loading, Load.services),
        _resource("appointments", loading, Load.appointments),
        _resource("slots", loading, Load.slots),
        _resource("runs", loading, Load.runs),
    ]


def raw_schema(run: Run) -> Schema:
    """The raw dataset's schema as loads will have it, so that its tables can be made before there is a row: runs that
    share the work by location would race to make them."""
    schema = bookings_source(run=run).schema
    for resource_name, table_names in _TABLES_OF.items():
        for table_name in table_names:
            resource = dlt.resource([], name=resource_name)
            table = resource.apply_hints(table_name=table_name, **_hints(TABLES[table_name])).compute_table_schema()
            table["columns"]["_dlt_load_id"] = {"name": "_dlt_load_id", "data_type": "text", "nullable": False}
            if TABLES[table_name].history:
                table["columns"]["row_digest"]["data_type"] = "text"  # which dlt's hints for scd2 leave out
            table["variant_name"] = table_name
            table["x-normalizer"] = {"seen-data": True}  # dlt makes no other tables
            schema.update_table(table)
        _describe(schema, table_names)
    return schema


def _load_in_turn_and_whole(destination: Any) -> None:
    """Makes DuckDB load one table after the other, for together they take the more memory and no less time; and each
    table's merge one transaction.

    dlt 1.31 does so only where the SQL looks like DDL to it (a column called created_at is enough), or where the
    destination says `supports_transactions`, which DuckDB's and PostgreSQL's do not: a run killed between the end of a
    version and its successor left a row without a current one.
    """
    if isinstance(destination, duckdb):
        destination.caps_params["loader_parallelism_strategy"] = "sequential"
    if destination.capabilities().supports_ddl_transactions:
        destination.caps_params["supports_transactions"] = True


class _Loading:
    """The load that the resources of one source share, made when the first of them is extracted."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._load: Load | None = None
        self._ended: set[str] = set()
        self._connected = ExitStack()
        self.destination: Any = None

    def turn_of(self, name: str) -> bool:
        """Whether every resource before this one, of those selected, has ended. dlt would run them by turns, an
        item each; but what is listed whole says whom to ask next, and the run's row comes last."""
        selected = dlt.current.source().selected_resources
        order = list(_TABLES_OF)
        return all(before in self._ended for before in order[: order.index(name)] if before in selected)

    @contextmanager
    def load(self, name: str) -> Iterator[Load]:
        """The load, for one resource, connected to the warehouse from the first resource's beginning to the last one's
        end: dlt takes a while to make a client, and DuckDB to open a file."""
        try:
            if self._load is None:
                self._load = self._begin(dlt.current.pipeline())
            yield self._load
            self._ended.add(name)
            if self._ended >= set(dlt.current.source().selected_resources):
                self._connected.close()
                self._load = None  # what it knows of its rows is of no more use, and dlt needs room to load them
                pa.default_memory_pool().release_unused()
        except BaseException:
            self._connected.close()
            raise

    def _begin(self, pipeline: dlt.Pipeline) -> Load:
        self.destination = pipeline.destination
        _load_in_turn_and_whole(self.destination)
        client: SqlClientBase[Any] = pipeline.sql_client()
        client.open_connection()
        self._connected.callback(client.close_connection)
        warehouse = Warehouse(client)
        self._run.open(warehouse)
        package = dlt.current.load_package_state()
        started_at = self._run.next_version()
        # dlt begins and ends versions at the package's creation: by our clock, and later than any before it.
        package["state"]["created_at"] = started_at
        return Load(self._run, warehouse, package["load_id"], started_at)


def _resource(name: str, loading: _Loading, rows: Callable[[Load], Iterator[Emitted]]) -> DltResource:
    def extract() -> Iterator[Any]:
        while not loading.turn_of(name):
            yield None
        with loading.load(name) as load:
            schema = dlt.current.source_schema()
            if not load.run.has_tables and not isinstance(loading.destination, postgres):
                # In a pipeline of your own every table exists from the first load on, too; but dlt 1.31 fails to load a
                # file without rows into PostgreSQL: there the first row makes it.
                for table_name in set(_TABLES_OF[name]) - schema.tables.keys():
                    empty = TABLES[table_name].schema.empty_table()
                    stamped = load.stage.version if TABLES[table_name].history else load.stage.stamped
                    yield _marked(table_name, stamped(empty))
            for table_name, arrow in _in_batches(rows(load)):
                yield _marked(table_name, arrow)
            _describe(schema, _TABLES_OF[name])
            if isinstance(loading.destination, duckdb):
                _append_what_is_new(schema, load, _TABLES_OF[name])

    # No hints here: dlt would add the resource's own to those of every table that it fills.
    return dlt.resource(extract, name=name)


def _describe(schema: Schema, table_names: Iterable[str]) -> None:
    """Every column's description: dlt's scd2 hints take it from the column that holds the row's digest."""
    for name in schema.tables.keys() & set(table_names):
        columns = schema.tables[name]["columns"]
        for column in TABLES[name].columns:
            columns[column.name].setdefault("description", column.description)


def _append_what_is_new(schema: Schema, load: Load, table_names: Iterable[str]) -> None:
    """Where no row of this load follows an earlier version, a history table only grows: an append then does what a
    merge would, without the copy in the staging dataset. Into a database in this very process only: over a network dlt
    might send a file again whose commit it has not heard of, which a merge takes and an append would load twice.

    Run again after a kill, the load finds what arrived of it in the warehouse, as always, and does not stage it.
    """
    for name in table_names:
        if TABLES[name].history and name in schema.tables and name not in load.stage.merged:
            schema.tables[name]["write_disposition"] = "append"


def _in_batches(emitted: Iterable[Emitted]) -> Iterator[Emitted]:
    """The same rows in fewer tables: dlt takes some milliseconds for each that it is given."""
    waiting: dict[str, _Batch] = {}
    for table_name, arrow in emitted:
        batch = waiting.setdefault(table_name, _Batch())
        batch.add(arrow)
        if batch.rows >= _ROWS_PER_BATCH:
            yield table_name, waiting.pop(table_name).whole()
    for table_name, batch in waiting.items():
        yield table_name, batch.whole()


class _Batch:
    """Tables that wait to become one. A table of a few rows takes the memory of hundreds, for each of its columns has
    buffers of its own: of many locations thousands would wait. So every so many are copied into one."""

    def __init__(self) -> None:
        self.rows = 0
        self._copied: list[pa.Table] = []
        self._latest: list[pa.Table] = []

    def add(self, arrow: pa.Table) -> None:
        self.rows += len(arrow)
        self._latest.append(arrow)
        if len(self._latest) >= _TABLES_PER_COPY:
            self._copied.append(pa.concat_tables(self._latest).combine_chunks())
            self._latest = []

    def whole(self) -> pa.Table:
        return pa.concat_tables([*self._copied, *self._latest])


def _marked(table_name: str, arrow: pa.Table) -> Any:
    hints = dlt.mark.make_hints(table_name=table_name, **_hints(TABLES[table_name]))
    return dlt.mark.with_hints(arrow, hints, create_table_variant=True)


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
        key = ", ".join(table.key)
        scd2 = {
            "disposition": "merge",
            "strategy": "scd2",
            "row_version_column_name": "row_digest",
            # Instead of a merge_key, whose columns dlt joins without a separator: record 23 of location 1 would end the
            # version of record 3 of location 12.
            "destination_scope": f"({key}) IN (SELECT {key} FROM {{staging_table}})",  # noqa: S608 - our own names
        }
        return {**hints, "write_disposition": scd2}
    return {
        **hints,
        "write_disposition": {"disposition": "merge", "strategy": "delete-insert"},
        "primary_key": table.key,
    }
