"""Seen changes: counts the changes of appointments that earlier runs saw, for `bookings follow`.

Input:  the versions in `appointments`, and when the runs began.
Output: `SeenChanges` by location, from which `planning.change_rates` learns.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.planning.change_rates import HOUR_MS, SeenChanges
from bookings_sync.planning.scopes import COLUMN, Kind, Scope
from bookings_sync.planning.windows import to_ms
from bookings_sync.records.values import epoch_ms
from bookings_sync.warehouse.raw_tables import RawTables

_DAYS = 28
"""How far back changes count: four weeks show a weekly rhythm, and an older one may be over."""

_BULK_ROWS = 1_000
"""New rows of a location in one load, from which on the load reads history rather than changes."""

_MOST_ROWS = 100_000
"""The newest changes that are counted. More would not change the shares, and take a second to count."""


def seen_changes(client: SqlClientBase[object], kinds: Sequence[Kind], *, now: DateTime) -> dict[str, SeenChanges]:
    """The changes of the last weeks: each new version is one, unless its load read history."""
    raw, since = RawTables(client), now.subtract(days=_DAYS)
    columns = raw.columns("appointments")
    if not columns:
        return {}
    updated_at = "updated_at" if "updated_at" in columns else "CAST(NULL AS TIMESTAMP) AS updated_at"
    appointments = raw.name("appointments")
    rows = raw.rows(
        f"SELECT location_id, start_time, _dlt_valid_from, {updated_at}, {', '.join(COLUMN[kind] for kind in kinds)}"  # noqa: S608 - our own names
        f" FROM {appointments} WHERE _dlt_valid_from >= %s AND start_time IS NOT NULL AND _dlt_load_id NOT IN ("
        f" SELECT _dlt_load_id FROM {appointments} WHERE _dlt_valid_from >= %s"
        f" GROUP BY location_id, _dlt_load_id HAVING count(*) >= {_BULK_ROWS})"
        f" ORDER BY _dlt_valid_from DESC LIMIT {_MOST_ROWS}",
        since,
        since,
    )
    if rows is None:
        return {}
    began = [
        to_ms(row["started_at"])
        for row in raw.dicts(
            f"SELECT started_at FROM {raw.name('runs')} WHERE started_at >= %s ORDER BY started_at",  # noqa: S608
            since,
        )
    ]
    found: dict[str, SeenChanges] = {}
    instants = [epoch_ms(rows[name]) for name in ("start_time", "_dlt_valid_from", "updated_at")]
    for row, start_ms, seen_ms, updated_ms in zip(rows.to_pylist(), *instants, strict=True):
        # The load begins within its run: the run before is the last that did not see the change.
        before = bisect_left(began, seen_ms) - 2
        after_ms = began[before] if before >= 0 else seen_ms - HOUR_MS
        if updated_ms is not None and after_ms <= updated_ms <= seen_ms:
            after_ms = seen_ms = updated_ms
        scopes = [Scope(kind, row[COLUMN[kind]]) for kind in kinds if row[COLUMN[kind]] is not None]
        of_location = found.setdefault(row["location_id"], SeenChanges())
        for scope in scopes:
            of_location.add(scope, start_ms, after_ms, seen_ms, 1 / len(scopes))
    return found
