"""Columns: which columns of a table a query reads.

Input:  a query as written, and the columns of each table that it names by layer.
Output: `columns_read`. Names too many columns rather than too few: a change of a column that is not named is ignored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlglot import exp


def columns_read(query: exp.Expr, layer: str, name: str, columns: Collection[str]) -> frozenset[str]:
    """The columns of `layer.name` that the query reads; all if it selects `*` or joins by column names."""
    used: set[str] = set()
    for select in query.find_all(exp.Select):
        aliases = {table.alias_or_name for table in _sources(select) if (table.db, table.name) == (layer, name)}
        if not aliases:
            continue
        if _has_star(select, aliases) or _joins_by_name(select):
            return frozenset(columns)
        used |= {column.name for column in select.find_all(exp.Column) if not column.table or column.table in aliases}
    return frozenset(columns) & used


def _sources(select: exp.Select) -> Iterator[exp.Table]:
    for part in (select.args.get("from_"), *(select.args.get("joins") or ())):
        if part is not None and isinstance(part.this, exp.Table):
            yield part.this


def _has_star(select: exp.Select, aliases: set[str]) -> bool:
    """Whether the SELECT, or a query inside it, has `*` or `alias.*` of the table. `COUNT(*)` reads no column."""
    for star in select.find_all(exp.Star):
        parent = star.parent
        if isinstance(parent, exp.Count):
            continue
        if not isinstance(parent, exp.Column) or parent.table in aliases:
            return True
    return False


def _joins_by_name(select: exp.Select) -> bool:
    joins = select.args.get("joins") or ()
    return any(join.args.get("using") or join.args.get("method") == "NATURAL" for join in joins)
