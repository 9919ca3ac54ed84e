"""Run tables: the table that each reference `layer.name` reads during one run.

Input:  the destination; the queries of the run; optionally a past moment to read the raw tables as of.
Output: `RunTables.table_for`: a table that this run builds, else a published one; raw tables as models see them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pendulum import DateTime
from sqlglot import exp

from bookings_sync.models.destination import NEXT, Destination
from bookings_sync.models.dialect import as_it_was, complete_reads, no_rows, timezones, with_columns
from bookings_sync.models.errors import ModelError, NothingSyncedError
from bookings_sync.models.project import READABLE_LAYERS, references
from bookings_sync.records.tables import READS, TABLES

LOADS = "_dlt_loads"
"""dlt's own table of loads. A row of `raw.reads` counts only if its load is complete there."""


@dataclass(slots=True)
class RunTables:
    """The tables that one run reads.

    `new` names the models that this run builds under the suffix NEXT; the run removes those it updates in place.
    `published` maps every other model to the destination that holds it.
    """

    destination: Destination
    raw: frozenset[str]
    has_loads: bool
    published: Mapping[tuple[str, str], Destination]
    new: set[str]
    as_of: DateTime | None
    missing: dict[str, set[str]] = field(default_factory=dict)
    """By raw table, the columns that the next sync adds to a warehouse of an earlier version."""

    @classmethod
    def find(
        cls,
        destination: Destination,
        queries: Iterable[exp.Query],
        *,
        new: Iterable[str],
        fall_back: Destination | None,
        as_of: DateTime | None,
    ) -> RunTables:
        """Looks up every table that `queries` read, in `destination` and then in `fall_back`.

        Raises NothingSyncedError if there is no raw table, and ModelError if a model that is read was never built or if
        nothing had been synced by `as_of`.
        """
        existing = destination.tables() if destination.is_tested else None
        raw = frozenset(
            name for name in TABLES if (destination.has("raw", name) if existing is None else ("raw", name) in existing)
        )
        if not raw:
            raise NothingSyncedError(destination.datasets.raw)
        has_loads = destination.has("raw", LOADS) if existing is None else ("raw", LOADS) in existing
        if as_of is not None:
            _check_synced_by(destination, raw, as_of)
        new = set(new)
        read = {(table.db, table.name) for query in queries for table in references(query)}
        places = [destination] if fall_back is None else [destination, fall_back]
        published: dict[tuple[str, str], Destination] = {}
        missing: list[str] = []
        for layer, name in sorted(read):
            if layer not in READABLE_LAYERS or name in new:
                continue
            place = next((place for place in places if place.has(layer, name)), None)
            if place is None:
                missing.append(f"{layer}.{name}")
            else:
                published[layer, name] = place
        if missing:
            raise ModelError(
                f"never built: {', '.join(missing)}. Select them too: +NAME selects a model and everything upstream"
            )
        missing_columns = {
            name: set(TABLES[name].names) - existing["raw", name] for name in raw if existing is not None
        }
        return cls(destination, raw, has_loads, published, new, as_of, missing_columns)

    def table_for(self, layer: str, name: str) -> exp.Expr:
        """The table or subquery that the reference `layer.name` reads."""
        if layer == "warehouse":
            return timezones(self.destination.dialect)
        if layer == "raw":
            return self._raw_table(name)
        if name in self.new:
            return self.destination.table(layer, name + NEXT)
        return self.published.get((layer, name), self.destination).table(layer, name)

    def _raw_table(self, name: str) -> exp.Expr:
        """A raw table as models see it: empty if it does not exist yet, only complete reads, as of `as_of`."""
        if name not in self.raw:
            return no_rows(TABLES[name])
        table: exp.Expr = self.destination.table("raw", name)
        if name == READS.name and self.has_loads:
            table = complete_reads(self.destination.table("raw", name), self.destination.table("raw", LOADS))
        if name not in self.missing:
            self.missing[name] = set(TABLES[name].names) - self.destination.columns("raw", name)
        table = with_columns(TABLES[name], table, self.missing[name])
        return table if self.as_of is None else as_it_was(TABLES[name], table, self.as_of)


def _check_synced_by(destination: Destination, raw: Iterable[str], as_of: DateTime) -> None:
    """Raises ModelError if the first sync was after `as_of`."""
    firsts: list[datetime] = []
    for name in raw:
        if TABLES[name].history:
            since = exp.Min(this=exp.column("_dlt_valid_from"))
            ((first,),) = destination.rows(exp.select(since).from_(destination.table("raw", name)))
            firsts += [first] if first is not None else []
    if not firsts or min(firsts) > as_of:
        known = f"the first sync was at {min(firsts):%Y-%m-%d %H:%M:%S %Z}" if firsts else "no table has any rows"
        raise ModelError(f"nothing had been synced by {as_of.in_timezone('UTC'):%Y-%m-%d %H:%M:%S %Z}: {known}")
