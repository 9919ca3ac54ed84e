"""Batches: small Arrow tables joined into larger ones, because dlt takes milliseconds for each table that it gets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from bookings_sync.changes.stage import Emitted

_ROWS_PER_BATCH = 20_000
_TABLES_PER_COPY = 100


def in_batches(emitted: Iterable[Emitted]) -> Iterator[Emitted]:
    """The same rows by table, in batches of at least `_ROWS_PER_BATCH` rows, and the remainders at the end."""
    waiting: dict[str, _Batch] = {}
    for table_name, arrow in emitted:
        batch = waiting.setdefault(table_name, _Batch())
        batch.add(arrow)
        if batch.rows >= _ROWS_PER_BATCH:
            yield table_name, waiting.pop(table_name).joined()
    for table_name, batch in waiting.items():
        yield table_name, batch.joined()


class _Batch:
    """Arrow tables that wait for more rows.

    Each column of a table has its own buffers, so a table of a few rows takes the memory of hundreds, and many
    locations emit thousands of such tables. After every `_TABLES_PER_COPY` tables they are copied into one.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._copied: list[pa.Table] = []
        self._latest: list[pa.Table] = []

    def add(self, arrow: pa.Table) -> None:
        self.rows += len(arrow)
        self._latest.append(arrow)
        if len(self._latest) >= _TABLES_PER_COPY:
            self._copied.append(pa.concat_tables(self._latest).combine_chunks())
            self._latest = []

    def joined(self) -> pa.Table:
        return pa.concat_tables([*self._copied, *self._latest])
