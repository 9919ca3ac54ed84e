"""The commands `sync` and `transform` as functions, to be called from Python.

Input:  settings; by default those that the command would find.
Output: the result that the command prints.

The functions are not called `sync` and `transform`, because `bookings_sync.sync` is a package: the name would mean the
function or the package, depending on the order of imports.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import pendulum

from bookings_sync.clock import utc_now
from bookings_sync.config.load import load_settings
from bookings_sync.config.settings import Settings
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.transform import TransformResult, transform
from bookings_sync.planning.windows import asked_window
from bookings_sync.sync.pipeline import SyncResult, sync


def sync_warehouse(
    settings: Settings | None = None,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    full: bool = False,
    accept_deletions: Collection[str] = (),
) -> SyncResult:
    """Makes the warehouse equal to the API, as `bookings sync` does.

    `start` and `end` (with a time zone, `end` exclusive) replace the planned windows by one range. `full` reads all
    history. `accept_deletions` names the locations in which this run deletes what it would hold back. A location that
    fails does not raise: check `SyncResult.outcome`.

    Raises ConfigurationError, LockedError while another run is active, LoadError if the warehouse refuses a load, and
    ValueError for an impossible range.
    """
    asked = asked_window(start, end, full=full)
    settings = settings or load_settings()
    settings.only(accept_deletions)
    return sync(settings, clock=utc_now, asked=asked, full=full, accept_deletions=accept_deletions)


def transform_warehouse(
    settings: Settings | None = None,
    *,
    as_of: datetime | None = None,
    select: Sequence[str] = (),
    full: bool = False,
) -> TransformResult:
    """Builds, audits and publishes the reporting tables, as `bookings transform` does.

    `as_of` (with a time zone) builds the tables as they were known then, in datasets with names that end in `_as_of`.
    `select` takes the names and patterns of `--select`. `full` rebuilds every row instead of the changed appointments.

    Raises ConfigurationError, LockedError while another run is active, AuditError if an audit fails (the live tables
    stay as they were), ValueError for a moment in the future, and BookingsError before the first sync.
    """
    settings = settings or load_settings(need_locations=False)
    now = utc_now()
    moment = None if as_of is None else _instant(as_of)
    if moment is not None and moment > now:
        raise ValueError(f"as_of {moment.isoformat()} is in the future")
    with open_client(settings, writes=True, publishes=True) as client:
        return transform(client, datasets(settings), now=now, as_of=moment, select=select, full=full)


def _instant(moment: datetime) -> pendulum.DateTime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone: write datetime(…, tzinfo=UTC)")
    return pendulum.instance(moment).in_timezone("UTC")
