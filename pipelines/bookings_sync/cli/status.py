"""Carries out `bookings status`.

Input:  the raw dataset. No request is sent.
Output: tables of the locations, the last runs, the deletions that are held back, and the rejected records.
"""

from __future__ import annotations

from dataclasses import asdict

from pendulum import DateTime

from bookings_sync.cli.formatting import ago, duration, migrations_due, styled, table
from bookings_sync.cli.output import Output
from bookings_sync.cli.unusable import print_unusable
from bookings_sync.clock import utc_now
from bookings_sync.config.files import UNREADABLE
from bookings_sync.config.keys import CONFIG_FILE, LOCATIONS_SECTION, key_of
from bookings_sync.config.load import load_settings
from bookings_sync.config.settings import Settings
from bookings_sync.errors import ConfigurationError
from bookings_sync.models.access import open_client
from bookings_sync.models.zones import STATED
from bookings_sync.records.holds import WHY
from bookings_sync.status import LocationStatus, RunStatus, Status, read_status

_OUTCOME_STYLES = {"ok": "green", "held": "yellow", "partial": "yellow", "failed": "red"}


def run_status(output: Output, *, runs: int) -> int:
    """Shows the status. Returns the exit code."""
    settings = load_settings_with_any_locations()
    now = utc_now()
    with open_client(settings) as client:
        status = read_status(client, settings, now=now, runs=runs)
    _print_status(output, status, now)
    output.print_json(outcome="ok", **asdict(status), exit_code=0)
    return 0


def load_settings_with_any_locations() -> Settings:
    """The settings with all configured locations. Unlike `load_settings`, accepts that none is configured.

    Reports read only the warehouse, so they need no API key. Configured locations that were never synced are still
    shown.
    """
    try:
        return load_settings()
    except ConfigurationError as error:
        if error.key != key_of("locations") and error.problem != UNREADABLE:
            raise
        return load_settings(need_locations=False)


def _print_status(output: Output, status: Status, now: DateTime) -> None:
    if status.migrations:
        output.print(styled(migrations_due(status.migrations), "yellow"))
    output.print(
        table(
            ("location", "fresh", "history read", "complete from", "oldest read", "appointments", "deleted"),
            [_location_row(each, now) for each in status.locations],
            title="Locations",
        ),
        table(
            ("run", "took", "outcome", "loads", "requests", "new", "changed", "moved", "deleted", "rejected"),
            [_run_row(each, now) for each in status.runs],
            title="Last runs",
        ),
    )
    seen = [_unseen_row(each) for each in status.locations if each.unseen]
    if seen:
        output.print(
            table(("location", "changes", "half within", "95 % within", "by the API's own times"), seen, title=_UNSEEN)
        )
    guessed = [each for each in status.locations if each.timezone_source not in (None, *STATED)]
    if guessed:
        zones = [(each.name, each.timezone, each.timezone_source) for each in guessed]
        output.print(
            table(("location", "time zone", "guessed from"), zones, title="Time zones that are guessed"),
            f"Local days and hours depend on them. To set one: timezone under [{LOCATIONS_SECTION}.LOCATION] in "
            f"{CONFIG_FILE}.",
        )
    if status.held:
        held = [(e.location, e.table, e.rows, ago(e.since, now), e.runs, WHY[e.why]) for e in status.held]
        output.print(
            table(("location", "table", "rows", "since", "runs", "why"), held, title="Deletions held back"),
            "These rows stay. If they are really gone: bookings sync --accept-deletions LOCATION",
        )
    print_unusable(output, status.unusable)
    if status.rejections:
        rows = [
            (each.location, each.table, each.reason, each.records, ago(each.last_at, now)) for each in status.rejections
        ]
        output.print(table(("location", "table", "why", "records", "last"), rows, title="Rejected records"))
    else:
        output.print("No record has been rejected.")


def _location_row(location: LocationStatus, now: DateTime) -> tuple[object, ...]:
    if location.location_id is None:
        return location.name, styled("never synced", "red"), None, None, None, None, None
    return (
        location.name,
        ago(location.fresh_at, now),
        f"{location.covered:.0%}",
        location.history_from.format("YYYY-MM-DD") if location.history_from else None,
        ago(location.oldest_read_at, now),
        location.appointments,
        location.deleted,
    )


_UNSEEN = "How long changes of the last day were unseen, at most"


def _unseen_row(location: LocationStatus) -> tuple[object, ...]:
    unseen = location.unseen
    assert unseen is not None  # noqa: S101 - the caller chose those
    by_api = (
        f"{_within(unseen.by_api_p50)}, {_within(unseen.by_api_p95)} ({unseen.by_api_changes:,} changes)"
        if unseen.by_api_changes
        else None
    )
    return location.name, unseen.changes, _within(unseen.at_most_p50), _within(unseen.at_most_p95), by_api


def _within(seconds: float | None) -> str:
    return "over 30 days" if seconds is None else duration(seconds)


def _run_row(run: RunStatus, now: DateTime) -> tuple[object, ...]:
    return (
        ago(run.started_at, now),
        duration(run.seconds),
        styled(run.outcome, _OUTCOME_STYLES.get(run.outcome, "")),
        run.loads,
        run.requests,
        run.rows_new,
        run.rows_changed,
        run.rows_moved,
        run.rows_deleted,
        run.rows_rejected,
    )
