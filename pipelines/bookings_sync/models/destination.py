"""The tables of the models in a warehouse: built beside the live ones, then published in one step.

Input:  dlt's own SQL client (so the load's configuration is the models' too) and the datasets' names.
Output: `Destination`: where a table stands, whether it is there, and create, drop, comment and publish it; or put rows
        in the place of others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from bookings_sync.models.dialect import to_sql
from bookings_sync.models.errors import ModelError
from bookings_sync.models.project import Model

NEXT = "__next"
"""Ends the name of a table that is built, but not published."""

_TRIED = frozenset({"duckdb", "postgres"})
"""Dialects whose words for comments, and for what is done in place, every test tries."""

_BUILT = "_built"
"""A table of the staging dataset: `Built`, of each published model."""


class Built(NamedTuple):
    """What a published model was built by: which SQL, as a digest, and which run."""

    definition: str
    run: str


@dataclass(frozen=True, slots=True)
class Datasets:
    """The names of the layers' datasets (schemas). Settings: raw_dataset, staging_dataset, marts_dataset."""

    raw: str = "bookings_raw"
    staging: str = "bookings_staging"
    marts: str = "bookings_marts"

    def of(self, layer: str) -> str:
        return {"raw": self.raw, "staging": self.staging, "marts": self.marts}[layer]

    def beside(self, name: str) -> Datasets:
        """The same raw dataset, and datasets of one's own for what is built of it, such as `bookings_marts_ann`."""
        return replace(self, staging=f"{self.staging}_{name}", marts=f"{self.marts}_{name}")


class Destination:
    """`client` is an open dlt SQL client, of any SQL destination."""

    def __init__(self, client: SqlClientBase[Any], datasets: Datasets) -> None:
        self._client = client
        self._datasets = datasets
        dialect = client.capabilities.sqlglot_dialect
        # dlt names it for each destination it ships; one of somebody's own may not say, and then DuckDB's SQL is tried.
        self.dialect: str = str(dialect) if dialect else "duckdb"
        self._is_at_once = False

    def table(self, layer: str, name: str) -> exp.Table:
        """Where a table stands, quoted and in the case the destination keeps names in."""
        dataset = self._datasets.of(layer)
        path = self._client.make_qualified_table_name_path(name, quote=False, dataset_name=dataset)
        parts = [exp.to_identifier(part, quoted=True) for part in path]
        catalog = parts[-3] if len(parts) > 2 else None
        return exp.Table(this=parts[-1], db=parts[-2], catalog=catalog)

    def has(self, layer: str, name: str) -> bool:
        """Whether a table is there. Asked by reading nothing from it: every destination of dlt answers that alike."""
        try:
            self.rows(exp.select("1").from_(self.table(layer, name)).limit(0))
        except DatabaseUndefinedRelation:
            return False
        return True

    def rows(self, query: exp.Expr) -> Sequence[Sequence[Any]]:
        return self._client.execute_sql(to_sql(query, self.dialect)) or []

    def create_datasets(self) -> None:
        for layer in ("staging", "marts"):
            with self._client.with_alternative_dataset_name(self._datasets.of(layer)):
                if not self._client.has_dataset():
                    self._client.create_dataset()

    def create(self, model: Model, query: exp.Query) -> None:
        """Builds a model beside the live one, with its comments."""
        table = self.table(model.layer, model.name + NEXT)
        self._execute(exp.Create(this=table, kind="TABLE", expression=query))
        if self.dialect in _TRIED:
            # A rename keeps comments, so they are set before anybody sees the table.
            with self.at_once():  # one commit, not one for each comment: 0.9 s less in 27 models
                self._comment(model, table)

    def replace_rows(self, model: Model, where: exp.Expr, query: exp.Query) -> None:
        """Puts the rows of a query into a live table, called `live` in `where`, in the place of those that it is true
        of. Columns go by their names: on PostgreSQL one that came later stands last."""
        live = to_sql(self.table(model.layer, model.name), self.dialect)
        columns = ", ".join(map(_quoted, model.header.columns))
        rows = to_sql(query.subquery("made"), self.dialect)
        self._client.execute_sql(f"DELETE FROM {live} AS live WHERE {to_sql(where, self.dialect)}")  # noqa: S608 - our own
        self._client.execute_sql(f"INSERT INTO {live} ({columns}) SELECT {columns} FROM {rows}")  # noqa: S608 - our own

    @property
    def does_at_once(self) -> bool:
        """Whether a whole run may be one transaction, and what was built is noted."""
        return self.dialect in _TRIED and bool(self._client.capabilities.supports_ddl_transactions)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """All that is done inside, or nothing of it, where DDL has transactions. One inside another is part of it."""
        if self._is_at_once or not self._client.capabilities.supports_ddl_transactions:
            yield
            return
        with self._client.begin_transaction():
            self._is_at_once = True
            try:
                yield
            except BaseException as error:
                if not isinstance(error, Exception):  # of an interrupt, dlt would leave it open
                    self._client.rollback_transaction()
                raise
            finally:
                self._is_at_once = False

    @contextmanager
    def temporary(self, name: str, query: exp.Query) -> Iterator[None]:
        """Holds the rows of a query, for this session alone."""
        self._client.execute_sql(f"CREATE TEMPORARY TABLE {name} AS {to_sql(query, self.dialect)}")
        try:
            yield
        finally:
            self._client.execute_sql(f"DROP TABLE IF EXISTS {name}")

    def built(self) -> dict[str, Built]:
        """What is known of the published models, by name."""
        if not self.has("staging", _BUILT):
            return {}
        known = exp.select("model", *Built._fields).from_(self.table("staging", _BUILT))
        return {str(model): Built(*each) for model, *each in self.rows(known)}

    def drop_unpublished(self, models: Iterable[Model]) -> None:
        """Drops what was built and not published, by this run or by one that was killed."""
        for model in models:
            self._drop(model.layer, model.name + NEXT)

    def publish(self, models: Sequence[Model], built: Mapping[str, Built]) -> None:
        """Puts the built tables in the place of the live ones, and notes what is `built`: all or none, where DDL has
        transactions.

        Elsewhere each table is replaced in one statement, upstream first, so that none is ever missing or half there.
        On PostgreSQL a table that is there is filled anew, not replaced: so it keeps the grants, indexes and views that
        people have given it, none of which would outlive a DROP, and who reads it at the moment is not in the way.
        """
        if self._client.capabilities.supports_ddl_transactions:
            with self.at_once():
                for model in models:
                    if self.dialect == "postgres" and self._columns(model.layer, model.name):
                        self._refill(model)
                    else:
                        self._drop(model.layer, model.name)
                        self._rename(model)
                if self.does_at_once:
                    self._note_built(built)
            return
        for model in models:
            rows = exp.select("*").from_(self.table(model.layer, model.name + NEXT))
            live = self.table(model.layer, model.name)
            self._execute(exp.Create(this=live, kind="TABLE", expression=rows, replace=True))
        self.drop_unpublished(models)

    def _note_built(self, built: Mapping[str, Built]) -> None:
        table = to_sql(self.table("staging", _BUILT), self.dialect)
        columns = ", ".join(f"{name} TEXT NOT NULL" for name in ("model", *Built._fields))
        self._client.execute_sql(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        names = ", ".join(map(_literal, built))
        rows = ", ".join(f"({', '.join(map(_literal, (name, *each)))})" for name, each in built.items())
        self._client.execute_sql(f"DELETE FROM {table} WHERE model IN ({names})")  # noqa: S608 - our own
        self._client.execute_sql(f"INSERT INTO {table} VALUES {rows}")  # noqa: S608 - our own

    def _drop(self, layer: str, name: str) -> None:
        self._client.execute_sql(f"DROP TABLE IF EXISTS {to_sql(self.table(layer, name), self.dialect)}")

    def _rename(self, model: Model) -> None:
        built = to_sql(self.table(model.layer, model.name + NEXT), self.dialect)
        name = to_sql(exp.to_identifier(self.table(model.layer, model.name).name, quoted=True), self.dialect)
        self._client.execute_sql(f"ALTER TABLE {built} RENAME TO {name}")

    def _refill(self, model: Model) -> None:
        """Puts the built rows into the live table; columns that differ are dropped and added first.

        DELETE, and not TRUNCATE, which would wait for every reader and let none in until the last table is filled.
        Readers see the rows of before until all is committed; autovacuum makes room of them. Raises ModelError where
        a view needs a column that is to go.
        """
        live, built = (to_sql(self.table(model.layer, model.name + end), self.dialect) for end in ("", NEXT))
        had, wanted = self._columns(model.layer, model.name), self._columns(model.layer, model.name + NEXT)
        for name in [name for name, kind in had.items() if wanted.get(name) != kind]:
            try:
                self._client.execute_sql(f"ALTER TABLE {live} DROP COLUMN {_quoted(name)}")
            except DatabaseException as error:
                raise ModelError(
                    f"{model.name}: its column {name} goes or changes its type, and something of yours, such as a "
                    "view, needs it: drop that, transform, and create it again"
                ) from error
        for name in [name for name, kind in wanted.items() if had.get(name) != kind]:
            self._client.execute_sql(f"ALTER TABLE {live} ADD COLUMN {_quoted(name)} {wanted[name]}")
        columns = ", ".join(_quoted(name) for name in wanted)
        self._client.execute_sql(f"DELETE FROM {live}")  # noqa: S608 - our own
        self._client.execute_sql(f"INSERT INTO {live} ({columns}) SELECT {columns} FROM {built}")  # noqa: S608 - our own
        self._drop(model.layer, model.name + NEXT)
        self._comment(model, self.table(model.layer, model.name))

    def _columns(self, layer: str, name: str) -> dict[str, str]:
        """The columns of a table of PostgreSQL and their types; none where there is no such table."""
        rows = self._client.execute_sql(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            to_sql(self.table(layer, name), self.dialect),
        )
        return {str(column): str(kind) for column, kind in rows or ()}

    def _comment(self, model: Model, table: exp.Table) -> None:
        name = to_sql(table, self.dialect)
        comments = [f"COMMENT ON TABLE {name} IS {_literal(f'{model.header.grain} {model.header.question}')}"]
        for column, description in model.header.columns.items():
            comments.append(f"COMMENT ON COLUMN {name}.{_quoted(column)} IS {_literal(description)}")
        self._client.execute_many(comments)

    def _execute(self, statement: exp.Expr) -> None:
        self._client.execute_sql(to_sql(statement, self.dialect))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
