"""Moving fields: finds a field that changes by itself, such as a token in a link.

Input:  some rows that this load has changed, what the warehouse still holds of them, and the counts of the last runs.
Output: names of fields, such as `appointments.joinLink`. Never values.

Such a field writes a version of each record in every run. It is suspected if most changed records differ in nothing
else, and as many records of the table changed in each of the last runs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from bookings_sync.changes.held import keys_of
from bookings_sync.changes.stage import Stage
from bookings_sync.records.rows import Rows
from bookings_sync.records.schema import STAMPED
from bookings_sync.records.tables import TABLES, Table
from bookings_sync.warehouse.held_rows import HeldRows

_LEAST = 3
"""Changed records of a table from which on it is looked at."""

_RUNS = 2
"""Earlier runs that must show the same."""

_MOST_SHARE = 0.8
"""Share of the changed records that differ in the one field only."""

_SOURCES = ("appointments", "contacts", "services", "teams")


def moving_fields(stage: Stage, held_rows: HeldRows) -> Iterator[str]:
    """The fields that seem to change by themselves."""
    changed = {name: stage.counts[name].changed for name in stage.samples if name in _SOURCES}
    suspected = {name: count for name, count in changed.items() if count >= _LEAST}
    if not suspected:
        return
    earlier = held_rows.changes_of_last_runs(_RUNS)
    for name, count in suspected.items():
        counts = [run.get(name, {}).get("changed", 0) for run in earlier]
        if len(counts) == _RUNS and all(2 * each >= count and each >= _LEAST for each in counts):
            yield from _only_difference(stage.samples[name], held_rows)


def _only_difference(rows: Rows, held_rows: HeldRows) -> Iterator[str]:
    whole = held_rows.rows(rows.table, rows.location_id, rows.keys)
    before = dict(zip(keys_of(whole, rows.table), whole.to_pylist(), strict=True))
    now = zip(rows.keys, rows.columns.to_pylist(), strict=True)
    differing = [_differing(rows.table, before[key], row) for key, row in now if key in before]
    alone = Counter(next(iter(fields)) for fields in differing if len(fields) == 1)
    for field, number in alone.most_common(1):
        if number >= _MOST_SHARE * len(differing):
            yield f"{rows.table.name}.{field}"


def _differing(table: Table, before: dict[str, Any], now: dict[str, Any]) -> set[str]:
    """The API's names of the fields in which two rows of a table differ."""
    fields: set[str] = set()
    for column in TABLES[table.name].columns:
        if column.name in STAMPED or column.name not in now or before[column.name] == now[column.name]:
            continue
        if column.name == "extra":
            one, other = (json.loads(row["extra"] or "{}") for row in (before, now))
            fields |= {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
        else:
            fields.add(column.derived.source if column.derived else column.source or column.name)
    return fields
