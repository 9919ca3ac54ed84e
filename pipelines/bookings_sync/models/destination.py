"""Destination: the models' tables in one warehouse, and the SQL that reads and writes them.

Input:  dlt's SQL client, so models use the load's connection; the names of the datasets.
Output: `Destination`: addresses, queries, statements and transactions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from bookings_sync.models.dialect import to_sql

NEXT = "__next"
"""Suffix of a table that is built but not yet published."""

_TESTED = frozenset({"duckdb", "postgres"})
"""Dialects that the tests run. Only these get column comments and incremental builds."""


@dataclass(frozen=True, slots=True)
class Datasets:
    """The dataset (schema) of each layer. Settings: raw_dataset, staging_dataset, marts_dataset."""

    raw: str = "bookings_raw"
    staging: str = "bookings_staging"
    marts: str = "bookings_marts"

    def of(self, layer: str) -> str:
        return {"raw": self.raw, "staging": self.staging, "marts": self.marts}[layer]

    def beside(self, name: str) -> Datasets:
        """The same raw dataset with separate staging and marts datasets, such as `bookings_marts_ann`."""
        return replace(self, staging=f"{self.staging}_{name}", marts=f"{self.marts}_{name}")


class Destination:
    """The layers of one warehouse. `client` is an open dlt client of any SQL destination."""

    def __init__(self, client: SqlClientBase[Any], datasets: Datasets) -> None:
        self._client = client
        self.datasets = datasets
        dialect = client.capabilities.sqlglot_dialect
        # A custom dlt destination may not name its dialect.
        self.dialect: str = str(dialect) if dialect else "duckdb"
        self._in_transaction = False
        self._temporary: set[str] = set()

    @property
    def is_tested(self) -> bool:
        """Whether the tests run this dialect."""
        return self.dialect in _TESTED

    @property
    def has_ddl_transactions(self) -> bool:
        return bool(self._client.capabilities.supports_ddl_transactions)

    def table(self, layer: str, name: str) -> exp.Table:
        """A table's address, quoted, in the destination's own letter case."""
        dataset = self.datasets.of(layer)
        path = self._client.make_qualified_table_name_path(name, quote=False, dataset_name=dataset)
        parts = [exp.to_identifier(part, quoted=True) for part in path]
        catalog = parts[-3] if len(parts) > 2 else None
        return exp.Table(this=parts[-1], db=parts[-2], catalog=catalog)

    def sql(self, expression: exp.Expr) -> str:
        """An expression in the destination's dialect. Consumes `expression` (see `dialect.to_sql`)."""
        return to_sql(expression, self.dialect)

    def has(self, layer: str, name: str) -> bool:
        """Whether a table exists. Selects no rows from it: that works the same on every dlt destination."""
        try:
            self.rows(exp.select("1").from_(self.table(layer, name)).limit(0))
        except DatabaseUndefinedRelation:
            return False
        return True

    def columns(self, layer: str, name: str) -> set[str]:
        """The columns of an existing table."""
        with self._client.execute_query(self.sql(exp.select("*").from_(self.table(layer, name)).limit(0))) as cursor:
            return {str(column[0]) for column in cursor.description or ()}

    def tables(self) -> dict[tuple[str, str], set[str]]:
        """The columns of every table in the datasets of all layers, by layer and name."""
        layers = {self.datasets.of(layer): layer for layer in ("raw", "staging", "marts")}
        found: dict[tuple[str, str], set[str]] = {}
        datasets = ", ".join(map(literal, layers))
        for dataset, name, column in self.execute(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns"  # noqa: S608 - our own names
            f" WHERE table_schema IN ({datasets})"
        ):
            found.setdefault((layers[dataset], str(name)), set()).add(str(column))
        return found

    def rows(self, query: exp.Expr) -> Sequence[Sequence[Any]]:
        return self._client.execute_sql(self.sql(query)) or []

    def execute(self, statement: str | exp.Expr, *values: Any) -> Sequence[Sequence[Any]]:
        text = statement if isinstance(statement, str) else self.sql(statement)
        return self._client.execute_sql(text, *values) or []

    def execute_many(self, statements: Sequence[str]) -> None:
        """Runs statements in order, in one round trip if the destination can."""
        self._client.execute_many(statements)

    def create_datasets(self) -> None:
        for layer in ("staging", "marts"):
            with self._client.with_alternative_dataset_name(self.datasets.of(layer)):
                if not self._client.has_dataset():
                    self._client.create_dataset()

    def drop(self, layer: str, name: str) -> None:
        self.execute(f"DROP TABLE IF EXISTS {self.sql(self.table(layer, name))}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits everything inside or nothing. An inner transaction joins the outer one.

        Does nothing if the destination's DDL has no transactions.
        """
        if self._in_transaction or not self.has_ddl_transactions:
            yield
            return
        with self._client.begin_transaction():
            self._in_transaction = True
            try:
                yield
            except BaseException as error:
                if not isinstance(error, Exception):  # dlt leaves the transaction open on KeyboardInterrupt
                    self._client.rollback_transaction()
                raise
            finally:
                self._in_transaction = False

    def make_temporary(self, name: str, query: str) -> None:
        """A temporary table of this session with the rows of `query`, which takes the place of an earlier one."""
        self.drop_temporary(name)
        self.execute(f"CREATE TEMPORARY TABLE {name} AS {query}")
        self._temporary.add(name)

    def drop_temporary(self, *names: str) -> None:
        """Drops these temporary tables; all that were made if there are no names."""
        for name in names or tuple(self._temporary):
            if name in self._temporary:
                self.execute(f"DROP TABLE IF EXISTS {name}")
                self._temporary.discard(name)


def quoted(name: str) -> str:
    """`name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as a SQL string."""
    return "'" + text.replace("'", "''") + "'"
