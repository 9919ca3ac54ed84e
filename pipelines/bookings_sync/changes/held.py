"""Held: what the warehouse holds, as it answers: digests by key, where appointments stand, whom a location has.

Input:  rows that `warehouse` found.
Output: `Held`, `Placed` and `Calendar`, which the diff and the plan compare and ask. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import pyarrow as pa

from bookings_sync.planning.scopes import COLUMN, Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.columns import Key
from bookings_sync.records.tables import APPOINTMENTS, Table
from bookings_sync.records.values import epoch_ms


class Held(NamedTuple):
    """What the warehouse holds of one record: its current version."""

    digest: str
    deleted: bool
    start_ms: int | None = None


Listed = tuple[str, str]
"""How a slot stands in a list: under which local date, and its start as text."""

HeldSlots = dict[Listed, Held]
"""What is held of one service's slots, by how each was listed."""


class Placed(NamedTuple):
    """What the warehouse holds of one appointment, and which lists it stands in: by service, team and user."""

    held: Held
    scopes: dict[str, str | None]

    def stands_in(self, scope: Scope, window: Window) -> bool:
        start = self.held.start_ms
        return start is not None and window.holds(start) and self.scopes.get(scope.kind) == scope.id


STANDING = pa.schema([APPOINTMENTS.schema.field(name) for name in ("location_id", "start_time", *COLUMN.values())])
"""What tells in which lists appointments stand."""


def standing_of(location_id: str, placed: Iterable[Placed]) -> pa.Table:
    """Where these stand: the columns of `STANDING`."""
    standing = list(placed)
    starts = [each.held.start_ms for each in standing]
    columns = {
        "location_id": [location_id] * len(standing),
        "start_time": [None if start is None else 1000 * start for start in starts],
        **{column: [each.scopes[kind] for each in standing] for kind, column in COLUMN.items()},
    }
    return pa.table(columns, schema=STANDING)


def keys_of(rows: pa.Table, table: Table) -> list[Key]:
    """The key of each row, without its location."""
    columns = [
        epoch_ms(rows[name]) if pa.types.is_timestamp(rows.schema.field(name).type) else rows[name].to_pylist()
        for name in table.key[1:]
    ]
    return list(zip(*columns, strict=True)) if columns else [()] * len(rows)


class Calendar(NamedTuple):
    """What the warehouse knows of one location: live services, teams and users, and whose appointments it holds."""

    services: tuple[str, ...]
    teams: tuple[str, ...]
    users: tuple[str, ...]
    appointment_scopes: tuple[Scope, ...]
    unlisted: int


NOTHING_KNOWN = Calendar((), (), (), (), 0)


def calendar_of(kinds: dict[str, list[dict[str, Any]]]) -> Calendar:
    """What these rows tell of one location: its live `services`, `teams` and `users` by `id`; and `held`, how many
    appointments stand by each combination of the columns of `COLUMN`, and how many of them have a start."""
    held = kinds.get("held", [])
    scopes = {
        Scope(kind, row[column]): None  # type: ignore[arg-type]
        for row in held
        for kind, column in COLUMN.items()
        if row[column] is not None
    }
    return Calendar(
        services=tuple(sorted({row["id"] for row in kinds.get("services", [])})),
        teams=tuple(sorted({row["id"] for row in kinds.get("teams", [])})),
        users=tuple(sorted({row["id"] for row in kinds.get("users", [])})),
        appointment_scopes=tuple(sorted(scopes)),
        unlisted=sum(
            row["held"] for row in held if row["placed"] < row["held"] or all(row[c] is None for c in COLUMN.values())
        ),
    )
