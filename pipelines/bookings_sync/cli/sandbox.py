"""Carries out `bookings sandbox`: serves a simulated calendar.

Input:  the size of the calendar, and how to serve it.
Output: the address and a secrets.toml to paste, then the server until it is stopped.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import UTC, datetime
from typing import Literal

from bookings_sync.cli.formatting import count, styled
from bookings_sync.cli.output import Output
from bookings_sync.cli.time_options import parse_time
from bookings_sync.clock import utc_now
from bookings_sync.errors import BookingsError
from bookings_sync.sandbox import Location, Quota, World, WorldSpec, run


def run_sandbox(
    output: Output,
    *,
    api: Literal["v1", "v2"],
    now: str | None,
    seed: int,
    locations: int,
    appointments: int,
    services: int,
    past_days: int,
    future_days: int,
    port: int,
    rate_limit: int,
    latency_ms: float,
    while_stdin: bool,
) -> int:
    """Serves until SIGINT or SIGTERM. Returns the exit code.

    The server answers both APIs; the printed settings are for `api`. `while_stdin` also stops it when stdin closes.
    """
    starts_at = utc_now() if now is None else parse_time(now, "--now")
    if while_stdin:
        threading.Thread(target=_stop_when_stdin_closes, daemon=True).start()

    def ready(base_url: str, world: World) -> None:
        _print_ready(output, base_url, world, api)

    spec = WorldSpec(
        now=datetime.fromtimestamp(starts_at.timestamp(), UTC),  # the sandbox does not use pendulum
        seed=seed,
        locations=locations,
        appointments=appointments,
        services_per_location=services,
        past_days=past_days,
        future_days=future_days,
    )
    try:
        run(
            spec,
            port=port,
            quota=Quota(requests=rate_limit) if rate_limit else None,
            latency_ms=latency_ms,
            on_ready=ready,
        )
    except OSError as error:
        raise BookingsError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}") from error
    return 0


def _stop_when_stdin_closes() -> None:
    """Stops this process when its parent ends, however the parent ends."""
    while os.read(sys.stdin.fileno(), 4096):  # not through the buffer, whose lock the interpreter needs to end
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _print_ready(output: Output, base_url: str, world: World, api: Literal["v1", "v2"]) -> None:
    locations = world.locations
    server_url = base_url.removesuffix("/v1")  # v2 is at the root
    output.print_json(
        base_url=base_url,
        v2_base_url=server_url,
        now=world.now,
        locations=[
            {
                "name": each.name,
                "location_id": each.id,
                "api_key": each.key,
                "v2_token": each.pit,
                "timezone": each.timezone,
            }
            for each in locations
        ],
    )
    served_at = base_url if api == "v1" else server_url
    secrets = [f'[sources.bookings]\n{"base_url" if api == "v1" else "v2_base_url"} = "{served_at}"']
    secrets += [f"[sources.bookings.locations.{each.name}]\n{_key_lines(each, api)}" for each in locations]
    output.print(
        styled(f"The calendar is served at {served_at}", "bold green"),
        f"It has {count(len(locations), 'location')}. "
        f"Its clock shows {world.now:%Y-%m-%d %H:%M} UTC until you advance it.\n",
        styled("# Paste this into .dlt/secrets.toml. The keys are valid only for this sandbox.", "dim"),
    )
    if not output.as_json:
        # Never wrap lines that are to be copied.
        output.stdout.print("\n\n".join(secrets), soft_wrap=True)
    output.print(
        "",
        styled("# Simulate two weeks, then sync again:", "dim"),
        f"curl -X POST {server_url}/sandbox/advance -d '{{\"days\": 14}}'",
        styled("\nPress Ctrl-C to stop.", "dim"),
    )


def _key_lines(location: Location, api: Literal["v1", "v2"]) -> str:
    """The settings of a location. A token of v2 does not tell the location's id."""
    if api == "v1":
        return f'api_key = "{location.key}"'
    return f'api_key = "{location.pit}"\nlocation_id = "{location.id}"'
