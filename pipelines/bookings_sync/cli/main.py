"""The `bookings` command: what may be asked, and how it is answered for.

Input:  the command line.
Output: exit codes; results on stdout, everything else on stderr. `commands` carries each command out.

This module imports nothing heavy, so that `--help` comes at once: each command imports what it needs.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from bookings_sync.cli.console import Output
from bookings_sync.cli.help import EXIT_CODES, START, examples


class _AnsweredFor(TyperGroup):
    """Runs a command; any failure becomes one line on stderr and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException, SystemExit, BrokenPipeError):
            raise  # Typer's own ways out, usage errors among them, and a reader of the output that has gone
        except BaseException as error:  # noqa: BLE001 - the last resort: whatever it was, it ends as an exit code
            from bookings_sync.cli.failures import answer_for

            raise typer.Exit(answer_for(error, ctx.obj)) from None


app = typer.Typer(
    cls=_AnsweredFor,
    name="bookings",
    help="Keeps a warehouse equal to a booking calendar's API: every late mark, reschedule, back-dated booking and "
    "deletion.",
    epilog=f"{START}\n\n{EXIT_CODES}",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # they would print the values of variables, keys among them
    context_settings={"help_option_names": ["-h", "--help"]},
)


class LogFormat(StrEnum):
    """How log lines are written."""

    text = "text"
    json = "json"


Json = Annotated[
    bool,
    typer.Option(
        "--json", metavar="", help="Print one JSON object on stdout and nothing else there; the rest is on stderr."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="No progress and no summary: errors alone.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"bookings-sync {version('bookings-sync')}")
        raise typer.Exit


@app.callback()
def _every_command(
    ctx: typer.Context,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            metavar="",
            show_default=False,
            help="Log to stderr: -v requests and retries, -v -v dlt's own steps too, and tracebacks (which may quote "
            "data). Comes before the command: bookings -v sync.",
        ),
    ] = 0,
    log_format: Annotated[
        LogFormat,
        typer.Option(
            "--log-format",
            envvar="BOOKINGS_LOG_FORMAT",
            help="json: one JSON object a line on stderr, with the run's id and the location, and no progress bar.",
        ),
    ] = LogFormat.text,
    _version: Annotated[
        bool, typer.Option("--version", metavar="", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    ctx.obj = Output(verbose)
    ctx.obj.log_json = log_format is LogFormat.json
    ctx.obj.command = ctx.invoked_subcommand or ""


def _output(ctx: typer.Context, *, as_json: bool, quiet: bool) -> Output:
    """The command's output, as its options have it."""
    output: Output = ctx.obj
    output.as_json, output.quiet = as_json, quiet
    output.set_up_logging()
    return output


@app.command(
    epilog=examples(
        "bookings sync",
        "bookings sync --plan",
        "bookings sync --location berlin --location oslo",
        "bookings sync --from 2026-01-01 --to 2026-02-01     January 2026, UTC",
        "bookings sync --full                                all history again",
        "bookings sync --shard 3/16                          the third of sixteen workers",
    )
)
def sync(
    ctx: typer.Context,
    location: Annotated[
        list[str] | None,
        typer.Option(
            "--location", "-l", help="Only this location, by its configured name. Repeatable.", metavar="NAME"
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Read from here: a date or an ISO instant; UTC where it names no zone. Alone: up to the horizon.",
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="Read up to here, exclusive. Alone: from history_start."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", metavar="", help="Read all history again, from history_start to the horizon.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Only the locations that fall to worker I of N, which may run at once into one PostgreSQL or cloud "
            "warehouse. All of them must say the same N.",
        ),
    ] = None,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan", metavar="", help="Print what would be read, in how many requests and how long; read nothing."
        ),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make the warehouse equal to the calendar.

    Reads the time around now, what was never read (newest first), and in
    turn the rest of history; loads only what differs. A run that is stopped
    anywhere is gone on with by the next.
    """
    from bookings_sync.cli.heaps import keep_little

    keep_little()
    from bookings_sync.cli.sync import run_plan, run_sync

    gc.freeze()  # all that was imported stays: the first look through it for garbage takes a tenth of a second
    carry_out = run_plan if plan else run_sync
    output = _output(ctx, as_json=as_json, quiet=quiet)
    raise typer.Exit(carry_out(output, locations=location or [], shard=shard, start=start, end=end, full=full))


@app.command(
    epilog=examples(
        "bookings transform",
        "bookings transform --select +rpt_show_rate      with all it needs",
        "bookings transform --audit-only                 check what stands",
        "bookings transform --as-of 2026-10-01           all as it stood then",
        "bookings transform --dev ann --select 'rpt_*'   try a change",
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
            help="Only this model, or a pattern of names such as 'rpt_*'; with a + before it what it is made of too, "
            "with a + behind it what is made of it. Repeatable.",
        ),
    ] = None,
    dev: Annotated[
        str | None,
        typer.Option(
            "--dev",
            metavar="NAME",
            help="Build in datasets of your own, whose names end in _NAME; the live ones stay as they are.",
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="TIME",
            help="Build everything as it was known then: a date (its midnight, UTC) or an ISO instant. Into datasets "
            "whose names end in _as_of, or in what --dev says.",
        ),
    ] = None,
    audit_only: Annotated[
        bool, typer.Option("--audit-only", metavar="", help="Audit the live tables and build nothing.")
    ] = False,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            metavar="",
            help="Build every row of every table again, and not only of the appointments that changed.",
        ),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build the reporting tables: write, audit, publish.

    A failed audit leaves the tables of before standing.
    """
    from bookings_sync.cli.transform import run_transform

    output = _output(ctx, as_json=as_json, quiet=quiet)
    raise typer.Exit(run_transform(output, select=select or [], dev=dev, as_of=as_of, audit_only=audit_only, full=full))


@app.command(
    epilog=examples(
        "bookings report",
        "bookings report --open",
        "bookings report --location berlin --out berlin.html",
        "bookings report --text                                in the terminal",
        "bookings report --as-of 2026-10-01 --out october.html as it stood then",
    )
)
def report(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where the page is written.")] = Path(
        "report.html"
    ),
    opens: Annotated[bool, typer.Option("--open", metavar="", help="Open the page in the browser.")] = False,
    location: Annotated[
        list[str] | None,
        typer.Option("--location", "-l", metavar="NAME", help="A page of only this location. Repeatable."),
    ] = None,
    names_members: Annotated[
        bool,
        typer.Option(
            "--member-names", metavar="", help="Name the members of staff in the page; else they are numbered."
        ),
    ] = False,
    text: Annotated[
        bool, typer.Option("--text", metavar="", help="Answer in tables in the terminal; write no page.")
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="TIME",
            help="As it stood then: a date (its midnight, UTC) or an ISO instant. Builds the tables of that moment "
            "first, as transform --as-of does.",
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the report: one HTML page, and its headlines here.

    The page holds everything it needs: mail it, or open it offline. No
    contact's data is in it, and no name of staff unless asked for.
    """
    from bookings_sync.cli.report import run_report

    output = _output(ctx, as_json=as_json, quiet=quiet)
    raise typer.Exit(
        run_report(
            output,
            out=out,
            text=text,
            opens=opens,
            locations=location or [],
            names_members=names_members,
            as_of=as_of,
        )
    )


@app.command(
    epilog=examples(
        'bookings query "SELECT status, sum(bookings) FROM rpt_bookings GROUP BY status"',
        'bookings query "FROM dim_service" --out services.csv',
        "bookings query - --format json < question.sql",
    )
)
def query(
    ctx: typer.Context,
    sql: Annotated[str, typer.Argument(help="The query; - takes it from stdin.", metavar="SQL")],
    form: Annotated[
        Literal["table", "csv", "json", "parquet"] | None,
        typer.Option("--format", "-f", help="How to answer; by default as FILE is named, else a table."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the answer there, not here.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows that a table shows; other formats give all.")] = 100,
) -> None:
    """Ask the published tables one question, in SQL.

    Tables need no schema before their names. Reads only, and from the copy
    that the last transform published: no sync is in its way.
    """
    from bookings_sync.cli.query import run_query

    output = _output(ctx, as_json=False, quiet=False)
    raise typer.Exit(run_query(output, sql=sql, form=form, out=out, limit=limit))


@app.command(epilog=examples("bookings docs", "bookings docs --out site/dictionary.html"))
def docs(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where the page is written.")] = Path(
        "dictionary.html"
    ),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the data dictionary: one HTML page of every table and column.

    What each means, its type and unit, and what it is made of, down to the
    field of the API. To search, to link to, to read offline; no data is in it.
    """
    from bookings_sync.cli.docs import run_docs

    raise typer.Exit(run_docs(_output(ctx, as_json=as_json, quiet=quiet), out=out))


@app.command(epilog=examples("bookings explore", "bookings explore --port 2718 --headless"))
def explore(
    ctx: typer.Context,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port on 127.0.0.1; by default a free one.")
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", metavar="", help="Do not open the browser.")] = False,
) -> None:
    """Pick figures and dimensions in the browser; see chart and SQL.

    Reads what the last transform published. Needs the extra: pip install
    'bookings-sync\\[explore]'
    """
    from bookings_sync.cli.explore import run_explore

    run_explore(_output(ctx, as_json=False, quiet=False), port=port, opens=not headless)


@app.command(epilog=examples("bookings check", "bookings check --location berlin"))
def check(
    ctx: typer.Context,
    location: Annotated[
        list[str] | None, typer.Option("--location", "-l", metavar="NAME", help="Only this location. Repeatable.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Try each location's key and each endpoint, and say what to do about what fails.

    Nothing is written, neither to the calendar nor to the warehouse.
    """
    from bookings_sync.cli.check import run_check

    raise typer.Exit(run_check(_output(ctx, as_json=as_json, quiet=quiet), locations=location or []))


@app.command(epilog=examples("bookings status", "bookings status --runs 20", "bookings status --json"))
def status(
    ctx: typer.Context,
    runs: Annotated[int, typer.Option("--runs", min=1, help="How many of the last runs to show.")] = 5,
    as_json: Json = False,
) -> None:
    """Say how fresh each location is, what history is read, how the last runs went.

    And what records were rejected, and why. Reads the warehouse alone.
    """
    from bookings_sync.cli.status import run_status

    raise typer.Exit(run_status(_output(ctx, as_json=as_json, quiet=False), runs=runs))


@app.command(
    epilog=examples(
        "bookings sandbox",
        "bookings sandbox --locations 30 --appointments 1000000 --rate-limit 0",
        "bookings sandbox --port 8080",
        "curl -X POST http://127.0.0.1:8080/sandbox/advance -d '{\"days\": 14}'",
    )
)
def sandbox(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 is any free one.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same world.")] = 1,
    locations: Annotated[int, typer.Option(min=1, help="Locations, each with its own key.")] = 3,
    appointments: Annotated[int, typer.Option(min=0, help="Appointments over all locations.")] = 20_000,
    services: Annotated[int, typer.Option(min=0, help="Services of each location.")] = 6,
    past_days: Annotated[int, typer.Option(min=0, help="Days of history.")] = 400,
    future_days: Annotated[int, typer.Option(min=1, help="Days ahead with bookings.")] = 120,
    now: Annotated[
        str | None, typer.Option(metavar="TIME", help="The world's clock at the start, UTC; this moment if left out.")
    ] = None,
    rate_limit: Annotated[
        int, typer.Option(min=0, help="Requests each location allows in any 10 seconds; 0 is no limit.")
    ] = 100,
    latency_ms: Annotated[float, typer.Option(min=0, help="How long each reply is held back, in milliseconds.")] = 0,
    while_stdin: Annotated[bool, typer.Option("--while-stdin", hidden=True)] = False,
    as_json: Json = False,
) -> None:
    """Serve the calendar's API itself, over a made-up business, until Ctrl-C.

    Its clock stands still until it is advanced.
    """
    from bookings_sync.cli.sandbox import run_sandbox

    code = run_sandbox(
        _output(ctx, as_json=as_json, quiet=False),
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


@app.command(epilog=examples("bookings demo", "bookings demo --appointments 100000 --folder big-demo"))
def demo(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Option(help="Where its database goes; a demo's database there is replaced.")] = Path(
        "demo"
    ),
    locations: Annotated[int, typer.Option(min=1, help="Locations of its world.")] = 3,
    services: Annotated[
        int, typer.Option(min=1, help="Services of each location. More of them, more requests, and longer to wait.")
    ] = 5,
    appointments: Annotated[int, typer.Option(min=100, help="Appointments of its world.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Another seed, another world.")] = 7,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Sync a living calendar into DuckDB, twice, and see what was found.

    Needs no account, no key and no configuration: the calendar is the
    sandbox, in a process of its own, at the true API's rate limit. Two weeks
    of its life pass between the two syncs.
    """
    from bookings_sync.cli.demo import DemoWorld, run_demo

    output = _output(ctx, as_json=as_json, quiet=quiet)
    world = DemoWorld(locations=locations, services=services, appointments=appointments, seed=seed)
    raise typer.Exit(run_demo(output, world, folder))


_GRACE_SECONDS = 8.0


def end_in_any_case(*_: Any) -> None:
    """Ctrl-C. A library or a finaliser may catch the interrupt, and it is lost: the process ends all the same then, for
    what was loaded stands whenever it does."""
    ending = threading.Timer(_GRACE_SECONDS, os._exit, (130,))
    ending.daemon = True
    ending.start()
    raise KeyboardInterrupt


def main() -> None:
    """The console script."""
    signal.signal(signal.SIGINT, end_in_any_case)
    # What a command imports stays to its end: to look through it for garbage again and again, and twice as Python
    # leaves, takes a quarter of a short one.
    gc.set_threshold(500_000, 20, 100)
    # dlt's telemetry is on by default, and there may be no config.toml to switch it off.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    # What a command makes holds customers' data: the database, its write-ahead log, the copy, dlt's working files.
    os.umask(0o077)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ✓ shows ?, rather than an error
    try:
        app()
    except SystemExit as leaving:
        if leaving.code == 130:
            # Python would first wait for the threads in which dlt loads a table.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(130)
        raise
    finally:
        gc.freeze()
