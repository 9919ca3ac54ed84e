"""Groups: which groups of a model's rows must be built again, if all changes of its inputs are known by row.

Input:  a model with `Incremental by`, its changed inputs, and the deltas of this run.
Output: a temporary table with the values of these columns, one row for each group; queries that read only these groups.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from sqlglot import exp

from bookings_sync.models.appointments_changed import CHANGED, RAW_KEY
from bookings_sync.models.deltas import Delta, count, never_nulls
from bookings_sync.models.destination import Destination, quoted
from bookings_sync.models.header import BY_APPOINTMENT
from bookings_sync.models.project import Model
from bookings_sync.records.tables import APPOINTMENTS

_MOST_GROUPS = 0.5
"""Part of a table's groups. If more of them change, the whole table is built."""
_FEW_GROUPS = 20

TableFor = Callable[[str, str], exp.Expr]
"""Returns the table or subquery that a reference `layer.name` reads."""


class Groups:
    """Finds the groups of one run. `deltas` has the delta of each table that changed, by model."""

    def __init__(self, destination: Destination, models: Mapping[str, Model], deltas: Mapping[str, Delta]) -> None:
        self._destination = destination
        self._models = models
        self._deltas = deltas

    def make(self, model: Model, changed: Collection[tuple[str, str]], passed: Collection[str]) -> str | None:
        """The temporary table of the groups; None if the whole model must be built.

        `changed` are the tables with changes that the model has not seen, `passed` the conditions of its clock.
        """
        by = model.header.incremental
        if not by or not self._joins_fast(model):
            return None
        queries = [f"SELECT {_columns(by)} {each}" for each in passed]
        for layer, name in changed:
            found = self._in_table(model, layer, name)
            if found is None:
                return None
            queries += found
        table = f"bookings_groups_{model.name}"
        self._destination.make_temporary(
            table,
            f"SELECT DISTINCT {_columns(by)} FROM ({' UNION ALL '.join(queries)}) AS found",  # noqa: S608
        )
        return None if self._are_most(model, table) else table

    def narrowed(self, model: Model, table: str, table_for: TableFor) -> TableFor:
        """Like `table_for`, but tables with the columns of the groups show only these groups."""

        def narrowed_table(layer: str, name: str) -> exp.Expr:
            found = table_for(layer, name)
            if not self._has(layer, name, model.header.incremental):
                return found
            source = exp.alias_(found, "source", table=True)
            return exp.select("*").from_(source).where(self.condition(model, table, layer, name, "source")).subquery()

        return narrowed_table

    def condition(self, model: Model, table: str, layer: str, name: str, alias: str) -> exp.Expr:
        """A condition on rows of `layer.name`: the row belongs to one of the groups.

        Without nulls it is an IN, for which DuckDB reads only blocks that can have such a row.
        """
        by = model.header.incremental
        never_null = never_nulls(self._models[name]) if name in self._models else frozenset(RAW_KEY)
        own = [exp.column(RAW_KEY[column] if layer == "raw" else column, alias) for column in by]
        if never_null.issuperset(by):
            found = exp.select(*map(exp.column, by)).from_(exp.to_table(table))
            return exp.In(this=exp.Tuple(expressions=own), query=found.subquery())
        matches = [
            each.eq(value) if column in never_null else exp.NullSafeEQ(this=each, expression=value)
            for column, value in zip(by, own, strict=True)
            for each in (exp.column(column, "groups"),)
        ]
        return exp.Exists(this=exp.select("1").from_(exp.to_table(table).as_("groups")).where(*matches))

    def _in_table(self, model: Model, layer: str, name: str) -> list[str] | None:
        """Queries for the groups of the changed rows of one table; None if they are not known."""
        by = model.header.incremental
        if (layer, name) == ("raw", APPOINTMENTS.name):
            return [f"SELECT {_columns(by)} FROM {CHANGED}"] if by == BY_APPOINTMENT else self._of_appointments(model)  # noqa: S608
        if name not in self._deltas:
            return None
        if self._has(layer, name, by):
            delta = self._deltas[name]
            return [f"SELECT {_columns(by)} FROM {each}" for each in (delta.gone, delta.come)]  # noqa: S608
        return self._of_appointments(model) if self._models[name].header.incremental == BY_APPOINTMENT else None

    def _of_appointments(self, model: Model) -> list[str] | None:
        """The groups of the changed appointments, before and now, by a table that has the columns of both."""
        by = model.header.incremental
        for layer, name in sorted(model.reads):
            other = self._models.get(name)
            # A report may leave appointments out.
            if other and other.folder != "reports" and other.header.incremental == BY_APPOINTMENT:
                if not self._has(layer, name, by):
                    continue
                live = self._destination.sql(self._destination.table(layer, name))
                key = " AND ".join(f"changed.{each} = live.{each}" for each in BY_APPOINTMENT)
                queries = [
                    f"SELECT {_columns(by)} FROM {live} AS live"  # noqa: S608
                    f" WHERE EXISTS (SELECT 1 FROM {CHANGED} AS changed WHERE {key})"
                ]
                if name in self._deltas:
                    queries.append(f"SELECT {_columns(by)} FROM {self._deltas[name].gone}")  # noqa: S608
                return queries
        return None

    def _has(self, layer: str, name: str, columns: Collection[str]) -> bool:
        if layer == "raw":
            return name == APPOINTMENTS.name and set(columns) <= RAW_KEY.keys()
        return layer != "warehouse" and set(columns) <= self._models[name].header.columns.keys()

    def _joins_fast(self, model: Model) -> bool:
        """PostgreSQL compares nulls pair by pair, so there only groups without nulls are built alone."""
        return self._destination.dialect == "duckdb" or set(model.header.incremental) <= never_nulls(model)

    def _are_most(self, model: Model, table: str) -> bool:
        groups = count(self._destination, table)
        if groups <= _FEW_GROUPS or model.header.incremental == BY_APPOINTMENT:
            return False
        live = self._destination.sql(self._destination.table(model.layer, model.name))
        columns = _columns(model.header.incremental)
        all_groups = f"(SELECT DISTINCT {columns} FROM {live}) AS all_groups"  # noqa: S608 - our own names
        return groups > _MOST_GROUPS * count(self._destination, all_groups)


def _columns(names: Collection[str]) -> str:
    return ", ".join(map(quoted, names))
