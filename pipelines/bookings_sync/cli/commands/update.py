"""Declares the commands that bring the warehouse and its tables up to date."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from bookings_sync.cli.help import examples
from bookings_sync.cli.options import Json, Quiet, command_output

commands = typer.Typer()


@commands.command(
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
    from bookings_sync.cli.lean_imports import import_less
    from bookings_sync.cli.memory import limit_memory_use

    limit_memory_use()
    import_less()
    from bookings_sync.cli.sync_options import SyncOptions

    options = SyncOptions(
        locations=tuple(location or ()),
        shard=shard,
        start=start,
        end=end,
        full=full,
        accept_deletions=tuple(accept_deletions or ()),
    )
    output = command_output(ctx, as_json=as_json, quiet=quiet)
    if plan:
        from bookings_sync.cli.plan import run_plan

        raise typer.Exit(run_plan(output, options))
    from bookings_sync.cli.sync import run_sync

    gc.freeze()  # imported objects live until the process ends: exclude them from garbage collection
    raise typer.Exit(run_sync(output, options))


@commands.command(
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
    from bookings_sync.cli.lean_imports import import_less
    from bookings_sync.cli.memory import limit_memory_use

    limit_memory_use()
    import_less()
    from bookings_sync.cli.run import run_all
    from bookings_sync.cli.sync_options import SyncOptions

    output = command_output(ctx, as_json=as_json, quiet=quiet)
    options = SyncOptions(locations=(), shard=None, start=None, end=None, full=False)
    raise typer.Exit(run_all(output, options, page))


@commands.command(
    epilog=examples(
        "bookings follow",
        "bookings follow --for 1h",
        "bookings follow --report report.html   a page that is never old",
    )
)
def follow(
    ctx: typer.Context,
    length: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="Stop after this time, such as 90s, 30m, 1h or 2d."),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write the report to this file after each change.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Keep the warehouse and the tables fresh, until stopped.

    It syncs a few windows every few seconds, the ones in which a change is
    most likely to wait, and publishes the tables when rows differ. It uses
    follow_percent of each location's rate limits. Ctrl-C or SIGTERM ends it;
    everything that was loaded is kept.
    """
    from bookings_sync.cli.memory import limit_memory_use

    limit_memory_use()
    from bookings_sync.cli.follow import run_follow
    from bookings_sync.cli.time_options import parse_duration

    seconds = None if length is None else parse_duration(length, "--for")
    gc.freeze()
    raise typer.Exit(run_follow(command_output(ctx, as_json=as_json, quiet=quiet), seconds=seconds, page=page))


@commands.command(
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
    from bookings_sync.cli.lean_imports import import_less

    import_less()
    from bookings_sync.cli.transform import run_transform

    output = command_output(ctx, as_json=as_json, quiet=quiet)
    raise typer.Exit(run_transform(output, select=select or [], dev=dev, as_of=as_of, audit_only=audit_only, full=full))
