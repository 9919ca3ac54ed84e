"""The marimo app of `bookings explore`: a metric by dimension, and ready-made reports, as chart, table and SQL.

Input:  the published tables, the metrics catalogue, and the settings of the current folder.
Output: the app. To customize it, run `marimo edit` on a copy of this file.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Explore bookings")


@app.cell
def _():
    import altair as alt
    import marimo as mo
    import pendulum

    from bookings_sync.catalogue import load_metrics
    from bookings_sync.catalogue.query import metric_query
    from bookings_sync.cli.explore_app import charts, periods, reports
    from bookings_sync.cli.query import fetch_arrow

    return alt, charts, fetch_arrow, load_metrics, metric_query, mo, pendulum, periods, reports


@app.cell
def _(mo):
    mo.md("""
    # Explore bookings

    Choose a metric and a dimension. The SQL below the chart is the query: paste it into `bookings query` or any other
    SQL client.
    """)
    return


@app.cell
def _(fetch_arrow, load_metrics, mo, pendulum, periods):
    (_row,) = fetch_arrow(lambda _dialect: periods.SPAN)[1].to_pylist()
    span = periods.Span.of(pendulum.today("UTC").date(), _row)
    _first, _last = span.default_range()
    chosen = mo.ui.dropdown(
        {each.label: each for each in load_metrics().values()}, value="Bookings", label="Metric", searchable=True
    )
    since = mo.ui.date(value=_first, start=span.first, stop=span.last, label="From")
    until = mo.ui.date(value=_last, start=span.first, stop=span.last, label="To")
    return chosen, since, span, until


@app.cell
def _(chosen, mo, since, until):
    metric = chosen.value
    _names = list(metric.dimensions)
    by = mo.ui.dropdown(_names, value="week" if "week" in _names else _names[0], label="By")
    split = mo.ui.dropdown(_names, value=None, allow_select_none=True, label="Split by")
    mo.vstack([
        mo.hstack([chosen, by, split, since, until], justify="start", wrap=True, gap=1.5),
        mo.md(f"**{metric.question}** {metric.definition[0].upper()}{metric.definition[1:]}. {metric.caveats}"),
    ])  # fmt: skip
    return by, metric, split


@app.cell
def _(by, fetch_arrow, metric, metric_query, since, split, until):
    _range = {} if metric.is_current else {"first": since.value, "last": until.value}
    _by = [name for name in (by.value, split.value) if name]
    sql, result = fetch_arrow(lambda dialect: metric_query(metric, _by, **_range, dialect=dialect))
    return result, sql


@app.cell
def _(alt, by, charts, metric, mo, result, since, span, split, until):
    _rows = result.to_pylist()
    _drawn = charts.drawable(metric, _rows)
    _spec = charts.metric_chart(metric, _drawn, by.value, split.value, span, since.value, until.value)
    _notes = []
    if metric.is_current:
        _notes.append("As of the last transform; the range of days does not apply.")
    if metric.dimensions[by.value].grain:
        _notes.append("Pale points: the period is not over, or the range cuts it off.")
    if len(_drawn) < len(_rows):
        _few = f", or fewer than {metric.too_few} {metric.denominator.words}" if metric.too_few else ""
        _notes.append(f"{len(_rows) - len(_drawn)} of {len(_rows)} values are not drawn: not known{_few}.")
    mo.vstack([
        alt.Chart.from_dict(_spec) if _drawn else mo.md("Nothing to draw in this period."),
        mo.md(" ".join(_notes)),
    ])  # fmt: skip
    return


@app.cell
def _(mo, result, sql):
    mo.vstack([mo.md(f"```sql\n{sql}\n```"), mo.accordion({"As a table": mo.ui.table(result, selection=None)})])
    return


@app.cell
def _(mo, reports):
    report = mo.ui.dropdown({each.title: each for each in reports.REPORTS}, value=None, label="Ready-made report")
    mo.vstack([mo.md("## Ready-made reports"), report])
    return (report,)


@app.cell
def _(alt, charts, fetch_arrow, mo, report):
    mo.stop(report.value is None)
    _sql, _result = fetch_arrow(report.value.question)
    _chart = charts.report_chart(report.value, _result.to_pylist()) if _result.num_rows else None
    _table = mo.ui.table(_result, selection=None)
    mo.vstack([
        mo.md(report.value.meaning),
        _table if _chart is None else alt.Chart.from_dict(_chart),
        mo.md(f"```sql\n{_sql}\n```"),
        *([] if _chart is None else [mo.accordion({"As a table": _table})]),
    ])  # fmt: skip
    return


if __name__ == "__main__":
    app.run()
