"""Declares the commands that simulate a calendar."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bookings_sync.cli.help import examples
from bookings_sync.cli.options import Json, Quiet, command_output

commands = typer.Typer()


@commands.command(
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
        command_output(ctx, as_json=as_json),
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


@commands.command(
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

    output = command_output(ctx, as_json=as_json, quiet=quiet)
    world = DemoWorld(locations=locations, services=services, appointments=appointments, seed=seed)
    raise typer.Exit(run_demo(output, world, folder, api))
