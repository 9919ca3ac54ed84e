"""Declares the `bookings` command: its commands, their options and their help.

Input:  the command line.
Output: an exit code. The module named after each command does the work.

`bookings --help` must be fast, so this module imports nothing heavy. Each command imports its module when it runs.
"""

from __future__ import annotations

import gc
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from bookings_sync.cli import signals
from bookings_sync.cli.help import EXIT_CODES, START, examples
from bookings_sync.cli.output import Output


class _ErrorReportingGroup(TyperGroup):
    """Turns any exception of a command into one line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException, SystemExit, BrokenPipeError):
            raise  # typer handles its own exceptions, and a closed pipe is not an error of ours
        except BaseException as error:  # noqa: BLE001 - the last handler before the process ends
            from bookings_sync.cli.error_report import report_error

            raise typer.Exit(report_error(error, ctx.obj)) from None


app = typer.Typer(
    cls=_ErrorReportingGroup,
    name="bookings",
    help="Copies a booking calendar into a warehouse and keeps the copy exact: late attendance marks, reschedules, "
    "back-dated bookings and deletions included.",
    epilog=f"{START}\n\n{EXIT_CODES}",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # rich tracebacks print variables, and some hold API keys
    context_settings={"help_option_names": ["-h", "--help"]},
)


# -- options of several commands ---------------------------------------------------------------------------------------


class LogFormat(StrEnum):
    """How log lines are written."""

    text = "text"
    json = "json"


Json = Annotated[
    bool,
    typer.Option("--json", metavar="", help="Print one JSON object on stdout. Everything else goes to stderr."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print errors only: no progress, no summary.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"bookings-sync {version('bookings-sync')}")
        raise typer.Exit


@app.callback()
def _global_options(
    ctx: typer.Context,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            metavar="",
            show_default=False,
            help="Log more to stderr. -v logs requests and retries; -v -v also logs dlt's steps and tracebacks, which "
            "may contain data. Put it before the command: bookings -v sync.",
        ),
    ] = 0,
    log_format: Annotated[
        LogFormat,
        typer.Option(
            "--log-format",
            envvar="BOOKINGS_LOG_FORMAT",
            help="json writes one JSON object per line to stderr, with run id and location, and shows no progress bar.",
        ),
    ] = LogFormat.text,
    _version: Annotated[
        bool, typer.Option("--version", metavar="", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    ctx.obj = Output(verbose)
    ctx.obj.log_json = log_format is LogFormat.json
    ctx.obj.command = ctx.invoked_subcommand or ""


def _output(ctx: typer.Context, *, as_json: bool = False, quiet: bool = False) -> Output:
    """The command's output, set up for its options."""
    output: Output = ctx.obj
    output.as_json, output.quiet = as_json, quiet
    output.set_up_logging()
    return output


# -- commands ----------------------------------------------------------------------------------------------------------


@app.command(
    context_settings={"allow_extra_args": True},  # an unexpected argument may be a key, so typer must not repeat it
    epilog=examples(
        "bookings init                                      asks for everything",
        "bookings init --name berlin --key-stdin < key.txt",
        "bookings init --name oslo --location-id Zx81       asks for the key only",
        "bookings init --name berlin --replace              a new key for berlin",
        "bookings init --base-url https://example.org/v1    a white label's host",
    ),
)
def init(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call the location in commands and reports.")
    ] = None,
    key_stdin: Annotated[
        bool,
        typer.Option("--key-stdin", metavar="", help="Read the key from stdin. Without it, the key is asked for."),
    ] = False,
    location_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="The location's id in the calendar. A token pit-… needs it, a v1 key does not."
        ),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="IANA zone of its local days, such as Europe/Berlin. v2 tells it itself."),
    ] = None,
    api: Annotated[
        Literal["v1", "v2"] | None, typer.Option(help="The API that serves it. By default the key's form decides.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Address of that API: a white label's host, or a sandbox's.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", metavar="", help="Replace the key of a location that is there already.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", metavar="", help="Write the files without testing the key.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Set up a location: ask for its key, test it, write the files in .dlt.

    Start here with an account of your own, in the folder that will hold the
    data. A second call adds a location and keeps all else in the files. It
    shows what the calendar lists and what a first sync will cost. If the key
    is refused, nothing is written. The key is never an option, because other
    users can see command lines.

    Exit code 3 means that the files were written and a test failed.
    """
    from bookings_sync.cli.init import InitOptions, run_init

    if ctx.args:
        raise typer.BadParameter("init takes options only. A key on a command line is seen by others: replace that key")
    options = InitOptions(
        name=name,
        key_stdin=key_stdin,
        location_id=location_id,
        timezone=timezone,
        api=api,
        base_url=base_url,
        replace=replace,
        offline=offline,
    )
    raise typer.Exit(run_init(_output(ctx, as_json=as_json, quiet=quiet), options))


@app.command(
    epilog=examples(
        "bookings sync",
        "bookings sync --plan",
        "bookings sync --location berlin --location oslo",
        "bookings sync --from 2026-01-01 --to 2026-02-01   January 2026, UTC",
        "bookings sync --full                              all history again",
        "bookings sync --shard 3/16                        worker 3 of 16",
    )
)
def sync(
    ctx: typer.Context,
    location: Annotated[
        list[str] | None,
        typer.Option(
            "--location", "-l", help="Sync only this location, by its configured name. Repeatable.", metavar="NAME"
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Read appointments from this time on: a date or an ISO instant, in UTC unless it names a zone. "
            "Without --to, read up to the horizon.",
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="TIME", help="Read appointments before this time. Without --from, read from history_start."
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", metavar="", help="Read all history again, from history_start to the horizon.")
    ] = False,
    accept_deletions: Annotated[
        list[str] | None,
        typer.Option(
            "--accept-deletions",
            metavar="NAME",
            help="Delete what earlier runs held back in this location. Holds for this run only. Repeatable.",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Sync only the locations of worker I of N. Workers may run at the same time into one PostgreSQL or "
            "cloud warehouse. All workers must use the same N.",
        ),
    ] = None,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            metavar="",
            help="Show what a sync would read, how many requests it needs and how long it takes. Send no request.",
        ),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Bring the warehouse up to date with the calendar.

    Run it as often as you need fresh data, for example every 30 minutes.
    Each run reads the days around now, then history that was never read
    (newest first), then the history that was read longest ago. It writes
    only rows that differ. After an interruption, the next run continues.
    """
    from bookings_sync.cli.memory import limit_memory_use

    limit_memory_use()
    from bookings_sync.cli.sync_options import SyncOptions

    options = SyncOptions(
        locations=tuple(location or ()),
        shard=shard,
        start=start,
        end=end,
        full=full,
        accept_deletions=tuple(accept_deletions or ()),
    )
    output = _output(ctx, as_json=as_json, quiet=quiet)
    if plan:
        from bookings_sync.cli.plan import run_plan

        raise typer.Exit(run_plan(output, options))
    from bookings_sync.cli.sync import run_sync

    gc.freeze()  # imported objects live until the process ends: exclude them from garbage collection
    raise typer.Exit(run_sync(output, options))


@app.command(
    epilog=examples(
        "bookings run",
        "bookings run --report report.html",
        "bookings run --quiet                   for cron",
        "bookings run --json > last-run.json    for an orchestrator",
    )
)
def run(
    ctx: typer.Context,
    page: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write the report to this file as well.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Sync, transform, and if you like write the report, in one process.

    It is what cron and orchestrators should call: it starts once, and prints
    one summary. The tables are published even if some locations failed or
    deletions are held; the exit code is the sync's. If the sync cannot run at
    all, or an audit fails, nothing is published.
    """
    from bookings_sync.cli.memory import limit_memory_use

    limit_memory_use()
    from bookings_sync.cli.run import run_all
    from bookings_sync.cli.sync_options import SyncOptions

    output = _output(ctx, as_json=as_json, quiet=quiet)
    options = SyncOptions(locations=(), shard=None, start=None, end=None, full=False)
    raise typer.Exit(run_all(output, options, page))


@app.command(
    epilog=examples(
        "bookings transform",
        "bookings transform --select +rpt_show_rate      and the models it reads",
        "bookings transform --audit-only                 check the live tables",
        "bookings transform --as-of 2026-10-01           as known on that day",
        "bookings transform --dev ann --select 'rpt_*'   try out a change",
    )
)
def transform(
    ctx: typer.Context,
    select: Annotated[
        list[str] | None,
        typer.Option(
            "--select",
            "-s",
            metavar="MODEL",
            help="Build only this model, or the models that match a pattern such as 'rpt_*'. +MODEL adds the models it "
            "reads, MODEL+ the models that read it. Repeatable.",
        ),
    ] = None,
    dev: Annotated[
        str | None,
        typer.Option(
            "--dev", metavar="NAME", help="Build into separate datasets that end in _NAME, to try out a change."
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="TIME",
            help="Build the tables as they were known at this time: a date (its midnight, UTC) or an ISO instant. They "
            "go into datasets that end in _as_of, or into those of --dev.",
        ),
    ] = None,
    audit_only: Annotated[
        bool, typer.Option("--audit-only", metavar="", help="Audit the live tables and build nothing.")
    ] = False,
    full: Annotated[
        bool,
        typer.Option("--full", metavar="", help="Rebuild every row, not only appointments that changed."),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build, audit and publish the reporting tables.

    Run it after each sync. It rebuilds the appointments that changed since
    the last transform. If an audit fails, nothing is published: readers keep
    the previous tables.
    """
    from bookings_sync.cli.transform import run_transform

    output = _output(ctx, as_json=as_json, quiet=quiet)
    raise typer.Exit(run_transform(output, select=select or [], dev=dev, as_of=as_of, audit_only=audit_only, full=full))


@app.command(
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
        _output(ctx, as_json=as_json, quiet=quiet),
        out=out,
        text=text,
        open_page=open_page,
        locations=location or [],
        member_names=member_names,
        as_of=as_of,
    )
    raise typer.Exit(code)


@app.command(
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
    output = _output(ctx)
    if metrics:
        raise typer.Exit(show_metrics(output, file_format=file_format, out=out, raw=raw))
    question = typed_sql(sql) if sql is not None else metric_question(metric or "", by or [], since, until)
    raise typer.Exit(run_query(output, question=question, file_format=file_format, out=out, limit=limit, raw=raw))


@app.command(epilog=examples("bookings docs", "bookings docs --out site/dictionary.html"))
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

    raise typer.Exit(run_docs(_output(ctx, as_json=as_json, quiet=quiet), out=out))


@app.command(epilog=examples("bookings explore", "bookings explore --port 2718 --headless"))
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

    run_explore(_output(ctx), port=port, open_browser=not headless)


@app.command(epilog=examples("bookings check", "bookings check --location berlin"))
def check(
    ctx: typer.Context,
    location: Annotated[
        list[str] | None, typer.Option("--location", "-l", metavar="NAME", help="Check only this location. Repeatable.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Test every API key and endpoint, and show how to fix what fails.

    Run it after setting up a location, or when a sync fails. It writes
    neither to the calendar nor to the warehouse.
    """
    from bookings_sync.cli.check import run_check

    raise typer.Exit(run_check(_output(ctx, as_json=as_json, quiet=quiet), locations=location or []))


@app.command(epilog=examples("bookings status", "bookings status --runs 20", "bookings status --json"))
def status(
    ctx: typer.Context,
    runs: Annotated[int, typer.Option("--runs", min=1, help="How many of the last runs to show.")] = 5,
    as_json: Json = False,
) -> None:
    """Show freshness, history coverage, the last runs and rejected records.

    Use it to see whether the data is up to date. It reads only the warehouse
    and sends no request.
    """
    from bookings_sync.cli.status import run_status

    raise typer.Exit(run_status(_output(ctx, as_json=as_json), runs=runs))


@app.command(epilog=examples("bookings doctor", "bookings doctor --apply", "bookings doctor --json"))
def doctor(
    ctx: typer.Context,
    apply: Annotated[
        bool, typer.Option("--apply", metavar="", help="Make the repairs, all or nothing. Without it, only show them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the history in the raw tables, and show or make repairs.

    In a sound history each record has one current version, a version ends
    when the next one begins, and a tombstone keeps the values of the version
    before it. Use it after somebody edited or restored the warehouse, or when
    an audit of `bookings transform` fails. It sends no request. After
    --apply, run `bookings sync`: it reads the locations concerned again.

    Exit code 3 means that repairs were found and not made.
    """
    from bookings_sync.cli.doctor import run_doctor

    raise typer.Exit(run_doctor(_output(ctx, as_json=as_json), apply=apply))


@app.command(
    epilog=examples(
        "bookings forget                                   rewrite history by the rules",
        "bookings forget --email ada@example.org           show, then ask",
        "bookings forget --contact Zx81 --location oslo",
        "bookings forget --phone '+47 123 45 678' --yes --json",
    )
)
def forget(
    ctx: typer.Context,
    contact: Annotated[str | None, typer.Option(metavar="ID", help="Erase the contact with this id.")] = None,
    email: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Erase the contacts with this email address.")
    ] = None,
    phone: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="Erase the contacts with this telephone number. Only its digits count."),
    ] = None,
    location: Annotated[
        list[str] | None,
        typer.Option("--location", "-l", metavar="NAME", help="Erase only in this location. Repeatable."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", metavar="", help="Erase without asking, for scripts.")] = False,
    as_json: Json = False,
) -> None:
    """Erase personal data from the warehouse: of one contact, or by the rules.

    Without a contact, it rewrites all versions by the present settings pii,
    pii_members, pii_keep, pii_hash and pii_drop: use it after you made them
    stricter. With a contact, it erases everything that the contact said or
    is, and its id, from every table, version, copy and freed page. The
    appointments stay, without the person. Later syncs recognise the contact
    and do not bring it back.

    It shows what it would erase and asks first. If it is interrupted, run it
    again: it finishes. It ends with a receipt that names no person, and with
    a list of what it cannot reach. Exit code 3 means that nothing was erased.
    """
    from bookings_sync.cli.forget import run_forget

    code = run_forget(
        _output(ctx, as_json=as_json), contact=contact, email=email, phone=phone, locations=location or [], yes=yes
    )
    raise typer.Exit(code)


@app.command(
    epilog=examples(
        "bookings sandbox",
        "bookings sandbox --locations 30 --appointments 1000000 --rate-limit 0",
        "bookings sandbox --port 8080 --api v2",
        "curl -X POST http://127.0.0.1:8080/sandbox/advance -d '{\"days\": 14}'",
    )
)
def sandbox(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1. 0 means any free port.")] = 0,
    api: Annotated[
        Literal["v1", "v2"], typer.Option(help="The API to print settings for. The sandbox serves both.")
    ] = "v1",
    seed: Annotated[int, typer.Option(help="Seed of the data. The same seed gives the same data.")] = 1,
    locations: Annotated[int, typer.Option(min=1, help="Number of locations. Each has its own API key.")] = 3,
    appointments: Annotated[int, typer.Option(min=0, help="Appointments in all locations together.")] = 20_000,
    services: Annotated[int, typer.Option(min=0, help="Number of services per location.")] = 6,
    past_days: Annotated[int, typer.Option(min=0, help="Days of history.")] = 400,
    future_days: Annotated[int, typer.Option(min=1, help="Days ahead that have bookings.")] = 120,
    now: Annotated[
        str | None, typer.Option(metavar="TIME", help="Where the simulated clock starts, UTC. By default now.")
    ] = None,
    rate_limit: Annotated[
        int, typer.Option(min=0, help="Requests per location and 10 seconds. 0 means no limit.")
    ] = 100,
    latency_ms: Annotated[float, typer.Option(min=0, help="Delay of each reply, in milliseconds.")] = 0,
    while_stdin: Annotated[bool, typer.Option("--while-stdin", hidden=True)] = False,
    as_json: Json = False,
) -> None:
    """Serve a simulated calendar with the real API, until Ctrl-C.

    Use it to try the connector without an account, or to develop against it.
    It prints the settings to paste. Its clock moves only when you advance it.
    """
    from bookings_sync.cli.sandbox import run_sandbox

    code = run_sandbox(
        _output(ctx, as_json=as_json),
        api=api,
        now=now,
        seed=seed,
        locations=locations,
        appointments=appointments,
        services=services,
        past_days=past_days,
        future_days=future_days,
        port=port,
        rate_limit=rate_limit,
        latency_ms=latency_ms,
        while_stdin=while_stdin,
    )
    raise typer.Exit(code)


@app.command(
    epilog=examples("bookings demo", "bookings demo --api v2", "bookings demo --appointments 100000 --folder big-demo")
)
def demo(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Option(help="Folder for the database and the report. Replaces those of an earlier demo.")
    ] = Path("demo"),
    locations: Annotated[int, typer.Option(min=1, help="Number of locations.")] = 3,
    services: Annotated[
        int, typer.Option(min=1, help="Number of services per location. More services need more requests and time.")
    ] = 5,
    appointments: Annotated[int, typer.Option(min=100, help="Number of appointments.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Seed of the data. Another seed gives other data.")] = 7,
    api: Annotated[Literal["v1", "v2"], typer.Option(help="The API that the simulated calendar has.")] = "v1",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Sync a simulated calendar into DuckDB twice, and see what changed.

    Start here: it needs no account, no key and no configuration. The sandbox
    simulates the calendar, with the real API's rate limit, and two weeks of
    bookings happen between the two syncs. It takes about half a minute.
    """
    from bookings_sync.cli.demo import DemoWorld, run_demo

    output = _output(ctx, as_json=as_json, quiet=quiet)
    world = DemoWorld(locations=locations, services=services, appointments=appointments, seed=seed)
    raise typer.Exit(run_demo(output, world, folder, api))


# -- the process -------------------------------------------------------------------------------------------------------


def main() -> None:
    """Runs the command line in this process. `start` is the console script, which handles signals first."""
    # Imported objects live until the process ends, so collect garbage less often than Python does by default.
    gc.set_threshold(500_000, 20, 100)
    # dlt's telemetry is on unless a config.toml turns it off, and there may be no config.toml.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    # All files hold customers' data: the database, its write-ahead log, the read copy, dlt's working files.
    os.umask(0o077)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # print ? where the terminal cannot encode ✓
    try:
        app()
    except SystemExit as leaving:
        if isinstance(leaving.code, int) and leaving.code in signals.EXIT_CODES:
            # A normal exit would wait for dlt's loading threads.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(leaving.code)
        raise
    finally:
        gc.freeze()
