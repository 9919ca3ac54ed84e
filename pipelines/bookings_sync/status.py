"""Status: how fresh each location is, what history is covered, how the last runs went, what was rejected.

Input:  dlt's SQL client on the raw dataset, settings, the time. The API is not asked.
Output: `Status`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pendulum
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.config.settings import Settings
from bookings_sync.models.errors import NothingSyncedError
from bookings_sync.planning.calendar import Calendar
from bookings_sync.planning.ledger import Ledger
from bookings_sync.planning.plan import whole_range
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window, from_ms, gaps, to_ms
from bookings_sync.warehouse.history import History


@dataclass(frozen=True, slots=True)
class LocationStatus:
    """One location. All times are UTC.

    `fresh_at`: the time around now was read, of every service, at this moment or later; None where some was not.
    `history_from`: from here on, to now, everything has been read at least once. `covered` is the share of history
    that has been. `oldest_read_at`: no part of that history was read longer ago, so any change before it is in.
    """

    name: str
    location_id: str | None
    fresh_at: DateTime | None
    history_from: DateTime | None
    covered: float
    oldest_read_at: DateTime | None
    appointments: int
    deleted: int


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One run, as `runs` has it."""

    run_id: str
    started_at: DateTime
    seconds: float
    outcome: str
    loads: int
    requests: int
    rows_new: int
    rows_changed: int
    rows_moved: int
    rows_deleted: int
    rows_rejected: int
    errors: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """Records of one table that were rejected for one reason."""

    location: str
    table: str
    reason: str
    records: int
    last_at: DateTime


@dataclass(frozen=True, slots=True)
class Status:
    """The warehouse at one moment. A configured location that was never synced is here too, with nothing known."""

    locations: tuple[LocationStatus, ...]
    runs: tuple[RunStatus, ...]
    rejections: tuple[Rejection, ...]


def read_status(client: SqlClientBase[Any], settings: Settings, *, now: DateTime, runs: int) -> Status:
    """The status, with the last `runs` runs. Raises NothingSyncedError before the first sync."""
    history = History(client)
    names = {location_id: name for location_id, (name, held) in history.locations().items() if not held.deleted}
    last_runs = _runs(client, runs)
    if not names and not last_runs:
        raise NothingSyncedError(settings.raw_dataset)
    ledger, calendars, counts = history.coverage(), history.calendars(), _counts(client)
    locations = [
        _location(
            name,
            location_id,
            ledger,
            calendars.get(location_id, Calendar()).scopes(settings.scopes),
            whole_range(settings, now),
            now,
            counts.get(location_id, (0, 0)),
        )
        for location_id, name in names.items()
    ]
    locations += [
        LocationStatus(name, None, None, None, 0.0, None, 0, 0)
        for name in settings.locations
        if name not in names.values()
    ]
    return Status(tuple(sorted(locations, key=lambda each: each.name)), last_runs, _rejections(client, names))


def _location(
    name: str,
    location_id: str,
    ledger: Ledger,
    scopes: list[Scope],
    whole: Window,
    now: DateTime,
    counts: tuple[int, int],
) -> LocationStatus:
    now_ms = to_ms(now)
    history = Window(whole.start_ms, max(now_ms, whole.start_ms + 1))
    unread_ms, since_ms = 0, history.start_ms
    newest: list[int] = []
    oldest: list[int] = []
    for scope in scopes:
        stretches = [each for each in ledger.stretches(location_id, scope) if each.window.overlaps(history)]
        unread = gaps(history, [each.window for each in stretches])
        unread_ms += sum(gap.length_ms for gap in unread)
        since_ms = max(since_ms, unread[-1].end_ms if unread else 0)
        oldest += [each.read.read_at_ms for each in stretches]
        newest.append(max((read.read_at_ms for read in ledger.covering(location_id, scope, now_ms - 1)), default=0))
    whole_ms = history.length_ms * len(scopes)
    fresh_ms = min(newest, default=0)
    return LocationStatus(
        name=name,
        location_id=location_id,
        fresh_at=from_ms(fresh_ms) if fresh_ms else None,
        history_from=from_ms(since_ms) if scopes and since_ms < history.end_ms else None,
        covered=1 - unread_ms / whole_ms if whole_ms else 0.0,
        oldest_read_at=from_ms(min(oldest)) if oldest else None,
        appointments=counts[0],
        deleted=counts[1],
    )


def _counts(client: SqlClientBase[Any]) -> dict[str, tuple[int, int]]:
    """Live and deleted appointments of each location."""
    rows = _rows(
        client,
        f"SELECT location_id, count(*), count(deleted_at) FROM {client.make_qualified_table_name('appointments')}"  # noqa: S608 - our own names
        " WHERE _dlt_valid_to IS NULL GROUP BY location_id",
    )
    return {location_id: (int(total) - int(deleted), int(deleted)) for location_id, total, deleted in rows}


def _runs(client: SqlClientBase[Any], limit: int) -> tuple[RunStatus, ...]:
    rows = _rows(
        client,
        "SELECT run_id, started_at, ended_at, outcome, loads, requests, rows_new, rows_changed, rows_moved,"  # noqa: S608
        f" rows_deleted, rows_rejected, errors FROM {client.make_qualified_table_name('runs')}"
        f" ORDER BY started_at DESC LIMIT {int(limit)}",
    )
    return tuple(
        RunStatus(run_id, _utc(started), (ended - started).total_seconds(), *rest)
        for run_id, started, ended, *rest in rows
    )


def _rejections(client: SqlClientBase[Any], names: dict[str, str]) -> tuple[Rejection, ...]:
    rows = _rows(
        client,
        "SELECT location_id, table_name, reason, count(*), max(rejected_at)"  # noqa: S608
        f" FROM {client.make_qualified_table_name('rejected_records')}"
        " GROUP BY location_id, table_name, reason ORDER BY count(*) DESC, location_id, table_name, reason",
    )
    return tuple(
        Rejection(names.get(location_id, location_id), table, reason, int(count), _utc(last))
        for location_id, table, reason, count, last in rows
    )


def _rows(client: SqlClientBase[Any], sql: str) -> Iterable[Any]:
    """The answer; nothing where the table does not exist yet."""
    try:
        return client.execute_sql(sql) or ()
    except DatabaseUndefinedRelation:
        return ()


def _utc(instant: datetime) -> DateTime:
    return pendulum.instance(instant).in_timezone("UTC")
