"""Status: the freshness and history of each location, the last runs, held deletions, and the rejected records.

Input:  dlt's SQL client on the raw dataset, settings, the time. Sends no request to the API.
Output: `Status`; `stale` finds the locations that are not fresh.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pendulum
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.config.settings import Settings
from bookings_sync.models.access import datasets
from bookings_sync.models.destination import Destination
from bookings_sync.models.errors import NothingSyncedError
from bookings_sync.models.unusable import Unusable, read_unusable
from bookings_sync.models.zones import Zone, read_zones
from bookings_sync.planning.calendar import Calendar
from bookings_sync.planning.ledger import Ledger
from bookings_sync.planning.plan import whole_range
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window, from_ms, gaps, to_ms
from bookings_sync.records.holds import Hold, Why
from bookings_sync.warehouse.history import History
from bookings_sync.warehouse.migrations import due
from bookings_sync.warehouse.unread_times import unread_times
from bookings_sync.warehouse.unseen_changes import UnseenChanges, unseen_changes


@dataclass(frozen=True, slots=True)
class LocationStatus:
    """One location. All times are UTC; None means never.

    - `fresh_at`: every scope's appointments around now were read at this time or later.
    - `history_from`: everything from this time until now was read at least once.
    - `covered`: the share of history that was read at least once.
    - `oldest_read_at`: no part of the history was last read before this time, so older changes are in the warehouse.
    - `timezone`, `timezone_source`: the zone of all local days and hours, and its origin, as in `dim_location`; None
      before the first transform. Only the source `configured` is no guess.
    - `unseen`: how long the changes of the last day were unseen; None without changes.
    """

    name: str
    location_id: str | None
    fresh_at: DateTime | None
    history_from: DateTime | None
    covered: float
    oldest_read_at: DateTime | None
    appointments: int
    deleted: int
    timezone: str | None = None
    timezone_source: str | None = None
    unseen: UnseenChanges | None = None


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One row of `runs`."""

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
    """The records of one table that were rejected for the same reason."""

    location: str
    table: str
    reason: str
    records: int
    last_at: DateTime


@dataclass(frozen=True, slots=True)
class HeldStatus:
    """The rows of one table that look deleted and stay, for one reason. `since` is the start of the first run that held
    any of them, and `runs` counts the runs since then that did."""

    location: str
    table: str
    why: Why
    rows: int
    since: DateTime
    runs: int


@dataclass(frozen=True, slots=True)
class Status:
    """The warehouse at one moment. Includes configured locations that were never synced, with `location_id` None."""

    locations: tuple[LocationStatus, ...]
    runs: tuple[RunStatus, ...]
    held: tuple[HeldStatus, ...]
    rejections: tuple[Rejection, ...]
    migrations: tuple[str, ...] = ()
    """What the next sync does first to a warehouse of an earlier version."""
    unusable: tuple[Unusable, ...] = ()
    """The values that no report uses: starts and ends that cannot be read, and what the last transform found."""


def read_status(client: SqlClientBase[Any], settings: Settings, *, now: DateTime, runs: int) -> Status:
    """The status, with the last `runs` runs. Raises NothingSyncedError before the first sync."""
    history = History(client)
    names = {location_id: name for location_id, (name, held) in history.locations().items() if not held.deleted}
    last_runs = _runs(client, runs)
    if not names and not last_runs:
        raise NothingSyncedError(settings.raw_dataset)
    ledger, calendars, counts = history.coverage(), history.calendars(), _counts(client)
    zones = {zone.location_id: zone for zone in read_zones(Destination(client, datasets(settings)))}
    unseen = unseen_changes(client, now=now)
    locations = [
        _location(
            name,
            location_id,
            ledger,
            calendars.get(location_id, Calendar()).scopes(settings.scopes),
            whole_range(settings, now),
            now,
            counts.get(location_id, (0, 0)),
            zones.get(location_id),
            unseen.get(location_id),
        )
        for location_id, name in names.items()
    ]
    locations += [
        LocationStatus(name, None, None, None, 0.0, None, 0, 0)
        for name in settings.locations
        if name not in names.values()
    ]
    return Status(
        tuple(sorted(locations, key=lambda each: each.name)),
        last_runs,
        _held(history, names),
        _rejections(client, names),
        tuple(due(client)),
        _unusable(client, settings, names),
    )


def stale(status: Status, names: Container[str], *, now: DateTime, after: timedelta) -> list[LocationStatus]:
    """The locations among `names` that are not fresh: read longer than `after` ago, or never."""
    return [
        each
        for each in status.locations
        if each.name in names and (each.fresh_at is None or now - each.fresh_at > after)
    ]


def _location(
    name: str,
    location_id: str,
    ledger: Ledger,
    scopes: list[Scope],
    whole: Window,
    now: DateTime,
    counts: tuple[int, int],
    zone: Zone | None,
    unseen: UnseenChanges | None,
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
        timezone=zone.timezone if zone else None,
        timezone_source=zone.source if zone else None,
        unseen=unseen,
    )


def _counts(client: SqlClientBase[Any]) -> dict[str, tuple[int, int]]:
    """The number of live and of deleted appointments, by location."""
    rows = rows_if_any(
        client,
        f"SELECT location_id, count(*), count(deleted_at) FROM {client.make_qualified_table_name('appointments')}"  # noqa: S608 - our own names
        " WHERE _dlt_valid_to IS NULL GROUP BY location_id",
    )
    return {location_id: (int(total) - int(deleted), int(deleted)) for location_id, total, deleted in rows}


def _unusable(client: SqlClientBase[Any], settings: Settings, names: dict[str, str]) -> tuple[Unusable, ...]:
    """Unreadable times are counted in the raw table, because they matter before the models are built, too."""
    unread = tuple(
        Unusable(
            names.get(each.location_id, each.location_id), "appointments", each.column, "not understood", *each[2:]
        )
        for each in unread_times(client)
    )
    counted = {(each.table, each.column, each.reason) for each in unread}
    built = read_unusable(Destination(client, datasets(settings)))
    return (*unread, *(each for each in built if (each.table, each.column, each.reason) not in counted))


def _runs(client: SqlClientBase[Any], limit: int) -> tuple[RunStatus, ...]:
    rows = rows_if_any(
        client,
        "SELECT run_id, started_at, ended_at, outcome, loads, requests, rows_new, rows_changed, rows_moved,"  # noqa: S608
        f" rows_deleted, rows_rejected, errors FROM {client.make_qualified_table_name('runs')}"
        f" ORDER BY started_at DESC LIMIT {int(limit)}",
    )
    return tuple(
        RunStatus(run_id, _utc(started), (ended - started).total_seconds(), *rest)
        for run_id, started, ended, *rest in rows
    )


def _held(history: History, names: dict[str, str]) -> tuple[HeldStatus, ...]:
    groups: dict[tuple[str, str, Why], list[Hold]] = {}
    for hold in history.holds():
        groups.setdefault((names.get(hold.location_id, hold.location_id), hold.table, hold.why), []).append(hold)
    return tuple(
        HeldStatus(
            *key,
            rows=sum(hold.rows for hold in holds),
            since=min(hold.first_seen_at for hold in holds),
            runs=max(hold.runs for hold in holds),
        )
        for key, holds in sorted(groups.items())
    )


def _rejections(client: SqlClientBase[Any], names: dict[str, str]) -> tuple[Rejection, ...]:
    rows = rows_if_any(
        client,
        "SELECT location_id, table_name, reason, count(*), max(rejected_at)"  # noqa: S608
        f" FROM {client.make_qualified_table_name('rejected_records')}"
        " GROUP BY location_id, table_name, reason ORDER BY count(*) DESC, location_id, table_name, reason",
    )
    return tuple(
        Rejection(names.get(location_id, location_id), table, reason, int(count), _utc(last))
        for location_id, table, reason, count, last in rows
    )


def rows_if_any(client: SqlClientBase[Any], sql: str, *values: Any) -> Iterable[Any]:
    """The rows of a query; none if its table does not exist yet."""
    try:
        return client.execute_sql(sql, *values) or ()
    except DatabaseUndefinedRelation:
        return ()


def _utc(instant: datetime) -> DateTime:
    return pendulum.instance(instant).in_timezone("UTC")
