"""The tables of the models in a warehouse: built beside the live ones, then published in one step.

Input:  dlt's own SQL client (so the load's configuration is the models' too) and the datasets' names.
Output: `Destination`: where a table stands, whether it is there, and create, drop, comment and publish it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from bookings_sync.models.dialect import to_sql
from bookings_sync.models.errors import ModelError
from bookings_sync.models.project import Model

NEXT = "__next"
"""Ends the name of a table that is built, but not published."""

_COMMENTING = frozenset({"duckdb", "postgres"})


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
        if self.dialect in _COMMENTING:
            # A rename keeps comments, so they are set before anybody sees the table.
            with self._client.begin_transaction():  # one commit, not one for each comment: 0.9 s less in 27 models
                self._comment(model, table)

    def drop_unpublished(self, models: Iterable[Model]) -> None:
        """Drops what was built and not published, by this run or by one that was killed."""
        for model in models:
            self._drop(model.layer, model.name + NEXT)

    def publish(self, models: Sequence[Model]) -> None:
        """Puts the built tables in the place of the live ones: all or none, where DDL has transactions.

        Elsewhere each table is replaced in one statement, upstream first, so that none is ever missing or half there.
        On PostgreSQL a table that is there is filled anew, not replaced: so it keeps the grants, indexes and views that
        people have given it, none of which would outlive a DROP, and who reads it at the moment is not in the way.
        """
        if self._client.capabilities.supports_ddl_transactions:
            with self._client.begin_transaction():
                for model in models:
                    if self.dialect == "postgres" and self._columns(model.layer, model.name):
                        self._refill(model)
                    else:
                        self._drop(model.layer, model.name)
                        self._rename(model)
            return
        for model in models:
            built = exp.select("*").from_(self.table(model.layer, model.name + NEXT))
            live = self.table(model.layer, model.name)
            self._execute(exp.Create(this=live, kind="TABLE", expression=built, replace=True))
        self.drop_unpublished(models)

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
