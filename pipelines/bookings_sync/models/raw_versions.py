"""Raw versions: a fingerprint of each raw table, so a transform knows which of them changed.

Input:  the raw tables of one run.
Output: `raw_versions`, a text for each table; `row_hash`, the hash of one row that the fingerprint sums up.

Changes are not guessed from a clock: every row counts. Rows of a history table are identified by their digest, the
columns that it does not cover, and the times of their version. Other tables have no digest, so all their columns count.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

from bookings_sync.models.destination import Destination
from bookings_sync.models.dialect import HISTORY_COLUMNS
from bookings_sync.models.run_tables import RunTables
from bookings_sync.records.schema import STAMPED
from bookings_sync.records.tables import TABLES, Table


def raw_versions(destination: Destination, tables: RunTables, names: Collection[str]) -> dict[str, str]:
    """A fingerprint of the rows of each raw table, as models see them: their number, and the sum of their hashes."""
    if not names:
        return {}
    queries = [
        f"SELECT '{name}', COUNT(*), SUM({row_hash(destination, TABLES[name])})"  # noqa: S608 - our own names
        f" FROM {destination.sql(exp.alias_(tables.table_for('raw', name), 'held', table=True))}"
        for name in sorted(names)
    ]
    return {
        str(name): fingerprint(rows, total) for name, rows, total in destination.execute(" UNION ALL ".join(queries))
    }


def fingerprint(rows: int, total: int | None) -> str:
    return f"{int(rows)}:{int(total or 0)}"


def row_hash(destination: Destination, table: Table, *, as_current: bool = False) -> str:
    """SQL for the hash of a row. With `as_current`, the hash that a version had before it ended."""
    names = [name for name in table.names if name in STAMPED or not table.history]
    names += HISTORY_COLUMNS if table.history else ()
    columns = ["NULL" if as_current and name == "_dlt_valid_to" else name for name in names]
    if destination.dialect == "duckdb":
        return f"HASH({', '.join('CAST(NULL AS TIMESTAMPTZ)' if each == 'NULL' else each for each in columns)})"
    times = {name for name, kind in HISTORY_COLUMNS.items() if kind == "timestamp"}
    times |= {column.name for column in table.columns if column.type == "timestamp"}
    # As text, a time depends on the session's time zone.
    texts = [f"EXTRACT(EPOCH FROM {each})" if each in times else each for each in columns]
    parts = ", ".join(f"COALESCE(CAST({each} AS TEXT), '~')" for each in texts)
    return f"HASHTEXTEXTENDED(CONCAT_WS('|', {parts}), 0)"
