"""Declares the commands for readers of the published tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bookings_sync.cli.help import examples
from bookings_sync.cli.options import Json, Quiet, command_output

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "bookings report",
        "bookings report --open",
        "bookings report --location berlin --out berlin.html",
        "bookings report --text                                 in the terminal",
        "bookings report --as-of 2026-10-01 --out october.html  as known that day",
    )
)
def report(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Write the page to this file.")] = Path(
        "report.html"
    ),
    open_page: Annotated[bool, typer.Option("--open", metavar="", help="Open the page in the browser.")] = False,
    location: Annotated[
        list[str] | None,
        typer.Option("--location", "-l", metavar="NAME", help="Report only on this location. Repeatable."),
    ] = None,
    member_names: Annotated[
        bool, typer.Option("--member-names", metavar="", help="Show the names of staff. By default they are numbered.")
    ] = False,
    text: Annotated[
        bool, typer.Option("--text", metavar="", help="Print the report's tables in the terminal. Write no page.")
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="TIME",
            help="Report on the calendar as it was known at this time: a date (its midnight, UTC) or an ISO instant. "
            "Builds the tables for it first, like transform --as-of.",
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the report as one HTML page, and print the key figures.

    Run it after a transform. The page works offline and can be mailed. It
    contains no contact data, and staff names only with --member-names.
    """
    from bookings_sync.cli.report import run_report

    code = run_report(
        command_output(ctx, as_json=as_json, quiet=quiet),
        out=out,
        text=text,
        open_page=open_page,
        locations=location or [],
        member_names=member_names,
        as_of=as_of,
    )
    raise typer.Exit(code)


@commands.command(
    epilog=examples(
        'bookings query "SELECT status, sum(bookings) FROM rpt_bookings GROUP BY 1"',
        'bookings query "FROM dim_service" --out services.csv',
        "bookings query - --format json < question.sql",
        "bookings query --metric show_rate --by service --since 2026-01-01",
        "bookings query --metrics",
    )
)
def query(
    ctx: typer.Context,
    sql: Annotated[
        str | None, typer.Argument(help="One SQL query. Use - to read it from stdin.", metavar="[SQL]")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="Compute this metric of the catalogue instead of a query.")
    ] = None,
    by: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Group the metric by this dimension. Repeatable.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="First local day of the metric. By default all days count.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="Last local day of the metric.")] = None,
    metrics: Annotated[
        bool, typer.Option("--metrics", metavar="", help="List the metrics: what each means, and how to group it.")
    ] = False,
    file_format: Annotated[
        Literal["table", "csv", "json", "parquet"] | None,
        typer.Option(
            "--format", "-f", help="Format of the result. By default the extension of --out decides, else table."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the result to this file.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Show at most this many rows of a table. Other formats contain all rows.")
    ] = 100,
    raw: Annotated[
        bool,
        typer.Option(
            "--raw", metavar="", help="Write texts in CSV as they are, even if a spreadsheet would execute them."
        ),
    ] = False,
) -> None:
    """Run one SQL query on the published tables.

    Tables need no schema: FROM rpt_bookings works. Queries are read-only and
    use the copy that the last transform published, so they also work while a
    sync is running.

    With --metric, the SQL comes from the metrics catalogue, which defines each
    figure once. --metrics lists it.
    """
    from bookings_sync.cli.query import run_query, show_metrics, typed_sql
    from bookings_sync.cli.query_metrics import metric_question

    if [sql is not None, metric is not None, metrics].count(True) != 1:
        raise typer.BadParameter("expected a query, or --metric NAME, or --metrics", param_hint="SQL")
    if metric is None and (by or since or until):
        raise typer.BadParameter("only --metric has dimensions and days", param_hint="--by/--since/--until")
    output = command_output(ctx)
    if metrics:
        raise typer.Exit(show_metrics(output, file_format=file_format, out=out, raw=raw))
    question = typed_sql(sql) if sql is not None else metric_question(metric or "", by or [], since, until)
    raise typer.Exit(run_query(output, question=question, file_format=file_format, out=out, limit=limit, raw=raw))


@commands.command(epilog=examples("bookings docs", "bookings docs --out site/dictionary.html"))
def docs(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Write the page to this file.")] = Path(
        "dictionary.html"
    ),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the data dictionary: every metric, table and column on one page.

    Use it to look up the meaning of a metric, and the meaning, type, unit and
    lineage of a column, down to the field of the API. The page is searchable, works offline and
    contains no data.
    """
    from bookings_sync.cli.docs import run_docs

    raise typer.Exit(run_docs(command_output(ctx, as_json=as_json, quiet=quiet), out=out))


@commands.command(epilog=examples("bookings explore", "bookings explore --port 2718 --headless"))
def explore(
    ctx: typer.Context,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port on 127.0.0.1. By default any free port.")
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", metavar="", help="Do not open the browser.")] = False,
) -> None:
    """Chart metrics by dimension in the browser, and see the SQL.

    Use it to try questions before you write SQL. It reads the tables that the
    last transform published. It needs an extra: pip install
    'bookings-sync\\[explore]'
    """
    from bookings_sync.cli.explore import run_explore

    run_explore(command_output(ctx), port=port, open_browser=not headless)
