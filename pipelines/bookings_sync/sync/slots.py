"""Slots: reads what is free of each service from now on, and finds what is so no more.

Input:  the run, and what the warehouse holds of its services' slots.
Output: `(table name, Arrow table)` pairs of `slots`, for `load`.

A slot that is free no more is a tombstone; one whose time has come, or that the service's notice closes, stays live: it
was free to the end. Most slots of a reply stand in the warehouse as they are listed, date and text: of those no row is
made. And of a reply that is the last one again, nothing is looked at: see `SlotReads._known`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial

from bookings_sync.api import Reply
from bookings_sync.api.replies import FreeSlots
from bookings_sync.changes.held import Held, HeldSlots, Listed
from bookings_sync.changes.stage import Emitted, Stage
from bookings_sync.planning.ledger import Read
from bookings_sync.planning.plan import PlannedRead, plan_slots, slot_calls
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window, to_ms
from bookings_sync.records.columns import Key
from bookings_sync.records.decoding import slot_rows
from bookings_sync.records.tables import SLOTS
from bookings_sync.sync.notes import ReadNotes
from bookings_sync.sync.reading import Gate, Reading
from bookings_sync.sync.run import Run
from bookings_sync.warehouse.queries import Warehouse

_SERVICES_PER_QUESTION = 100
"""The warehouse is asked for the slots of so many services together: it takes about as long as for those of one."""

_QUESTIONS_KEPT = 3
"""Answers come in about the order in which they were asked for."""


class SlotReads:
    """The slot reads of one load."""

    def __init__(self, run: Run, warehouse: Warehouse, stage: Stage, notes: ReadNotes) -> None:
        self._run = run
        self._warehouse = warehouse
        self._stage = stage
        self._notes = notes
        self._since = run.span.now.subtract(days=2)  # an API may list the whole of today
        self._together: dict[str, tuple[str, ...]] = {}
        """The locations that are asked for together, by each of them."""
        self._held_of = lru_cache(_QUESTIONS_KEPT)(partial(warehouse.held_slots_since, since=self._since))

    def carry_out(self) -> Iterator[Emitted]:
        planned: list[PlannedRead] = []
        group: list[str] = []
        services = 0
        for location in self._run.active:
            location_id = location.location_id
            planned += plan_slots(self._run.settings, location_id, self._services(location_id), self._run.span.now)
            group.append(location_id)
            services += len(self._services(location_id))
            if services >= _SERVICES_PER_QUESTION:
                self._together.update(dict.fromkeys(group, tuple(group)))
                group, services = [], 0
        self._together.update(dict.fromkeys(group, tuple(group)))
        yield from self._close_those_of_gone_services()
        self._run.start(planned)
        for answer in Reading(planned, self._ask, self._run.settings.concurrency):
            location_id = answer.item.location_id
            if self._run.by_id[location_id].gave_up:
                continue
            if answer.error is not None:
                self._run.failed(answer.item, answer.error)
            elif answer.result is not None:
                yield from self._take(answer.item, answer.result)
                self._run.answered(location_id)

    def _services(self, location_id: str) -> tuple[str, ...]:
        return self._run.calendar(location_id).services

    def _close_those_of_gone_services(self) -> Iterator[Emitted]:
        """A service that has gone offers nothing: it need not be asked. Should it come back, it is looked at."""
        now = self._run.span.now
        active = {location.location_id for location in self._run.active}
        for location_id, service_id in sorted(self._run.own(self._warehouse).services_with_slots(now)):
            if location_id not in active or service_id in self._services(location_id):
                continue
            held = self._held_of((location_id,)).get((location_id, service_id), {})
            starts = [each.start_ms for each in held.values() if each.start_ms is not None and not each.deleted]
            keys: list[Key] = [(service_id, start) for start in starts if start >= to_ms(now)]
            if gone := self._stage.gone(SLOTS, location_id, keys):
                self._notes.void_older(filter(None, [self._last_read(location_id, service_id)]))
                yield gone

    # -- one read ------------------------------------------------------------------------------------------------------

    def _ask(self, read: PlannedRead, _: Gate) -> list[Reply[FreeSlots]]:
        client = self._run.client(read.location_id)
        calls = slot_calls(self._run.settings, _window(read))
        known = self._known(read) if len(calls) == 1 else None
        digest = known.reply_digest if known else None
        return [client.list_slots(read.scope.id, window, client.location.timezone, digest) for window in calls]

    def _known(self, read: PlannedRead) -> Read | None:
        """The service's last read, where the warehouse was left holding just what its reply listed, of what was open to
        booking then. The same reply again means the same again, as time goes by and unless the service's notice is
        another one, which `_rules` tells."""
        last = self._last_read(read.location_id, read.scope.id)
        if last is None or last.rules != self._rules(read) or last.read_at_ms > to_ms(self._run.clock()):
            return None
        return last

    def _last_read(self, location_id: str, service_id: str) -> Read | None:
        return self._run.ledger.newest(location_id, "slots", Scope("service", service_id))

    def _rules(self, read: PlannedRead) -> str:
        return f"{self._run.rules} {self._notice_ms(read)}"

    def _notice_ms(self, read: PlannedRead) -> int:
        return self._run.notices.get((read.location_id, read.scope.id), 0)

    def _take(self, read: PlannedRead, replies: list[Reply[FreeSlots]]) -> Iterator[Emitted]:
        if replies[0].records is None:
            known = self._last_read(read.location_id, read.scope.id)
            assert known is not None  # noqa: S101 - its digest was found equal
            self._run.figures.reads_unchanged += 1
            self._notes.complete(read, replies, rows=known.reply_rows, rules=self._rules(read))
            return
        free: FreeSlots = {}
        for reply in replies:
            for day, starts in (reply.records or {}).items():
                free.setdefault(day, []).extend(starts)
        listed = {(day, start): None for day, starts in free.items() for start in starts if isinstance(start, str)}
        held = self._held(read)
        yield from self._stage_free(read, free, listed, held)
        opens_at = to_ms(replies[0].sent_at) + self._notice_ms(read)
        window = _window(read)
        unlisted = [each for slot, each in held.items() if slot not in listed and not each.deleted]
        starts = [each.start_ms for each in unlisted if each.start_ms is not None]
        closed: list[Key] = [(read.scope.id, start) for start in starts if opens_at <= start < window.end_ms]
        if gone := self._stage.gone(SLOTS, read.location_id, closed):
            yield gone
        self._stage.forget(SLOTS, read.location_id)
        # What is held from beyond what was asked for may have gone without this reply's saying so.
        comparable = len(replies) == 1 and all(start < window.end_ms for start in starts)
        self._notes.complete(read, replies, rows=len(listed), comparable=comparable, rules=self._rules(read))

    def _stage_free(
        self, read: PlannedRead, free: FreeSlots, listed: dict[Listed, None], held: HeldSlots
    ) -> Iterator[Emitted]:
        """Stages the slots that are not held as they are listed."""
        location_id, service_id = read.location_id, read.scope.id
        live = {slot for slot, each in held.items() if not each.deleted}
        others = {
            day: [start for start in starts if not isinstance(start, str) or (day, start) not in live]
            for day, starts in free.items()
        }
        batch = slot_rows(location_id, service_id, others)
        self._stage.reject(batch)
        rows = batch.rows["slots"]
        if not len(rows):
            return
        by_key: dict[Key, Held] = {(service_id, each.start_ms): each for each in held.values()}
        # One instant may be written twice: as long as it is listed as it is held, it stands.
        standing = {(service_id, held[slot].start_ms) for slot in live if slot in listed}
        rows = rows.take([position for position, key in enumerate(rows.keys) if key not in standing])
        since_ms = to_ms(self._since)
        if location_id in self._run.located and (past := [key[1] for key in rows.keys if key[1] < since_ms]):
            by_key |= self._warehouse.held_slots(location_id, service_id, Window(min(past), since_ms))
        if staged := self._stage.news(rows, {key: by_key[key] for key in rows.keys if key in by_key}):
            yield staged.emitted

    def _held(self, read: PlannedRead) -> HeldSlots:
        if read.location_id not in self._run.located:
            return {}
        return self._held_of(self._together[read.location_id]).get((read.location_id, read.scope.id), {})


def _window(read: PlannedRead) -> Window:
    assert read.window is not None  # noqa: S101 - slots are asked for by window
    return read.window
