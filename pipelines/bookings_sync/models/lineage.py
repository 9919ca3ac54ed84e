"""Lineage: which columns each column of a model is made of.

Input:  the project; the columns of the raw tables.
Output: for each model and column its `Origin`, one hop: `dictionary` follows the hops down to the API's fields.

sqlglot follows values alone: what a column is computed of, not what a join or a WHERE lets through.
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
    """A column by the layer and the table it stands in; layers are raw, staging, marts and warehouse."""

    layer: str
    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What a column is made of. `counts` are the tables, by layer, whose rows it counts. Without either the model
    writes its values itself."""

    columns: tuple[ColumnName, ...]
    counts: tuple[tuple[str, str], ...]


def origins(project: Project) -> dict[ColumnName, Origin]:
    """The origin of each column of each model. Raises ModelError for a column that cannot be traced."""
    raw = {name: raw_types(table) for name, table in TABLES.items()}
    schema = MappingSchema({"raw": raw, "warehouse": {"timezones": {"name": "VARCHAR"}}}, dialect="duckdb")
    found: dict[ColumnName, Origin] = {}
    for model in project.models.values():  # in build order: what a model reads is known before it
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
            raise ModelError(f"{model.path.name}: has no column {column}, or it cannot be traced") from error
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
    """The tables whose rows a query's rows are: those after FROM; joins tell more of each. `parts` are its CTEs."""
    if isinstance(query, exp.SetOperation):
        return _rows_of(query.left, parts) | _rows_of(query.right, parts)
    if isinstance(query, exp.Table):
        return {(query.db, query.name)} if query.db else _rows_of(parts[query.name], parts)
    if isinstance(query, exp.Subquery):
        return _rows_of(query.this, parts)
    start = query.find(exp.From)
    return _rows_of(start.this, parts) if start else set()
