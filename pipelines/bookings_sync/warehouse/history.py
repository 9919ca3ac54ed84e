"""The history: looks up the results of earlier runs that a run needs when it begins.

Input:  the raw tables.
Output: the ledger, the calendars, and what else `sync.snapshot` records. A table that no load has made yet is empty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pendulum
import pyarrow as pa
from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.changes.contents import Counted
from bookings_sync.changes.held import Held
from bookings_sync.planning.calendar import Calendar
from bookings_sync.planning.ledger import Ledger, Read
from bookings_sync.planning.look_ups import LookUp, Named, Unlisted
from bookings_sync.planning.scopes import COLUMN, Kind, Scope, ids_of_lists, scope_of
from bookings_sync.planning.windows import DAY_MS, Window, joined, to_ms
from bookings_sync.records.erased import PSEUDONYM
from bookings_sync.records.holds import Hold, holds_from
from bookings_sync.records.reads import reads_from
from bookings_sync.records.tables import LOOK_UPS, READS, TABLES
from bookings_sync.records.values import epoch_ms
from bookings_sync.warehouse.raw_tables import RawTables

_HISTORIES = [table.name for table in TABLES.values() if table.history]


class History:
    """Queries over what earlier runs left. With `location_ids`, they look at these locations only."""

    def __init__(self, client: SqlClientBase[Any], location_ids: Collection[str] | None = None) -> None:
        self._raw = RawTables(client)
        self._ids = tuple(location_ids or ())
        wanted = ", ".join("%s" for _ in self._ids) or "NULL"
        self._where = "1 = 1" if location_ids is None else f"location_id IN ({wanted})"

    # -- reads ---------------------------------------------------------------------------------------------------------

    def reads(self) -> list[tuple[Read, str]]:
        """Every completed read, and the id of its load, which has status 0 in `_dlt_loads`. Oldest first."""
        rows = self._completed_reads("r.*")  # the table of an older version may have fewer columns
        return [] if rows is None else list(zip(reads_from(rows), rows["_dlt_load_id"].to_pylist(), strict=True))

    def torn_reads(self) -> list[Read]:
        """The reads of loads that never completed. They say nothing but how their rows may have been read."""
        rows = self._raw.rows(f"SELECT * FROM {self._torn('reads')} ORDER BY read_at", *self._ids)  # noqa: S608
        return [] if rows is None else list(reads_from(rows))

    def coverage(self) -> Ledger:
        """The same reads without their record digests. Enough to report coverage and freshness."""
        names = ", ".join(
            f"r.{name}" for name in READS.names if name not in ("record_digests", "contents", "rules_before")
        )
        rows = self._completed_reads(names)
        return Ledger() if rows is None else Ledger(reads_from(rows))

    def _completed_reads(self, names: str) -> pa.Table | None:
        return self._raw.rows(
            f"SELECT {names} FROM {self._raw.name('reads')} AS r"  # noqa: S608 - our own names
            f" JOIN {self._raw.name('_dlt_loads')} AS l ON l.load_id = r._dlt_load_id AND l.status = 0"
            f" WHERE {self._where} ORDER BY r.read_at, r._dlt_load_id",
            *self._ids,
        )

    def counted(self) -> list[Counted]:
        """The number of versions of each location in each history table."""
        complete = f"SELECT DISTINCT load_id FROM {self._raw.name('_dlt_loads')} WHERE status = 0"  # noqa: S608
        if self._raw.rows(complete + " AND 1 = 0") is None:
            complete = "SELECT '' AS load_id"  # somebody dropped the table: no load is known to be complete
        found: list[Counted] = []
        for table in _HISTORIES:
            by_load = (
                "SELECT location_id, _dlt_load_id AS load_id, count(*) AS versions, count(_dlt_valid_to) AS ended"  # noqa: S608 - our own names
                f" FROM {self._raw.name(table)} WHERE {self._where} GROUP BY location_id, _dlt_load_id"
            )
            rows = self._raw.dicts(
                "SELECT v.location_id, CASE WHEN l.load_id IS NULL THEN v.load_id ELSE '' END AS torn_load,"  # noqa: S608
                f" sum(v.versions) AS versions, sum(v.ended) AS ended FROM ({by_load}) AS v"
                f" LEFT JOIN ({complete}) AS l ON l.load_id = v.load_id"
                " GROUP BY 1, 2",
                *self._ids,
            )
            found += [
                Counted(row["location_id"], table, row["torn_load"], int(row["versions"]), int(row["ended"]))
                for row in rows
            ]
        return found

    def _torn(self, table: str) -> str:
        """A FROM clause for the rows of loads that never completed. The other parts of a sharded run may be loading
        right now, but never rows of this part's locations."""
        complete = f"SELECT load_id FROM {self._raw.name('_dlt_loads')} WHERE status = 0"  # noqa: S608 - our own names
        return f"{self._raw.name(table)} WHERE {self._where} AND _dlt_load_id NOT IN ({complete})"

    def torn_contacts(self) -> dict[str, set[str]]:
        """The contacts of torn loads, by location. Their custom fields may not match the contact's digest."""
        found: dict[str, set[str]] = {}
        for table, column in (("contacts", "id"), ("contact_custom_fields", "contact_id")):
            sql = f"SELECT location_id, {column} AS id FROM {self._torn(table)} AND _dlt_valid_to IS NULL"  # noqa: S608
            for row in self._raw.dicts(sql, *self._ids):
                found.setdefault(row["location_id"], set()).add(row["id"])
        return found

    # -- locations -----------------------------------------------------------------------------------------------------

    def locations(self) -> dict[str, tuple[str, Held]]:
        """The name of each location that was synced before and its held row, by location id."""
        rows = self._raw.dicts(
            "SELECT location_id, name, row_digest, deleted_at IS NOT NULL AS deleted"  # noqa: S608
            f" FROM {self._raw.name('locations')} WHERE _dlt_valid_to IS NULL"
        )
        return {row["location_id"]: (row["name"], Held(row["row_digest"], row["deleted"])) for row in rows}

    def newest_version(self) -> DateTime | None:
        """The last instant at which any version of any location began or ended, UTC. The versions of the next load must
        begin later, even if the clock was set back."""
        newest: list[DateTime] = []
        for table in _HISTORIES:
            rows = self._raw.dicts(
                f"SELECT max(_dlt_valid_from) AS began, max(_dlt_valid_to) AS ended FROM {self._raw.name(table)}"  # noqa: S608
            )
            newest += [instant for row in rows for instant in (row["began"], row["ended"]) if instant]
        return pendulum.instance(max(newest)) if newest else None

    def holds(self) -> list[Hold]:
        """The deletions that earlier runs hold back."""
        sql = f"SELECT * FROM {self._raw.name('held_deletions')} WHERE {self._where} AND ended_at IS NULL"  # noqa: S608
        return list(holds_from(self._raw.dicts(sql, *self._ids)))

    # -- calendars -----------------------------------------------------------------------------------------------------

    def calendars(self) -> dict[str, Calendar]:
        """The calendar of each location."""
        live = f"{self._where} AND _dlt_valid_to IS NULL AND deleted_at IS NULL"
        services = self._ids_by_location("services", "id", live)
        teams = self._ids_by_location("teams", "id", live)
        users: dict[str, set[str]] = {}
        for members in ("team_members", "service_members"):
            for location_id, ids in self._ids_by_location(members, "user_id", live).items():
                users.setdefault(location_id, set()).update(ids)
        scopes = self._appointment_scopes()
        return {
            location_id: Calendar(
                services=tuple(sorted(services.get(location_id, ()))),
                teams=tuple(sorted(teams.get(location_id, ()))),
                users=tuple(sorted(users.get(location_id, ()))),
                appointment_scopes=tuple(sorted(scopes.get(location_id, ()))),
            )
            for location_id in services.keys() | teams.keys() | users.keys() | scopes.keys()
        }

    def _ids_by_location(self, table: str, column: str, where: str) -> dict[str, set[str]]:
        sql = f"SELECT DISTINCT location_id, {column} AS id FROM {self._raw.name(table)} WHERE {where}"  # noqa: S608
        found: dict[str, set[str]] = {}
        for row in self._raw.dicts(sql, *self._ids):
            found.setdefault(row["location_id"], set()).add(row["id"])
        return found

    def _appointment_scopes(self) -> dict[str, set[Scope]]:
        """The scopes of the held appointments, by location: those that their fields name, and the lists they came from.
        Tombstones count too: a row may be restored after its service has disappeared."""
        columns = ", ".join(COLUMN.values())
        listed_by = ", listed_by" if "listed_by" in self._raw.columns("appointments") else ""
        rows = self._raw.dicts(
            f"SELECT DISTINCT location_id, {columns}{listed_by} FROM {self._raw.name('appointments')}"  # noqa: S608
            f" WHERE {self._where} AND _dlt_valid_to IS NULL",
            *self._ids,
        )
        scopes: dict[str, set[Scope]] = {}
        for row in rows:
            of_location = scopes.setdefault(row["location_id"], set())
            of_location.update(Scope(kind, row[column]) for kind, column in COLUMN.items() if row[column] is not None)
            if listed := row.get("listed_by"):
                of_location.add(scope_of(listed))
        return scopes

    def outside(self, whole: Window, kinds: Sequence[Kind]) -> dict[str, dict[Scope, list[Window]]]:
        """The days outside `whole` on which appointments start, by location and by the scopes that list them.
        Consecutive days are joined. Tombstones count too: a row may be restored."""
        rows = self._raw.rows(
            f"SELECT location_id, start_time, {', '.join(COLUMN.values())}, {self._raw.listed_by()}"  # noqa: S608
            f" FROM {self._raw.name('appointments')} WHERE {self._where} AND _dlt_valid_to IS NULL"
            " AND (start_time < %s OR start_time >= %s)",
            *self._ids,
            whole.start,
            whole.end,
        )
        if rows is None:
            return {}
        days: dict[tuple[str, Scope], set[int]] = {}
        for row, start_ms in zip(rows.to_pylist(), epoch_ms(rows["start_time"]), strict=True):
            for scope in _lists_of(row, kinds):
                days.setdefault((row["location_id"], scope), set()).add((start_ms or 0) // DAY_MS)
        found: dict[str, dict[Scope, list[Window]]] = {}
        for (location_id, scope), each in days.items():
            found.setdefault(location_id, {})[scope] = joined(Window(day * DAY_MS, (day + 1) * DAY_MS) for day in each)
        return found

    # -- look-ups ------------------------------------------------------------------------------------------------------

    def unlisted(self, kinds: Sequence[Kind]) -> dict[str, list[Unlisted]]:
        """The appointments that no list of these kinds returns, tombstones included, by location: they have no start,
        or neither their fields nor the list they came from name such a list."""
        nowhere = " AND ".join(f"{COLUMN[kind]} IS NULL" for kind in kinds)
        rows = self._raw.rows(
            f"SELECT location_id, id, start_time, deleted_at IS NOT NULL AS deleted, {', '.join(COLUMN.values())},"  # noqa: S608
            f" {self._raw.listed_by()} FROM {self._raw.name('appointments')}"
            f" WHERE {self._where} AND _dlt_valid_to IS NULL AND (start_time IS NULL OR ({nowhere}))",
            *self._ids,
        )
        found: dict[str, list[Unlisted]] = {}
        if rows is not None:
            for row, start_ms in zip(rows.to_pylist(), epoch_ms(rows["start_time"]), strict=True):
                if start_ms is None or not _lists_of(row, kinds):
                    found.setdefault(row["location_id"], []).append(Unlisted(row["id"], start_ms, row["deleted"]))
        return found

    def lacking_contacts(self) -> dict[str, set[str]]:
        """The contacts that appointments mention and the warehouse does not hold, by location. Tombstones count too:
        their contacts are held where appointments embed them. Pseudonyms are no ids."""
        ids: tuple[str, ...] = ()
        held = "SELECT '' AS location_id, '' AS id"  # no load has created the table yet
        if self._raw.columns("contacts"):
            contacts, ids = self._raw.name("contacts"), self._ids
            held = f"SELECT location_id, id FROM {contacts} WHERE {self._where} AND _dlt_valid_to IS NULL"  # noqa: S608
        rows = self._raw.dicts(
            "SELECT DISTINCT a.location_id, a.contact_id"  # noqa: S608 - our own names
            f" FROM (SELECT location_id, contact_id FROM {self._raw.name('appointments')}"
            f" WHERE {self._where} AND _dlt_valid_to IS NULL AND contact_id IS NOT NULL"
            f" AND substr(contact_id, 1, {len(PSEUDONYM)}) <> %s) AS a"
            f" LEFT JOIN ({held}) AS c ON c.location_id = a.location_id AND c.id = a.contact_id WHERE c.id IS NULL",
            *(*self._ids, PSEUDONYM, *ids),
        )
        found: dict[str, set[str]] = {}
        for row in rows:
            found.setdefault(row["location_id"], set()).add(row["contact_id"])
        return found

    def contacts_after(self, location_id: str, after: str | None, most: int) -> list[str]:
        """The ids of the held contacts after this one, in the order of their ids. Without pseudonyms."""
        literal, prefix = self._raw.literal, self._raw.literal(PSEUDONYM)
        rows = self._raw.dicts(
            f"SELECT id FROM {self._raw.name('contacts')} WHERE location_id = {literal(location_id)}"  # noqa: S608
            f" AND _dlt_valid_to IS NULL AND deleted_at IS NULL AND substr(id, 1, {len(PSEUDONYM)}) <> {prefix}"
            + (f" AND id > {literal(after)}" if after is not None else "")
            + f" ORDER BY id LIMIT {most}"
        )
        return [row["id"] for row in rows]

    def look_ups(self) -> dict[str, dict[Named, LookUp]]:
        """The last answers to appointments that were asked for by their ids in turn, by location."""
        rows = self._raw.dicts(
            "SELECT location_id, id, scope, scope_id, asked_at, answer, times"  # noqa: S608 - our own names
            f" FROM {self._raw.name(LOOK_UPS.name)} AS r"
            f" JOIN {self._raw.name('_dlt_loads')} AS l ON l.load_id = r._dlt_load_id AND l.status = 0"
            f" WHERE {self._where} AND answer <> 'closed'",
            *self._ids,
        )
        found: dict[str, dict[Named, LookUp]] = {}
        for row in rows:
            named = row["id"], Scope(row["scope"], row["scope_id"])
            found.setdefault(row["location_id"], {})[named] = LookUp(
                to_ms(row["asked_at"]), row["answer"], row["times"]
            )
        return found


def _lists_of(row: dict[str, Any], kinds: Iterable[Kind]) -> list[Scope]:
    """The lists of these kinds that contain an appointment."""
    ids = ids_of_lists({kind: row[column] for kind, column in COLUMN.items()}, row["listed_by"])
    return [Scope(kind, each) for kind in kinds if (each := ids[kind]) is not None]
