"""Declares the commands that check, repair and erase."""

from __future__ import annotations

from typing import Annotated

import typer

from bookings_sync.cli.help import examples
from bookings_sync.cli.options import Json, Quiet, command_output

commands = typer.Typer()


@commands.command(epilog=examples("bookings check", "bookings check --location berlin"))
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

    raise typer.Exit(run_check(command_output(ctx, as_json=as_json, quiet=quiet), locations=location or []))


@commands.command(epilog=examples("bookings status", "bookings status --runs 20", "bookings status --json"))
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

    raise typer.Exit(run_status(command_output(ctx, as_json=as_json), runs=runs))


@commands.command(epilog=examples("bookings doctor", "bookings doctor --apply", "bookings doctor --json"))
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

    raise typer.Exit(run_doctor(command_output(ctx, as_json=as_json), apply=apply))


@commands.command(
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
        command_output(ctx, as_json=as_json),
        contact=contact,
        email=email,
        phone=phone,
        locations=location or [],
        yes=yes,
    )
    raise typer.Exit(code)
