"""Looked up: loads an appointment that a list omits and that the API still finds by its id.

Input:  an absent appointment, and the record that the API returned for its id.
Output: a new version if the row differs from the held one, and the reads that this makes stale. `absences` asks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from bookings_sync.api.client import Client
from bookings_sync.changes.held import Held, Placed
from bookings_sync.changes.invalidation import Change
from bookings_sync.changes.journal import Journal
from bookings_sync.changes.places import placed_rows, places_held
from bookings_sync.changes.stage import Emitted, Stage
from bookings_sync.planning.calendar import KnownCalendars
from bookings_sync.planning.ledger import Read
from bookings_sync.planning.look_ups import LookUps
from bookings_sync.planning.scopes import COLUMN, UNLISTED, Kind, Scope, scope_of
from bookings_sync.records.columns import Key
from bookings_sync.records.decoding import appointment_rows
from bookings_sync.records.json_text import Records
from bookings_sync.records.privacy import Privacy
from bookings_sync.records.rows import Rows
from bookings_sync.sync.contacts import ListedContacts
from bookings_sync.warehouse.held_rows import HeldRows


class Absent(NamedTuple):
    """An appointment to ask for. It is missing from the complete replies of `reads`, or due in turn in `in_turn`: the
    lists that omit it, or `UNLISTED`."""

    location_id: str
    key: Key
    held: Held
    reads: list[Read]
    in_turn: list[Scope]

    @property
    def scopes(self) -> list[Scope]:
        """The lists that it is missing from."""
        return [*(read.scope for read in self.reads), *self.in_turn]


class LookedUp:
    """Takes the appointments of one load that were found by their ids."""

    def __init__(
        self,
        scope_kinds: Collection[Kind],
        client: Callable[[str], Client],
        calendars: KnownCalendars,
        held_rows: HeldRows,
        stage: Stage,
        journal: Journal,
        contacts: ListedContacts,
        privacy: Privacy,
        look_ups: LookUps,
    ) -> None:
        self._scope_kinds = scope_kinds
        self._client = client
        self._calendars = calendars
        self._held_rows = held_rows
        self._stage = stage
        self._journal = journal
        self._contacts = contacts
        self._privacy = privacy
        self._look_ups = look_ups

    def take(self, absent: Absent, records: Records) -> Iterator[Emitted]:
        """Loads an appointment that the API still finds by its id: it moved, or its list omits it."""
        location_id = absent.location_id
        zone = self._client(location_id).location.timezone
        batch = appointment_rows(location_id, records, self._privacy, held=self._held_rows.digests, zone=zone)
        self._stage.reject(batch)
        rows = batch.rows["appointments"]
        if not len(rows) or rows.digests[0] == absent.held.digest:
            self._note_found(absent)
        else:
            yield from self._take_changed(absent, rows)
        read = absent.reads[-1] if absent.reads else None
        yield from self._contacts.take(batch.rows["contacts"], read, is_look_up=True)

    def _take_changed(self, absent: Absent, rows: Rows) -> Iterator[Emitted]:
        """Stages a row that is not as it is held. The next replies of the lists that omit it must be compared again."""
        location_id = absent.location_id
        before = self._held_rows.placed(location_id, [absent.key[0]]).get(absent.key)
        rows.listed_by = self._list_named(rows) or _list_kept(rows, before)
        if staged := self._stage.add_changed(
            rows, {absent.key: absent.held}, absent.reads[-1] if absent.reads else None
        ):
            (now,) = placed_rows(staged.arrow, [Held(rows.digests[0], deleted=False, start_ms=rows.starts_ms()[0])])
            scopes = {Scope(kind, each) for kind, each in now.columns.items() if each is not None}
            self._calendars.learn_scopes(location_id, {each for each in scopes if each.kind in self._scope_kinds})
            for read in absent.reads:
                self._journal.record(Change("omitted", location_id, read))
                self._look_ups.close(location_id, read.scope, [str(absent.key[0])])
            for scope in absent.in_turn:
                keeps = scope == UNLISTED or belongs_to(now, scope)
                self._look_ups.note(location_id, str(absent.key[0]), scope, "found" if keeps else "closed")
            self._journal.record(Change("looked up", location_id, places=self._journal.places(staged.arrow)))
            places = places_held([before] if before else [], self._journal.kinds)
            self._journal.record(Change("looked up", location_id, places=places))
            yield staged.emitted

    def _list_named(self, rows: Rows) -> Scope | None:
        """The service that a row found by its id names as its calendar, as public clients read it (CODE): the row is in
        this service's list now, whatever list it came from."""
        service_id, calendar_id = (rows.columns[name][0].as_py() for name in ("service_id", "calendar_id"))
        if service_id is not None or calendar_id is None:
            return None
        scope = Scope("service", calendar_id)
        return scope if self._calendars.lists(rows.location_id, scope) else None

    def _note_found(self, absent: Absent) -> None:
        """The row is as it is held. The list of a service that no longer exists proves nothing, so it must be compared
        again, and its rows are asked for, in the next run."""
        for read in absent.reads:
            if self._calendars.lists(absent.location_id, read.scope):
                self._look_ups.note(absent.location_id, str(absent.key[0]), read.scope, "found")
            else:
                self._journal.record(Change("omitted", absent.location_id, read))
        for scope in absent.in_turn:
            self._look_ups.note(absent.location_id, str(absent.key[0]), scope, "found")


def belongs_to(placed: Placed, scope: Scope) -> bool:
    """Whether the list of this scope should contain the held appointment."""
    return not placed.held.deleted and placed.scopes.get(scope.kind) == scope.id


def _list_kept(rows: Rows, before: Placed | None) -> Scope | None:
    """The list that a row found by its id still counts as coming from: the one it came from before, unless its own
    field of that kind has changed."""
    if before is None or before.listed_by is None:
        return None
    came_from = scope_of(before.listed_by)
    is_same = rows.columns[COLUMN[came_from.kind]][0].as_py() == before.columns[came_from.kind]
    return came_from if is_same else None
