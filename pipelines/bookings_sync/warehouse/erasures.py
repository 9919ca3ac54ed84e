"""Erasures: the receipts of `bookings forget`, in a small table of the raw dataset.

Input:  a connected dlt SQL client on the raw dataset.
Output: `Erased` for syncs, which recognise the contacts that were erased although the API still lists them; receipts.

The table holds salted hashes only. dlt does not know it, so no load and no `refresh` touches it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.records.erased import NOBODY, Erased
from bookings_sync.warehouse.properties import Properties
from bookings_sync.warehouse.raw_tables import RawTables

TABLE = "_bookings_erasures"
_SALT = "erasure salt"
_UNFINISHED = "erasure unfinished"


class Erasures:
    """The contacts that were erased, and whether an erasure has yet to reach files and reporting tables."""

    def __init__(self, client: SqlClientBase[Any]) -> None:
        self._client = client
        self._raw = RawTables(client)
        self._properties = Properties(client)

    def erased(self, facts: Mapping[str, str]) -> Erased:
        """The contacts that were erased. `facts` are those of `Properties`."""
        if _SALT not in facts:
            return NOBODY
        rows = self._raw.dicts(f"SELECT mark FROM {self._raw.name(TABLE)}")  # noqa: S608 - our own names
        return Erased(bytes.fromhex(facts[_SALT]), frozenset(row["mark"] for row in rows))

    def open(self, at: DateTime) -> Erased:
        """The same, with a salt. Creates the tables, unless they exist."""
        self._properties.create()
        self._client.execute_sql(
            f"CREATE TABLE IF NOT EXISTS {self._raw.name(TABLE)} (erasure_id VARCHAR NOT NULL, mark VARCHAR NOT NULL,"
            " erased_at TIMESTAMP WITH TIME ZONE NOT NULL, receipt VARCHAR NOT NULL)"
        )
        if _SALT not in self._properties.read():
            self._properties.write({_SALT: secrets.token_hex(16)}, at)
        return self.erased(self._properties.read())

    def add(self, receipt: Mapping[str, Any], marks: Collection[str], at: DateTime) -> None:
        """Writes a receipt, once for each mark. Callers open the transaction."""
        stamp = self._raw.literal(at.in_timezone("UTC").to_iso8601_string())
        text = self._raw.literal(json.dumps(receipt, sort_keys=True))
        rows = ", ".join(
            f"({self._raw.literal(str(receipt['erasure_id']))}, {self._raw.literal(mark)},"
            f" CAST({stamp} AS TIMESTAMP WITH TIME ZONE), {text})"
            for mark in sorted(marks)
        )
        self._client.execute_sql(f"INSERT INTO {self._raw.name(TABLE)} VALUES {rows}")  # noqa: S608

    def receipts(self, marks: Collection[str]) -> list[dict[str, Any]]:
        """The receipts of erasures that left one of these marks."""
        sql = f"SELECT DISTINCT receipt FROM {self._raw.name(TABLE)} WHERE mark IN ({self._raw.literals(marks)})"  # noqa: S608
        return [json.loads(row["receipt"]) for row in self._raw.dicts(sql)] if marks else []

    # -- unfinished ----------------------------------------------------------------------------------------------------

    def begin(self, at: DateTime) -> None:
        """Notes that copies and freed pages may still hold what the raw tables no longer do."""
        self._properties.write({_UNFINISHED: "yes"}, at)

    def end(self, at: DateTime) -> None:
        """Notes that nothing is left to do."""
        with self._client.begin_transaction():
            self._properties.write({_UNFINISHED: "no"}, at)

    def is_unfinished(self) -> bool:
        return self._properties.read().get(_UNFINISHED) == "yes"
