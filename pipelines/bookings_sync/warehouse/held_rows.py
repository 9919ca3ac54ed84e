"""The held rows: looks up the current versions of given windows and keys for the diff.

Input:  the raw tables.
Output: `Held` and `Placed` by key, or whole rows. Only current versions count: `_dlt_valid_to IS NULL`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.changes.held import Held, HeldSlots, Placed, keys_of
from bookings_sync.planning.scopes import COLUMN, Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.columns import Key, row_digests
from bookings_sync.records.schema import STAMPED
from bookings_sync.records.tables import APPOINTMENTS, SLOTS, Table
from bookings_sync.records.values import epoch_ms
from bookings_sync.warehouse.raw_tables import RawTables, in_chunks


class HeldRows:
    """Queries over the current versions in the raw dataset.

    `rechecks` returns whether a location's stored digests may be wrong. They are then computed again from the held
    values.
    """

    def __init__(self, client: SqlClientBase[Any], rechecks: Callable[[str], bool]) -> None:
        self._raw = RawTables(client)
        self._rechecks = rechecks
        self._any_listed_by: bool | None = None

    # -- any table -----------------------------------------------------------------------------------------------------

    def of_location(self, table: Table, location_id: str) -> dict[Key, Held]:
        """All records of a location. Used for the tables that come from whole lists."""
        return self._held(table, location_id, "location_id = %s", location_id)

    def by_id(self, table: Table, location_id: str, ids: Iterable[str], column: str | None = None) -> dict[Key, Held]:
        """The records with these ids in `column`, by default the first key column."""
        held: dict[Key, Held] = {}
        for some in in_chunks(ids):
            held.update(self._held(table, location_id, self._raw.with_ids(location_id, column or table.key[1], some)))
        return held

    def digests(self, table: Table, location_id: str, keys: Iterable[Key]) -> dict[Key, str]:
        """The digests of the live records whose first key column has the value of one of these keys."""
        held = self.by_id(table, location_id, dict.fromkeys(str(key[0]) for key in keys))
        return {key: each.digest for key, each in held.items() if not each.deleted}

    def changes_of_last_runs(self, number: int) -> list[dict[str, Any]]:
        """The counts of the last runs by table, from the newest on."""
        sql = f"SELECT tables FROM {self._raw.name('runs')} ORDER BY started_at DESC LIMIT {number}"  # noqa: S608
        return [json.loads(row["tables"]) for row in self._raw.dicts(sql)]

    def rejections(self, rejection_ids: Collection[str]) -> set[str]:
        """Those of these rejections that are recorded."""
        sql = f"SELECT rejection_id FROM {self._raw.name('rejected_records')} WHERE rejection_id IN"  # noqa: S608
        some = (self._raw.dicts(f"{sql} ({self._raw.literals(each)})") for each in in_chunks(rejection_ids))
        return {row["rejection_id"] for rows in some for row in rows}

    def rows(self, table: Table, location_id: str, keys: Sequence[Key]) -> pa.Table:
        """The whole rows with these keys, and when each version began: `table.schema` and `_dlt_valid_from`."""
        found: list[pa.Table] = []
        schema = table.schema.append(pa.field("_dlt_valid_from", pa.timestamp("us", tz="UTC")))
        # The table of an older version may have fewer columns.
        existing = self._raw.columns(table.name)
        names = ", ".join(name if name in existing else f"NULL AS {name}" for name in schema.names)
        for some in in_chunks(keys):
            # A location's own row has the location as its whole key.
            of_key = (
                (table.key[1], dict.fromkeys(str(key[0]) for key in some))
                if some[0]
                else ("location_id", [location_id])
            )
            rows = self._raw.rows(
                f"SELECT {names} FROM {self._raw.name(table.name)} WHERE _dlt_valid_to IS NULL"  # noqa: S608
                f" AND {self._raw.with_ids(location_id, *of_key)}"
            )
            if rows is not None:
                wanted = set(some)
                mask = pa.array([key in wanted for key in keys_of(rows, table)], pa.bool_())
                found.append(rows.filter(mask).cast(schema))
        return pa.concat_tables(found) if found else schema.empty_table()

    def _held(self, table: Table, location_id: str, where: str, *values: Any) -> dict[Key, Held]:
        columns = list(dict.fromkeys((*table.key[1:], "row_digest")))
        if self._rechecks(location_id):
            columns = list(table.names)
        start = "start_time" if table.name == "appointments" else None
        if start and start not in columns:
            columns.append(start)
        rows = self._raw.rows(
            f"SELECT {', '.join(columns)}, deleted_at IS NOT NULL AS deleted FROM {self._raw.name(table.name)}"  # noqa: S608
            f" WHERE _dlt_valid_to IS NULL AND {where}",
            *values,
        )
        if rows is None or not len(rows):
            return {}
        starts = epoch_ms(rows[start]) if start else [None] * len(rows)
        digests, deleted = self._digests(table, location_id, rows), rows["deleted"].to_pylist()
        return dict(zip(keys_of(rows, table), map(Held, digests, deleted, starts), strict=True))

    def _digests(self, table: Table, location_id: str, rows: pa.Table) -> list[str]:
        """The digest of each row. That of a tombstone equals no record's: any record that is listed again differs."""
        found: list[str] = rows["row_digest"].to_pylist()
        if found and self._rechecks(location_id):
            schema = pa.schema([field for field in table.schema if field.name not in STAMPED])
            found = row_digests(location_id, rows.select(schema.names).cast(schema))
        deleted = rows["deleted"].to_pylist()
        return list(map(_digest_of, found, deleted)) if any(deleted) else found

    # -- appointments --------------------------------------------------------------------------------------------------

    def in_window(self, location_id: str, scope: Scope, window: Window) -> dict[Key, Held]:
        """The appointments of a scope that start in the window: a complete reply for the window contains them."""
        in_window = "location_id = %s AND start_time >= %s AND start_time < %s"
        values: list[Any] = [location_id, window.start, window.end]
        of_scope = f"{COLUMN[scope.kind]} = %s"
        if not self._has_listed_by():
            return self._held(APPOINTMENTS, location_id, f"{in_window} AND {of_scope}", *values, scope.id)
        # The list that a row came from stands in for its own field (`planning.scopes.ids_of_lists`).
        prefix = f"{scope.kind}:"
        by_field = f"{of_scope} AND (listed_by IS NULL OR substr(listed_by, 1, {len(prefix)}) <> %s)"
        where = f"{in_window} AND (listed_by = %s OR ({by_field}))"
        return self._held(APPOINTMENTS, location_id, where, *values, scope.text, scope.id, prefix)

    def _has_listed_by(self) -> bool:
        """Whether any appointment came from a list that its own fields do not name, which is rare."""
        if self._any_listed_by is None:
            self._any_listed_by = "listed_by" in self._raw.columns("appointments") and bool(
                self._raw.dicts(f"SELECT 1 FROM {self._raw.name('appointments')} WHERE listed_by IS NOT NULL LIMIT 1")  # noqa: S608
            )
        return self._any_listed_by

    def of_contacts(self, location_id: str, contact_ids: Iterable[str]) -> dict[Key, dict[Key, Placed]]:
        """The appointments of these contacts, by contact and by key."""
        found: dict[Key, dict[Key, Placed]] = {}
        for contact_id, key, placed in self._placed(location_id, contact_ids, "contact_id"):
            found.setdefault((contact_id,), {})[key] = placed
        return found

    def placed(
        self,
        location_id: str,
        ids: Iterable[str],
        *,
        near: tuple[DateTime, DateTime] | None = None,
    ) -> dict[Key, Placed]:
        """The appointments with these ids, and the lists they are in.

        `near` are two times between which most of them are expected to start. The query looks there first, because a
        scan of a large table takes twice as long.
        """
        left = dict.fromkeys(ids)
        placed: dict[Key, Placed] = {}
        if near is not None:
            first, last = (self._raw.literal(str(time)) for time in near)
            where = f" AND start_time >= {first} AND start_time <= {last}"
            placed = {key: each for _, key, each in self._placed(location_id, left, "id", where)}
        rest = (each for each in left if (each,) not in placed)
        return placed | {key: each for _, key, each in self._placed(location_id, rest, "id")}

    def _placed(
        self, location_id: str, ids: Iterable[str], column: str, where: str = ""
    ) -> Iterator[tuple[str, Key, Placed]]:
        """The appointments with these ids in `column`: the id there, the key, and the lists they are in."""
        columns = ("id", "row_digest", "start_time", *COLUMN.values(), self._raw.listed_by())
        if self._rechecks(location_id):
            columns = APPOINTMENTS.names
        names = ", ".join(columns)
        for some in in_chunks(ids):
            rows = self._raw.rows(
                f"SELECT {names}, {column} AS found_by, deleted_at IS NOT NULL AS deleted"  # noqa: S608 - our own names
                f" FROM {self._raw.name('appointments')}"
                f" WHERE _dlt_valid_to IS NULL AND {self._raw.with_ids(location_id, column, some)}{where}"
            )
            if rows is None:
                continue
            found_by, found, deleted = (rows[name].to_pylist() for name in ("found_by", "id", "deleted"))
            digests = self._digests(APPOINTMENTS, location_id, rows)
            held = map(Held, digests, deleted, epoch_ms(rows["start_time"]))
            values = zip(*(rows[name].to_pylist() for name in COLUMN.values()), strict=True)
            scopes = (dict(zip(COLUMN, each, strict=True)) for each in values)
            listed_by = rows["listed_by"].to_pylist()
            yield from zip(found_by, zip(found), map(Placed, held, scopes, listed_by), strict=True)

    def count_live(self, location_id: str) -> int:
        """The number of appointments that are not deleted."""
        rows = self._raw.dicts(
            f"SELECT count(*) AS live FROM {self._raw.name('appointments')}"  # noqa: S608 - our own names
            " WHERE _dlt_valid_to IS NULL AND deleted_at IS NULL AND location_id = %s",
            location_id,
        )
        return sum(int(row["live"]) for row in rows)

    def some_live(self, location_id: str, apart_from: Collection[Key], most: int) -> list[str]:
        """The ids of some appointments that are not deleted, at most `most`."""
        rows = self._raw.dicts(
            f"SELECT id FROM {self._raw.name('appointments')} WHERE _dlt_valid_to IS NULL AND deleted_at IS NULL"  # noqa: S608
            f" AND location_id = %s LIMIT {len(apart_from) + most}",
            location_id,
        )
        return [row["id"] for row in rows if (row["id"],) not in apart_from][:most]

    # -- slots ---------------------------------------------------------------------------------------------------------

    def slots_in_window(self, location_id: str, service_id: str, window: Window) -> dict[Key, Held]:
        condition = "location_id = %s AND service_id = %s AND start_time >= %s AND start_time < %s"
        return self._held(SLOTS, location_id, condition, location_id, service_id, window.start, window.end)

    def slots_since(self, location_ids: Sequence[str], since: DateTime) -> dict[tuple[str, str], HeldSlots]:
        """The slots of these locations from `since` on, by location and service."""
        names = ("location_id", "service_id", "slot_date", "start_time_raw", "row_digest")
        rows = self._raw.rows(
            f"SELECT {', '.join(names)}, start_time, deleted_at IS NOT NULL AS deleted"  # noqa: S608 - our own names
            f" FROM {self._raw.name('slots')} WHERE _dlt_valid_to IS NULL"
            f" AND location_id IN ({self._raw.literals(location_ids)})"
            f" AND start_time >= {self._raw.literal(str(since))}"
        )
        found: dict[tuple[str, str], HeldSlots] = {}
        if rows is not None:
            columns = [rows[name].to_pylist() for name in (*names, "deleted")]
            for location_id, service_id, day, start, digest, deleted, start_ms in zip(
                *columns, epoch_ms(rows["start_time"]), strict=True
            ):
                of_service = found.setdefault((location_id, service_id), {})
                of_service[day, start] = Held(_digest_of(digest, deleted), deleted, start_ms)
        return found

    def services_with_slots(self, since: DateTime, location_ids: Collection[str]) -> set[tuple[str, str]]:
        """The locations and services with free slots from `since` on, of these locations."""
        rows = self._raw.dicts(
            f"SELECT DISTINCT location_id, service_id FROM {self._raw.name('slots')}"  # noqa: S608 - our own names
            f" WHERE location_id IN ({self._raw.literals(location_ids) or 'NULL'})"
            f" AND start_time >= {self._raw.literal(str(since))} AND _dlt_valid_to IS NULL AND deleted_at IS NULL"
        )
        return {(row["location_id"], row["service_id"]) for row in rows}


def _digest_of(digest: str, deleted: bool) -> str:
    """A tombstone keeps the digest of its record if somebody set `deleted_at` by hand."""
    return f"deleted {digest}" if deleted else digest
