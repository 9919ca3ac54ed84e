"""Places: in which lists appointments are expected, by scope and start.

Input:  rows of `appointments`, or what the warehouse holds of them.
Output: start instants by scope, for `invalidation`. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import pyarrow as pa

from bookings_sync.changes.held import Held, Placed
from bookings_sync.planning.ledger import Read
from bookings_sync.planning.scopes import COLUMN, Kind, Scope, ids_of_lists
from bookings_sync.planning.windows import Window
from bookings_sync.records.values import epoch_ms


def places_of(rows: pa.Table, kinds: Iterable[Kind], apart_from: Read | None = None) -> dict[Scope, list[int]]:
    """Where these rows are listed by scopes of these kinds; without those in the window and scope of `apart_from`,
    where nearly all rows of a reply are."""
    places: dict[Scope, list[int]] = defaultdict(list)
    for kind in kinds:
        if kind not in COLUMN:
            continue
        others = rows if apart_from is None else _outside(rows, apart_from, kind)
        for start, scope_id in zip(epoch_ms(others["start_time"]), list_ids(others, kind), strict=True):
            if start is not None and scope_id is not None:
                places[Scope(kind, scope_id)].append(start)
    for starts in places.values():
        starts.sort()
    return places


def places_held(
    placed: Iterable[Placed], kinds: Iterable[Kind], apart_from: Read | None = None
) -> dict[Scope, list[int]]:
    """The same for appointments as the warehouse holds them."""
    places: dict[Scope, list[int]] = defaultdict(list)
    wanted = [kind for kind in kinds if kind in COLUMN]
    for each in placed:
        start = each.held.start_ms
        own = _own_scope(each, apart_from)
        scopes = each.scopes
        for kind in wanted:
            scope_id = scopes[kind]
            if start is not None and scope_id is not None and Scope(kind, scope_id) != own:
                places[Scope(kind, scope_id)].append(start)
    for starts in places.values():
        starts.sort()
    return places


def list_ids(rows: pa.Table, kind: Kind) -> list[str | None]:
    """The id of the list of this kind that contains each row."""
    ids: list[str | None] = rows[COLUMN[kind]].to_pylist()
    listed_by = rows["listed_by"]
    if listed_by.null_count == len(rows):
        return ids
    return [ids_of_lists({kind: each}, list_)[kind] for each, list_ in zip(ids, listed_by.to_pylist(), strict=True)]


def placed_rows(rows: pa.Table, held: Iterable[Held]) -> Iterator[Placed]:
    """Where rows are listed. `held` are the same rows as the warehouse will hold them, in the same order."""
    columns = zip(*(rows[name].to_pylist() for name in COLUMN.values()), strict=True)
    for each, ids, listed_by in zip(held, columns, rows["listed_by"].to_pylist(), strict=True):
        yield Placed(each, dict(zip(COLUMN, ids, strict=True)), listed_by)


def at_home(rows: pa.Table, read: Read) -> list[bool]:
    """For each appointment, whether the list that told it may be its own: it names no other list of the kind, and
    starts in the list's window."""
    kind, window = read.scope.kind, read.window
    if kind not in COLUMN or window is None:
        return [True] * len(rows)
    if len(rows) > _FEW and not len(rows.filter(_is_away(rows, rows[COLUMN[kind]], read.scope.id, window))):
        return [True] * len(rows)
    both = zip(rows[COLUMN[kind]].to_pylist(), epoch_ms(rows["start_time"]), strict=True)
    return [scope_id in (None, read.scope.id) and start is not None and window.holds(start) for scope_id, start in both]


_FEW = 1_000
"""Rows. Up to here, Python is faster than importing pyarrow.compute."""


def _own_scope(placed: Placed, read: Read | None) -> Scope | None:
    """The scope of `read`, if the appointment is in its window."""
    if read is None or read.window is None or not placed.is_listed_in(read.scope, read.window):
        return None
    return read.scope


def _outside(rows: pa.Table, read: Read, kind: Kind) -> pa.Table:
    if read.scope.kind != kind or read.window is None:
        return rows
    ids = rows[COLUMN[kind]]
    if rows["listed_by"].null_count < len(rows):
        ids = pa.chunked_array([pa.array(list_ids(rows, kind), pa.string())])
    return rows.filter(_is_away(rows, ids, read.scope.id, read.window))


def _is_away(rows: pa.Table, scope_ids: pa.ChunkedArray, scope_id: str, window: Window) -> pa.ChunkedArray:
    """For each row, whether it has another scope's id or none, or starts outside of the window."""
    import pyarrow.compute as pc  # slow to import; a run that only plans never needs it

    instant = rows.schema.field("start_time").type
    start, end = (pa.scalar(ms * 1000, instant) for ms in (window.start_ms, window.end_ms))
    starts = rows["start_time"]
    in_window = pc.and_(pc.greater_equal(starts, start), pc.less(starts, end))
    return pc.invert(pc.fill_null(pc.and_(pc.equal(scope_ids, scope_id), in_window), False))
