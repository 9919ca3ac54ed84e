"""`bookings sandbox`: serves a made-up business behind the calendar's API.

Input:  what kind of world, and how it is served.
Output: the address, and a secrets.toml to paste; then the server, until it is stopped.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import UTC, datetime

from bookings_sync.cli.console import Output, styled
from bookings_sync.cli.times import instant
from bookings_sync.clock import utc_now
from bookings_sync.errors import BookingsError
from bookings_sync.sandbox import RateLimit, World, WorldSpec, run


def run_sandbox(
    output: Output,
    *,
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
    """Serves until SIGINT or SIGTERM. Returns the exit code."""
    began = utc_now() if now is None else instant(now, "--now")
    if while_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()

    def ready(base_url: str, world: World) -> None:
        _say_ready(output, base_url, world)

    spec = WorldSpec(
        now=datetime.fromtimestamp(began.timestamp(), UTC),  # the sandbox knows no pendulum
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
            rate_limit=RateLimit(requests=rate_limit) if rate_limit else None,
            latency_ms=latency_ms,
            on_ready=ready,
        )
    except OSError as error:
        raise BookingsError(f"port {port} of 127.0.0.1 cannot be had: {error.strerror}") from error
    return 0


def _end_with_stdin() -> None:
    """Ends this process when standard input does: whoever started it is gone then, however it went."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _say_ready(output: Output, base_url: str, world: World) -> None:
    locations = world.locations
    output.result(
        base_url=base_url,
        now=world.now,
        locations=[{"name": each.name, "location_id": each.id, "api_key": each.key, "timezone": each.timezone}
                   for each in locations],
    )  # fmt: skip
    secrets = [f'[sources.bookings]\nbase_url = "{base_url}"']
    secrets += [f'[sources.bookings.locations.{each.name}]\napi_key = "{each.key}"' for each in locations]
    output.say(
        styled(f"The calendar answers at {base_url}", "bold green"),
        f"{len(locations)} locations; its clock stands at {world.now:%Y-%m-%d %H:%M} UTC until it is advanced.\n",
        styled("# .dlt/secrets.toml: these keys open this sandbox alone", "dim"),
    )
    if not output.as_json:
        # Whole lines, however narrow the terminal: they are to be copied.
        output.stdout.print("\n\n".join(secrets), soft_wrap=True)
    control = base_url.removesuffix("/v1") + "/sandbox"
    output.say(
        "",
        styled("# Let two weeks pass, then sync again:", "dim"),
        f"curl -X POST {control}/advance -d '{{\"days\": 14}}'",
        styled("\nCtrl-C ends it.", "dim"),
    )
