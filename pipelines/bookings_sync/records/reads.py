"""The rows of the raw table `reads`: the ledger's entries as Arrow, in both directions.

Input:  `Read`s of the ledger, or rows of the table.
Output: rows for the table, or `Read`s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from bookings_sync.planning.ledger import Read
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.tables import READS
from bookings_sync.records.values import epoch_ms


def ledger_rows(reads: Iterable[Read]) -> pa.Table:
    """Rows for the raw table `reads`."""
    listed = list(reads)
    windows = [read.window for read in listed]
    columns = {
        "read_id": [read.read_id for read in listed],
        "location_id": [read.location_id for read in listed],
        "endpoint": [read.endpoint for read in listed],
        "scope": [read.scope.kind for read in listed],
        "scope_id": [read.scope.id for read in listed],
        "window_start": [window and 1000 * window.start_ms for window in windows],
        "window_end": [window and 1000 * window.end_ms for window in windows],
        "read_at": [1000 * read.read_at_ms for read in listed],
        "run_id": [read.run_id for read in listed],
        "rules": [read.rules for read in listed],
        "reply_digest": [read.reply_digest for read in listed],
        "record_digests": [read.record_digests for read in listed],
        "reply_bytes": [read.reply_bytes for read in listed],
        "reply_rows": [read.reply_rows for read in listed],
        "seconds": [read.seconds for read in listed],
    }
    return pa.table(columns, schema=READS.schema)


def reads_from(rows: pa.Table) -> Iterator[Read]:
    """The reads that rows of the raw table `reads` tell of."""
    starts, ends, read_at = (epoch_ms(rows[name]) for name in ("window_start", "window_end", "read_at"))
    names = ("location_id", "endpoint", "scope", "scope_id", "run_id", "rules")
    of_reply = ("reply_digest", "reply_bytes", "reply_rows", "seconds")
    columns = [rows[name].to_pylist() for name in (*names, *of_reply)]
    # A table of before has none.
    digests = rows["record_digests"].to_pylist() if "record_digests" in rows.column_names else [None] * len(rows)
    for start, end, at, location_id, endpoint, kind, scope_id, run_id, rules, *reply in zip(
        starts, ends, read_at, *columns, digests, strict=True
    ):
        window = None if start is None or end is None else Window(start, end)
        yield Read(location_id, endpoint, Scope(kind, scope_id), window, at or 0, run_id, rules, *reply)
