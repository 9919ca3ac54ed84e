"""Deltas: what a new build of a table changes, and how the change is applied to the published table.

Input:  a model; its published rows and its new rows, or those of some groups.
Output: `Delta`: two temporary tables with the rows that go and the rows that come, and the columns that differ.

A table is never rewritten if its rows are equal, so an unchanged warehouse keeps every byte of its file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bookings_sync.models.built import REMOVED, ROWS
from bookings_sync.models.destination import Destination, quoted
from bookings_sync.models.header import names
from bookings_sync.models.project import Model

_MOST_PAIRS = 1_000_000
"""PostgreSQL compares rows with nulls in their keys pair by pair. Above this many pairs, all columns count as
changed."""


@dataclass(frozen=True, slots=True)
class Delta:
    """`gone` and `come` are temporary tables with all columns of the model. `columns` are the columns that differ; with
    ROWS if keys came or went, with REMOVED if keys went."""

    gone: str
    come: str
    gone_rows: int
    come_rows: int
    columns: frozenset[str]

    @property
    def is_empty(self) -> bool:
        return not self.columns


def compare(destination: Destination, model: Model, old: str, new: str) -> Delta:
    """The delta between two tables or subqueries in SQL. Rows count as often as they occur."""
    columns = ", ".join(map(quoted, model.header.columns))
    gone, come = f"bookings_gone_{model.name}", f"bookings_come_{model.name}"
    for name, one, other in ((gone, old, new), (come, new, old)):
        destination.make_temporary(
            name,
            f"SELECT {columns} FROM {one} AS one EXCEPT ALL SELECT {columns} FROM {other} AS other",  # noqa: S608
        )
    gone_rows, come_rows = count(destination, gone), count(destination, come)
    changed: Iterable[str] = ()
    if gone_rows or come_rows:
        changed = _changed_columns(destination, model, gone, come, gone_rows, come_rows)
    return Delta(gone, come, gone_rows, come_rows, frozenset(changed))


def are_equal(destination: Destination, model: Model, one: str, other: str) -> bool:
    """A fast test that finds most equal tables on DuckDB. Two equal sums of 64-bit hashes mean equal rows."""
    if destination.dialect != "duckdb":
        return False
    columns = ", ".join(map(quoted, model.header.columns))
    first, second = (
        destination.execute(f"SELECT COUNT(*), SUM(HASH({columns})) FROM {each}")  # noqa: S608 - our own names
        for each in (one, other)
    )
    return list(first) == list(second)


def apply(destination: Destination, model: Model, live: str, delta: Delta) -> None:
    """Deletes the rows that go from the published table and inserts those that come."""
    columns = ", ".join(map(quoted, model.header.columns))
    if delta.gone_rows:
        key = same(model, model.header.key, "live", "gone")
        destination.execute(
            f"DELETE FROM {live} AS live WHERE EXISTS (SELECT 1 FROM {delta.gone} AS gone WHERE {key})"  # noqa: S608
        )
    if delta.come_rows:
        destination.execute(f"INSERT INTO {live} ({columns}) SELECT {columns} FROM {delta.come}")  # noqa: S608


def same(model: Model, columns: Iterable[str], one: str, other: str) -> str:
    """A condition: the two rows have the same values. Warehouses join faster by `=`, which columns without nulls
    allow."""
    never_null = never_nulls(model)
    return " AND ".join(
        f"{one}.{quoted(name)} {'=' if name in never_null else 'IS NOT DISTINCT FROM'} {other}.{quoted(name)}"
        for name in columns
    )


def never_nulls(model: Model) -> frozenset[str]:
    """The columns in which an audit allows no null."""
    return frozenset(name for line in model.header.audits if line.kind == "not null" for name in names(line.rule))


def count(destination: Destination, table: str) -> int:
    ((rows,),) = destination.execute(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - our own names
    return int(rows)


def _changed_columns(
    destination: Destination, model: Model, gone: str, come: str, gone_rows: int, come_rows: int
) -> Iterator[str]:
    everything = [*model.header.columns, ROWS, REMOVED]
    others = [name for name in model.header.columns if name not in model.header.key]
    if not gone_rows:
        yield from everything[:-1]
        return
    if not come_rows or (destination.dialect != "duckdb" and gone_rows * come_rows > _MOST_PAIRS):
        yield from everything
        return
    counts = "".join(
        f", SUM(CASE WHEN gone.{quoted(name)} IS DISTINCT FROM come.{quoted(name)} THEN 1 ELSE 0 END)"
        for name in others
    )
    ((pairs, *differing),) = destination.execute(
        f"SELECT COUNT(*){counts} FROM {gone} AS gone"  # noqa: S608 - our own names
        f" JOIN {come} AS come ON {same(model, model.header.key, 'gone', 'come')}"
    )
    if pairs != gone_rows:
        yield from everything
    elif pairs != come_rows:
        yield from everything[:-1]
    else:
        yield from (name for name, rows in zip(others, differing, strict=True) if rows)
