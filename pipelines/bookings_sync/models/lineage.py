"""Lineage: the columns that each column of a model is computed from.

Input:  the project; the columns of the raw tables.
Output: one `Origin` per model column, one hop up. `dictionary` follows the hops to the API's fields.

Only values count: a column in a join condition or a WHERE is not an origin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlglot import exp
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope
from sqlglot.schema import MappingSchema

from bookings_sync.models.dialect import raw_types
from bookings_sync.models.errors import ModelError
from bookings_sync.models.project import Model, Project
from bookings_sync.records.tables import TABLES


class ColumnName(NamedTuple):
    """A column's address. `layer` is raw, staging, marts or warehouse."""

    layer: str
    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The columns that a column is computed from, and the tables (layer, name) that it counts the rows of.

    Both are empty if the model writes the values as literals.
    """

    columns: tuple[ColumnName, ...]
    counts: tuple[tuple[str, str], ...]


def origins(project: Project) -> dict[ColumnName, Origin]:
    """The origin of each column of each model. Raises ModelError for a column that cannot be traced."""
    raw = {name: raw_types(table) for name, table in TABLES.items()}
    schema = MappingSchema(
        {"raw": raw, "warehouse": {"timezones": {"name": "VARCHAR", "canonical": "VARCHAR"}}}, dialect="duckdb"
    )
    found: dict[ColumnName, Origin] = {}
    for model in project.models.values():  # in build order, so the schema has every table that a model reads
        found |= dict(_origins_of(model, schema))
        schema.add_table(f"{model.layer}.{model.name}", dict.fromkeys(model.header.columns, "VARCHAR"))
    return found


def _origins_of(model: Model, schema: MappingSchema) -> Iterator[tuple[ColumnName, Origin]]:
    query = qualify(model.query.copy(), schema=schema, dialect="duckdb", quote_identifiers=False, identify=False)
    scope = build_scope(query)
    parts = {part.alias: part.this for part in query.find_all(exp.CTE)}
    for column in model.header.columns:
        try:
            traced = lineage(
                column, query, schema=schema, scope=scope, dialect="duckdb", copy=False, trim_selects=False
            )
        except ValueError as error:
            raise ModelError(f"{model.path.name}: the query has no column {column}, or it cannot be traced") from error
        leaves = [node for node in traced.walk() if not node.downstream]
        yield ColumnName(model.layer, model.name, column), _origin(leaves, parts)


def _origin(leaves: list[Node], parts: Mapping[str, exp.Expr]) -> Origin:
    columns = {
        ColumnName(leaf.expression.db, leaf.expression.name, leaf.name.rpartition(".")[2])
        for leaf in leaves
        if isinstance(leaf.expression, exp.Table) and leaf.expression.db
    }
    counts: set[tuple[str, str]] = set()
    for leaf in leaves:
        if any(isinstance(count.this, exp.Star) for count in leaf.expression.find_all(exp.Count)):
            counts |= _rows_of(leaf.source, parts)
    return Origin(tuple(sorted(columns)), tuple(sorted(counts)))


def _rows_of(query: exp.Expr, parts: Mapping[str, exp.Expr]) -> set[tuple[str, str]]:
    """The tables in FROM: a query's rows are their rows, and joins only add columns. `parts` are the query's CTEs."""
    if isinstance(query, exp.SetOperation):
        return _rows_of(query.left, parts) | _rows_of(query.right, parts)
    if isinstance(query, exp.Table):
        return {(query.db, query.name)} if query.db else _rows_of(parts[query.name], parts)
    if isinstance(query, exp.Subquery):
        return _rows_of(query.this, parts)
    start = query.find(exp.From)
    return _rows_of(start.this, parts) if start else set()
