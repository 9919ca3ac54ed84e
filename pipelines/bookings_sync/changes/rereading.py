"""Rereading: separates rows that the API changed from rows that are only read in another way than before.

Input:  the ledger, and how this run and earlier ones read replies (`records.interpretation`).
Output: for a read, what its last reading has in common with this one; for changed rows, since when the API has shown
        them with this content, if they differ in nothing else. Pure.

After an upgrade with a new column, every row gets another digest. A row that equals the held one in all columns that
mean the same is no change: it is written again, marked by `unchanged_since`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Any

import pyarrow as pa

from bookings_sync.changes.held import keys_of
from bookings_sync.changes.invalidation import ReadOfRun
from bookings_sync.planning.contacts import ways_of
from bookings_sync.planning.ledger import Ledger, Read, within
from bookings_sync.planning.plan import PlannedRead
from bookings_sync.planning.windows import Window, gaps
from bookings_sync.records.columns import Key, row_digests
from bookings_sync.records.interpretation import Alike, Declarations, Interpretation
from bookings_sync.records.rows import Rows
from bookings_sync.records.schema import STAMPED
from bookings_sync.records.tables import APPOINTMENTS, Table
from bookings_sync.records.values import canonical

_ATTENDANCE = frozenset({"appointment_status", "appoinment_status"})


class Rereading:
    """`interpretation_of` gives how this run reads a location's replies. `earlier` are the ways in which earlier runs
    read replies, by the ledger's `rules`. `torn` are the reads of loads that never completed: they replaced the entries
    that said how their rows were read before. `unsure` are reads whose rows may have been read in any of these ways
    since: a torn load wrote rows and no entry."""

    def __init__(
        self,
        ledger: Ledger,
        interpretation_of: Callable[[str], Interpretation],
        earlier: Mapping[str, Declarations],
        torn: Ledger | None = None,
        unsure: Collection[ReadOfRun] = (),
    ) -> None:
        self._ledger = ledger
        self._torn = torn or Ledger()
        self._unsure = unsure
        self._interpretation_of = interpretation_of
        self._earlier = earlier
        self._known: dict[tuple[str, frozenset[str]], dict[str, Alike]] = {}

    def alike(self, read: Read | PlannedRead | None) -> Mapping[str, Alike] | None:
        """What the last readings of the same list have in common with this run's, by table. None if they were read in
        the same way, or never, if no list brought the rows, or if it is unknown how they were read."""
        others = self._others(read)
        if read is None or not others or not others <= self._earlier.keys():
            return None
        interpretation = self._interpretation_of(read.location_id)
        known = (interpretation.rules[read.endpoint], others)
        if known not in self._known:
            self._known[known] = interpretation.alike([self._earlier[each] for each in others])
        return self._known[known]

    def ways_before(self, read: PlannedRead, run_id: str) -> str | None:
        """The other ways in which the list was read before this run, for the ledger. A run may read a list again."""
        earlier = (last.rules_before or "" for last in self._last_reads(read) if last.run_id == run_id)
        return " ".join(sorted({*self._others(read), *" ".join(earlier).split()})) or None

    def is_outdated(self, read: Read | PlannedRead | None) -> bool:
        """Whether the list was last read in another way. So may the contacts of a list that was never read: the
        warehouse can hold them from another list."""
        if read is None:
            return False
        if self._others(read):
            return True
        is_new = read.endpoint == "appointments" and not self._last_reads(read)
        return is_new and self._is_moving(read.location_id)

    def _is_moving(self, location_id: str) -> bool:
        """Whether lists of the location were last read in another way, or were until this run."""
        ways = self._ways_of_lists.get(location_id, set())
        return bool(ways - {self._interpretation_of(location_id).rules["appointments"]})

    @cached_property
    def _ways_of_lists(self) -> dict[str, set[str]]:
        """By location, the ways in which its lists of appointments were read before this load."""
        found: dict[str, set[str]] = defaultdict(set)
        for read in chain(self._ledger.all(), self._torn.all()):
            if read.endpoint == "appointments":
                found[read.location_id].update({read.rules, *(read.rules_before or "").split()})
        return found

    def _others(self, read: Read | PlannedRead | None) -> frozenset[str]:
        """The other ways in which the list was last read."""
        if read is None:
            return frozenset()
        interpretation = self._interpretation_of(read.location_id)
        ways = {*self._last_rules(read)}
        if self._unsure and any((each.read_id, each.run_id) in self._unsure for each in self._last_reads(read)):
            tables = interpretation.of_endpoint(read.endpoint).keys()
            ways.update(rules for rules, declared in self._earlier.items() if declared.keys() == tables)
        return frozenset(ways - {interpretation.rules[read.endpoint]})

    def _last_rules(self, read: Read | PlannedRead) -> Iterable[str]:
        if read.endpoint == "appointments" and read.window is not None:
            return self._rules_of_window(read, read.window)
        last = self._ledger.newest(read.location_id, read.endpoint, read.scope)
        if last is None and (torn := self._torn.newest(read.location_id, read.endpoint, read.scope)):
            return _ways(torn)
        if last is not None and read.endpoint == "contacts":
            return ways_of(last)
        return {last.rules.partition(" ")[0]} if last else ()

    def _last_reads(self, read: Read | PlannedRead) -> list[Read]:
        if read.endpoint == "appointments" and read.window is not None:
            return [each.read for each in within(self._ledger.stretches(read.location_id, read.scope), read.window)]
        last = self._ledger.newest(read.location_id, read.endpoint, read.scope)
        return [last] if last else []

    def _rules_of_window(self, read: Read | PlannedRead, window: Window) -> set[str]:
        stretches = within(self._ledger.stretches(read.location_id, read.scope), window)
        found = {stretch.read.rules for stretch in stretches}
        torn = within(self._torn.stretches(read.location_id, read.scope), window)
        if torn and gaps(window, [stretch.window for stretch in stretches]):
            found.update(*(_ways(stretch.read) for stretch in torn))
        return found


def _ways(torn: Read) -> set[str]:
    """How rows may have been read that a torn load has or has not written again."""
    return {torn.rules.partition(" ")[0], *(torn.rules_before or "").split()}


def unchanged_since(rows: Rows, held: pa.Table, alike: Alike) -> dict[Key, datetime]:
    """By key, since when the API has shown these rows as they are, if they differ from the held ones only in what is
    read in another way. `held` are whole rows with `_dlt_valid_from`."""
    before = dict(
        zip(keys_of(held, rows.table), _common_digests(rows.table, rows.location_id, held, alike), strict=True)
    )
    begun = zip(held["unchanged_since"].to_pylist(), held["_dlt_valid_from"].to_pylist(), strict=True)
    since = dict(zip(before, (marked or valid_from for marked, valid_from in begun), strict=True))
    now = _common_digests(rows.table, rows.location_id, rows.columns, alike)
    return {key: since[key] for key, digest in zip(rows.keys, now, strict=True) if before.get(key) == digest}


def _common_digests(table: Table, location_id: str, columns: pa.Table, alike: Alike) -> list[str]:
    """A digest of each row over what is alike."""
    common = {name: columns[name] for name in columns.column_names if name in alike.columns and name not in STAMPED}
    if table is APPOINTMENTS and not common.keys() >= _ATTENDANCE and not alike.new & _ATTENDANCE:
        # One fact in two columns, of which an API fills either or both: it is alike although the columns are not.
        told = zip(*(columns[name].to_pylist() for name in sorted(_ATTENDANCE)), strict=True)
        common["attendance"] = pa.chunked_array([pa.array([first or second for first, second in told], pa.string())])
    if "extra" in common:
        texts = [_without(text, alike.fields) for text in common["extra"].to_pylist()]
        common["extra"] = pa.chunked_array([pa.array(texts, pa.string())])
    return row_digests(location_id, pa.table(dict(sorted(common.items()))))


def _without(text: str | None, paths: Iterable[str]) -> str | None:
    """A JSON object without the fields at these dotted paths; None if nothing is left."""
    if text is None:
        return None
    record = json.loads(text)
    for path in paths:
        _drop(record, path.split("."))
    return canonical(record).decode() if record else None


def _drop(record: Any, path: list[str]) -> None:
    name, *rest = path
    if not isinstance(record, dict) or name not in record:
        return
    if rest:
        _drop(record[name], rest)
    if not rest or record[name] == {}:
        del record[name]
