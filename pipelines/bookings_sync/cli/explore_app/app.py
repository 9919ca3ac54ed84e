"""The marimo app of `bookings explore`: a metric by dimension, as chart, table and SQL.

Input:  the published tables, and the settings of the current folder.
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

    from bookings_sync.cli.explore_app import metrics
    from bookings_sync.cli.query import fetch_arrow

    return alt, fetch_arrow, metrics, mo, pendulum


@app.cell
def _(mo):
    mo.md("""
    # Explore bookings

    Choose a metric and a dimension. The SQL below the chart is the query: paste it into `bookings query` or any other
    SQL client.
    """)
    return


@app.cell
def _(fetch_arrow, metrics, mo, pendulum):
    (span,) = fetch_arrow("SELECT min(local_date) AS first, max(local_date) AS last FROM rpt_bookings").to_pylist()
    today = pendulum.today("UTC").date()
    first, last = span["first"] or today, span["last"] or today
    recent = min(max(first, today.subtract(weeks=26).start_of("week")), last)
    metric = mo.ui.dropdown(list(metrics.METRICS), value="bookings", label="Metric")
    by = mo.ui.dropdown(list(metrics.DIMENSIONS), value="week", label="By")
    split = mo.ui.dropdown(list(metrics.DIMENSIONS), value=None, allow_select_none=True, label="Split by")
    since = mo.ui.date(value=recent, start=first, stop=last, label="From")
    until = mo.ui.date(value=max(first, min(last, today)), start=first, stop=last, label="To")
    mo.hstack([metric, by, split, since, until], justify="start", wrap=True, gap=1.5)
    return by, metric, since, split, until


@app.cell
def _(by, fetch_arrow, metric, metrics, since, split, until):
    sql = metrics.metric_sql(metric.value, by.value, split.value, since.value, until.value)
    result = fetch_arrow(sql)
    return result, sql


@app.cell
def _(alt, by, metric, metrics, mo, result, split):
    # Vega-Lite takes neither dates nor decimals.
    values = [
        {name: float(value) if name == metric.value and value is not None else value and str(value)
         for name, value in row.items()}
        for row in result.to_pylist()
    ]  # fmt: skip
    is_time, is_rate = metrics.DIMENSIONS[by.value].is_time, metric.value.endswith("rate")
    across = (
        alt.X(by.value, type="temporal", title=None, scale=alt.Scale(type="utc"))
        if is_time
        else alt.X(by.value, type="nominal", title=None, sort="-y")
    )
    up = alt.Y(
        metric.value,
        type="quantitative",
        title=metric.value.capitalize(),
        axis=alt.Axis(format=".0%" if is_rate else ",.0f"),
    )
    tooltip = [
        alt.Tooltip(by.value, type="temporal", format="%-d %b %Y")
        if is_time
        else alt.Tooltip(by.value, type="nominal"),
        alt.Tooltip(metric.value, type="quantitative", format=".1%" if is_rate else ",.1f"),
    ]
    chart = alt.Chart(alt.Data(values=values), height=340, width="container")
    chart = chart.mark_line(point=True) if is_time else chart.mark_bar()
    chart = chart.encode(x=across, y=up, tooltip=tooltip)
    if split.value not in (None, by.value):
        chart = chart.encode(color=alt.Color(split.value, type="nominal", title=split.value.capitalize()))
        if is_rate and not is_time:  # bars side by side, because rates cannot be stacked
            chart = chart.encode(xOffset=alt.XOffset(split.value, type="nominal"))
    mo.ui.altair_chart(chart) if values else mo.md("No bookings in this period.")
    return


@app.cell
def _(mo, result, sql):
    mo.vstack([mo.md(f"```sql\n{sql}\n```"), mo.accordion({"As a table": mo.ui.table(result, selection=None)})])
    return


if __name__ == "__main__":
    app.run()
