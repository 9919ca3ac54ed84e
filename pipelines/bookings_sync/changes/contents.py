"""Contents: how many rows the warehouse should hold of each location, and which tables lost some.

Input:  the rows that a run finds in each table; what the last complete load wrote down; the rows that a load stages.
Output: the tables that hold other rows than they should; the entry for the ledger. Pure.

Versions are never removed, only ended. So the number of a location's versions in a table, and of those that ended, is
known after each load. If a table was restored, truncated or edited, the numbers differ, and the digests in the ledger
describe rows that are not there.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bookings_sync.planning.ledger import LOST, Read, with_lost_rows
from bookings_sync.records.interpretation import endpoints_of
from bookings_sync.records.tables import TABLES

NOTHING = "{}"
"""The entry of a location without rows."""


class Counted(NamedTuple):
    """Versions of one location in one table. `torn_load` is the load that left them and never completed; "" for the
    versions of all complete loads together."""

    location_id: str
    table: str
    torn_load: str
    versions: int
    ended: int


class Contents:
    """The number of versions by location and table, and how many of them ended."""

    def __init__(self, counted: Iterable[Counted] = ()) -> None:
        self._counts: defaultdict[str, dict[str, list[int]]] = defaultdict(dict)
        for each in counted:
            self.add(each.location_id, each.table, each.versions, each.ended)

    def add(self, location_id: str, table: str, versions: int, ended: int) -> None:
        counts = self._counts[location_id].setdefault(table, [0, 0])
        counts[0] += versions
        counts[1] += ended

    def add_all(self, others: Contents) -> None:
        for location_id, counts in others._counts.items():
            for table, (versions, ended) in counts.items():
                self.add(location_id, table, versions, ended)

    def of(self, location_id: str) -> str:
        """The entry for the ledger, as JSON."""
        return json.dumps(self._counts.get(location_id, {}), sort_keys=True, separators=(",", ":"))


def lost_tables(counted: Iterable[Counted], reads: Iterable[tuple[Read, str]]) -> dict[str, set[str]]:
    """The tables that hold other rows than the ledger expects, by location. `reads` come with their load ids.

    A location has no entry if it was last synced by an older version, or if `reads` was emptied during a load. A table
    is then lost if the ledger knows of rows and the table has none.
    """
    found: defaultdict[str, defaultdict[str, list[Counted]]] = defaultdict(lambda: defaultdict(list))
    for each in counted:
        found[each.location_id][each.table].append(each)
    entries: dict[str, tuple[Mapping[str, list[int]], str]] = {}
    with_rows: set[tuple[str, str]] = set()
    for read, load_id in reads:
        if read.contents is not None:
            entries[read.location_id] = json.loads(read.contents), load_id
        elif read.reply_rows and read.rules != LOST:
            with_rows.add((read.location_id, read.endpoint))
    lost: dict[str, set[str]] = {}
    for location_id, (entry, load_id) in entries.items():
        of_location = found[location_id]
        tables = {
            table
            for table in entry.keys() | of_location.keys()
            if table in TABLES and not _is_whole(of_location.get(table, []), entry.get(table, [0, 0]), load_id)
        }
        if tables:
            lost[location_id] = tables
    for location_id, table in with_rows:
        if location_id not in entries and table not in found[location_id]:
            lost.setdefault(location_id, set()).add(table)
    return lost


def _is_whole(found: list[Counted], entry: list[int], load_id: str) -> bool:
    """Whether a table holds the rows of an entry that the load `load_id` wrote. A torn load after it may have added
    versions and ended as many."""
    torn = sum(each.versions for each in found if each.torn_load > load_id)
    versions, ended = (sum(each.versions for each in found), sum(each.ended for each in found))
    return versions - torn == entry[0] and entry[1] <= ended <= entry[1] + torn


def without_lost_rows(reads: Iterable[Read], lost: Mapping[str, set[str]]) -> Iterable[Read]:
    """The reads, and instead of those with lost rows the same reads as they count now."""
    endpoints = {
        location_id: {endpoint for table in tables for endpoint in endpoints_of(TABLES[table])}
        for location_id, tables in lost.items()
    }
    for read in reads:
        yield with_lost_rows(read) if read.endpoint in endpoints.get(read.location_id, ()) else read
