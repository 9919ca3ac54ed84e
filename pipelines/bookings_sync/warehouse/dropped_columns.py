"""Dropped columns: notices columns of the raw tables that somebody dropped, so that the next reads fill them again.

Input:  the raw dataset, and how earlier runs read replies (`records.interpretation`).
Output: the ledger no longer claims that replies were read into these columns. So they are looked at again, within the
        budget, as after an upgrade with a new column: no row counts as changed. dlt creates the columns again.

Without some columns the rows mean nothing, such as those of a key. Then no run can repair the table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.errors import BookingsError
from bookings_sync.planning.scopes import COLUMN
from bookings_sync.records.interpretation import Declarations
from bookings_sync.records.tables import APPOINTMENTS, READS, TABLES, Table
from bookings_sync.records.values import digest
from bookings_sync.warehouse.migrations import facts_of_reading, ways_of_reading
from bookings_sync.warehouse.properties import Properties
from bookings_sync.warehouse.raw_tables import RawTables
from bookings_sync.warehouse.row_digests import recompute

_OF_EVERY_VERSION = ("location_id", "row_digest", "deleted_at", "_dlt_valid_from", "_dlt_valid_to", "_dlt_load_id")

_ALSO_NEEDED: Mapping[str, tuple[str, ...]] = {
    APPOINTMENTS.name: ("start_time", "contact_id", *COLUMN.values()),
    READS.name: (
        *("location_id", "endpoint", "scope", "scope_id", "window_start", "window_end", "read_at", "run_id", "rules"),
        *("reply_digest", "reply_bytes", "reply_rows", "_dlt_load_id"),
    ),
}
"""Further columns without which rows mean nothing: those that say which list a row belongs to, or what was read."""


def withdraw_claims(client: SqlClientBase[Any], *, at: DateTime) -> list[str]:
    """Changes the ledger if columns are missing that replies were read into. Returns a warning for each such table.

    Changes nothing if it is repeated. Raises BookingsError if a table has lost a column that no run can fill. Callers
    hold the dataset's lock, and create the columns afterwards.
    """
    raw = RawTables(client)
    there = {name: columns for name in TABLES if (columns := raw.columns(name))}
    for name, existing in there.items():
        _check(TABLES[name], existing)
    missing = {name: {each for each in TABLES[name].names if each not in columns} for name, columns in there.items()}
    if "reads" not in there or not any(missing.values()):
        return []
    properties = Properties(client)
    declared = ways_of_reading(properties.read())
    ways: dict[str, Declarations] = {}
    lost: defaultdict[str, set[str]] = defaultdict(set)
    with client.begin_transaction():
        for row in raw.dicts(f"SELECT DISTINCT endpoint, rules FROM {raw.name('reads')}"):  # noqa: S608 - our own names
            rules, _, notice = str(row["rules"] or "").partition(" ")
            before = declared.get(rules, {})
            gone = {name: sorted(missing.get(name, set()) & columns.keys()) for name, columns in before.items()}
            if not any(gone.values()):
                continue
            other = digest([rules, gone])
            ways[other] = {
                name: {column: text for column, text in columns.items() if column not in gone[name]}
                for name, columns in before.items()
            }
            for name, some in gone.items():
                lost[name].update(some)
            client.execute_sql(
                f"UPDATE {raw.name('reads')} SET rules = {raw.literal(f'{other} {notice}'.strip())},"  # noqa: S608
                " reply_digest = NULL, record_digests = NULL"
                f" WHERE rules = {raw.literal(row['rules'])} AND endpoint = {raw.literal(row['endpoint'])}"
            )
        found = {name: sorted(columns) for name, columns in lost.items() if columns}
        for name in found:
            recompute(client, TABLES[name])
        if ways:
            properties.write(facts_of_reading(ways), at)
    return [
        f"the raw table {name} has lost its column {', '.join(columns)}: the next reads fill it again"
        for name, columns in found.items()
    ]


def _check(table: Table, there: frozenset[str]) -> None:
    needed = [*table.key, *(_OF_EVERY_VERSION if table.history else ()), *_ALSO_NEEDED.get(table.name, ())]
    if lost := [name for name in dict.fromkeys(needed) if name not in there]:
        raise BookingsError(
            f"the raw table {table.name} has lost its column {', '.join(lost)}, without which its rows mean nothing. "
            "Restore the table from a backup, or drop it: the next sync reads it again, without its past versions."
        )
