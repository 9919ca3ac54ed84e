"""The owners of held records: which locations hold a team, a service, a member or an appointment.

Input:  the raw tables, of all locations.
Output: `Owners`, by which `sync.proof` decides which calendar a key opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.changes.owners import Listed, Owners
from bookings_sync.warehouse.raw_tables import RawTables


class HeldOwners:
    """Queries over the current versions of every location, also of those that are none of this run's business."""

    def __init__(self, client: SqlClientBase[Any]) -> None:
        self._raw = RawTables(client)

    def owners(self, names: Mapping[str, str]) -> Owners:
        """Which locations hold which teams and services, tombstones included. `names` are the locations' names."""
        holders: dict[tuple[Listed, str], set[str]] = {}
        with_lists: set[tuple[Listed, str]] = set()
        tables: tuple[Listed, ...] = ("services", "teams")
        for table in tables:
            sql = (
                f"SELECT location_id, id, deleted_at IS NOT NULL AS deleted FROM {self._raw.name(table)}"  # noqa: S608
                " WHERE _dlt_valid_to IS NULL"
            )
            for row in self._raw.dicts(sql):
                holders.setdefault((table, row["id"]), set()).add(row["location_id"])
                if not row["deleted"]:
                    with_lists.add((table, row["location_id"]))
        return Owners(
            names, {each: frozenset(ids) for each, ids in holders.items()}, frozenset(with_lists), self.of_users
        )

    def of_users(self, ids: Iterable[str]) -> dict[str, frozenset[str]]:
        """Which locations hold these users as members of teams or services, tombstones included."""
        wanted = self._raw.literals(dict.fromkeys(ids)) or "NULL"
        holders: dict[str, set[str]] = {}
        for table in ("team_members", "service_members"):
            sql = (
                f"SELECT DISTINCT location_id, user_id FROM {self._raw.name(table)}"  # noqa: S608 - our own names
                f" WHERE _dlt_valid_to IS NULL AND user_id IN ({wanted})"
            )
            for row in self._raw.dicts(sql):
                holders.setdefault(row["user_id"], set()).add(row["location_id"])
        return {each: frozenset(location_ids) for each, location_ids in holders.items()}

    def of_appointments(self, ids: Iterable[str]) -> dict[str, int]:
        """How many of these appointments each location holds."""
        wanted = self._raw.literals(dict.fromkeys(ids))
        rows = self._raw.dicts(
            f"SELECT location_id, count(*) AS held FROM {self._raw.name('appointments')}"  # noqa: S608 - our own names
            f" WHERE _dlt_valid_to IS NULL AND id IN ({wanted or 'NULL'}) GROUP BY location_id"
        )
        return {row["location_id"]: row["held"] for row in rows}
