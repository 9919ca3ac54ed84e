"""Declares the command that sets up a location."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from bookings_sync.cli.help import examples
from bookings_sync.cli.options import Json, Quiet, command_output

commands = typer.Typer()


@commands.command(
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
    raise typer.Exit(run_init(command_output(ctx, as_json=as_json, quiet=quiet), options))
