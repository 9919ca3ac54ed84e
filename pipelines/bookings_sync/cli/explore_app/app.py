"""App: figures by dimensions, as chart, table and SQL.

Input:  what `bookings transform` published; the settings of the folder it runs in.
Output: a marimo app. `bookings explore` serves it; `marimo edit` on a copy of this file makes it one's own.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Explore bookings")


@app.cell
def _():
    import altair as alt
    import marimo as mo
    import pendulum

    from bookings_sync.cli.explore_app import question
    from bookings_sync.cli.query import ask

    return alt, ask, mo, pendulum, question


@app.cell
def _(mo):
    mo.md("""
    # Explore bookings

    Pick a figure and what to see it by. The SQL below is what is asked: paste it into `bookings query`, or anywhere
    else.
    """)
    return


@app.cell
def _(ask, mo, pendulum, question):
    (span,) = ask("SELECT min(local_date) AS first, max(local_date) AS last FROM rpt_bookings").to_pylist()
    today = pendulum.today("UTC").date()
    first, last = span["first"] or today, span["last"] or today
    recent = min(max(first, today.subtract(weeks=26).start_of("week")), last)
    figure = mo.ui.dropdown(list(question.FIGURES), value="bookings", label="Figure")
    by = mo.ui.dropdown(list(question.DIMENSIONS), value="week", label="By")
    split = mo.ui.dropdown(list(question.DIMENSIONS), value=None, allow_select_none=True, label="Split by")
    since = mo.ui.date(value=recent, start=first, stop=last, label="From")
    until = mo.ui.date(value=max(first, min(last, today)), start=first, stop=last, label="To")
    mo.hstack([figure, by, split, since, until], justify="start", wrap=True, gap=1.5)
    return by, figure, since, split, until


@app.cell
def _(ask, by, figure, question, since, split, until):
    sql = question.sql_of(figure.value, by.value, split.value, since.value, until.value)
    answer = ask(sql)
    return answer, sql


@app.cell
def _(alt, answer, by, figure, mo, question, split):
    # Days as text, and sums as plain numbers: what a chart takes from any warehouse.
    values = [
        {name: float(value) if name == figure.value and value is not None else value and str(value)
         for name, value in row.items()}
        for row in answer.to_pylist()
    ]  # fmt: skip
    is_time, is_rate = question.DIMENSIONS[by.value].is_time, figure.value.endswith("rate")
    across = (
        alt.X(by.value, type="temporal", title=None, scale=alt.Scale(type="utc"))
        if is_time
        else alt.X(by.value, type="nominal", title=None, sort="-y")
    )
    up = alt.Y(
        figure.value,
        type="quantitative",
        title=figure.value.capitalize(),
        axis=alt.Axis(format=".0%" if is_rate else ",.0f"),
    )
    told = [
        alt.Tooltip(by.value, type="temporal", format="%-d %b %Y")
        if is_time
        else alt.Tooltip(by.value, type="nominal"),
        alt.Tooltip(figure.value, type="quantitative", format=".1%" if is_rate else ",.1f"),
    ]
    chart = alt.Chart(alt.Data(values=values), height=340, width="container")
    chart = chart.mark_line(point=True) if is_time else chart.mark_bar()
    chart = chart.encode(x=across, y=up, tooltip=told)
    if split.value not in (None, by.value):
        chart = chart.encode(color=alt.Color(split.value, type="nominal", title=split.value.capitalize()))
        if is_rate and not is_time:  # side by side: rates do not add up
            chart = chart.encode(xOffset=alt.XOffset(split.value, type="nominal"))
    mo.ui.altair_chart(chart) if values else mo.md("Nothing in this period.")
    return


@app.cell
def _(answer, mo, sql):
    mo.vstack([mo.md(f"```sql\n{sql}\n```"), mo.accordion({"As a table": mo.ui.table(answer, selection=None)})])
    return


if __name__ == "__main__":
    app.run()
