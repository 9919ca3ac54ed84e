"""Absences: finds out what became of the appointments that a list no longer contains.

Input:  the appointments that complete replies should contain and do not, and those that are due in turn.
Output: new versions if the API still finds them by their ids. If it refuses the ids, they wait in `deletions` for the
        end of the run.

A row may just have moved from one list to another, so nothing is asked before all lists of the load are in. A row that
its list omits for good is not asked for in every run: see `planning.look_ups`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from typing import NamedTuple

from bookings_sync.api.client import Client
from bookings_sync.changes.held import Held, Placed
from bookings_sync.changes.invalidation import Change, What
from bookings_sync.changes.journal import Journal
from bookings_sync.changes.stage import Emitted, Stage
from bookings_sync.dialects.replies import Reply
from bookings_sync.errors import ApiError, BudgetSpent, ControlFailed, OtherReply
from bookings_sync.planning.ledger import Read
from bookings_sync.planning.look_ups import Answer, Due, LookUps
from bookings_sync.planning.planner import Planner
from bookings_sync.planning.scopes import UNLISTED, Scope
from bookings_sync.records.columns import Key
from bookings_sync.records.deletion_marks import DeletionMarks
from bookings_sync.records.digests import digest_of
from bookings_sync.records.holds import Why
from bookings_sync.records.json_text import Records
from bookings_sync.records.tables import APPOINTMENTS
from bookings_sync.sync.controls import Control, Controls, Refusal, refusal_of
from bookings_sync.sync.deletions import Deletions, Waiting
from bookings_sync.sync.findings import Findings
from bookings_sync.sync.looked_up import Absent, LookedUp, belongs_to
from bookings_sync.sync.proof import Proof
from bookings_sync.sync.reading import DecodingTurn, Reading
from bookings_sync.warehouse.held_rows import HeldRows

_CONTROLS_AFTERWARDS = 2
"""Requests that a location's controls need after its refusals."""

_LEFT_OUT = "missing appointments"


class Refused(NamedTuple):
    """A missing appointment, and how the API refused its id."""

    absent: Absent
    refusal: Refusal


class Absences:
    """The missing appointments of one load. `missing` collects their locations and keys, `restaged` where the held
    appointments are that the load has staged."""

    def __init__(
        self,
        client: Callable[[str], Client],
        planner: Planner,
        findings: Findings,
        held_rows: HeldRows,
        stage: Stage,
        journal: Journal,
        controls: Controls,
        deletions: Deletions,
        look_ups: LookUps,
        looked_up: LookedUp,
        missing: set[tuple[str, Key]],
        restaged: dict[tuple[str, Key], Placed],
        marks: DeletionMarks,
        proof: Proof,
    ) -> None:
        self._client = client
        self._planner = planner
        self._findings = findings
        self._held_rows = held_rows
        self._stage = stage
        self._journal = journal
        self._controls = controls
        self._deletions = deletions
        self._look_ups = look_ups
        self._looked_up = looked_up
        self._missing = missing
        self._marks = marks
        self._proof = proof
        self._absent: dict[tuple[str, Key], Absent] = {}
        self._restaged = restaged
        self._found: set[tuple[str, Key]] = set()
        """The missing appointments that the API found by their ids."""
        self._before: dict[str, Control] = {}
        """The first control of each location."""
        self._not_counted: set[str] = set()
        """Ids of reads that do not count, because they miss an appointment and it is unknown what became of it."""

    def add(self, keys: Iterable[Key], held: dict[Key, Held], read: Read) -> None:
        """Notes that these held appointments are missing from a complete reply."""
        for key in keys:
            self._add(read.location_id, key, held[key]).reads.append(read)

    def add_due(self, due: Sequence[Due]) -> None:
        """Notes that these appointments are due in turn, as far as their lists still should contain them."""
        for location_id in dict.fromkeys(each.location_id for each in due):
            of_location = [each for each in due if each.location_id == location_id]
            placed = self._held_rows.placed(location_id, (each.id for each in of_location))
            for each in of_location:
                now = placed.get((each.id,))
                is_unlisted = each.scope == UNLISTED
                if now is None or not (is_unlisted or belongs_to(now, each.scope)):
                    self._look_ups.note(location_id, each.id, each.scope, "closed")
                else:
                    self._add(location_id, (each.id,), now.held).in_turn.append(each.scope)

    def _add(self, location_id: str, key: Key, held: Held) -> Absent:
        self._missing.add((location_id, key))
        return self._absent.setdefault((location_id, key), Absent(location_id, key, held, [], []))

    def add_restaged(self, location_id: str, placed: dict[Key, Placed]) -> None:
        """Notes that another list contained these held appointments, and where they are now."""
        self._restaged.update({(location_id, key): each for key, each in placed.items()})

    def found(self, location_id: str, keys: Sequence[Key]) -> None:
        """Notes that a list contained these appointments: none of them is deleted."""
        self._deletions.exist(location_id, APPOINTMENTS.name, keys)

    def resolve(self, concurrency: int) -> Iterator[Emitted]:
        """Asks for each missing appointment by its id, and stages what came of it."""
        absent = list(self._absent.values())
        asked = [each for each in absent if not self._gave_up(each) and self._must_be_asked_for(each)]
        asked.sort(key=self._turn)
        self._record_unverified(absent)
        self._record_restaged(absent)
        refused = yield from self._ask(asked, concurrency)
        # If there was no control to ask for first, an appointment that was found is one, and the rest is asked again.
        first = {each for each in refused if not self._before[each].was_asked and self._controls.listed.of(each)}
        if first:
            again = [one.absent for each in first for one in refused.pop(each)]
            refused |= yield from self._ask(again, concurrency)
        self._judge(refused)

    def _ask(self, asked: list[Absent], concurrency: int) -> Generator[Emitted, None, dict[str, list[Refused]]]:
        """Asks for these appointments. Returns those whose ids are refused, by location."""
        asked = self._affordable(asked, 1 + _CONTROLS_AFTERWARDS)
        asked = self._affordable(self._controlled(asked), _CONTROLS_AFTERWARDS)
        self._findings.figures.verifications += len(asked)
        refused: dict[str, list[Refused]] = {}
        marked: dict[str, list[Absent]] = {}
        reading = Reading(asked, self._get, concurrency)
        for answer in reading:
            each = answer.item
            if answer.error is not None:
                self._take_error(each, answer.error)
                if self._gave_up(each):
                    reading.drop(lambda item, failed=each.location_id: item.location_id == failed)  # type: ignore[misc]
                continue
            self._findings.verified(each.location_id)
            if answer.result is not None and answer.result.records:
                if self._marks.is_marked(answer.result.records[0]):
                    marked.setdefault(each.location_id, []).append(each)
                    continue
                self._found.add((each.location_id, each.key))
                self._controls.listed.add(each.location_id, [each.key])
                self._deletions.exist(each.location_id, APPOINTMENTS.name, [each.key])
                yield from self._looked_up.take(each, answer.result.records)
            elif answer.result is not None:
                refused.setdefault(each.location_id, []).append(Refused(each, refusal_of(answer.result)))
        self._record_unverified(asked)
        for location_id, some in marked.items():  # the record is marked, which needs no control
            self._let_wait(location_id, some, None)
        return refused

    def _take_error(self, absent: Absent, error: ApiError) -> None:
        """The row could not be verified, so the reads that miss it do not count. An id that the API always answers with
        another appointment is no error any more."""
        if isinstance(error, OtherReply):
            is_known = self._always_answers_another(absent)
            self._note(absent, "another id")
            if is_known:
                return
        self._leave_unverified([absent])
        if isinstance(error, BudgetSpent):
            self._findings.leave_out(absent.location_id, _LEFT_OUT)
        else:
            self._findings.failed(absent.location_id, error)

    def _turn(self, absent: Absent) -> tuple[str, str]:
        """The place of an appointment in the queue: one window after the other, so that windows become complete, in
        another order in each run. If the budget is too small for all, appointments that are found each time cannot keep
        the others from being verified."""
        run_id = self._planner.span.run_id.encode()
        read_id = absent.reads[0].read_id if absent.reads else ""
        return digest_of(run_id + read_id.encode()), digest_of(run_id + str(absent.key[0]).encode())

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
        before = self._controls.existing(self._in_doubt({each.location_id for each in asked}), last=False)
        self._before |= before
        failed = {each for each, control in before.items() if self._has_failed(each, control)}
        self._leave_unverified(each for each in asked if each.location_id in failed)
        return [each for each in asked if each.location_id not in failed]

    def _in_doubt(self, location_ids: Collection[str]) -> dict[str, set[Key]]:
        """The missing appointments of these locations, also those that the budget leaves out: none may be a control."""
        in_doubt: dict[str, set[Key]] = {each: set() for each in location_ids}
        for location_id, key in self._missing - self._found:
            if location_id in in_doubt:
                in_doubt[location_id].add(key)
        return in_doubt

    def _has_failed(self, location_id: str, control: Control) -> bool:
        """Whether the control of a location shows that its refusals mean nothing. Notes the error."""
        findings = self._findings.of(location_id)
        if control.error is not None:
            self._findings.failed(location_id, control.error)
        elif control.found is False:
            findings.note(ControlFailed("listed appointments are not found by their ids", location=findings.name))
        return control.error is not None or control.found is False

    def _judge(self, refused: dict[str, list[Refused]]) -> None:
        """Decides which of the refused appointments wait to be deleted. The others stay: their reads do not count."""
        refused = {each: some for each, some in refused.items() if not self._findings.gave_up(each)}
        after = self._controls.existing(self._in_doubt(refused), last=True)
        unknown = self._controls.unknown({each: some[0].absent.key[0] for each, some in refused.items()})
        for location_id, some in refused.items():
            failed = self._has_failed(location_id, after[location_id])
            if failed or self._finds_unknown(location_id, unknown[location_id]):
                self._leave_unverified(each.absent for each in some)
            elif not (self._before[location_id].found and after[location_id].found):
                self._let_wait(location_id, _absent(some), "no control")
            else:
                likewise = [each for each in some if each.refusal == unknown[location_id].refusal]
                others = [each for each in some if each not in likewise]
                self._let_wait(location_id, _absent(others), "other refusal")
                self._let_wait(location_id, _absent(likewise), None)

    def _let_wait(self, location_id: str, absent: list[Absent], doubt: Why | None) -> None:
        """Lets appointments wait for the end of the run. Those in doubt need more evidence. A tombstone that is refused
        again needs none."""
        if doubt is not None:
            live = [each.key for each in absent if not each.held.deleted]
            held = set(live) - self._deletions.proven(location_id, APPOINTMENTS.name, live, doubt)
            self._leave_unverified(each for each in absent if each.key in held)
            absent = [each for each in absent if each.key not in held]
        waiting: list[Waiting] = []
        for each in absent:
            reads = [read for read in each.reads if read.read_id not in self._not_counted]
            for read in reads:
                self._journal.record(Change("unverified", location_id, read))
            waiting.append(
                Waiting(each.key, reads, each.in_turn, is_live=not each.held.deleted, is_proven=doubt is not None)
            )
        self._deletions.wait(location_id, waiting)

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
            for read in each.reads:
                self._not_counted.add(read.read_id)
                self._planner.leave_out(read)

    def _gave_up(self, absent: Absent) -> bool:
        return self._findings.gave_up(absent.location_id)

    def _must_be_asked_for(self, absent: Absent) -> bool:
        """Whether no list of this load had the row, and the last answer to its id no longer holds for some list."""
        if self._stage.holds(APPOINTMENTS, absent.location_id, absent.key):
            return False
        return bool(absent.in_turn) or not all(self._holds(absent, read.scope) for read in absent.reads)

    def _holds(self, absent: Absent, scope: Scope) -> bool:
        """Whether the last answer to a row that this list omits still holds."""
        return self._look_ups.holds(absent.location_id, str(absent.key[0]), scope)

    def _always_answers_another(self, absent: Absent) -> bool:
        record_id = str(absent.key[0])
        return all(
            self._look_ups.always_answers_another(absent.location_id, record_id, scope) for scope in absent.scopes
        )

    def _note(self, absent: Absent, answer: Answer) -> None:
        """Records the answer for the lists that omit the row. A list that only omits a deleted row needs no
        record: its tombstone is one."""
        for scope in absent.scopes:
            if answer != "refused" or scope in absent.in_turn:
                self._look_ups.note(absent.location_id, str(absent.key[0]), scope, answer)
            else:
                self._look_ups.close(absent.location_id, scope, [str(absent.key[0])])

    def _record_unverified(self, absent: Iterable[Absent]) -> None:
        """The run gave a location up before it could verify these rows."""
        for each in absent:
            if self._gave_up(each):
                self._record("unverified", each)

    def _record_restaged(self, absent: Iterable[Absent]) -> None:
        """A row that another list has, and that by this list's own scope and window belongs here too."""
        for each in absent:
            if self._gave_up(each) or not self._stage.holds(APPOINTMENTS, each.location_id, each.key):
                continue
            now = self._restaged.get((each.location_id, each.key))
            for read in each.reads:
                if now and read.window and now.is_listed_in(read.scope, read.window):
                    self._journal.record(Change("restaged", each.location_id, read))

    def _get(self, absent: Absent, _: DecodingTurn) -> Reply[Records]:
        reply = self._client(absent.location_id).get_appointment(absent.key[0])
        self._proof.check_records(absent.location_id, "/appointments/:id", reply.records or [])
        return reply

    def _record(self, what: What, absent: Absent) -> None:
        for read in absent.reads:
            self._journal.record(Change(what, absent.location_id, read))


def _absent(refused: Iterable[Refused]) -> list[Absent]:
    return [each.absent for each in refused]
