"""Carries out `bookings follow`: keeps the warehouse and its read copy fresh until it is stopped.

Input:  settings from dlt's configuration; how long to follow.
Output: rounds of `follow_loop`, one line each or one a minute, and a summary.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from bookings_sync.cli import signals
from bookings_sync.cli.follow_loop import Clocks, FollowLoop
from bookings_sync.cli.formatting import duration
from bookings_sync.cli.observing import watch
from bookings_sync.cli.output import Output
from bookings_sync.clock import utc_now
from bookings_sync.config.load import load_settings
from bookings_sync.config.settings import Settings
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.transform import transform
from bookings_sync.sync.follower import Follower
from bookings_sync.sync.pipeline import SyncResult, sync

_PIECE_SECONDS = 0.25


def run_follow(output: Output, *, seconds: float | None, page: Path | None) -> int:
    """Follows. Returns the exit code; raises BookingsError if following makes no sense."""
    settings = load_settings()
    follower = Follower(settings)
    started = time.monotonic()

    def sync_once(of_round: Settings, reads: Mapping[str, int]) -> SyncResult:
        follower.reads = reads
        run_id = output.log_formatter.run_id = uuid.uuid4().hex
        result = sync(of_round, clock=utc_now, run_id=run_id, follower=follower)
        observed.followed(result)
        return result

    def publish() -> None:
        with open_client(settings, writes=True, publishes=True) as client:
            transform(client, datasets(settings), now=utc_now())
        if page is not None:
            write_report(settings, page)

    def say(line: str) -> None:
        output.print(f"{utc_now():HH:mm:ss} {line}")

    observed = watch(settings)
    loop = FollowLoop(
        settings,
        sync=sync_once,
        publish=publish,
        say=say,
        pace=lambda name: follower.pace(name, utc_now()),
        clocks=Clocks(time.monotonic, time.process_time, _sleep),
    )
    names = ", ".join(settings.locations)
    say(f"following {names}, within {settings.follow_percent} % of the rate limits")
    try:
        loop.run(seconds)
    finally:
        follower.close()
    totals, took = loop.totals, time.monotonic() - started
    output.print(
        f"✓ followed for {duration(took)}: {totals.rounds:,} rounds, {totals.requests:,} requests, "
        f"{totals.changes:,} changes, {totals.publications:,} publications"
    )
    output.print_json(
        outcome="ok",
        seconds=round(took, 3),
        rounds=totals.rounds,
        requests=totals.requests,
        changes=totals.changes,
        publications=totals.publications,
        exit_code=0,
    )
    return 0


def _sleep(seconds: float) -> None:
    """Sleeps in short pieces: a library may have swallowed a signal's exception, in a destructor for example."""
    end = time.monotonic() + seconds
    while True:
        signals.raise_received()
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, _PIECE_SECONDS))


def write_report(settings: Settings, page: Path) -> None:
    """Writes the report of what was just published."""
    from bookings_sync.cli.html_file import write_html
    from bookings_sync.cli.report import report_figures
    from bookings_sync.models.access import open_published
    from bookings_sync.report import render

    with open_published(settings) as client:
        figures = report_figures(client, settings, utc_now())
    write_html(render(figures), page)
