"""Audits: turns the audit lines of a model's header into SQL that finds failing rows.

Input:  a `Model`.
Output: `row_audits`: conditions on single rows, counted in one pass over the table. `set_audits`: queries that return
        the failing rows. Both in DuckDB's SQL with references as `layer.name`, like the models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlglot
from sqlglot import exp

from bookings_sync.models.errors import ModelError
from bookings_sync.models.header import AuditLine, names
from bookings_sync.models.project import Model

_ACCEPTED = re.compile(r"(?P<column>\w+) in (?P<values>.+)")
_RANGE = re.compile(r"(?P<column>\w+) from (?P<low>-?[\d.]+)(?: to (?P<high>-?[\d.]+))?")
_REFERENCES = re.compile(r"(?P<columns>[\w, ]+) -> (?P<table>\w+\.\w+) \((?P<others>[\w, ]+)\)")


_OF_SINGLE_VALUES = ("range ", "accepted ")


def only_warns(model: Model, audit: str) -> bool:
    """Whether the audit's failure is published with a warning.

    In staging, a range or an accepted word is about single values: one odd value of the API makes no other
    row wrong. Every other audit shows that figures are wrong, so it stops the publish.
    """
    return model.folder == "staging" and audit.startswith(_OF_SINGLE_VALUES)


def row_audits(model: Model) -> dict[str, exp.Expr]:
    """The failing condition of each row audit, by name. Nulls fail only `not null`."""
    failing: dict[str, exp.Expr] = {}
    for line in model.header.audits:
        if line.kind != "references":
            for name, condition in _conditions(model, line):
                failing[name] = sqlglot.parse_one(condition, read="duckdb")
    return failing


def _conditions(model: Model, line: AuditLine) -> Iterator[tuple[str, str]]:
    match line.kind:
        case "not null":
            for column in names(line.rule):
                yield f"not null {column}", f"{column} IS NULL"
        case "accepted":
            accepted = _match(_ACCEPTED, model, line)
            values = ", ".join(f"'{value}'" for value in names(accepted["values"]))
            yield f"accepted {accepted['column']}", f"{accepted['column']} NOT IN ({values})"
        case "range":
            span = _match(_RANGE, model, line)
            column, low, high = span["column"], span["low"], span["high"]
            yield f"range {column}", f"{column} < {low}" + (f" OR {column} > {high}" if high else "")
        case "check":
            yield line.name, f"NOT ({line.rule})"
        case _:
            raise ModelError(f"{model.path.name}: unknown kind of audit: {line.kind}")


def set_audits(model: Model) -> dict[str, exp.Query]:
    """The query of each audit that compares rows, by name. It returns the key columns of failing rows."""
    key = ", ".join(model.header.key)
    table = f"{model.layer}.{model.name}"
    found: dict[str, exp.Query] = {
        f"unique {key}": _query(f"SELECT {key} FROM {table} GROUP BY {key} HAVING COUNT(*) > 1")  # noqa: S608 - our own
    }
    for line in model.header.audits:
        if line.kind == "references":
            name, query = _references(model, line)
            found[name] = query
    return {**found, **model.audits}


def _references(model: Model, line: AuditLine) -> tuple[str, exp.Query]:
    """Finds rows with non-null columns that the other table does not have."""
    match = _match(_REFERENCES, model, line)
    columns, others = names(match["columns"]), names(match["others"])
    if len(columns) != len(others):
        raise ModelError(f"{model.path.name}: a reference needs as many columns left as right: {line.rule}")
    join = " AND ".join(f"child.{column} = parent.{other}" for column, other in zip(columns, others, strict=True))
    there = " AND ".join(f"child.{column} IS NOT NULL" for column in columns)
    key = ", ".join(f"child.{column}" for column in model.header.key)
    return f"references {match['table']} by {', '.join(columns)}", _query(
        f"SELECT {key} FROM {model.layer}.{model.name} AS child LEFT JOIN {match['table']} AS parent ON {join} "  # noqa: S608
        f"WHERE {there} AND parent.{others[0]} IS NULL"
    )


def _match(pattern: re.Pattern[str], model: Model, line: AuditLine) -> re.Match[str]:
    match = pattern.fullmatch(line.rule)
    if match is None:
        raise ModelError(f"{model.path.name}: cannot parse this audit: {line.kind}: {line.rule}")
    return match


def _query(sql: str) -> exp.Query:
    query = sqlglot.parse_one(sql, read="duckdb")
    assert isinstance(query, exp.Query)  # noqa: S101 - the SELECT written above
    return query
