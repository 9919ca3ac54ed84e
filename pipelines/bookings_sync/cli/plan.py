"""Carries out `bookings sync --plan`: shows the reads of the next sync.

Input:  the options, and what the warehouse knows about earlier reads. No request is sent.
Output: one row per location, endpoint and reason, and the total of requests.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from bookings_sync.cli.formatting import duration, migrations_due, styled, table
from bookings_sync.cli.output import Output
from bookings_sync.cli.sync_options import SyncOptions
from bookings_sync.clock import utc_now
from bookings_sync.config.settings import Settings
from bookings_sync.planning.plan import PlannedRead
from bookings_sync.planning.windows import Window
from bookings_sync.sync.pipeline import plan_run

_REASONS = {
    "list": "every run",
    "first": "first read",
    "asked": "requested",
    "hot": "hot range",
    "backfill": "never read",
    "outdated": "read before an upgrade",
    "cold": "read longest ago",
}


@dataclass(slots=True)
class _Group:
    """Planned reads of one location with the same endpoint and reason. `window` spans all of them."""

    reads: int = 0
    requests: int = 0
    window: Window | None = None

    def add(self, read: PlannedRead) -> None:
        self.reads += 1
        self.requests += read.requests
        if read.window is not None:
            span = self.window or read.window
            start, end = min(span.start_ms, read.window.start_ms), max(span.end_ms, read.window.end_ms)
            self.window = Window(start, end)


def run_plan(output: Output, options: SyncOptions) -> int:
    """Prints the plan. Returns the exit code."""
    settings, asked = options.load()
    planned = plan_run(settings, clock=utc_now, asked=asked, full=options.full)
    names, never_synced = planned.names, planned.never_synced
    # The sort is stable: each location's reads stay in order of urgency.
    reads = sorted(planned.reads, key=lambda read: names[read.location_id])
    groups: dict[tuple[str, str, str], _Group] = defaultdict(_Group)
    for read in reads:
        groups[names[read.location_id], read.endpoint, read.reason].add(read)
    requests: dict[str, int] = defaultdict(int)
    for (name, _, _), group in groups.items():
        requests[name] += group.requests
    # Locations have separate rate limits and are read in parallel: the busiest one takes longest.
    busiest = max(requests.values(), default=0)
    seconds = least_seconds(settings, busiest)
    total = sum(requests.values())

    rows = [
        (name, endpoint, _REASONS[reason], group.reads, group.requests, *_dates(group.window))
        for (name, endpoint, reason), group in groups.items()
    ]
    output.print(
        table(("location", "reads", "why", "windows", "requests", "from", "to"), rows),
        styled(
            f"A sync would send {total:,} requests{at_least(seconds)}. The limit is {settings.rate_limit} per "
            f"{settings.rate_period_seconds:g} s and location. Nothing was read.",
            "bold",
        ),
    )
    if planned.migrations:
        output.print(migrations_due(planned.migrations))
    if never_synced:
        output.print(
            f"Never synced: {', '.join(never_synced)}. A first sync reads more than shown: once it knows the teams and "
            "services, it reads the days around now and all history of each service."
        )
    output.print_json(
        outcome="planned",
        requests=total,
        least_seconds=seconds,
        never_synced=never_synced,
        migrations=planned.migrations,
        reads=[
            {
                "location": name,
                "endpoint": endpoint,
                "reason": reason,
                "reads": group.reads,
                "requests": group.requests,
                "from": None if group.window is None else group.window.start.to_iso8601_string(),
                "to": None if group.window is None else group.window.end.to_iso8601_string(),
            }
            for (name, endpoint, reason), group in groups.items()
        ],
        exit_code=0,
    )
    return 0


def _dates(window: Window | None) -> tuple[str | None, str | None]:
    if window is None:
        return None, None
    return window.start.to_date_string(), window.end.to_date_string()


def least_seconds(settings: Settings, requests: int) -> float:
    """How long the rate limit makes so many requests to one location take at least."""
    return max(requests - 1, 0) // settings.rate_limit * settings.rate_period_seconds


def at_least(seconds: float) -> str:
    """ " and take at least 2 min 10 s"; empty if the rate limit does not slow the requests down."""
    return f" and take at least {duration(seconds)}" if seconds else ""
