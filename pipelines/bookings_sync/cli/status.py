"""`bookings status`: what the warehouse says of itself.

Input:  the raw dataset.
Output: three tables: locations, runs, rejected records.
"""

from __future__ import annotations

from dataclasses import asdict

from pendulum import DateTime

from bookings_sync.cli.console import Output, seconds, styled, table
from bookings_sync.cli.times import ago
from bookings_sync.clock import utc_now
from bookings_sync.config.keys import key_of
from bookings_sync.config.load import load_settings
from bookings_sync.config.settings import Settings
from bookings_sync.errors import ConfigurationError
from bookings_sync.models.access import open_client
from bookings_sync.status import LocationStatus, Status, read_status

_OUTCOMES = {"ok": "green", "partial": "yellow", "failed": "red"}


def run_status(output: Output, *, runs: int) -> int:
    """Shows the status. Returns the exit code."""
    settings = settings_of_all()
    now = utc_now()
    with open_client(settings) as client:
        status = read_status(client, settings, now=now, runs=runs)
    _say(output, status, now)
    output.result(outcome="ok", **asdict(status), exit_code=0)
    return 0


def settings_of_all() -> Settings:
    """With the locations where there are any: one that was never synced is to be seen. None is needed."""
    try:
        return load_settings()
    except ConfigurationError as error:
        if error.key != key_of("locations"):
            raise
        return load_settings(need_locations=False)


def _say(output: Output, status: Status, now: DateTime) -> None:
    output.say(
        table(
            ("location", "fresh", "history read", "complete from", "oldest read", "appointments", "deleted"),
            [_location_row(each, now) for each in status.locations],
            title="Locations",
        )
    )
    output.say(
        table(
            ("run", "took", "outcome", "loads", "requests", "new", "changed", "moved", "deleted", "rejected"),
            [
                (
                    ago(run.started_at, now),
                    seconds(run.seconds),
                    styled(run.outcome, _OUTCOMES.get(run.outcome, "")),
                    run.loads,
                    run.requests,
                    run.rows_new,
                    run.rows_changed,
                    run.rows_moved,
                    run.rows_deleted,
                    run.rows_rejected,
                )
                for run in status.runs
            ],
            title="Last runs",
        )
    )
    if status.rejections:
        rows = [(each.location, each.table, each.reason, each.records, ago(each.last_at, now))
                for each in status.rejections]  # fmt: skip
        output.say(table(("location", "table", "why", "records", "last"), rows, title="Rejected records"))
    else:
        output.say("No record was ever rejected.")


def _location_row(each: LocationStatus, now: DateTime) -> tuple[object, ...]:
    if each.location_id is None:
        return each.name, styled("never synced", "red"), None, None, None, None, None
    return (
        each.name,
        ago(each.fresh_at, now),
        f"{each.covered:.0%}",
        each.history_from.format("YYYY-MM-DD") if each.history_from else None,
        ago(each.oldest_read_at, now),
        each.appointments,
        each.deleted,
    )
