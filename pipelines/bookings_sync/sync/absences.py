"""Absences: finds out what became of the appointments that a list no longer contains.

Input:  the appointments that complete replies should contain and do not.
Output: tombstones if the API refuses their ids, new versions if it still finds them.

A row may just have moved from one list to another, so nothing is asked before all lists of the load are in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from bookings_sync.api.client import Client
from bookings_sync.api.replies import Reply
from bookings_sync.changes.held import Held, Placed
from bookings_sync.changes.invalidation import Change, What
from bookings_sync.changes.journal import Journal
from bookings_sync.changes.places import places_held
from bookings_sync.changes.stage import Emitted, Stage
from bookings_sync.errors import BudgetSpent, ControlFailed
from bookings_sync.planning.ledger import Read
from bookings_sync.planning.planner import Planner
from bookings_sync.records.columns import Key
from bookings_sync.records.decoding import appointment_rows
from bookings_sync.records.digests import digest_of
from bookings_sync.records.json_text import Records
from bookings_sync.records.privacy import Privacy
from bookings_sync.records.tables import APPOINTMENTS
from bookings_sync.sync.contacts import ListedContacts
from bookings_sync.sync.controls import Control, Controls, Refusal, refusal_of
from bookings_sync.sync.findings import Findings
from bookings_sync.sync.reading import DecodingTurn, Reading
from bookings_sync.warehouse.held_rows import HeldRows

_CONTROLS_AFTERWARDS = 2
"""Requests that a location's controls need after its refusals."""

_LEFT_OUT = "missing appointments"


class Absent(NamedTuple):
    """An appointment that is missing from the complete reply of `read`."""

    location_id: str
    key: Key
    held: Held
    read: Read


class Refused(NamedTuple):
    """A missing appointment, and how the API refused its id."""

    absent: Absent
    refusal: Refusal


class Absences:
    """The missing appointments of one load."""

    def __init__(
        self,
        client: Callable[[str], Client],
        planner: Planner,
        findings: Findings,
        held_rows: HeldRows,
        stage: Stage,
        journal: Journal,
        contacts: ListedContacts,
        controls: Controls,
        privacy: Privacy,
    ) -> None:
        self._client = client
        self._planner = planner
        self._findings = findings
        self._held_rows = held_rows
        self._stage = stage
        self._journal = journal
        self._contacts = contacts
        self._controls = controls
        self._privacy = privacy
        self._absent: dict[tuple[str, Key], Absent] = {}
        self._restaged: dict[tuple[str, Key], Placed] = {}

    def add(self, keys: Iterable[Key], held: dict[Key, Held], read: Read) -> None:
        """Notes that these held appointments are missing from a complete reply."""
        for key in keys:
            self._absent[read.location_id, key] = Absent(read.location_id, key, held[key], read)

    def add_restaged(self, location_id: str, placed: dict[Key, Placed]) -> None:
        """Notes that another list contained these held appointments, and where they are now."""
        self._restaged.update({(location_id, key): each for key, each in placed.items()})

    def resolve(self, concurrency: int) -> Iterator[Emitted]:
        """Asks for each missing appointment by its id, and stages what came of it."""
        absent = list(self._absent.values())
        asked = [each for each in absent if not self._gave_up(each) and not self._is_staged(each)]
        asked.sort(key=self._turn)
        self._record_unverified(absent)
        self._record_restaged(absent)
        asked = self._affordable(asked, 1 + _CONTROLS_AFTERWARDS)
        asked = self._affordable(self._controlled(asked), _CONTROLS_AFTERWARDS)
        self._findings.figures.verifications += len(asked)
        refused: dict[str, list[Refused]] = {}
        reading = Reading(asked, self._get, concurrency)
        for answer in reading:
            each = answer.item
            if answer.error is not None:
                self._leave_unverified([each])
                if isinstance(answer.error, BudgetSpent):
                    self._findings.leave_out(each.location_id, _LEFT_OUT)
                    continue
                self._findings.failed(each.location_id, answer.error)
                if self._gave_up(each):
                    reading.drop(lambda item, failed=each.location_id: item.location_id == failed)  # type: ignore[misc]
                continue
            self._findings.verified(each.location_id)
            if answer.result is not None and answer.result.records:
                self._record("omitted", each)
                yield from self._take_found(each, answer.result.records)
            elif answer.result is not None:
                refused.setdefault(each.location_id, []).append(Refused(each, refusal_of(answer.result)))
        self._record_unverified(asked)
        for location_id, keys in self._believed(refused).items():
            yield from self._bury(location_id, keys)

    def _turn(self, absent: Absent) -> tuple[str, str]:
        """Where an appointment stands in the queue: one window after the other, so that windows become complete, in
        another order in each run. If the budget is too small for all, appointments that are found each time cannot keep
        the others from being verified."""
        run_id = absent.read.run_id.encode()
        return digest_of(run_id + absent.read.read_id.encode()), digest_of(run_id + str(absent.key[0]).encode())

    def _affordable(self, asked: list[Absent], controls: int) -> list[Absent]:
        """As many of the missing appointments as the request budgets allow, next to this many controls."""
        left: dict[str, int] = {}
        chosen: list[Absent] = []
        left_out: list[Absent] = []
        for each in asked:
            allowed = left.setdefault(each.location_id, self._planner.budget_left(each.location_id) - controls)
            left[each.location_id] -= 1
            (chosen if allowed > 0 else left_out).append(each)
        self._leave_unverified(left_out)
        for each in left_out:
            self._findings.leave_out(each.location_id, _LEFT_OUT)
        return chosen

    # -- controls ------------------------------------------------------------------------------------------------------

    def _controlled(self, asked: list[Absent]) -> list[Absent]:
        """The missing appointments that are worth asking for: not those of a location whose control fails."""
        missing: dict[str, set[Key]] = {}
        for each in asked:
            missing.setdefault(each.location_id, set()).add(each.key)
        controls = self._controls.existing(missing, last=False)
        failed = {location_id for location_id, control in controls.items() if self._has_failed(location_id, control)}
        self._leave_unverified(each for each in asked if each.location_id in failed)
        return [each for each in asked if each.location_id not in failed]

    def _has_failed(self, location_id: str, control: Control) -> bool:
        """Whether the control of a location shows that its refusals mean nothing. Notes the error."""
        findings = self._findings.of(location_id)
        if control.error is not None:
            self._findings.failed(location_id, control.error)
        elif control.found is False:
            findings.note(ControlFailed("listed appointments are not found by their ids", location=findings.name))
        return control.error is not None or control.found is False

    def _believed(self, refused: dict[str, list[Refused]]) -> dict[str, list[Key]]:
        """The refused appointments that no longer exist. The others stay: their reads do not count."""
        refused = {each: some for each, some in refused.items() if not self._findings.gave_up(each)}
        existing = self._controls.existing({each: _keys(some) for each, some in refused.items()}, last=True)
        unknown = self._controls.unknown({each: some[0].absent.key[0] for each, some in refused.items()})
        believed: dict[str, list[Key]] = {}
        for location_id, some in refused.items():
            failed = self._has_failed(location_id, existing[location_id])
            if failed or self._finds_unknown(location_id, unknown[location_id]):
                self._leave_unverified(each.absent for each in some)
            elif existing[location_id].found is None:
                self._leave_unproven(location_id, some, "no listed appointment shows that ids are found")
            else:
                believed[location_id] = [each.absent.key for each in some]
        return believed

    def _leave_unproven(self, location_id: str, refused: list[Refused], what: str) -> None:
        name = self._findings.of(location_id).name
        self._findings.of(location_id).note(ControlFailed(what, location=name))
        self._leave_unverified(each.absent for each in refused)

    def _finds_unknown(self, location_id: str, control: Control) -> bool:
        findings = self._findings.of(location_id)
        if control.error is not None:
            self._findings.failed(location_id, control.error)
        elif control.found:
            findings.note(ControlFailed("an id that never existed is found", location=findings.name))
        return control.error is not None or bool(control.found)

    def _leave_unverified(self, absent: Iterable[Absent]) -> None:
        for each in absent:
            self._record("unverified", each)
            self._planner.leave_out(each.read)

    def _gave_up(self, absent: Absent) -> bool:
        return self._findings.gave_up(absent.location_id)

    def _is_staged(self, absent: Absent) -> bool:
        return self._stage.holds(APPOINTMENTS, absent.location_id, absent.key)

    def _record_unverified(self, absent: Iterable[Absent]) -> None:
        """The run gave a location up before it could verify these rows."""
        for each in absent:
            if self._gave_up(each):
                self._record("unverified", each)

    def _record_restaged(self, absent: Iterable[Absent]) -> None:
        """A row that another list has, and that by this list's own scope and window belongs here too."""
        for each in absent:
            if not self._gave_up(each) and self._is_staged(each):
                now, read = self._restaged.get((each.location_id, each.key)), each.read
                if now and read.window and now.is_listed_in(read.scope, read.window):
                    self._record("restaged", each)

    def _get(self, absent: Absent, _: DecodingTurn) -> Reply[Records]:
        return self._client(absent.location_id).get_appointment(absent.key[0])

    def _take_found(self, absent: Absent, records: Records) -> Iterator[Emitted]:
        """Loads an appointment that the API still finds by its id: it moved, or its list omits it."""
        location_id = absent.location_id
        batch = appointment_rows(location_id, records, self._privacy, held=self._held_rows.digests)
        self._stage.reject(batch)
        if staged := self._stage.add_changed(batch.rows["appointments"], {absent.key: absent.held}):
            self._journal.record(Change("looked up", location_id, places=self._journal.places(staged.arrow)))
            before = self._held_rows.placed(location_id, [absent.key[0]]).values()
            self._journal.record(Change("looked up", location_id, places=places_held(before, self._journal.kinds)))
            yield staged.emitted
        yield from self._contacts.take(batch.rows["contacts"], absent.read)

    def _bury(self, location_id: str, keys: list[Key]) -> Iterator[Emitted]:
        """Stages the tombstones of appointments that the API refused by their ids."""
        if tombstones := self._stage.add_deleted(APPOINTMENTS, location_id, keys):
            self._journal.record(Change("deleted", location_id, places=self._journal.places(tombstones[1])))
            yield tombstones

    def _record(self, what: What, absent: Absent) -> None:
        self._journal.record(Change(what, absent.location_id, absent.read))


def _keys(refused: Iterable[Refused]) -> set[Key]:
    return {each.absent.key for each in refused}
