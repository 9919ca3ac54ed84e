"""Options of several commands, and the output they set up."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from bookings_sync.cli.output import Output


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


def global_options(
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


def command_output(ctx: typer.Context, *, as_json: bool = False, quiet: bool = False) -> Output:
    """The command's output, set up for its options."""
    output: Output = ctx.obj
    output.as_json, output.quiet = as_json, quiet
    output.set_up_logging()
    return output
