"""Appointment rows: stages the rows of a reply, once it is clear what the warehouse holds of each.

Input:  the rows that a read brought, and the held rows of its scope and window.
Output: `(table name, Arrow table)` pairs of `appointments`.

A row that is held in the read's own window is compared at once. A row that cannot be held is staged at once. Any other
row may be held in another window or scope: it waits until the warehouse is asked for many such rows together, because
each question scans the whole table. A changed row that another list may show differently waits for that list
(`disputes`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain
from typing import NamedTuple

from pendulum import DateTime

from bookings_sync.api.listing import id_digest
from bookings_sync.changes.diff import missing
from bookings_sync.changes.held import Held, Placed
from bookings_sync.changes.invalidation import Change
from bookings_sync.changes.journal import Journal
from bookings_sync.changes.places import at_home, placed_rows, places_held
from bookings_sync.changes.stage import Emitted, Stage, Staged
from bookings_sync.changes.unseen import Unseen
from bookings_sync.planning.calendar import KnownCalendars
from bookings_sync.planning.ledger import Read
from bookings_sync.planning.look_ups import LookUps
from bookings_sync.planning.plan import PlannedRead, window_of
from bookings_sync.planning.scopes import COLUMN, Kind, Scope
from bookings_sync.planning.windows import from_ms
from bookings_sync.records.columns import Key
from bookings_sync.records.rows import Rows
from bookings_sync.sync.absences import Absences
from bookings_sync.sync.contacts import MOST_WAITING
from bookings_sync.sync.controls import Controls
from bookings_sync.sync.disputes import Disputes
from bookings_sync.sync.first_sync import FirstSync
from bookings_sync.warehouse.held_rows import HeldRows


class _Waiting(NamedTuple):
    rows: Rows
    read: Read


class AppointmentRows:
    """Stages the appointments of one load."""

    def __init__(
        self,
        scope_kinds: Collection[Kind],
        calendars: KnownCalendars,
        first_sync: FirstSync,
        held_rows: HeldRows,
        stage: Stage,
        journal: Journal,
        absences: Absences,
        controls: Controls,
        look_ups: LookUps,
        disputes: Disputes,
        unseen: Unseen,
    ) -> None:
        self._scope_kinds = scope_kinds
        self._calendars = calendars
        self._first_sync = first_sync
        self._held_rows = held_rows
        self._stage = stage
        self._journal = journal
        self._absences = absences
        self._controls = controls
        self._look_ups = look_ups
        self._disputes = disputes
        self._unseen = unseen
        self._waiting: list[_Waiting] = []

    def take_whole(
        self, rows: Rows, planned: PlannedRead, read: Read, strays: Collection[Key] = ()
    ) -> Iterator[Emitted]:
        """Stages the new versions among the rows of a whole reply, and notes the held rows that are missing from it.
        The `strays` were in the reply, too, but as records of another location."""
        self._look_ups.close(rows.location_id, planned.scope, (key[0] for key in rows.keys))
        held = self._held(planned)
        self._absences.add(missing(held, {*rows.keys, *strays}), held, read)
        self._controls.listed.add(planned.location_id, rows.keys)
        self._absences.found(planned.location_id, rows.keys)
        here: list[int] = []
        elsewhere: list[int] = []
        nowhere: list[int] = []
        may_hold = self._first_sync.add(rows.location_id, rows.keys)
        for position, (key, may_be_held) in enumerate(zip(rows.keys, may_hold, strict=True)):
            (here if key in held else elsewhere if may_be_held else nowhere).append(position)
        yield from self._let_wait(rows.take(elsewhere), read)
        if here:
            yield from self._compare(rows.take(here), held, {}, read)
        unheld = rows.take(nowhere)
        homes = at_home(unheld.columns, read)
        if not all(homes):
            yield from self._let_wait(unheld.take(_places(homes, at=False)), read)
            unheld = unheld.take(_places(homes, at=True))
        if staged := self._stage.add_new(unheld):
            self._record_listed(staged, read)
            yield staged.emitted

    def take_changed(
        self, rows: Rows, missing_ids: Collection[bytes], planned: PlannedRead, read: Read
    ) -> Iterator[Emitted]:
        """The same for the records that differ from the last reply. `missing_ids` are the digests of the ids that only
        the last reply had."""
        self._controls.add_unchanged(planned.location_id, planned.scope, window_of(planned))
        self._look_ups.close(rows.location_id, planned.scope, (key[0] for key in rows.keys))
        self._absences.found(planned.location_id, rows.keys)
        if missing_ids:
            held = self._in_window(planned)
            self._absences.add((key for key in missing(held, ()) if id_digest(key[0]) in missing_ids), held, read)
        yield from self._let_wait(rows, read)

    def _held(self, planned: PlannedRead) -> dict[Key, Held]:
        location_id, scope, window = planned.location_id, planned.scope, window_of(planned)
        if not self._first_sync.may_hold_any(location_id, scope, window):
            return {}
        return self._in_window(planned)

    def _in_window(self, planned: PlannedRead) -> dict[Key, Held]:
        """The held rows that a complete reply contains. A row that the list it came from omits counts for the list that
        its own field names, too: it may have moved there, or that list once showed it by mistake."""
        location_id, scope, window = planned.location_id, planned.scope, window_of(planned)
        held = self._held_rows.in_window(location_id, scope, window)
        if left := self._look_ups.left(location_id, scope):
            for key, placed in self._held_rows.placed(location_id, left).items():
                start = placed.held.start_ms
                if placed.columns[scope.kind] == scope.id and start is not None and window.holds(start):
                    held.setdefault(key, placed.held)
        return held

    def _let_wait(self, rows: Rows, read: Read) -> Iterator[Emitted]:
        """Keeps rows that may be held anywhere until there are enough of them for one question."""
        if len(rows):
            self._waiting.append(_Waiting(rows, read))
        if sum(len(each.rows) for each in self._waiting) >= MOST_WAITING:
            yield from self.take_waiting()

    def take_waiting(self) -> Iterator[Emitted]:
        """Asks the warehouse for the waiting rows, and stages the new versions among them."""
        waiting, self._waiting = self._waiting, []
        placed = self._place(waiting)
        for rows, read in waiting:
            of_location = placed[rows.location_id]
            found = {key: of_location[key] for key in rows.keys if key in of_location}
            elsewhere = _outside_of(read, found)
            staged = self._stage.rows
            yield from self._compare(rows, {key: each.held for key, each in found.items()}, elsewhere, read)
            if self._stage.rows > staged:
                self._journal.record(Change("news", rows.location_id, read))
        if self._disputes.is_full:
            yield from self.settle()

    def settle(self) -> Iterator[Emitted]:
        """Stages the rows that other lists might show differently, once all lists are in."""

        def appointments(location_id: str, keys: Collection[Key]) -> dict[Key, dict[Key, Placed]]:
            placed = self._held_rows.placed(location_id, (key[0] for key in keys))
            return {key: {key: each} for key, each in placed.items()}

        for rows, read in chain(self._disputes.unsettled(), self._disputes.settle(appointments)):
            assert read is not None  # noqa: S101 - look-ups stage their appointments themselves
            self._disputes.add_conflicts(rows, read, at_home=False)
            found = self._held_rows.placed(rows.location_id, (key[0] for key in rows.keys))
            held = {key: each.held for key, each in found.items()}
            staged = self._stage.rows
            yield from self._stage_rows(rows, held, _outside_of(read, found), read)
            if self._stage.rows > staged:
                self._journal.record(Change("news", rows.location_id, read))

    def _place(self, waiting: list[_Waiting]) -> dict[str, dict[Key, Placed]]:
        ids: dict[str, dict[str, None]] = {}
        starts: dict[str, list[int]] = {}
        for rows, _ in waiting:
            ids.setdefault(rows.location_id, {}).update(dict.fromkeys(key[0] for key in rows.keys))
            if not self._first_sync.is_first(rows.location_id):
                starts.setdefault(rows.location_id, []).extend(filter(None, rows.starts_ms()))
        return {
            location_id: self._held_rows.placed(location_id, each, near=time_span(starts.get(location_id, [])))
            for location_id, each in ids.items()
        }

    def _compare(
        self, rows: Rows, held: dict[Key, Held], elsewhere: dict[Key, Placed], read: Read
    ) -> Iterator[Emitted]:
        """Stages the rows that are new or changed. Rows that another list might show differently wait for it.

        `elsewhere` are the held rows that are not in the read's own scope and window.
        """
        news = [
            key not in held or held[key].digest != digest for key, digest in zip(rows.keys, rows.digests, strict=True)
        ]
        self._disputes.add_conflicts(rows.take(_places(news, at=False)), read, at_home=False)
        rows = rows.take(_places(news, at=True))
        if not len(rows):
            return
        homes = at_home(rows.columns, read)
        for home in (True, False):
            self._disputes.add_conflicts(rows.take(_places(homes, at=home)), read, at_home=home)
        is_only_list = len(self._scope_kinds) == 1
        at_once = [
            home and (key not in held or (is_only_list and key not in elsewhere))
            for key, home in zip(rows.keys, homes, strict=True)
        ]
        for home in (True, False):
            waits = [position for position in _places(at_once, at=False) if homes[position] is home]
            self._disputes.add(rows.take(waits), read, at_home=home)
        yield from self._stage_rows(rows.take(_places(at_once, at=True)), held, elsewhere, read)

    def _stage_rows(
        self, rows: Rows, held: dict[Key, Held], elsewhere: dict[Key, Placed], read: Read
    ) -> Iterator[Emitted]:
        """Stages new versions. `elsewhere` are the held rows that are not in the read's own scope and window."""
        location_id = rows.location_id
        if staged := self._stage.add_changed(rows, held, read):
            self._absences.add_restaged(location_id, _placed(staged, held))
            self._record_listed(staged, read)
            if moved := [elsewhere[key] for key in staged.rows.keys if key in elsewhere]:
                self._journal.record(Change("moved", location_id, read, places_held(moved, self._journal.kinds)))
            yield staged.emitted

    def _record_listed(self, staged: Staged, read: Read) -> None:
        location_id = staged.rows.location_id
        self._unseen.add(staged.arrow, read)
        self._calendars.learn_scopes(location_id, self._scopes_of(staged))
        places = self._journal.places(staged.arrow, apart_from=read)
        self._journal.record(Change("listed", location_id, read, places))
        self._first_sync.add_strays(location_id, places)

    def _scopes_of(self, staged: Staged) -> set[Scope]:
        return {
            Scope(kind, each)
            for kind in self._scope_kinds
            for each in staged.arrow[COLUMN[kind]].unique().to_pylist()
            if each is not None
        }


def _places(flags: list[bool], *, at: bool) -> list[int]:
    return [position for position, flag in enumerate(flags) if flag is at]


def _outside_of(read: Read, placed: dict[Key, Placed]) -> dict[Key, Placed]:
    """The held rows that are not in the read's own scope and window."""
    window = read.window
    assert window is not None  # noqa: S101 - appointments are read by windows
    return {key: each for key, each in placed.items() if not each.is_listed_in(read.scope, window)}


def _placed(staged: Staged, held: Collection[Key]) -> dict[Key, Placed]:
    """Where the staged rows are now that were held before."""
    rows = staged.rows
    positions = [position for position, key in enumerate(rows.keys) if key in held]
    if not positions:
        return {}
    starts = rows.starts_ms()
    now = [Held(rows.digests[position], deleted=False, start_ms=starts[position]) for position in positions]
    placed = placed_rows(staged.arrow.take(positions), now)
    return {rows.keys[position]: each for position, each in zip(positions, placed, strict=True)}


def time_span(starts_ms: list[int]) -> tuple[DateTime, DateTime] | None:
    """The first and the last of these starts; None if there are none."""
    return (from_ms(min(starts_ms)), from_ms(max(starts_ms))) if starts_ms else None
