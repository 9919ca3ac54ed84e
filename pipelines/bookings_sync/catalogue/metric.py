"""Metric: reads the metrics catalogue into typed objects.

Input:  `sql/metrics.yml`, in MetricFlow's format.
Output: `load_metrics`: the metrics by name, in the order of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import sqlglot
import yaml
from sqlglot import exp

from bookings_sync.models.errors import ModelError
from bookings_sync.models.project import find_models

Grain = Literal["day", "week", "month"]

GRAINS: tuple[Grain, ...] = ("day", "week", "month")
"""From fine to coarse. A mart by week cannot be grouped by month: a week may belong to two."""
SHARE = "part of 1"
"""The unit of shares. Show them in percent."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum over a mart's rows.

    `expression` is the value of one row, in DuckDB's SQL. `words` describe the sum. `kind` is BIGINT or DOUBLE.
    """

    name: str
    words: str
    expression: str
    kind: str = "BIGINT"

    def sql(self, mart: str) -> str:
        """The sum as an aggregate, in DuckDB's SQL. `mart` is the alias of the mart."""
        return f"CAST(SUM({of_mart(self.expression, mart)}) AS {self.kind})"


@dataclass(frozen=True, slots=True)
class Dimension:
    """A way to group a metric.

    - `expression`: the value in a row of the mart, in DuckDB's SQL. For a period, its first day.
    - `grain`: the length of a period; None if the dimension is no time.
    - `names`: the mart `dim_…` that holds the names of the ids; empty if the value itself is shown.
    """

    name: str
    expression: str
    grain: Grain | None = None
    names: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: a sum over the rows of a mart, or a ratio of two sums.

    - `unit`: `part of 1` for shares, else a plural such as `bookings`.
    - `anchor`: the section of docs/metrics.md that explains the metric.
    - `too_few`: show no rate if the denominator is smaller. Only shares of counts have this limit and a 95 % interval.
    - `time`: the column that a range of days applies to, and the length of its periods.
    - `is_current`: the metric describes the moment of the last transform, so a range of days does not apply.
    """

    name: str
    label: str
    question: str
    unit: str
    caveats: str
    anchor: str
    too_few: int | None
    is_current: bool
    model: str
    numerator: Sum
    denominator: Sum | None
    time: Dimension
    dimensions: Mapping[str, Dimension]

    @property
    def definition(self) -> str:
        """The metric in words, such as `showed ÷ (showed + no-show)`."""
        if self.denominator is None:
            return self.numerator.words
        return f"{_bracketed(self.numerator.words)} ÷ {_bracketed(self.denominator.words)}"

    def sql(self, mart: str) -> str:
        """The metric as an aggregate, in DuckDB's SQL. A ratio is null if its denominator is 0. `mart` is an alias."""
        total = self.numerator.sql(mart)
        return f"CAST({total} AS DOUBLE) / NULLIF({self.denominator.sql(mart)}, 0)" if self.denominator else total

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the mart that the metric is computed from, in the order of their use."""
        sums = (self.numerator, self.denominator) if self.denominator else (self.numerator,)
        found = (column.name for each in sums for column in sqlglot.parse_one(each.expression).find_all(exp.Column))
        return tuple(dict.fromkeys(found))


@cache
def load_metrics() -> Mapping[str, Metric]:
    """The metrics by name. Raises ModelError if a metric names a sum that no semantic model has."""
    file = yaml.safe_load((find_models() / "metrics.yml").read_text(encoding="utf-8"))
    held = {measure["name"]: (model, measure) for model in file["semantic_models"] for measure in _measures(model)}
    metrics = {}
    for each in file["metrics"]:
        parts = each["type_params"]
        names = [parts[key]["name"] for key in ("numerator", "denominator") if key in parts] or [parts["measure"]]
        if unknown := [name for name in names if name not in held]:
            raise ModelError(f"metrics.yml: the metric {each['name']} needs {unknown[0]}, which no semantic model has")
        models = {held[name][0]["name"] for name in names}
        if len(models) > 1:
            raise ModelError(f"metrics.yml: the metric {each['name']} needs sums of {' and '.join(sorted(models))}")
        metrics[each["name"]] = _metric(each, held[names[0]][0], [_sum(held[name][1]) for name in names])
    return metrics


def of_mart(expression: str, mart: str) -> str:
    """An expression over a mart's columns, with the mart's alias before each column."""
    parsed = sqlglot.parse_one(expression, read="duckdb")
    for column in parsed.find_all(exp.Column):
        column.set("table", exp.to_identifier(mart))
    return parsed.sql(dialect="duckdb")


def _measures(model: dict[str, Any]) -> list[dict[str, Any]]:
    return model.get("measures", [])  # type: ignore[no-any-return]


def _metric(entry: dict[str, Any], model: dict[str, Any], sums: list[Sum]) -> Metric:
    meta = entry["config"]["meta"]
    time = next(each for each in model["dimensions"] if each["type"] == "time")
    dimensions = {each.name: each for each in _dimensions(model)}
    return Metric(
        name=entry["name"],
        label=entry["label"],
        question=meta["question"],
        unit=meta["unit"],
        caveats=meta["caveats"],
        anchor=meta["anchor"],
        too_few=meta.get("too_few"),
        is_current=meta.get("current", False),
        model=re.fullmatch(r"ref\('(\w+)'\)", model["model"])[1],  # type: ignore[index]
        numerator=sums[0],
        denominator=sums[1] if len(sums) > 1 else None,
        time=dimensions[time["type_params"]["time_granularity"]],
        dimensions=dimensions,
    )


def _sum(measure: dict[str, Any]) -> Sum:
    is_fraction = measure.get("config", {}).get("meta", {}).get("fraction", False)
    expression = measure.get("expr", measure["name"])
    return Sum(measure["name"], measure["label"], expression, "DOUBLE" if is_fraction else "BIGINT")


def _dimensions(model: dict[str, Any]) -> Iterator[Dimension]:
    """Periods from fine to coarse, then entities, then the mart's other dimensions."""
    other = []
    for each in model["dimensions"]:
        expression = each.get("expr", each["name"])
        if each["type"] != "time":
            other.append(Dimension(each["name"].removeprefix("local_"), expression))
            continue
        finest: Grain = each["type_params"]["time_granularity"]
        yield Dimension(finest, expression, grain=finest)
        for coarser in GRAINS[1:] if finest == "day" else ():
            yield Dimension(coarser, f"CAST(DATE_TRUNC('{coarser.upper()}', {expression}) AS DATE)", grain=coarser)
    for entity in model["entities"]:
        yield Dimension(entity["name"], f"{entity['name']}_id", names=f"dim_{entity['name']}")
    yield from other


def _bracketed(words: str) -> str:
    return f"({words})" if re.search(r" [+−÷] ", words) else words
