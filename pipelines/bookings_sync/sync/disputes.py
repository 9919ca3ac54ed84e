"""Disputes: decides about records that a list shows differently from the warehouse.

Input:  rows of one table that differ from the held ones, with the reads that showed them.
Output: the rows that count. The reads of the others are contradicted: an equal reply next time is decoded again.

Usually a record changed, and all its lists show the new content. But lists may disagree for good: about a contact that
several appointments embed, or about an appointment that is listed under two services. Without a decision, each sync
would write the variant that it reads last. So the rows wait until all lists of the load are in:

- If another list of the run still shows the held version, that version stays, unless the row was changed later
  by its own account (`records.variants`).
- Otherwise the record changed. Of several new variants, the newest counts; then one of a list before one of a reply by
  id; then one of a list that the warehouse holds the record in; then one of a list that agreed with the warehouse until
  now; then the one with the smallest digest.
- A list that shows an appointment of another service, team, user or window counts less than one that the appointment
  names itself. If the run reads none that it names, the held version stays until that list is due, unless the row was
  changed later by its own account.

The order of replies does not matter. If a load stages one variant before it meets another, the next load of the run
compares the two (`Unsettled`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bookings_sync.changes.held import Placed, keys_of
from bookings_sync.changes.invalidation import Change
from bookings_sync.changes.journal import Journal
from bookings_sync.changes.stage import Stage
from bookings_sync.planning.ledger import Read
from bookings_sync.planning.look_ups import LookUps
from bookings_sync.planning.scopes import Scope
from bookings_sync.records.columns import Key
from bookings_sync.records.rows import Rows
from bookings_sync.records.tables import APPOINTMENTS, Table
from bookings_sync.records.variants import Variant, best, changed_ms, variant_of
from bookings_sync.sync.findings import Findings
from bookings_sync.warehouse.held_rows import HeldRows

_MOST_DISPUTED = 50_000
"""Rows that wait at most for the other lists. If more records changed, they did not change one list at a time."""

Appointments = Mapping[Key, Placed]
"""The held appointments that show a record, by key: the appointment itself, or the appointments of a contact."""


Shows = Callable[[str, Collection[Key]], Mapping[Key, Appointments]]
"""Finds the held appointments that show records of a location."""


class _Told(NamedTuple):
    """One variant of a record, and the lists that told it. `brought_by` is the read that brought the rows, or after
    which they were looked up. `trusted` if its list agreed with the warehouse until now, or was never read before;
    `at_home` if the record itself names the list and the window that told it."""

    rows: Rows
    position: int
    brought_by: Read | None
    reads: list[Read]
    trusted: bool
    at_home: bool

    @property
    def variant(self) -> Variant:
        return variant_of(self.rows, self.position)


class Decided(NamedTuple):
    """Rows of one read that count, or of look-ups after it."""

    rows: Rows
    read: Read | None


@dataclass(slots=True)
class Unsettled:
    """Rows that contradict what an earlier load of the same run staged, by table."""

    rows: dict[str, list[Decided]] = field(default_factory=lambda: defaultdict(list))

    def __bool__(self) -> bool:
        return any(self.rows.values())

    def take(self, table: Table) -> list[Decided]:
        return self.rows.pop(table.name, [])


class Disputes:
    """The disputed rows of one table in one load. `missing` are the appointments that are missing from some list of the
    load, by location and key. `before` is what an earlier load of the run left unsettled, `now` collects what
    this one leaves."""

    def __init__(
        self,
        table: Table,
        run_id: str,
        held_rows: HeldRows,
        stage: Stage,
        journal: Journal,
        findings: Findings,
        missing: Collection[tuple[str, Key]],
        look_ups: LookUps,
        *,
        before: Unsettled,
        now: Unsettled,
    ) -> None:
        self._table = table
        self._run_id = run_id
        self._held_rows = held_rows
        self._stage = stage
        self._journal = journal
        self._before = before
        self._now = now
        self._findings = findings
        self._missing = missing
        self._look_ups = look_ups
        self._told: defaultdict[str, dict[Key, dict[str, _Told]]] = defaultdict(dict)
        """By location and key: the variants, by digest."""
        self._size = 0

    @property
    def is_full(self) -> bool:
        return self._size >= _MOST_DISPUTED

    def add(self, rows: Rows, read: Read | None, *, at_home: bool = True, is_look_up: bool = False) -> None:
        """Lets rows wait that differ from the held ones. The list of a look-up's `read` told nothing about them."""
        list_ = None if is_look_up else read
        trusted = self._is_trusted(list_)
        told = self._told[rows.location_id]
        for position, (key, digest) in enumerate(zip(rows.keys, rows.digests, strict=True)):
            by_digest = told.setdefault(key, {})
            before = by_digest.get(digest)
            self._size += before is None
            by_digest[digest] = _Told(
                *((rows, position, read) if before is None else before[:3]),
                [*(before.reads if before else ()), *([list_] if list_ else ())],
                trusted or (before is not None and before.trusted),
                at_home or (before is not None and before.at_home),
            )

    def _is_trusted(self, read: Read | None) -> bool:
        last = self._journal.last(read) if read else None
        return last is None or last.reply_digest is not None

    def add_conflicts(self, rows: Rows, read: Read | None, *, at_home: bool = True) -> None:
        """Notes the rows that this load has staged with different content: their read is contradicted."""
        positions = self._stage.conflicts(rows)
        if positions:
            self._contradict([read] if read else [])
            if at_home and self._is_trusted(read):
                self._now.rows[self._table.name].append(Decided(rows.take(positions), read))

    def settle(self, appointments: Shows) -> Iterator[Decided]:
        """The rows that count, once all lists are in. `appointments` finds the held appointments that show these
        records."""
        told, self._told, self._size = self._told, defaultdict(dict), 0
        for location_id, by_key in told.items():
            shown = appointments(location_id, by_key)
            still_told = [
                key
                for key, variants in by_key.items()
                if self._is_still_told(location_id, shown.get(key, {}), variants.values())
            ]
            held = self._held(location_id, still_told)
            if held:
                self._findings.warn(
                    f"{self._findings.of(location_id).name}: some {self._table.name} are told in several ways by the "
                    "API's lists; one variant is kept"
                )
            held |= self._held_at_home(location_id, by_key.keys() - held.keys(), told=by_key, shown=shown)
            yield from self._decided(by_key, held, shown)

    def _decided(
        self,
        by_key: Mapping[Key, Mapping[str, _Told]],
        held: Mapping[Key, Variant],
        shown: Mapping[Key, Appointments],
    ) -> Iterator[Decided]:
        chosen: dict[int, tuple[_Told, list[int]]] = {}
        for key, variants in by_key.items():
            found = _chosen(list(variants.values()), _places_of(shown.get(key, {})))
            if key in held and not (found.at_home and best([held[key], found.variant], held[key].digest)):
                self._contradict(read for each in variants.values() for read in each.reads)
                continue
            self._contradict(read for each in variants.values() if each is not found for read in each.reads)
            chosen.setdefault(id(found.rows), (found, []))[1].append(found.position)
        for found, positions in chosen.values():
            yield Decided(found.rows.take(sorted(positions)), found.brought_by)

    def unsettled(self, appointments: Shows | None = None) -> Iterator[Decided]:
        """The rows of an earlier load of this run that count more than what that load staged. `appointments` finds the
        held appointments that show contacts: a list that the warehouse holds one of them in counts more than others."""
        before = self._before.take(self._table)
        reads: defaultdict[tuple[str, Key], list[Read]] = defaultdict(list)
        for rows, read in before:
            for key in rows.keys:
                reads[rows.location_id, key] += [read] if read else []
        for rows, read in before:
            location_id = rows.location_id
            held = self._held(location_id, rows.keys)
            shown = appointments(location_id, held) if appointments and held else {}
            positions: list[int] = []
            for position, key in enumerate(rows.keys):
                if key not in held:
                    continue
                variant = variant_of(rows, position)
                wins = bool(best([held[key], variant]))
                is_newer_known = None not in (times := {held[key].changed_ms, variant.changed_ms}) and len(times) > 1
                if read is not None and not is_newer_known and (of_key := shown.get(key)):
                    is_placed = read.scope in _places_of(of_key)
                    if is_placed != self._is_told(location_id, of_key, reads[location_id, key]):
                        wins = is_placed
                if wins:
                    positions.append(position)
            if positions:
                yield Decided(rows.take(positions), read)

    def _is_still_told(self, location_id: str, shown: Appointments, variants: Iterable[_Told]) -> bool:
        """Whether a list of this run still shows the held version."""
        return self._is_told(location_id, shown, [read for each in variants for read in each.reads])

    def _held_at_home(
        self,
        location_id: str,
        keys: Collection[Key],
        *,
        told: Mapping[Key, Mapping[str, _Told]],
        shown: Mapping[Key, Appointments],
    ) -> dict[Key, Variant]:
        """The held versions that an earlier run read from the record's own list, and that only others contradict."""
        away = [
            key
            for key in keys
            if not any(each.at_home for each in told[key].values())
            and self._is_told(location_id, shown.get(key, {}), (), in_this_run=False)
        ]
        held = self._held(location_id, away)
        return {
            key: version
            for key, version in held.items()
            if not any(_is_later(each.variant, version) for each in told[key].values())
        }

    def _is_told(
        self, location_id: str, shown: Appointments, differing: Iterable[Read], *, in_this_run: bool = True
    ) -> bool:
        """Whether a list of this run, or of any, has shown the held version. A list that was read and told nothing
        different, as the `differing` reads did, told the same."""
        different = {read.read_id for read in differing}
        return any(
            (read.run_id == self._run_id or not in_this_run) and read.reply_bytes and read.read_id not in different
            for key, placed in shown.items()
            if not placed.held.deleted and placed.held.start_ms is not None
            if not self._may_have_changed(location_id, key)
            for scope in _scopes_of(placed)
            if not self._look_ups.omits(location_id, key[0], scope)
            for read in self._journal.covering(location_id, scope, placed.held.start_ms)
        )

    def _may_have_changed(self, location_id: str, appointment: Key) -> bool:
        """Whether an appointment is missing from a list, or was staged: it may show another contact now."""
        return (location_id, appointment) in self._missing or self._stage.holds(APPOINTMENTS, location_id, appointment)

    def _held(self, location_id: str, keys: Sequence[Key]) -> dict[Key, Variant]:
        if not keys:
            return {}
        rows = self._held_rows.rows(self._table, location_id, keys)
        digests = rows["row_digest"].to_pylist()
        return {
            key: Variant(digest, changed_ms(rows, position))
            for position, (key, digest) in enumerate(zip(keys_of(rows, self._table), digests, strict=True))
        }

    def _contradict(self, reads: Iterable[Read]) -> None:
        for read in reads:
            self._journal.record(Change("contradicted", read.location_id, read))


def _chosen(variants: list[_Told], places: Collection[Scope]) -> _Told:
    variants = [told for told in variants if told.at_home] or variants
    each = [told.variant for told in variants]
    times = {variant.changed_ms for variant in each}
    if len(times) == 1 or None in times:  # the rule of the newest cannot decide
        variants = [told for told in variants if told.reads] or variants
        variants = [told for told in variants if any(read.scope in places for read in told.reads)] or variants
        variants = [told for told in variants if told.trusted] or variants
    return variants[best([told.variant for told in variants])]


def _is_later(variant: Variant, held: Variant) -> bool:
    times = variant.changed_ms, held.changed_ms
    return times[0] is not None and times[1] is not None and times[0] > times[1]


def _places_of(shown: Appointments) -> set[Scope]:
    return {scope for placed in shown.values() for scope in _scopes_of(placed)}


def _scopes_of(placed: Placed) -> list[Scope]:
    return [Scope(kind, scope_id) for kind, scope_id in placed.scopes.items() if scope_id is not None]
