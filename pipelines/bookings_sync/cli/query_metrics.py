"""Queries by metric: `bookings query --metrics` and `--metric NAME`.

Input:  the metrics catalogue; the names and days that the user typed.
Output: the catalogue as a table, and the SQL of one metric. typer.BadParameter names what there is to choose from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import typer

from bookings_sync.catalogue import load_metrics
from bookings_sync.catalogue.query import metric_query

_FIELDS = (
    "name", "label", "question", "definition", "numerator", "denominator", "unit", "caveats", "model", "dimensions",
)  # fmt: skip


def catalogue_rows() -> list[dict[str, str | None]]:
    """One row per metric. The numerator and denominator are in words; a plain sum has no denominator."""
    rows = []
    for metric in load_metrics().values():
        row = {name: getattr(metric, name) for name in _FIELDS}
        row["numerator"] = metric.numerator.words
        row["denominator"] = metric.denominator.words if metric.denominator else None
        row["dimensions"] = ", ".join(metric.dimensions)
        rows.append(row)
    return rows


def metric_question(name: str, by: Sequence[str], since: str | None, until: str | None) -> Callable[[str], str]:
    """Returns a function from a dialect to the SQL. `since` and `until` are local days, both inclusive."""
    metrics = load_metrics()
    if name not in metrics:
        raise typer.BadParameter(f"expected one of {', '.join(metrics)}, got {name}", param_hint="--metric")
    metric = metrics[name]
    if unknown := [each for each in by if each not in metric.dimensions]:
        raise typer.BadParameter(
            f"{name} can be grouped by {', '.join(metric.dimensions)}, not by {unknown[0]}", param_hint="--by"
        )
    first, last = _day(since, "--since"), _day(until, "--until")
    return lambda dialect: metric_query(metric, by, first=first, last=last, dialect=dialect)


def _day(text: str | None, option: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise typer.BadParameter(f"expected a date such as 2026-01-31, got {text!r}", param_hint=option) from None
