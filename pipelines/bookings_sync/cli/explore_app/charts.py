"""Charts: draws metrics and ready-made reports as Vega-Lite.

Input:  rows of a query, as dictionaries.
Output: Vega-Lite specifications, as dictionaries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from bookings_sync.catalogue import Metric
from bookings_sync.catalogue.metric import SHARE
from bookings_sync.cli.explore_app.periods import Span
from bookings_sync.cli.explore_app.reports import Report

Row = Mapping[str, Any]
Spec = dict[str, Any]

_POINT = {"type": "point", "filled": True, "size": 60}
_PALE = 0.2
"""Opacity of a point that must not be compared with the others."""


def drawable(metric: Metric, rows: Sequence[Row]) -> list[Row]:
    """The rows with a known value that does not rest on too few bookings."""
    known = [row for row in rows if row[metric.name] is not None]
    if metric.too_few is None or metric.denominator is None:
        return known
    return [row for row in known if row[metric.denominator.name] >= metric.too_few]


def metric_chart(
    metric: Metric, rows: Sequence[Row], by: str, split: str | None, span: Span, since: date, until: date
) -> Spec:
    """A line over time or bars, with the 95 % interval if the metric has one and there is no split.

    Points of periods that are not over, or that the range cuts off, are pale.
    """
    grain = metric.dimensions[by].grain
    checked = grain is not None and not metric.is_current
    values = [
        _plain(row) | {"whole": not checked or span.is_whole(row[by], grain or "day", since, until)} for row in rows
    ]
    is_number = any(isinstance(row[by], int) for row in rows)  # such as hours, which have an order of their own
    across: Spec = {"field": by, "type": "nominal", "title": None, "sort": "ascending" if is_number else "-y"}
    if grain:
        across = {"field": by, "type": "temporal", "title": None, "scale": {"type": "utc"}}
    is_share = metric.unit == SHARE
    axis = {"format": ".0%" if is_share else ",.2~f"}
    tooltip = [
        {"field": by, "type": "temporal", "format": "%-d %b %Y"} if grain else {"field": by, "type": "nominal"},
        _number(metric.name, ".1%" if is_share else ",.1~f", metric.label),
    ]
    if metric.denominator:
        tooltip.append(_number(metric.denominator.name, ",.0f", metric.denominator.words))
    up = {"field": metric.name, "type": "quantitative", "title": metric.label, "axis": axis}
    encoding: Spec = {"x": across, "y": up, "tooltip": tooltip}
    if split and split != by:
        encoding["color"] = {"field": split, "type": "nominal", "title": split.capitalize()}
        if metric.denominator and not grain:  # bars side by side, because rates cannot be stacked
            encoding["xOffset"] = {"field": split, "type": "nominal"}
    pale = {"opacity": {"condition": {"test": "datum.whole", "value": 1}, "value": _PALE}}
    layers: list[Spec] = [{"mark": "bar", "encoding": encoding}]
    if grain:
        points = {"mark": _POINT, "encoding": encoding | pale}
        layers = [{"mark": "line", "encoding": encoding, "transform": [{"filter": "datum.whole"}]}, points]
    if metric.too_few is not None and "color" not in encoding:
        layers.append(_intervals(metric.name, across))
    return {"data": {"values": values}, "layer": layers, "width": "container", "height": 340}


def report_chart(report: Report, rows: Sequence[Row]) -> Spec | None:
    """The chart of a ready-made report. None if the report is a table."""
    if report.kind is None:
        return None
    spec: Spec = {"data": {"values": [_plain(row) for row in rows]}, "width": "container", "height": 340}
    across: Spec = {"field": report.x, "type": "nominal", "title": None, "sort": None}  # as the query sorts
    number = ".1%" if report.kind != "bars" else ",.2~f"
    value = report.value or report.y
    tooltip = [{"field": report.x, "type": "nominal"}, _number(value, number)]
    if report.kind == "heat":
        return spec | {
            "mark": "rect",
            "encoding": {
                "x": across | {"title": _words(report.x)},
                "y": {"field": report.y, "type": "nominal", "title": None, "sort": None},
                "color": {"field": value, "type": "quantitative", "title": None, "legend": {"format": ".0%"}},
                "tooltip": [{"field": report.y, "type": "nominal"}, *tooltip],
            },
        }
    axis = {"format": ".0%" if report.kind == "intervals" else ",.2~f"}
    up = {"field": report.y, "type": "quantitative", "title": _words(report.y), "axis": axis}
    encoding = {"x": across, "y": up, "tooltip": tooltip}
    marks: list[Spec] = [{"mark": "bar", "encoding": encoding}]
    if report.kind == "intervals":
        marks = [{"mark": _POINT, "encoding": encoding}, _intervals(report.y, across)]
    if not report.by:
        return spec | {"layer": marks}
    return {
        "data": spec["data"],
        "facet": {"field": report.by, "type": "nominal", "title": None},
        "columns": 2,
        "spec": {"layer": marks, "width": 300, "height": 240},
        "resolve": {"scale": {"x": "independent"}},
    }


def _intervals(name: str, across: Spec) -> Spec:
    ends = {"y": {"field": f"{name}_low", "type": "quantitative"}, "y2": {"field": f"{name}_high"}}
    return {"mark": {"type": "rule", "opacity": 0.5}, "encoding": {"x": across, **ends}}


def _number(name: str, form: str, title: str = "") -> Spec:
    return {"field": name, "type": "quantitative", "format": form, "title": title or _words(name)}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _plain(row: Row) -> Spec:
    """Vega-Lite takes neither dates nor decimals."""
    return {name: _value(value) for name, value in row.items()}


def _value(value: object) -> object:
    if value is None:
        return "(none)"
    if isinstance(value, bool | int | float | str):
        return value
    return float(value) if isinstance(value, Decimal) else str(value)
