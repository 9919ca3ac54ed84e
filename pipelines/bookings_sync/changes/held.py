"""Held: what the warehouse holds of a record, as far as a diff needs it.

Input:  rows that `warehouse` found.
Output: `Held` and `Placed` by key. Pure.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from bookings_sync.planning.scopes import Kind, Scope, ids_of_lists
from bookings_sync.planning.windows import Window
from bookings_sync.records.columns import Key
from bookings_sync.records.tables import Table
from bookings_sync.records.values import epoch_ms


class Held(NamedTuple):
    """The current version of one record. `start_ms` is an appointment's start, epoch milliseconds."""

    digest: str
    deleted: bool
    start_ms: int | None = None


Listed = tuple[str, str]
"""A slot as a list shows it: its local date and its start, as text."""

HeldSlots = dict[Listed, Held]
"""The held slots of one service, by the way each was listed."""


class Placed(NamedTuple):
    """The current version of one appointment, and what decides which lists contain it: its own service, team and user,
    and the list that it came from if these do not name it."""

    held: Held
    columns: dict[Kind, str | None]
    listed_by: str | None = None

    @property
    def scopes(self) -> dict[Kind, str | None]:
        """The service, team and user that list it."""
        return ids_of_lists(self.columns, self.listed_by)

    def is_listed_in(self, scope: Scope, window: Window) -> bool:
        """Whether a list for this scope and window contains the appointment."""
        start = self.held.start_ms
        return start is not None and window.holds(start) and self.scopes.get(scope.kind) == scope.id


def keys_of(rows: pa.Table, table: Table) -> list[Key]:
    """The key of each row, without its location."""
    columns = [
        epoch_ms(rows[name]) if pa.types.is_timestamp(rows.schema.field(name).type) else rows[name].to_pylist()
        for name in table.key[1:]
    ]
    return list(zip(*columns, strict=True)) if columns else [()] * len(rows)
