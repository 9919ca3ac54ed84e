"""The dlt source: one bounded load of a run, as dlt resources.

Input:  settings, and the warehouse of the pipeline that runs the source.
Output: the resources `locations`, `teams`, `services`, `appointments`, `slots` and `runs`: Arrow tables with types,
        descriptions, keys and write dispositions.

dlt users run the source in their own pipeline. One run is then one load:

    pipeline = dlt.pipeline("calendar", destination=dlt.destinations.duckdb("calendar.duckdb"), dataset_name="raw")
    pipeline.run(bookings_source())
    pipeline.run(bookings_source().with_resources("teams", "services"))

The command line uses `pipeline.sync`, which runs the source as often as needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import chain
from typing import Any, cast, get_args

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
from bookings_sync.planning.windows import asked_window
from bookings_sync.records.tables import TABLES, Resource, Table
from bookings_sync.sync.batches import in_batches
from bookings_sync.sync.load import Load
from bookings_sync.sync.run import Run
from bookings_sync.sync.use_of_source import check_use, taken_twice
from bookings_sync.warehouse.dlt_compat.loads import (
    ResourceOrder,
    load_one_table_at_a_time,
    merge_in_one_transaction,
    start_versions_at,
)
from bookings_sync.warehouse.dlt_compat.options import NoOptions
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


_TAKEN = "bookings_source"
"""Key in the state of a load package: the source that fills it."""


@dlt.source(name="bookings", max_table_nesting=0, spec=NoOptions)
def bookings_source(
    settings: Settings | None = None,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    full: bool = False,
    clock: Callable[[], DateTime] | None = None,
    run: Run | None = None,
) -> Iterable[DltResource]:
    """The booking calendar of every configured location.

    `start` and `end` (with a time zone) select a range, `full` all history. By default a run reads the hot range,
    ranges that it has never read, and a share of the rest. `clock` returns the time in UTC. Only `pipeline.sync` passes
    `run`. A source may run several times, each time with a new run.

    Raises ConfigurationError, and ValueError for an impossible range. A load raises BookingsError if the source was
    changed in any way but by `with_resources`.
    """
    if run is not None:
        return _resources(_SharedLoad(lambda: run, tables_exist=True))  # `sync` creates them before the first load
    asked = asked_window(start, end, full=full)
    settings = settings or load_settings()

    def new_run() -> Run:
        return Run(settings, clock=clock or utc_now, asked=asked, full=full, is_one_load=True)

    return _resources(_SharedLoad(new_run, tables_exist=False))


def _resources(load: _SharedLoad) -> list[DltResource]:
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

    def __init__(self, new_run: Callable[[], Run], *, tables_exist: bool) -> None:
        self.tables_exist = tables_exist
        self.extract_of: dict[str, Callable[..., Any]] = {}
        """The generator of each resource."""
        self._new_run = new_run
        self._load_id = ""
        self._load: Load | None = None
        self._connection = ExitStack()
        self.destination: Any = None

    def begin(self, name: str) -> None:
        """Begins the resource `name`, and a new load if dlt has a new load package. Raises BookingsError."""
        package = dlt.current.load_package_state()
        if self._load_id != package["load_id"]:
            check_use(self.extract_of)
            state: dict[str, Any] = cast("dict[str, Any]", package["state"])
            if state.setdefault(_TAKEN, id(self)) != id(self):
                raise taken_twice(name)
            self._load_id = package["load_id"]
            self._load = None
            self._begun: set[str] = set()
            # Teams and services determine which appointments to read, and the run's own row comes last.
            self._order = ResourceOrder(list(_TABLES_OF))
        if name in self._begun:
            raise taken_twice(name)
        self._begun.add(name)

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
        run = self._new_run()
        if not self.tables_exist:
            self._connection.callback(run.close)
        run.open(client)
        package = dlt.current.load_package_state()
        started_at = run.next_version()  # later than every version before, even if the clock was set back
        start_versions_at(package, started_at)
        return Load(run, client, package["load_id"], started_at)


def _resource(name: str, shared: _SharedLoad, rows: Callable[[Load], Iterator[Emitted]]) -> DltResource:
    """The resource `name`. Its tables carry the hints: dlt would add hints of the resource to every one of them."""

    def extract() -> Iterator[Any]:
        shared.begin(name)
        while not shared.is_next(name):
            yield None
        with shared.open(name) as load:
            schema = dlt.current.source_schema()
            if not shared.tables_exist and can_load_empty_tables(shared.destination):
                yield from _missing_tables(schema, load, _TABLES_OF[name])
            last = load.contents() if shared.is_last(name) else ()
            for table_name, arrow in in_batches(chain(rows(load), last)):
                load.note(table_name)
                yield _with_hints(table_name, arrow)
            describe_columns(schema, _descriptions(_TABLES_OF[name]))
            if isinstance(shared.destination, duckdb):
                append_new_versions(schema, _growing_tables(schema, load, _TABLES_OF[name]))

    shared.extract_of[name] = extract
    return dlt.resource(extract, name=name)


def _missing_tables(schema: Schema, load: Load, table_names: Iterable[str]) -> Iterator[Any]:
    """Empty tables for those that the schema does not have yet, or not with all columns, so that users can query every
    column after one load."""
    known = {name: schema.tables[name]["columns"].keys() for name in schema.tables}
    for name in [each for each in table_names if not known.get(each, set()) >= set(TABLES[each].names)]:
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
