"""The warehouse as the connector's only state: what it holds now, asked through dlt's own SQL client.

Input:  a dlt SQL client on the raw dataset.
Output: the ledger, the scopes that have appointments, and, for `diff`, what is held of given windows and keys. A table
        that no load has made yet is simply empty.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import pendulum
import pyarrow as pa
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.changes.held import STANDING, Calendar, Held, HeldSlots, Placed, calendar_of, keys_of
from bookings_sync.planning.ledger import Ledger, without_digest
from bookings_sync.planning.scopes import COLUMN, Kind, Scope
from bookings_sync.planning.windows import DAY_MS, Window, joined
from bookings_sync.records.columns import Key
from bookings_sync.records.reads import reads_from
from bookings_sync.records.tables import LOCATIONS, READS, TABLES, Table
from bookings_sync.records.values import epoch_ms

_HISTORIES = [table.name for table in TABLES.values() if table.history]
_KEYS_PER_QUERY = 10_000
"""Each question looks through the whole table. Snowflake takes 16,384 in a list, BigQuery a million characters."""


class Warehouse:
    """Queries over the raw dataset. Everything asked for is of current versions: `_dlt_valid_to is null`."""

    def __init__(self, client: SqlClientBase[Any]) -> None:
        self._client = client
        self._ids: tuple[str, ...] = ()
        self._asked = "1 = 1"

    def of(self, location_ids: Collection[str]) -> Warehouse:
        """The same warehouse, where what a run asks at its start is asked of these locations alone."""
        narrowed = Warehouse(self._client)
        narrowed._ids = tuple(location_ids)
        narrowed._asked = f"location_id IN ({', '.join('%s' for _ in location_ids) or 'NULL'})"
        return narrowed

    # -- the run's start -----------------------------------------------------------------------------------------------

    def ledger(self) -> Ledger:
        """Every complete read: one whose load stands in `_dlt_loads` with status 0 (design: progress moves last).

        A load that was torn, some of its tables in the warehouse and others not, left rows that no complete read told
        of: the reads before it no longer tell what the warehouse holds, and lose their digests.
        """
        rows = self._complete_reads("r.*")  # who only plans may find a table of before, which lacks a column
        if rows is None:
            return Ledger()
        torn = self._newest_torn_load()
        loads = rows["_dlt_load_id"].to_pylist()
        reads = zip(reads_from(rows), loads, strict=True)
        return Ledger(without_digest(read) if load_id < torn else read for read, load_id in reads)

    def coverage(self) -> Ledger:
        """The same for who only looks at what has been read and when: without what the replies' records were."""
        names = ", ".join(f"r.{name}" for name in READS.names if name != "record_digests")
        rows = self._complete_reads(names)
        return Ledger() if rows is None else Ledger(reads_from(rows))

    def _complete_reads(self, names: str) -> pa.Table | None:
        return self._rows(
            f"SELECT {names} FROM {self._name('reads')} AS r"  # noqa: S608 - our own names
            f" JOIN {self._name('_dlt_loads')} AS l ON l.load_id = r._dlt_load_id AND l.status = 0"
            f" WHERE {self._asked} ORDER BY r.read_at, r._dlt_load_id",
            *self._ids,
        )

    def _newest_torn_load(self) -> str:
        """The id of the last load that left rows and never was complete; "" where there is none. Ids are instants."""
        sqls = [f"SELECT DISTINCT _dlt_load_id FROM {self._torn(name)}" for name in _HISTORIES]  # noqa: S608
        found = [self._rows(sql, *self._ids) for sql in sqls]
        return max((id_ for rows in found if rows is not None for id_ in rows["_dlt_load_id"].to_pylist()), default="")

    def _torn(self, table: str) -> str:
        """The rows of a table whose load never was complete, for a FROM. Other parts of a sharded run may be at it now:
        what they have under way is not of this one's locations."""
        complete = f"SELECT load_id FROM {self._name('_dlt_loads')} WHERE status = 0"  # noqa: S608 - our own names
        return f"{self._name(table)} WHERE {self._asked} AND _dlt_load_id NOT IN ({complete})"

    def torn_contacts(self) -> dict[str, set[str]]:
        """The contacts, by location, of whom a load brought a part and never was complete: their custom fields may not
        be those that their digest stands for."""
        found: dict[str, set[str]] = {}
        for table, column in (("contacts", "id"), ("contact_custom_fields", "contact_id")):
            sql = f"SELECT location_id, {column} AS id FROM {self._torn(table)} AND _dlt_valid_to IS NULL"  # noqa: S608
            rows = self._rows(sql, *self._ids)
            for row in _dicts(rows):
                found.setdefault(row["location_id"], set()).add(row["id"])
        return found

    def located(self) -> set[str]:
        """The locations that hold any row at all, but for their own, if only what a killed load brought."""
        holders: set[str] = set()
        for table in _HISTORIES:
            if table == LOCATIONS.name:
                continue
            rows = self._rows(f"SELECT DISTINCT location_id FROM {self._name(table)} WHERE {self._asked}", *self._ids)  # noqa: S608
            holders |= set() if rows is None else set(rows["location_id"].to_pylist())
        return holders

    def newest_version(self) -> DateTime | None:
        """The last instant at which any version began or ended: the next load's must be later, whatever the clock.
        Of every location, for that takes one row, and leaves nothing to prove."""
        newest: list[DateTime] = []
        for table in _HISTORIES:
            rows = self._rows(
                f"SELECT max(_dlt_valid_from) AS began, max(_dlt_valid_to) AS ended FROM {self._name(table)}"  # noqa: S608
            )
            if rows is not None:
                newest += [value for value in (rows["began"][0].as_py(), rows["ended"][0].as_py()) if value]
        return pendulum.instance(max(newest)) if newest else None

    def locations(self) -> dict[str, tuple[str, Held]]:
        """The name of each location that has been synced, and what is held of it, by its id."""
        rows = self._rows(
            "SELECT location_id, name, row_digest, deleted_at IS NOT NULL AS deleted"  # noqa: S608
            f" FROM {self._name('locations')} WHERE _dlt_valid_to IS NULL"
        )
        return {row["location_id"]: (row["name"], Held(row["row_digest"], row["deleted"])) for row in _dicts(rows)}

    def calendars(self) -> dict[str, Calendar]:
        """What is known of each location."""
        live = f"{self._asked} AND _dlt_valid_to IS NULL AND deleted_at IS NULL"
        found: dict[str, dict[str, list[Any]]] = {}

        def collect(kind: str, sql: str) -> None:
            for row in _dicts(self._rows(sql, *self._ids)):
                found.setdefault(row.pop("location_id"), {}).setdefault(kind, []).append(row)

        collect("services", f"SELECT location_id, id FROM {self._name('services')} WHERE {live}")  # noqa: S608
        collect("teams", f"SELECT location_id, id FROM {self._name('teams')} WHERE {live}")  # noqa: S608
        for members in ("team_members", "service_members"):
            collect("users", f"SELECT DISTINCT location_id, user_id AS id FROM {self._name(members)} WHERE {live}")  # noqa: S608
        columns = ", ".join(COLUMN.values())
        collect(
            "held",
            # Tombstones tell whom to ask too: a row may be restored after its service has gone from the list.
            f"SELECT location_id, {columns}, count(CASE WHEN deleted_at IS NULL THEN 1 END) AS held,"  # noqa: S608
            " count(CASE WHEN deleted_at IS NULL THEN start_time END) AS placed"
            f" FROM {self._name('appointments')} WHERE {self._asked} AND _dlt_valid_to IS NULL"
            f" GROUP BY location_id, {columns}",
        )
        return {location_id: calendar_of(kinds) for location_id, kinds in found.items()}

    def beyond(self, whole: Window, kinds: Sequence[Kind]) -> dict[str, dict[Scope, list[Window]]]:
        """The days outside `whole` on which live appointments start, joined where they follow one another, by location
        and by the scope of each of `kinds` that lists them."""
        rows = self._rows(
            f"SELECT location_id, start_time, {', '.join(COLUMN.values())} FROM {self._name('appointments')}"  # noqa: S608
            f" WHERE {self._asked} AND _dlt_valid_to IS NULL AND deleted_at IS NULL"
            " AND (start_time < %s OR start_time >= %s)",
            *self._ids,
            whole.start,
            whole.end,
        )
        days: dict[tuple[str, Scope], set[int]] = {}
        for row, start_ms in zip(_dicts(rows), () if rows is None else epoch_ms(rows["start_time"]), strict=True):
            scopes = [Scope(kind, row[COLUMN[kind]]) for kind in kinds if row[COLUMN[kind]] is not None]
            for scope in scopes or [Scope("unlisted", "+".join(kinds))]:
                days.setdefault((row["location_id"], scope), set()).add((start_ms or 0) // DAY_MS)
        found: dict[str, dict[Scope, list[Window]]] = {}
        for (location_id, scope), each in days.items():
            found.setdefault(location_id, {})[scope] = joined(Window(day * DAY_MS, (day + 1) * DAY_MS) for day in each)
        return found

    # -- for the diff --------------------------------------------------------------------------------------------------

    def held_of_location(self, table: Table, location_id: str) -> dict[Key, Held]:
        """Everything of a location: for what is listed whole."""
        return self._held(table, "location_id = %s", location_id)

    def held_slots(self, location_id: str, service_id: str, window: Window) -> dict[Key, Held]:
        condition = "location_id = %s AND service_id = %s AND start_time >= %s AND start_time < %s"
        return self._held(TABLES["slots"], condition, location_id, service_id, window.start, window.end)

    def held_slots_since(self, location_ids: Sequence[str], since: DateTime) -> dict[tuple[str, str], HeldSlots]:
        """All that is held of these locations' slots from `since` on, by location and service."""
        names = ("location_id", "service_id", "slot_date", "start_time_raw", "row_digest")
        rows = self._rows(
            f"SELECT {', '.join(names)}, start_time, deleted_at IS NOT NULL AS deleted"  # noqa: S608 - our own names
            f" FROM {self._name('slots')} WHERE _dlt_valid_to IS NULL"
            f" AND location_id IN ({self._literals(location_ids)}) AND start_time >= {self._literal(str(since))}"
        )
        found: dict[tuple[str, str], HeldSlots] = {}
        if rows is not None:
            columns = [rows[name].to_pylist() for name in (*names, "deleted")]
            for location_id, service_id, day, start, digest, deleted, start_ms in zip(
                *columns, epoch_ms(rows["start_time"]), strict=True
            ):
                of_service = found.setdefault((location_id, service_id), {})
                of_service[day, start] = Held(digest, deleted, start_ms)
        return found

    def services_with_slots(self, since: DateTime) -> set[tuple[str, str]]:
        """The services, with their locations, that have free slots from `since` on."""
        rows = self._rows(
            f"SELECT DISTINCT location_id, service_id FROM {self._name('slots')} WHERE {self._asked}"  # noqa: S608
            " AND start_time >= %s AND _dlt_valid_to IS NULL AND deleted_at IS NULL",
            *self._ids,
            since,
        )
        if rows is None:
            return set()
        return set(zip(rows["location_id"].to_pylist(), rows["service_id"].to_pylist(), strict=True))

    def held_in_window(self, location_id: str, scope: Scope, window: Window) -> dict[Key, Held]:
        """Appointments of a scope that start in the window: those a complete reply for it must hold."""
        where, values = self._in_window(location_id, scope, window)
        return self._held(TABLES["appointments"], where, *values)

    def standing(self, location_id: str, ids: Iterable[str], column: str = "id") -> pa.Table:
        """Where the appointments with these ids, or of these contacts, stand: the columns of `STANDING`."""
        found = [STANDING.empty_table()]
        for some in _chunks(ids, _KEYS_PER_QUERY):
            rows = self._rows(
                f"SELECT {', '.join(STANDING.names)} FROM {self._name('appointments')}"  # noqa: S608 - our own names
                f" WHERE _dlt_valid_to IS NULL AND {self._with_ids(location_id, column, some)}"
            )
            found += [] if rows is None else [rows.cast(STANDING)]
        return pa.concat_tables(found)

    def held_by_key(
        self, table: Table, location_id: str, ids: Iterable[str], column: str | None = None
    ) -> dict[Key, Held]:
        """The records with these ids: of their first key column, or of another one."""
        held: dict[Key, Held] = {}
        for some in _chunks(ids, _KEYS_PER_QUERY):
            held.update(self._held(table, self._with_ids(location_id, column or table.key[1], some)))
        return held

    def placed(self, location_id: str, ids: Iterable[str], near: tuple[DateTime, DateTime] | None) -> dict[Key, Placed]:
        """The appointments with these ids, and where they stand. `near` are two times between which most are known to
        start: they are looked for there first, for through the whole of a large table that takes twice as long."""
        left = dict.fromkeys(ids)
        placed = self._placed(location_id, left, self._within(near)) if near else {}
        return placed | self._placed(location_id, (each for each in left if (each,) not in placed))

    def _placed(self, location_id: str, ids: Iterable[str], where: str = "") -> dict[Key, Placed]:
        placed: dict[Key, Placed] = {}
        names = ", ".join(("id", "row_digest", "start_time", *COLUMN.values()))
        for some in _chunks(ids, _KEYS_PER_QUERY):
            rows = self._rows(
                f"SELECT {names}, deleted_at IS NOT NULL AS deleted FROM {self._name('appointments')}"  # noqa: S608
                f" WHERE _dlt_valid_to IS NULL AND {self._with_ids(location_id, 'id', some)}{where}"
            )
            if rows is None:
                continue
            found, digests, deleted = (rows[name].to_pylist() for name in ("id", "row_digest", "deleted"))
            held = map(Held, digests, deleted, epoch_ms(rows["start_time"]))
            columns = zip(*(rows[name].to_pylist() for name in COLUMN.values()), strict=True)
            scopes = (dict(zip(COLUMN, each, strict=True)) for each in columns)
            placed.update(zip(zip(found), map(Placed, held, scopes), strict=True))
        return placed

    def _within(self, times: tuple[DateTime, DateTime]) -> str:
        first, last = (self._literal(str(time)) for time in times)
        return f" AND start_time >= {first} AND start_time <= {last}"

    def rows(self, table: Table, location_id: str, keys: Sequence[Key]) -> pa.Table:
        """The whole current rows with these keys: shape `len(keys)` × `table.schema`."""
        found: list[pa.Table] = []
        names = ", ".join(table.names)
        for some in _chunks(keys, _KEYS_PER_QUERY):
            firsts = dict.fromkeys(str(key[0]) for key in some)
            rows = self._rows(
                f"SELECT {names} FROM {self._name(table.name)} WHERE _dlt_valid_to IS NULL"  # noqa: S608
                f" AND {self._with_ids(location_id, table.key[1], firsts)}"
            )
            if rows is not None:
                wanted = set(some)
                mask = pa.array([key in wanted for key in keys_of(rows, table)], pa.bool_())
                found.append(rows.filter(mask).cast(table.schema))
        return pa.concat_tables(found) if found else table.schema.empty_table()

    def _in_window(self, location_id: str, scope: Scope, window: Window) -> tuple[str, list[Any]]:
        placed = "location_id = %s AND start_time >= %s AND start_time < %s"
        values: list[Any] = [location_id, window.start, window.end]
        if scope.kind == "unlisted":
            nowhere = " AND ".join(f"{COLUMN[kind]} IS NULL" for kind in scope.id.split("+"))
            return f"location_id = %s AND (start_time IS NULL OR ({placed} AND {nowhere}))", [location_id, *values]
        return f"{placed} AND {COLUMN[scope.kind]} = %s", [*values, scope.id]

    def _held(self, table: Table, where: str, *values: Any) -> dict[Key, Held]:
        columns = list(dict.fromkeys((*table.key[1:], "row_digest")))
        start = "start_time" if table.name == "appointments" else None
        if start and start not in columns:
            columns.append(start)
        rows = self._rows(
            f"SELECT {', '.join(columns)}, deleted_at IS NOT NULL AS deleted FROM {self._name(table.name)}"  # noqa: S608
            f" WHERE _dlt_valid_to IS NULL AND {where}",
            *values,
        )
        if rows is None or not len(rows):
            return {}
        starts = epoch_ms(rows[start]) if start else [None] * len(rows)
        digests, deleted = rows["row_digest"].to_pylist(), rows["deleted"].to_pylist()
        return dict(zip(keys_of(rows, table), map(Held, digests, deleted, starts), strict=True))

    # -- SQL -----------------------------------------------------------------------------------------------------------

    def _rows(self, sql: str, *values: Any) -> pa.Table | None:
        """The answer as Arrow; None where a table does not exist yet."""
        try:
            with self._client.execute_query(sql, *values) as cursor:
                return cursor.arrow()
        except DatabaseUndefinedRelation:
            return None

    def _name(self, table: str) -> str:
        return self._client.make_qualified_table_name(table)

    def _with_ids(self, location_id: str, column: str, ids: Iterable[str]) -> str:
        """Literals throughout: with parameters beside them, dlt would take the `%s` of an id for one."""
        return f"location_id = {self._literal(location_id)} AND {column} IN ({self._listed(list(ids))})"

    def _listed(self, ids: list[str]) -> str:
        """What an IN has in its parentheses. DuckDB takes ten thousand ids as one JSON text in half the time that it
        takes to plan for as many literals."""
        if self._client.capabilities.sqlglot_dialect != "duckdb":
            return self._literals(ids)
        return f"SELECT unnest(from_json_strict({self._literal(json.dumps(ids))}, '[\"VARCHAR\"]'))"

    def _literals(self, texts: Iterable[str]) -> str:
        return ", ".join(map(self._literal, texts))

    def _literal(self, text: str) -> str:
        escape = self._client.capabilities.escape_literal
        assert escape is not None  # noqa: S101 - every SQL destination of dlt has one
        return str(escape(text))


def _dicts(rows: pa.Table | None) -> list[dict[str, Any]]:
    return [] if rows is None else rows.to_pylist()


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    remaining = iter(items)
    while chunk := list(islice(remaining, size)):
        yield chunk
