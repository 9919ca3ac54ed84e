"""The rows of the raw tables `reads` and `look_ups`: converts the ledger's entries to Arrow and back.

Input:  `Read`s of the ledger, or rows of the table; the answers to appointments that were asked for by their ids.
Output: rows of the tables, or `Read`s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa

from bookings_sync.planning.ledger import Read
from bookings_sync.planning.look_ups import Due, LookUp
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.tables import LOOK_UPS, READS
from bookings_sync.records.values import epoch_ms

_SAME_NAME = (
    "location_id",
    "endpoint",
    "run_id",
    "rules",
    "reply_digest",
    "reply_bytes",
    "reply_rows",
    "seconds",
    "record_digests",
    "contents",
    "reply_cap",
    "rules_before",
)
"""Columns that hold the attribute of `Read` with the same name, in the order of `Read`'s arguments."""


def ledger_rows(reads: Iterable[Read]) -> pa.Table:
    """Rows of the raw table `reads`."""
    listed = list(reads)
    windows = [read.window for read in listed]
    columns = {
        "read_id": [read.read_id for read in listed],
        "scope": [read.scope.kind for read in listed],
        "scope_id": [read.scope.id for read in listed],
        "window_start": [window and 1000 * window.start_ms for window in windows],
        "window_end": [window and 1000 * window.end_ms for window in windows],
        "read_at": [1000 * read.read_at_ms for read in listed],
        **{name: [getattr(read, name) for read in listed] for name in _SAME_NAME},
    }
    return pa.table(columns, schema=READS.schema)


def reads_from(rows: pa.Table) -> Iterator[Read]:
    """The reads in rows of the raw table `reads`."""
    starts, ends, read_at = (epoch_ms(rows[name]) for name in ("window_start", "window_end", "read_at"))
    kinds, ids = rows["scope"].to_pylist(), rows["scope_id"].to_pylist()
    # Tables of older versions do not have the newest columns.
    same_name = [rows[name].to_pylist() if name in rows.column_names else [None] * len(rows) for name in _SAME_NAME]
    for start, end, at, kind, scope_id, location_id, endpoint, *others in zip(
        starts, ends, read_at, kinds, ids, *same_name, strict=True
    ):
        window = None if start is None or end is None else Window(start, end)
        yield Read(location_id, endpoint, Scope(kind, scope_id), window, at or 0, *others)


def look_up_rows(answers: Mapping[Due, LookUp], run_id: str) -> pa.Table:
    """Rows of the raw table `look_ups`."""
    columns = {
        "location_id": [each.location_id for each in answers],
        "id": [each.id for each in answers],
        "scope": [each.scope.kind for each in answers],
        "scope_id": [each.scope.id for each in answers],
        "asked_at": [1000 * each.asked_at_ms for each in answers.values()],
        "answer": [each.answer for each in answers.values()],
        "times": [each.times for each in answers.values()],
        "run_id": [run_id] * len(answers),
    }
    return pa.table(columns, schema=LOOK_UPS.schema)
