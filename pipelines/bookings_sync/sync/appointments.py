"""Appointments: reads their windows, and decides what each answer means.

Input:  planned reads.
Output: `(table name, Arrow table)` pairs of `appointments` and of their contacts, for `load`.

Each reply is compared with the held rows of its scope and window (`appointment_rows`). Held rows that are missing from
a complete reply are verified when all lists are in (`absences`). A reply that is cut off, too large, too late or
unreadable is read again in halves, down to a day.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from bookings_sync.api.listing import Listing, id_digest
from bookings_sync.changes.invalidation import Change
from bookings_sync.changes.journal import Journal
from bookings_sync.changes.stage import Emitted, Stage
from bookings_sync.config.settings import Settings
from bookings_sync.dialects.replies import Reply
from bookings_sync.error_text import MISTAKES, mistake
from bookings_sync.errors import (
    ApiError,
    BadReply,
    BookingsError,
    BudgetSpent,
    ConfigurationError,
    OtherReply,
    ReplyTooLarge,
    RequestRefused,
    TimedOut,
)
from bookings_sync.planning.calendar import KnownCalendars
from bookings_sync.planning.look_ups import Due
from bookings_sync.planning.plan import PlannedRead, window_of
from bookings_sync.planning.planner import Planner
from bookings_sync.planning.windows import ALL_TIME, DAY_MS, SPOILT_MS
from bookings_sync.records.rows import Batch
from bookings_sync.sync.absences import Absences
from bookings_sync.sync.appointment_rows import AppointmentRows
from bookings_sync.sync.completed import CompletedReads
from bookings_sync.sync.contacts import ListedContacts
from bookings_sync.sync.controls import Controls
from bookings_sync.sync.doubts import Doubts
from bookings_sync.sync.evidence import Judged, Listed
from bookings_sync.sync.findings import Findings
from bookings_sync.sync.lists import AppointmentLists
from bookings_sync.sync.proof import Proof
from bookings_sync.sync.reading import Reading

_SURELY_ALLOWED_MS = 31 * DAY_MS
"""Milliseconds. The API may refuse a longer window for its length (UNK; the successor API allows 31 days of slots)."""


class AppointmentReads:
    """The appointment reads of one load."""

    def __init__(
        self,
        settings: Settings,
        planner: Planner,
        calendars: KnownCalendars,
        findings: Findings,
        doubts: Doubts,
        stage: Stage,
        journal: Journal,
        completed: CompletedReads,
        *,
        lists: AppointmentLists,
        rows: AppointmentRows,
        contacts: ListedContacts,
        absences: Absences,
        controls: Controls,
        proof: Proof,
    ) -> None:
        self._settings = settings
        self._planner = planner
        self._calendars = calendars
        self._findings = findings
        self._doubts = doubts
        self._stage = stage
        self._journal = journal
        self._completed = completed
        self._lists = lists
        self._rows = rows
        self._contacts = contacts
        self._absences = absences
        self._controls = controls
        self._proof = proof

    def carry_out(self, planned: list[PlannedRead]) -> Iterator[Emitted]:
        """Does these reads, as far as one load takes their rows."""
        figures = self._findings.figures
        figures.reads_planned += sum(not read.is_probe for read in planned)
        reading = Reading(planned, self._lists.ask, self._settings.concurrency)
        for answer in reading:
            read = answer.item
            if self._findings.gave_up(read.location_id):
                continue
            if isinstance(answer.error, BudgetSpent):  # the window stays due, and its age puts it first next time
                reading.drop(lambda other, spent=read.location_id: other.location_id == spent)  # type: ignore[misc]
                judged = self._doubts.failed(read, answer.error)
            elif answer.error is not None:
                judged = yield from self._take_error(read, answer.error)
            elif answer.result is not None:
                judged = yield from self._take_answer(read, answer.result)
            else:
                continue
            figures.reads_planned += sum(not ask.is_probe for ask in judged.ask) // 2  # one read becomes two
            reading.add(judged.ask)
            for listed in judged.take:
                yield from self._take(listed.read, listed.reply, listed.batch)
            if self._doubts.ignores_windows(read):
                reading.drop(lambda other, read=read: _is_pointless(other, read))  # type: ignore[misc]
            if self._findings.gave_up(read.location_id):
                reading.drop(lambda other, failed=read.location_id: other.location_id == failed)  # type: ignore[misc]
            if self._stage.rows >= self._settings.rows_per_load:
                figures.reads_planned -= reading.stop()  # the next load plans them again
        self._doubts.end()
        yield from self._rows.take_waiting()
        yield from self._rows.settle()
        yield from self._resolve_absences()

    def look_up(self, due: list[Due]) -> Iterator[Emitted]:
        """Asks for appointments by their ids although no list of this run misses them."""
        self._absences.add_due(due)
        yield from self._resolve_absences()

    def _resolve_absences(self) -> Iterator[Emitted]:
        """Asks for the missing appointments, and stages them and all contacts that waited."""
        yield from self._absences.resolve(self._settings.concurrency)
        yield from self._contacts.take_waiting()
        yield from self._contacts.settle()

    # -- what an answer means ------------------------------------------------------------------------------------------

    def _take_error(self, read: PlannedRead, error: ApiError) -> Generator[Emitted, None, Judged]:
        """An error of the API. A window that may be too long is read again in halves."""
        if read.is_probe:
            return self._doubts.failed(read, error)
        if self._is_gone(read, error):
            yield from self._take(read, None, None)
            return Judged([], [])
        if _may_be_too_long(read, error):
            findings = self._findings.of(read.location_id)
            findings.unreadable(error)
            if findings.may_halve:
                return Judged([], read.halves())
        self._planner.leave_out(read)
        self._findings.failed(read.location_id, error)
        return Judged([], [])

    def _take_answer(self, read: PlannedRead, reply: Reply[Listing]) -> Generator[Emitted, None, Judged]:
        """A whole reply. A decoded list is judged before it is compared with the warehouse."""
        if reply.records is not None and (reply.records.size or read.is_probe):
            try:
                batch = self._own_rows(read, reply.records)
            except OtherReply as error:
                if read.is_probe:
                    return self._doubts.failed(read, error)
                self._planner.leave_out(read)
                self._findings.failed(read.location_id, error)
            except ConfigurationError as error:
                self._findings.of(read.location_id).give_up(error)
                self._journal.forget(read.location_id)
            except MISTAKES as error:
                self._findings.of(read.location_id).give_up(BookingsError(f"{read.location_id}: {mistake(error)}"))
                self._journal.forget(read.location_id)
            else:
                return self._doubts.judge(Listed(read, reply, reply.records, batch))
            return Judged([], [])
        yield from self._take(read, reply, None)
        return Judged([], [])

    def _own_rows(self, read: PlannedRead, listing: Listing) -> Batch:
        """The rows of a list. Raises OtherReply or ConfigurationError if they are another location's."""
        batch = self._lists.rows(read, listing)
        unchanged = 0 if listing.missing is None else listing.size - len(batch.rows["appointments"])
        return self._proof.own_rows(read.location_id, batch, window_of(read), unchanged)

    def _is_gone(self, read: PlannedRead, error: ApiError) -> bool:
        """Whether the API refuses a list because the service, team or user no longer exists. It need not be listable
        then (UNK): its appointments are asked for one by one."""
        return isinstance(error, RequestRefused) and not self._calendars.lists(read.location_id, read.scope)

    # -- a complete answer ---------------------------------------------------------------------------------------------

    def _take(self, read: PlannedRead, reply: Reply[Listing] | None, batch: Batch | None) -> Iterator[Emitted]:
        """Compares one reply with the warehouse. Without a reply, each held appointment is asked for by its id."""
        if reply is not None and reply.records is None:
            self._take_unchanged(read, reply)
        else:
            listing = reply.records if reply and reply.records else Listing([], 0)
            rows = batch or self._lists.rows(read, listing)
            yield from self._take_listing(read, [reply] if reply else [], listing, rows)
        self._findings.answered(read.location_id)

    def _take_unchanged(self, planned: PlannedRead, reply: Reply[Listing]) -> None:
        self._findings.figures.reads_unchanged += 1
        known = self._lists.last_read(planned)
        assert known is not None  # noqa: S101 - the reply was equal to this read's
        self._completed.add(planned, [reply], rows=known.reply_rows, record_digests=known.record_digests)
        if known.reply_rows:
            self._controls.add_unchanged(planned.location_id, planned.scope, window_of(planned))

    def _take_listing(
        self, planned: PlannedRead, replies: list[Reply[Listing]], listing: Listing, batch: Batch
    ) -> Iterator[Emitted]:
        read = self._completed.add(planned, replies, rows=listing.largest, record_digests=listing.digests)
        staged = self._stage.rows
        self._stage.reject(batch)
        rows = batch.rows["appointments"]
        if listing.missing is None:
            yield from self._rows.take_whole(rows, planned, read, batch.strays)
        else:
            told_as_deleted = {id_digest(key[0]) for key in batch.deleted}
            yield from self._rows.take_changed(rows, listing.missing | told_as_deleted, planned, read)
        yield from self._contacts.take(batch.rows["contacts"], read)
        if self._stage.rows > staged:
            self._journal.record(Change("news", planned.location_id, read))


def _may_be_too_long(read: PlannedRead, error: ApiError) -> bool:
    """Whether a shorter window may be answered where this one was not."""
    window = read.window
    if window is None or not window.can_split:
        return False
    if isinstance(error, TimedOut | ReplyTooLarge):
        return True
    if isinstance(error, RequestRefused):
        return window.length_ms > _SURELY_ALLOWED_MS
    return isinstance(error, BadReply) and window.length_ms > SPOILT_MS


def _is_pointless(other: PlannedRead, read: PlannedRead) -> bool:
    """Whether a read of another window would bring the same reply, because the API ignores windows."""
    same_kind = (other.location_id, other.scope.kind) == (read.location_id, read.scope.kind)
    return same_kind and other.window != ALL_TIME
