"""Descriptions: each column is described once, by the model or raw table that makes its value.

Input:  a model's query, the descriptions in its header, and those of the tables it reads.
Output: `describe`, a description for every column of the model. A column that the query passes through unchanged, even
        under a new name, inherits the description of the column it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlglot import exp

from bookings_sync.models.errors import ModelError
from bookings_sync.records.tables import TABLES


class Source(NamedTuple):
    """A column of a raw table or a model."""

    layer: str
    table: str
    column: str


Descriptions = Mapping[tuple[str, str], Mapping[str, str]]
"""The descriptions of columns, by (layer, table)."""

DLT_COLUMNS = {
    "_dlt_valid_from": "When this version was first seen, UTC.",
    "_dlt_valid_to": "When the next version was first seen, UTC; null for the current version.",
    "_dlt_load_id": "The load that wrote the row. The load is complete if _dlt_loads has it with status 0.",
}
"""The columns that dlt adds to raw tables."""


def raw_descriptions() -> dict[tuple[str, str], Mapping[str, str]]:
    """The descriptions of the raw tables' columns, including the columns that dlt adds."""
    return {
        ("raw", name): {column.name: column.description for column in table.columns} | DLT_COLUMNS
        for name, table in TABLES.items()
    }


def describe(query: exp.Query, own: Mapping[str, str], known: Descriptions, file: str) -> dict[str, str]:
    """The description of each column of the query, in order: from `own`, else inherited.

    Raises ModelError, naming `file`, for a column without a description and for a description without a column.
    """
    columns = {name: own.get(name) or inherited(query, name, known) for name in query.named_selects}
    if missing := [name for name, description in columns.items() if not description]:
        raise ModelError(f"{file}: the header must describe {', '.join(missing)}, which the query computes")
    if unknown := [name for name in own if name not in columns]:
        raise ModelError(f"{file}: the header describes {', '.join(unknown)}, which the query does not return")
    return columns


def inherited(query: exp.Query, column: str, known: Descriptions) -> str:
    """The description of the column that `column` passes through unchanged. Empty if the query computes the value."""
    source = source_of(query, column)
    return known.get(source[:2], {}).get(source.column, "") if source else ""


def source_of(query: exp.Query, column: str) -> Source | None:
    """The column that `column` passes through unchanged, renamed or not. None if the query computes the value."""
    return _source(query, column, {cte.alias: cte.this for cte in query.find_all(exp.CTE)})


def _source(query: exp.Expr, column: str, ctes: Mapping[str, exp.Expr]) -> Source | None:
    if not isinstance(query, exp.Select):
        return None  # the branches of a UNION may take the column from different places
    parts = [part.this for part in (query.args.get("from_"), *(query.args.get("joins") or ())) if part]
    tables = {part.alias_or_name: part for part in parts}
    passed = _column_passed(query, column)
    if passed is None:
        return None
    table = tables.get(passed.table) if passed.table else parts[0] if len(parts) == 1 else None
    if not isinstance(table, exp.Table):
        return None
    if table.db:
        return Source(table.db, table.name, passed.name)
    return _source(ctes[table.name], passed.name, ctes)


def _column_passed(query: exp.Select, column: str) -> exp.Column | None:
    """The column reference behind one output column of a SELECT; also behind `*` and `table.*`."""
    stars = []
    for projection in query.selects:
        if projection.is_star:
            stars.append(projection)
        elif projection.alias_or_name == column:
            value = projection.unalias()
            return value if isinstance(value, exp.Column) else None
    if len(stars) != 1:
        return None
    return exp.column(column, stars[0].args.get("table"))
