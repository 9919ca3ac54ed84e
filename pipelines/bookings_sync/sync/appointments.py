"""Appointments: reads their windows, and finds out about those that a list no longer holds.

Input:  planned reads; what the warehouse holds of their windows.
Output: `(table name, Arrow table)` pairs of `appointments`, and of their `contacts`, for `load`.

What a list no longer names is asked for by id only when all lists of the load are in, for it may just have moved from
one to another: found means moved, and is loaded; refused means deleted. A reply that may have been cut off, is too
large, does not come in time or never reads well is read again in halves, down to the day of the record that spoils it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from pendulum import DateTime

from bookings_sync.api import Reply
from bookings_sync.api.listing import Listing, decode_all, diff_decoder, id_digest, split_decoder
from bookings_sync.changes.diff import missing
from bookings_sync.changes.held import Held, Placed, standing_of
from bookings_sync.changes.stage import Emitted, Stage, Staged
from bookings_sync.errors import BadReply, ReplyTooLarge, RequestRefused, TimedOut
from bookings_sync.planning.ledger import Read
from bookings_sync.planning.plan import PlannedRead, hot_range
from bookings_sync.planning.scopes import COLUMN
from bookings_sync.planning.windows import DAY_MS, SPOILT_MS, Window, from_ms
from bookings_sync.records.columns import Key
from bookings_sync.records.decoding import appointment_rows
from bookings_sync.records.fast_path import reader
from bookings_sync.records.json_text import Records
from bookings_sync.records.rows import Rows
from bookings_sync.records.tables import APPOINTMENTS
from bookings_sync.sync.contacts import MOST_WAITING, ListedContacts
from bookings_sync.sync.notes import ReadNotes
from bookings_sync.sync.reading import Answer, Gate, Reading
from bookings_sync.sync.run import Run
from bookings_sync.warehouse.queries import Warehouse

_CAPS = frozenset({20, 25, 50, 100, 200, 250, 300, 400, 500, 1_000, 2_000, 2_500, 5_000, 10_000})
"""Numbers of records at which APIs cut their lists off. A reply of just so many, and none larger seen, is checked."""

_SURELY_ALLOWED_MS = 31 * DAY_MS
"""A window longer than this may be refused for its length (UNK; the successor API's limit for slots)."""


class Absent(NamedTuple):
    """An appointment that the complete list for its scope and window no longer holds."""

    location_id: str
    key: Key
    held: Held
    listed_by: Read


class AppointmentReads:
    """The appointment reads of one load."""

    def __init__(self, run: Run, warehouse: Warehouse, stage: Stage, notes: ReadNotes) -> None:
        self._run = run
        self._warehouse = warehouse
        self._stage = stage
        self._notes = notes
        self._halves: list[PlannedRead] = []
        """Of reads that are to be split: they are read next."""
        self._hot = hot_range(run.settings, run.span.now)
        self._absent: dict[tuple[str, Key], Absent] = {}
        self._restaged: dict[tuple[str, Key], Placed] = {}
        """Where those stand, as they were staged, that were held before."""
        self._unplaced: list[tuple[Rows, PlannedRead, Read]] = []
        self._contacts = ListedContacts(run, warehouse, stage, notes)

    def carry_out(self, planned: list[PlannedRead]) -> Iterator[Emitted]:
        self._run.start(planned)
        reading = Reading(planned, self._list, self._run.settings.concurrency)
        for answer in reading:
            location_id = answer.item.location_id
            location = self._run.by_id[location_id]
            if location.gave_up:
                continue
            if answer.error is not None:
                yield from self._take_error(answer)
            else:
                yield from self._take(answer.item, answer.result)
            reading.add(self._halves)
            self._halves = []
            if location.gave_up:
                reading.drop(lambda read, failed=location_id: read.location_id == failed)
            if self._stage.rows >= self._run.settings.rows_per_load:
                self._run.figures.reads_planned -= reading.stop()  # the next load plans them again
        yield from self._take_unplaced()
        yield from self._verify()
        yield from self._contacts.take_waiting()

    # -- lists ---------------------------------------------------------------------------------------------------------

    def _list(self, read: PlannedRead, gate: Gate) -> Reply[Listing] | None:
        window = _window(read)
        if read.scope.kind == "unlisted":
            return None
        known = self._relied_on(read)
        digest, decode = known.reply_digest if known else None, self._decoder(read, known)
        return self._run.client(read.location_id).list_appointments(read.scope, window, digest, gate.let(decode))

    def _decoder(self, read: PlannedRead, known: Read | None) -> Callable[[bytes], Listing]:
        if (
            not self._run.privacy.keeps_all
        ):  # of personal data that is not kept no digest is, and no row comes by itself
            return decode_all
        read_record = reader(read.location_id, self._run.contacts)
        if _window(read).overlaps(self._hot):  # record digests are worth their making where every run reads the window
            return diff_decoder(known.record_digests if known else None, read_record)
        return split_decoder(read_record)

    def _relied_on(self, read: PlannedRead) -> Read | None:
        return self._run.ledger.relied_on(read.location_id, read.scope, _window(read), self._run.rules)

    def _take_error(self, answer: Answer[PlannedRead, Any]) -> Iterator[Emitted]:
        read, error = answer.item, answer.error
        assert error is not None  # noqa: S101 - only called with one
        refused = isinstance(error, RequestRefused)
        if refused and not self._run.exists(read.location_id, read.scope):
            # A service that has gone need not be listable (UNK): its appointments are asked for one by one.
            yield from self._take(read, None)
            return
        window = _window(read)
        too_much = isinstance(error, TimedOut | ReplyTooLarge)
        too_long = refused and window.length_ms > _SURELY_ALLOWED_MS
        spoilt = isinstance(error, BadReply) and window.length_ms > SPOILT_MS
        halving = window.can_split and (too_much or too_long or spoilt)
        if halving and not self._run.by_id[read.location_id].is_past_halving(error):
            self._split(read)
        else:
            self._run.failed(read, error)

    def _take(self, read: PlannedRead, reply: Reply[Listing] | None) -> Iterator[Emitted]:
        """Diffs one reply. No reply stands for no list: each appointment held is then asked for by its id."""
        if reply is not None and reply.records is None:
            self._run.figures.reads_unchanged += 1
            known = self._relied_on(read)
            assert known is not None  # noqa: S101 - its digest was found equal
            self._notes.complete(read, [reply], rows=known.reply_rows, record_digests=known.record_digests)
            self._run.answered(read.location_id)
            return
        listing = reply.records if reply and reply.records else Listing([], 0)
        if self._may_be_cut_off(read, listing.size):
            self._split(read)
            return
        replies = [reply] if reply else []
        noted = self._notes.complete(read, replies, rows=listing.size, record_digests=listing.digests)
        staged = self._stage.rows
        batch = appointment_rows(read.location_id, listing.records, self._run.privacy, self._run.contacts)
        self._stage.reject(batch)
        if listing.missing is None:
            yield from self._take_appointments(batch.rows["appointments"], read, noted)
        else:
            self._find_absent(read, noted, listing.missing)
            yield from self._let_wait(batch.rows["appointments"], read, noted)
        yield from self._contacts.take(batch.rows["contacts"], noted)
        if self._stage.rows > staged:
            self._notes.void_others(noted)
        self._run.answered(read.location_id)

    def _may_be_cut_off(self, read: PlannedRead, count: int) -> bool:
        """Whether the reply may have been capped (UNK whether any is): then its halves tell."""
        largest = self._run.ledger.largest_reply
        before = largest[read.location_id]
        largest[read.location_id] = max(before, count)
        if not count or not _window(read).can_split:
            return False
        if cap := self._run.settings.reply_cap:
            return count >= cap
        if count not in _CAPS or count < before:
            return False
        self._run.warn(
            f"a reply held just {count} appointments: if the API cuts lists off there, set reply_cap = {count}"
        )
        return True

    def _split(self, read: PlannedRead) -> None:
        self._run.figures.reads_planned += 1  # one read became two
        self._halves += read.halves()

    def _find_absent(self, read: PlannedRead, noted: Read, gone: Collection[bytes]) -> None:
        """Those whose ids the last reply listed and this one does not."""
        if gone:
            held = self._warehouse.held_in_window(read.location_id, read.scope, _window(read))
            for key in missing(held, ()):
                if id_digest(key[0]) in gone:
                    self._absent[read.location_id, key] = Absent(read.location_id, key, held[key], noted)

    def _let_wait(self, rows: Rows, read: PlannedRead, noted: Read) -> Iterator[Emitted]:
        """What may stand anywhere in the warehouse waits until it is asked for what many windows brought together: it
        looks through the whole table each time."""
        if len(rows):
            self._unplaced.append((rows, read, noted))
        if sum(len(each) for each, _, _ in self._unplaced) >= MOST_WAITING:
            yield from self._take_unplaced()

    def _take_unplaced(self) -> Iterator[Emitted]:
        unplaced, self._unplaced = self._unplaced, []
        ids: dict[str, dict[str, None]] = {}
        starts: dict[str, list[int]] = {}
        for rows, _, _ in unplaced:
            ids.setdefault(rows.location_id, {}).update(dict.fromkeys(key[0] for key in rows.keys))
            if rows.location_id in self._run.located:  # else hardly any is held at all
                starts.setdefault(rows.location_id, []).extend(filter(None, rows.starts_ms()))
        placed = {
            location_id: self._warehouse.placed(location_id, each, _around(starts.get(location_id)))
            for location_id, each in ids.items()
        }
        for rows, read, noted in unplaced:
            of_location = placed[rows.location_id]
            found = {key: of_location[key] for key in rows.keys if key in of_location}
            elsewhere = {key: each for key, each in found.items() if not each.stands_in(read.scope, _window(read))}
            staged = self._stage.rows
            yield from self._stage_appointments(rows, {key: each.held for key, each in found.items()}, elsewhere, noted)
            if self._stage.rows > staged:
                self._notes.void_others(noted)

    def _take_appointments(self, rows: Rows, read: PlannedRead, noted: Read) -> Iterator[Emitted]:
        location_id, held = read.location_id, dict[Key, Held]()
        if self._run.may_hold_any(location_id, read.scope, _window(read)):
            held = self._warehouse.held_in_window(location_id, read.scope, _window(read))
            for key in missing(held, set(rows.keys)):
                self._absent[location_id, key] = Absent(location_id, key, held[key], noted)
        here: list[int] = []
        elsewhere: list[int] = []
        nowhere: list[int] = []
        may_hold = self._run.may_hold(location_id, rows.keys)
        self._run.note_seen(location_id, rows.keys)
        for position, (key, may_be) in enumerate(zip(rows.keys, may_hold, strict=True)):
            (here if key in held else elsewhere if may_be else nowhere).append(position)
        yield from self._let_wait(rows.take(elsewhere), read, noted)
        if here:
            yield from self._stage_appointments(rows.take(here), held, {}, noted)
        if staged := self._stage.all_new(rows.take(nowhere)):
            self._note_staged(staged, noted)
            yield staged.emitted

    def _stage_appointments(
        self, rows: Rows, held: dict[Key, Held], elsewhere: dict[Key, Placed], noted: Read
    ) -> Iterator[Emitted]:
        """Stages those that are news. `elsewhere` are those of the held that stand outside the window."""
        location_id = rows.location_id
        if self._stage.conflict(rows):
            self._notes.void(noted)
        if staged := self._stage.news(rows, held):
            self._restaged.update(_placed(staged, held))
            self._note_staged(staged, noted)
            # A row that comes from elsewhere has left where it stood: what a list said of that time is true no more.
            moved = [elsewhere[key] for key in staged.rows.keys if key in elsewhere]
            if moved:
                self._notes.void_around(standing_of(location_id, moved), listed_by=noted)
            yield staged.emitted

    def _note_staged(self, staged: Staged, noted: Read) -> None:
        """Makes what a list brought known to the run, and void what other lists said of where it stands."""
        location_id = staged.rows.location_id
        self._run.learn_scopes(location_id, staged.arrow)
        for scope, starts in self._notes.void_around(staged.arrow, listed_by=noted).items():
            self._run.strayed[location_id, scope] += starts

    # -- what a list no longer holds -----------------------------------------------------------------------------------

    def _verify(self) -> Iterator[Emitted]:
        """Asks for each by its id: found means moved, and is loaded; refused means deleted."""
        asked = [absent for absent in self._absent.values() if self._is_open(absent)]
        self._run.figures.verifications += len(asked)
        gone: dict[str, list[Key]] = {}
        reading = Reading(asked, self._get, self._run.settings.concurrency)
        for answer in reading:
            absent = answer.item
            if answer.error is not None:
                self._notes.forget(absent.listed_by)  # not all of its window is known
                self._run.failed(absent.listed_by, answer.error)
                if self._run.by_id[absent.location_id].gave_up:
                    reading.drop(lambda item, failed=absent.location_id: item.location_id == failed)  # type: ignore[misc]
                continue
            self._run.by_id[absent.location_id].in_a_row.clear()
            if answer.result is not None and answer.result.records:
                # Its list may leave it out although it stands there: an equal reply would then not mean no change.
                self._notes.void(absent.listed_by)
                yield from self._take_found(absent, answer.result.records)
            else:
                gone.setdefault(absent.location_id, []).append(absent.key)
            self._run.progress()
        for absent in asked:
            if self._run.by_id[absent.location_id].gave_up:
                self._notes.forget(absent.listed_by)
        for location_id, keys in gone.items():
            if tombstones := self._stage.gone(APPOINTMENTS, location_id, keys):
                self._notes.void_around(tombstones[1], listed_by=None)
                yield tombstones

    def _is_open(self, absent: Absent) -> bool:
        if self._run.by_id[absent.location_id].gave_up:
            self._notes.forget(absent.listed_by)
            return False
        if not self._stage.holds(APPOINTMENTS, absent.location_id, absent.key):
            return True
        # Another list has it. If it says that it stands here, this one's reply does not tell what the warehouse holds.
        restaged, listed_by = self._restaged.get((absent.location_id, absent.key)), absent.listed_by
        if restaged and listed_by.window and restaged.stands_in(listed_by.scope, listed_by.window):
            self._notes.void(listed_by)
        return False

    def _get(self, absent: Absent, _: Gate) -> Reply[Records]:
        return self._run.client(absent.location_id).get_appointment(absent.key[0])

    def _take_found(self, absent: Absent, records: Records) -> Iterator[Emitted]:
        batch = appointment_rows(absent.location_id, records, self._run.privacy)
        self._stage.reject(batch)
        if staged := self._stage.news(batch.rows["appointments"], {absent.key: absent.held}):
            self._notes.void_around(staged.arrow, listed_by=None)
            left = self._warehouse.standing(absent.location_id, [absent.key[0]])
            self._notes.void_around(left, listed_by=None)
            yield staged.emitted
        yield from self._contacts.take(batch.rows["contacts"], absent.listed_by)


def _placed(staged: Staged, held: Collection[Key]) -> dict[tuple[str, Key], Placed]:
    """Where the staged ones stand that are held."""
    rows = staged.rows
    positions = [position for position, key in enumerate(rows.keys) if key in held]
    if not positions:
        return {}
    scopes = staged.arrow.select(list(COLUMN.values())).take(positions).to_pylist()
    starts = rows.starts_ms()
    return {
        (rows.location_id, rows.keys[position]): Placed(
            Held(rows.digests[position], deleted=False, start_ms=starts[position]),
            {kind: row[column] for kind, column in COLUMN.items()},
        )
        for position, row in zip(positions, scopes, strict=True)
    }


def _around(starts: list[int] | None) -> tuple[DateTime, DateTime] | None:
    return (from_ms(min(starts)), from_ms(max(starts))) if starts else None


def _window(read: PlannedRead) -> Window:
    assert read.window is not None  # noqa: S101 - appointments are always asked for by window
    return read.window
