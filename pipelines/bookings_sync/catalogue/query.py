"""Query: writes the SELECT that computes a metric.

Input:  a metric, the dimensions to group it by, and a range of local days.
Output: one SELECT on the metric's mart, in the warehouse's dialect.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import date

import sqlglot
from sqlglot import exp

from bookings_sync.catalogue.metric import Dimension, Metric, of_mart
from bookings_sync.models.dialect import expand_intervals, to_sql

_MART = "mart"
"""The alias of the mart in a query."""


def metric_query(
    metric: Metric,
    by: Sequence[str] = (),
    *,
    first: date | None = None,
    last: date | None = None,
    dialect: str = "duckdb",
    schema: str = "",
) -> str:
    """A query with one row per value of the dimensions `by`, or one row in all.

    The columns are the dimensions; for a ratio its numerator and denominator; the metric; and for a share of counts the
    ends of its 95 % interval (`NAME_low`, `NAME_high`). Sums are BIGINT unless they have fractions, rates are DOUBLE.

    `first` and `last` are local days, both inclusive. In a mart by week or month, they select the weeks or months that
    begin in the range. Tables have no schema unless `schema` is given, as in `bookings query`. Raises KeyError if the
    metric does not have a dimension.
    """
    chosen = [metric.dimensions[name] for name in dict.fromkeys(by)]
    sums = {metric.name: metric.numerator}
    if metric.denominator:
        sums = {each.name: each for each in (metric.numerator, metric.denominator)}
    columns = [*(f"{_value(each)} AS {each.name}" for each in chosen)]
    columns += [f"{each.sql(_MART)} AS {name}" for name, each in sums.items()]
    prefix = f"{schema}." if schema else ""
    places = ", ".join(str(place) for place in range(1, len(chosen) + 1))
    lines = [
        "SELECT",
        ",\n".join(f"  {column_sql(column, dialect)}" for column in columns),
        f"FROM {prefix}{metric.model} AS {_MART}",
        *(_join(each, prefix) for each in chosen if each.names),
        *_where(metric, first, last, dialect),
        *([f"GROUP BY {places}"] if places else []),
    ]
    if metric.denominator:
        names = [*(each.name for each in chosen), *sums]
        rates = [_wrapped(column_sql(rate, dialect)) for rate in _rates(metric, *sums)]
        inner = textwrap.indent("\n".join(lines), "  ")
        lines = [
            "SELECT",
            ",\n".join(f"  {column}" for column in (", ".join(names), *rates)),
            f"FROM (\n{inner}\n) AS sums",
        ]
    return "\n".join([*lines, *([f"ORDER BY {places}"] if places else [])])


def _rates(metric: Metric, part: str, whole: str) -> Iterator[str]:
    """The columns computed from the two sums."""
    yield f"CAST({part} AS DOUBLE) / NULLIF({whole}, 0) AS {metric.name}"
    if metric.too_few is not None:
        yield f"WILSON_LOW({part}, {whole}) AS {metric.name}_low"
        yield f"WILSON_HIGH({part}, {whole}) AS {metric.name}_high"


def column_sql(column: str, dialect: str) -> str:
    """A column of a SELECT, from DuckDB's SQL, in a dialect. Replaces WILSON_LOW and WILSON_HIGH by their formula."""
    query = sqlglot.parse_one(f"SELECT {column}", read="duckdb")
    assert isinstance(query, exp.Select)  # noqa: S101
    expand_intervals(query)
    return to_sql(query.selects[0], dialect)


def _wrapped(column: str) -> str:
    """A column of sums in lines that fit a terminal. It has no text in quotes, so any space may become a line break."""
    return textwrap.fill(column, 100, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _value(dimension: Dimension) -> str:
    """The value to group by. Ids become names; what has none keeps its id."""
    value = of_mart(dimension.expression, _MART)
    return f"COALESCE({dimension.name}.name, {value}, '(no {dimension.name})')" if dimension.names else value


def _join(dimension: Dimension, prefix: str) -> str:
    keys = dict.fromkeys(("location_id", dimension.expression))
    matches = " AND ".join(f"{dimension.name}.{key} = {_MART}.{key}" for key in keys)
    return f"LEFT JOIN {prefix}{dimension.names} AS {dimension.name}\n  ON {matches}"


def _where(metric: Metric, first: date | None, last: date | None, dialect: str) -> Iterator[str]:
    day = column_sql(of_mart(metric.time.expression, _MART), dialect)
    ends = [f"{day} {sign} DATE '{end:%Y-%m-%d}'" for sign, end in ((">=", first), ("<=", last)) if end]
    if ends:
        yield f"WHERE {' AND '.join(ends)}"
