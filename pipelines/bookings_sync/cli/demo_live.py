"""The demo's live chapter: a change in the calendar, and the seconds until the report shows it.

Input:  the demo's calendar and warehouse.
Output: `LiveChange`. The rounds are those of `bookings follow`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bookings_sync.api.client import Client
from bookings_sync.api.writes import Writer
from bookings_sync.cli.follow_loop import Clocks, FollowLoop
from bookings_sync.cli.html_file import write_html
from bookings_sync.cli.report import report_figures
from bookings_sync.cli.sandbox_process import SandboxProcess
from bookings_sync.config.settings import Settings
from bookings_sync.errors import BookingsError
from bookings_sync.models.access import datasets, open_client, open_published
from bookings_sync.models.transform import transform
from bookings_sync.report import render
from bookings_sync.sync.follower import Follower
from bookings_sync.sync.pipeline import SyncResult, sync

_CHANGE_AFTER_SECONDS = 2.0
"""The change falls between two rounds, as in real life."""

_MOST_SECONDS = 120.0

_NEXT = """
SELECT location_id, appointment_id FROM bookings_marts.fct_appointments
WHERE status = 'confirmed' AND starts_at > TIMESTAMPTZ '{now}' ORDER BY starts_at, appointment_id LIMIT 1
"""
_IS_CANCELLED = "SELECT status = 'cancelled' FROM bookings_marts.fct_appointments WHERE appointment_id = %s"


@dataclass(frozen=True, slots=True)
class LiveChange:
    """An appointment that was cancelled, and the seconds until the report showed it. `rounds` and `requests` are those
    of all locations until then."""

    appointment_id: str
    seconds: float
    rounds: int
    requests: int


class _ShownError(Exception):
    """The report shows the change: the loop ends."""


def follow_one_change(settings: Settings, sandbox: SandboxProcess, page: Path) -> LiveChange:
    """Cancels the next appointment while following, until the report on `page` shows it. Raises BookingsError if that
    takes too long."""
    with open_published(settings) as client:
        ((location_id, appointment_id),) = client.execute_sql(_NEXT.format(now=sandbox.now.to_iso8601_string())) or ()
    (location,) = [each for each in settings.locations.values() if each.location_id == location_id]
    follower = Follower(settings)
    cancelled_at: list[float] = []

    def cancel() -> None:
        with Client(location, settings, clock=lambda: sandbox.now) as api:
            Writer(api).set_status(appointment_id, "cancelled")
        cancelled_at.append(time.monotonic())

    def sync_once(of_round: Settings, reads: Mapping[str, int]) -> SyncResult:
        follower.reads = reads
        return sync(of_round, clock=lambda: sandbox.now, follower=follower)

    def publish() -> None:
        with open_client(settings, writes=True, publishes=True) as client:
            transform(client, datasets(settings), now=sandbox.now)
        with open_published(settings) as client:
            figures = report_figures(client, settings, sandbox.now)
            ((is_shown,),) = client.execute_sql(_IS_CANCELLED, appointment_id) or ((False,),)
        write_html(render(figures), page)
        if is_shown:
            raise _ShownError

    loop = FollowLoop(
        settings,
        sync=sync_once,
        publish=publish,
        say=lambda _: None,
        pace=lambda name: follower.pace(name, sandbox.now),
        clocks=Clocks(time.monotonic, time.process_time, time.sleep),
    )
    timer = threading.Timer(_CHANGE_AFTER_SECONDS, cancel)
    timer.start()
    try:
        loop.run(_MOST_SECONDS)
    except _ShownError:
        seconds = time.monotonic() - cancelled_at[0]
        return LiveChange(appointment_id, round(seconds, 1), loop.totals.rounds, loop.totals.requests)
    finally:
        timer.cancel()
        timer.join()
        follower.close()
    raise BookingsError(f"expected a change in the report within {_MOST_SECONDS:.0f} s, and it was not there.")
