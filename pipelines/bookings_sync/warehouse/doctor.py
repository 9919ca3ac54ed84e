"""The doctor: checks the history of the whole raw dataset, and repairs what can be repaired without guessing.

Input:  dlt's SQL client on the raw dataset.
Output: a `Flaw` for each kind of damage in each table. `repair` changes the tables in one transaction, and withdraws
        the ledger's claims about the locations concerned, so the next sync reads them again.

In a sound history each record has one current version, a version ends when the next one begins, and a tombstone has
the values of the version before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.errors import BookingsError
from bookings_sync.planning.ledger import LOST
from bookings_sync.records.columns import row_digests
from bookings_sync.records.interpretation import endpoints_of
from bookings_sync.records.schema import STAMPED
from bookings_sync.records.tables import TABLES, Table, nested_tables
from bookings_sync.warehouse.raw_tables import RawTables, in_chunks

_ROW = {"duckdb": "rowid", "postgres": "ctid"}
"""The column that identifies a row, by dialect. Other destinations are checked and not repaired."""

_SHOWN = 3
_ROWS_AT_ONCE = 20_000

_HISTORIES = [table for table in TABLES.values() if table.history]


@dataclass(frozen=True, slots=True)
class Flaw:
    """One kind of damage in one table. `examples` are keys. `repair` describes what `--apply` does; None if
    nothing can be done without guessing. `location_ids` are the locations concerned."""

    table: str
    what: str
    rows: int
    examples: tuple[str, ...]
    repair: str | None
    location_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Check:
    """`where` selects from `_versions`, which shows each version next to the one before it and the one after it."""

    what: str
    where: str
    repair: str | None


_END = "it ends when the next version begins"
_VALUES_BEFORE = "it gets the values of the version before"
_READ_AGAIN = "the next sync reads the location again"
_REMOVED = "they are removed, and the version before lasts until the next one"

_CHECKS = (
    _Check("copies of one version", "copy > 1", "the copy is removed"),
    _Check("two current versions", "copy = 1 AND _dlt_valid_to IS NULL AND next_from IS NOT NULL", _END),
    _Check(
        "versions that overlap",
        "copy = 1 AND _dlt_valid_to > next_from AND _dlt_valid_to >= _dlt_valid_from",
        _END,
    ),
    _Check("versions that end before they begin", "copy = 1 AND _dlt_valid_to < _dlt_valid_from", _END),
    _Check(
        "records without a current version",
        "copy = 1 AND next_from IS NULL AND _dlt_valid_to IS NOT NULL AND _dlt_valid_to >= _dlt_valid_from",
        _READ_AGAIN,
    ),
    _Check(
        "gaps between two versions", "copy = 1 AND _dlt_valid_to < next_from AND _dlt_valid_to >= _dlt_valid_from", None
    ),
)


class Doctor:
    """Examines and repairs the raw tables."""

    def __init__(self, client: SqlClientBase[Any]) -> None:
        self._client = client
        self._raw = RawTables(client)
        self._row = _ROW.get(client.capabilities.sqlglot_dialect or "", "")

    # -- examine -------------------------------------------------------------------------------------------------------

    def examine(self) -> list[Flaw]:
        """Every kind of damage that there is."""
        tables = [table for table in _HISTORIES if self._raw.columns(table.name)]
        return [flaw for table in tables for flaw in self._examine(table)] + list(self._examine_reads())

    def _examine(self, table: Table) -> Iterator[Flaw]:
        for check in _CHECKS:
            yield from self._flaw(table, check.what, self._versions(table, check.where), check.repair)
        changed = self._tombstones_with_other_values(table)
        yield from self._flaw(table, "tombstones with other values", changed, _VALUES_BEFORE)
        edited = self._edited(table)
        if edited:
            examples = tuple(f"{location_id}/{key}" for location_id, key, _, _ in edited[:_SHOWN])
            locations = frozenset(location_id for location_id, _, _, _ in edited)
            repair = f"its digest becomes that of its values; {_READ_AGAIN}"
            yield Flaw(table.name, "values that were edited", len(edited), examples, repair, locations)
        if table.nested and table.nested.form != "object" and self._raw.columns(table.nested.parent.name):
            what = f"rows without their row in {table.nested.parent.name}"
            yield from self._flaw(table, what, self._orphans(table), None)
        if "api_location_id" in table.names and self._raw.columns("locations"):
            yield from self._flaw(table, "rows of another location", self._strangers(table), _REMOVED)
        if table.name != "locations" and self._raw.columns("locations"):
            strangers = (
                f"SELECT {', '.join(table.key)} FROM {self._raw.name(table.name)} WHERE _dlt_valid_to IS NULL"  # noqa: S608
                f" AND location_id NOT IN (SELECT location_id FROM {self._raw.name('locations')})"
            )
            yield from self._flaw(table, "rows of an unknown location", strangers, None)

    def _flaw(self, table: Table, what: str, sql: str, repair: str | None) -> Iterator[Flaw]:
        """The flaw, if the query for keys of damaged rows finds any."""
        counted = self._raw.dicts(f"SELECT location_id, count(*) AS number FROM ({sql}) AS f GROUP BY location_id")  # noqa: S608
        if counted:
            key = ", ".join(table.key)
            some = self._raw.dicts(f"SELECT {key} FROM ({sql}) AS f ORDER BY {key} LIMIT {_SHOWN}")  # noqa: S608 - our own queries
            examples = tuple("/".join(str(row[name]) for name in table.key) for row in some)
            locations = frozenset(row["location_id"] for row in counted)
            yield Flaw(table.name, what, sum(int(row["number"]) for row in counted), examples, repair, locations)

    def _versions(self, table: Table, where: str, columns: str = "") -> str:
        key, row = ", ".join(table.key), f"{self._row} AS row_ref," if self._row else ""
        # Of equal versions, one counts: the current one, or the one that was loaded last.
        numbered = (
            f"SELECT {row} {key}, _dlt_valid_from, _dlt_valid_to, _dlt_load_id, row_digest, deleted_at,"  # noqa: S608
            f" row_number() OVER (PARTITION BY {key}, _dlt_valid_from, row_digest"
            " ORDER BY CASE WHEN _dlt_valid_to IS NULL THEN 0 ELSE 1 END, _dlt_load_id DESC) AS copy"
            f" FROM {self._raw.name(table.name)}"
        )
        order = f"PARTITION BY {key}, CASE WHEN copy = 1 THEN 0 ELSE copy END ORDER BY _dlt_valid_from, {_CURRENT_LAST}"
        ref = "row_ref, lag(row_ref) OVER record AS previous_ref," if self._row else ""
        seen = (
            f"SELECT {ref} {key}, _dlt_valid_from, _dlt_valid_to, deleted_at, copy,"  # noqa: S608
            f" lead(_dlt_valid_from) OVER record AS next_from FROM ({numbered}) AS n WINDOW record AS ({order})"
        )
        return f"SELECT {columns or key} FROM ({seen}) AS v WHERE {where}"  # noqa: S608 - our own queries

    def _tombstones_with_other_values(self, table: Table) -> str:
        if not self._row:
            return f"SELECT {', '.join(table.key)} FROM {self._raw.name(table.name)} WHERE 1 = 0"  # noqa: S608
        key = ", ".join(f"t.{name}" for name in table.key)
        return f"SELECT {key} FROM {self._tombstone_and_before(table)}"  # noqa: S608 - our own queries

    def _tombstone_and_before(self, table: Table) -> str:
        """A FROM clause: tombstones `t` that differ from their previous version `p`."""
        name = self._raw.name(table.name)
        versions = self._versions(table, "copy = 1 AND deleted_at IS NOT NULL", "row_ref, previous_ref")
        return (
            f"({versions}) AS v JOIN {name} AS t ON t.{self._row} = v.row_ref"
            f" JOIN {name} AS p ON p.{self._row} = v.previous_ref WHERE {self._differ(table)}"
        )

    def _differ(self, table: Table) -> str:
        columns = self._values(table)
        mine, before = (", ".join(f"{each}.{name}" for name in columns) for each in ("t", "p"))
        return f"row({mine}) IS DISTINCT FROM row({before})"

    def _values(self, table: Table) -> list[str]:
        """The columns that a tombstone keeps."""
        there = self._raw.columns(table.name)
        return [name for name in table.names if name in there and name not in ("deleted_at", "row_digest", *table.key)]

    def _edited(self, table: Table) -> list[tuple[str, str, str, str]]:
        """Current rows with values that do not give their digest: location, key, stored digest, real digest."""
        schema = pa.schema([field for field in table.schema if field.name not in STAMPED])
        there = self._raw.columns(table.name)
        if not {*schema.names, "row_digest"} <= there:
            return []  # a warehouse of an older version
        names = ", ".join(("location_id", "row_digest", *schema.names))
        sql = f"SELECT {names} FROM {self._raw.name(table.name)} WHERE _dlt_valid_to IS NULL AND deleted_at IS NULL"  # noqa: S608
        found: list[tuple[str, str, str, str]] = []
        with self._client.execute_query(sql) as cursor:
            for chunk in cursor.iter_arrow(chunk_size=_ROWS_AT_ONCE):
                for location_id in chunk["location_id"].unique().to_pylist():
                    mine = pa.array([each == location_id for each in chunk["location_id"].to_pylist()])
                    rows = chunk.filter(mine)
                    real = row_digests(location_id, rows.select(schema.names).cast(schema))
                    for position, (stored, now) in enumerate(zip(rows["row_digest"].to_pylist(), real, strict=True)):
                        if stored != now:
                            key = "/".join(str(rows[name][position].as_py()) for name in table.key[1:])
                            found.append((location_id, key, stored, now))
        return found

    def _strangers(self, table: Table, columns: str = "") -> str:
        """Versions that name another location, which the warehouse knows: keys were once mixed up."""
        known = f"SELECT location_id FROM {self._raw.name('locations')}"  # noqa: S608 - our own names
        return (
            f"SELECT {columns or ', '.join(table.key)} FROM {self._raw.name(table.name)}"  # noqa: S608
            f" WHERE api_location_id <> location_id AND api_location_id IN ({known})"
        )

    def _orphans(self, table: Table) -> str:
        assert table.nested is not None  # noqa: S101 - callers ask for nested tables
        parent = table.nested.parent
        return (
            f"SELECT {', '.join(f'c.{name}' for name in table.key)} FROM {self._raw.name(table.name)} AS c"  # noqa: S608
            f" LEFT JOIN {self._raw.name(parent.name)} AS p"
            f" ON p.location_id = c.location_id AND p.id = c.{table.key[1]} AND p._dlt_valid_to IS NULL"
            " WHERE c._dlt_valid_to IS NULL AND c.deleted_at IS NULL AND p.location_id IS NULL"
        )

    def _examine_reads(self) -> Iterator[Flaw]:
        if self._raw.columns("reads"):
            repair = "the entry is removed; it never counted"
            yield from self._flaw(TABLES["reads"], "entries without a complete load", self._unloaded_reads(), repair)

    def _unloaded_reads(self) -> str:
        loads = f"SELECT load_id FROM {self._raw.name('_dlt_loads')} WHERE status = 0"  # noqa: S608
        return f"SELECT location_id, read_id FROM {self._raw.name('reads')} WHERE _dlt_load_id NOT IN ({loads})"  # noqa: S608

    # -- repair --------------------------------------------------------------------------------------------------------

    def repair(self) -> list[Flaw]:
        """Repairs what can be repaired, all or nothing. Returns what it found before. The caller holds the dataset's
        lock."""
        if not self._row:
            raise BookingsError("bookings doctor repairs DuckDB files and PostgreSQL only. Nothing was changed.")
        in_one = self._client.capabilities.supports_ddl_transactions
        with self._client.begin_transaction() if in_one else nullcontext():
            found = self.examine()
            for flaw in found:
                if flaw.repair == _REMOVED:
                    self._remove_strangers(TABLES[flaw.table])
            for name in dict.fromkeys(flaw.table for flaw in found if flaw.repair and flaw.table != "reads"):
                self._repair(TABLES[name])
            if any(flaw.table == "reads" for flaw in found):
                self._execute(
                    f"DELETE FROM {self._raw.name('reads')} WHERE read_id IN"  # noqa: S608 - our own queries
                    f" (SELECT read_id FROM ({self._unloaded_reads()}) AS f)"
                )
            self._withdraw_claims(found)
            left = [each for each in self.examine() if each.repair and each.repair != _READ_AGAIN]
            if left:
                raise BookingsError(
                    f"{left[0].table}: {left[0].what} are left after the repair. Nothing was changed. "
                    "Restore a backup, or drop the table: the next sync reads it again."
                )
        return found

    def _repair(self, table: Table) -> None:
        name, row = self._raw.name(table.name), self._row
        self._execute(f"DELETE FROM {name} WHERE {row} IN ({self._versions(table, 'copy > 1', 'row_ref')})")  # noqa: S608
        wrong = "copy = 1 AND (_dlt_valid_to IS NULL OR _dlt_valid_to > next_from OR _dlt_valid_to < _dlt_valid_from)"
        ends = self._versions(
            table,
            f"{wrong} AND (next_from IS NOT NULL OR _dlt_valid_to < _dlt_valid_from)",
            "row_ref, coalesce(next_from, _dlt_valid_from) AS ends_at",
        )
        self._execute(f"UPDATE {name} AS t SET _dlt_valid_to = f.ends_at FROM ({ends}) AS f WHERE t.{row} = f.row_ref")  # noqa: S608
        if values := self._values(table):
            kept = ", ".join(f"p.{each} AS {each}" for each in values)
            changed = f"SELECT v.row_ref, {kept} FROM {self._tombstone_and_before(table)}"  # noqa: S608
            sets = ", ".join(f"{each} = f.{each}" for each in values)
            self._execute(f"UPDATE {name} AS t SET {sets} FROM ({changed}) AS f WHERE t.{row} = f.row_ref")  # noqa: S608
        for some in in_chunks((location_id, stored, real) for location_id, _, stored, real in self._edited(table)):
            pairs = ", ".join(f"({self._raw.literals(pair)})" for pair in some)
            self._execute(
                f"UPDATE {name} AS t SET row_digest = f.now_is FROM (VALUES {pairs}) AS f(location, stored, now_is)"  # noqa: S608
                " WHERE t.location_id = f.location AND t.row_digest = f.stored AND t._dlt_valid_to IS NULL"
            )

    def _remove_strangers(self, table: Table) -> None:
        """Removes the versions of another location's records, and rows that were nested in a record that is gone."""
        name, row, key = self._raw.name(table.name), self._row, ", ".join(table.key)
        strangers = self._strangers(table, row)
        # A version of the location's own record that a removed one ended lasts until its next own version begins.
        own = f"SELECT {row} AS row_ref, {key}, _dlt_valid_to, lead(_dlt_valid_from) OVER record AS next_from"
        own += f" FROM {name} WHERE {row} NOT IN ({strangers})"
        own += f" WINDOW record AS (PARTITION BY {key} ORDER BY _dlt_valid_from)"
        ended = f"SELECT {key}, _dlt_valid_from FROM {name} WHERE {row} IN ({strangers})"  # noqa: S608 - our own names
        same = " AND ".join(f"s.{each} = o.{each}" for each in table.key)
        self._execute(
            f"UPDATE {name} AS t SET _dlt_valid_to = f.next_from FROM (SELECT o.row_ref, o.next_from FROM ({own}) AS o"  # noqa: S608
            f" JOIN ({ended}) AS s ON {same} AND s._dlt_valid_from = o._dlt_valid_to) AS f WHERE t.{row} = f.row_ref"
        )
        self._execute(f"DELETE FROM {name} WHERE {row} IN ({strangers})")  # noqa: S608 - our own names
        for nested, _ in nested_tables(table):
            if nested.nested and nested.nested.form != "object" and self._raw.columns(nested.name):
                child = self._raw.name(nested.name)
                self._execute(
                    f"DELETE FROM {child} WHERE NOT EXISTS (SELECT 1 FROM {name} AS p WHERE"  # noqa: S608
                    f" p.location_id = {child}.location_id AND p.id = {child}.{nested.key[1]})"
                )

    def _withdraw_claims(self, found: list[Flaw]) -> None:
        """The next sync looks at every reply for the damaged tables again."""
        if not self._raw.columns("reads"):
            return
        reads = self._raw.name("reads")
        for flaw in found:
            if flaw.table == "reads":
                continue
            where = f"location_id IN ({self._raw.literals(flaw.location_ids)})"
            table = TABLES[flaw.table]
            endpoints = self._raw.literals(sorted({table.resource, *endpoints_of(table)}))
            self._execute(
                f"UPDATE {reads} SET rules = {self._raw.literal(LOST)}, reply_digest = NULL, record_digests = NULL"  # noqa: S608
                f" WHERE {where} AND endpoint IN ({endpoints})"
            )
            # The number of versions is as it is now.
            self._execute(f"DELETE FROM {reads} WHERE {where} AND endpoint = 'contents'")  # noqa: S608

    def _execute(self, sql: str) -> None:
        self._client.execute_sql(sql)


_CURRENT_LAST = "CASE WHEN _dlt_valid_to IS NULL THEN 1 ELSE 0 END, _dlt_load_id, row_digest"
"""The order of versions that begin at one instant."""
