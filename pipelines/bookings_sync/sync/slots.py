"""Slots: reads the free slots of each service from now on, and finds those that are no longer free.

Input:  the services that exist, and what the warehouse holds of their slots.
Output: `(table name, Arrow table)` pairs of `slots`, for `load`.

A slot that is no longer listed becomes a tombstone. A slot in the past, or nearer than the service's notice, stays
live: it was free to the end. Most slots of a reply are held the way they are listed, with the same date and text: no
row is made of them. A reply equal to the last one is not decoded at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial

from pendulum import DateTime

from bookings_sync.api.client import Client
from bookings_sync.changes.held import Held, HeldSlots, Listed
from bookings_sync.changes.invalidation import Change
from bookings_sync.changes.journal import Journal
from bookings_sync.changes.stage import Emitted, Stage
from bookings_sync.config.settings import Settings
from bookings_sync.dialects.replies import FreeSlots, Reply
from bookings_sync.errors import BudgetSpent, RequestRefused
from bookings_sync.planning.calendar import KnownCalendars
from bookings_sync.planning.ledger import Read
from bookings_sync.planning.plan import PlannedRead, plan_slots, slot_calls, window_of
from bookings_sync.planning.planner import Planner
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import DAY_MS, Window, to_ms
from bookings_sync.records.columns import Key
from bookings_sync.records.decoding import slot_rows
from bookings_sync.records.privacy import Privacy
from bookings_sync.records.tables import SERVICES, SLOTS
from bookings_sync.sync.budget import RequestBudget
from bookings_sync.sync.completed import CompletedReads
from bookings_sync.sync.controls import Controls
from bookings_sync.sync.deletions import Deletions
from bookings_sync.sync.findings import Findings
from bookings_sync.sync.first_sync import FirstSync
from bookings_sync.sync.reading import DecodingTurn, Reading
from bookings_sync.warehouse.held_rows import HeldRows

_SERVICES_PER_QUERY = 100
"""Services in one query for held slots, which takes about as long as a query for one of them."""

_LEFT_OUT = "services' slots"

_QUERIES_KEPT = 3
"""Answers arrive in about the order in which they were asked for."""


_ALL: Key = ()
"""The key under which all slots of a location are held back."""


@dataclass(slots=True)
class _Closing:
    """The slots of a location that are no longer listed, the reads that showed it, how many slots were free, and for
    how many days at most no read had been made."""

    keys: list[Key] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    live: int = 0
    days: float = 0


class SlotReads:
    """The slot reads of one load."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], DateTime],
        client: Callable[[str], Client],
        planner: Planner,
        budget: RequestBudget,
        calendars: KnownCalendars,
        findings: Findings,
        first_sync: FirstSync,
        held_rows: HeldRows,
        stage: Stage,
        journal: Journal,
        completed: CompletedReads,
        rules: Callable[[str], str],
        *,
        controls: Controls,
        deletions: Deletions,
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._clock = clock
        self._client = client
        self._planner = planner
        self._budget = budget
        self._calendars = calendars
        self._findings = findings
        self._first_sync = first_sync
        self._held_rows = held_rows
        self._stage = stage
        self._journal = journal
        self._completed = completed
        self._controls = controls
        self._deletions = deletions
        self._closing: defaultdict[str, _Closing] = defaultdict(_Closing)
        self._since = planner.span.now.subtract(days=2)  # an API may list the whole of today
        self._together: dict[str, tuple[str, ...]] = {}
        """For each location, those that the warehouse is asked for in one query."""
        self._held_of = lru_cache(_QUERIES_KEPT)(partial(held_rows.slots_since, since=self._since))

    def carry_out(self) -> Iterator[Emitted]:
        """Reads the free slots of each service."""
        now, active = self._planner.span.now, self._findings.active
        for location_id in active:
            self._findings.of(location_id).slots_not_read = set(self._services(location_id))
        planned = [
            read
            for location_id in active
            for read in self._within_budget(
                location_id, plan_slots(self._settings, location_id, self._services(location_id), now)
            )
        ]
        self._group(active)
        yield from self._close_slots_of_gone_services(active)
        self._findings.figures.reads_planned += len(planned)
        for answer in Reading(planned, self._ask, self._settings.concurrency):
            location_id = answer.item.location_id
            if self._findings.gave_up(location_id):
                continue
            if isinstance(answer.error, BudgetSpent):
                self._findings.leave_out(location_id, _LEFT_OUT)
            elif answer.error is not None:
                is_held = self._deletions.holds(location_id, SERVICES.name, (answer.item.scope.id,))
                if not (is_held and isinstance(answer.error, RequestRefused)):  # the service may be gone: no news
                    self._findings.failed(location_id, answer.error)
            elif answer.result is not None:
                yield from self._take(answer.item, answer.result)
                self._findings.answered(location_id)
                self._not_read(location_id).discard(answer.item.scope.id)
        yield from self._close()

    def _within_budget(self, location_id: str, planned: list[PlannedRead]) -> list[PlannedRead]:
        """The reads of one location that its request budget allows: all, or those of the services read longest ago."""
        name = self._findings.of(location_id).name
        reserve = self._budget.release(name, "slots")
        left = self._budget.left_for(name)
        if sum(read.requests for read in planned) <= left:
            return planned
        waiting = self._planner.remaining([location_id])
        windows = len(waiting.reads) + waiting.over_budget.get(location_id, 0)
        left = min(left, max(reserve, left - windows))
        by_age = sorted(planned, key=lambda read: self._read_at(location_id, read.scope.id))
        chosen = by_age[: left // max(by_age[0].requests, 1)]
        self._findings.leave_out(location_id, _LEFT_OUT, len(planned) - len(chosen))
        return chosen

    def _read_at(self, location_id: str, service_id: str) -> int:
        last = self._last_read(location_id, service_id)
        return last.read_at_ms if last else 0

    def _group(self, location_ids: Iterable[str]) -> None:
        """Groups locations so that one query covers about `_SERVICES_PER_QUERY` services."""
        group: list[str] = []
        services = 0
        for location_id in location_ids:
            group.append(location_id)
            services += len(self._services(location_id))
            if services >= _SERVICES_PER_QUERY:
                self._together.update(dict.fromkeys(group, tuple(group)))
                group, services = [], 0
        self._together.update(dict.fromkeys(group, tuple(group)))

    def _services(self, location_id: str) -> tuple[str, ...]:
        return self._calendars.of(location_id).services

    def _not_read(self, location_id: str) -> set[str]:
        """The services whose slots this run has not read, for the run's own row."""
        services = self._findings.of(location_id).slots_not_read
        assert services is not None  # noqa: S101 - carry_out begins with all services
        return services

    def _close_slots_of_gone_services(self, active: list[str]) -> Iterator[Emitted]:
        """A service that disappeared offers nothing, so it is not asked for slots."""
        now = self._planner.span.now
        for location_id, service_id in sorted(self._held_rows.services_with_slots(now, active)):
            if service_id in self._services(location_id):
                continue
            held = self._held_of((location_id,)).get((location_id, service_id), {})
            starts = [each.start_ms for each in held.values() if each.start_ms is not None and not each.deleted]
            keys: list[Key] = [(service_id, start) for start in starts if start >= to_ms(now)]
            if gone := self._stage.add_deleted(SLOTS, location_id, keys):
                if last := self._last_read(location_id, service_id):
                    self._journal.record(Change("slots closed", location_id, last))
                yield gone

    # -- one read ------------------------------------------------------------------------------------------------------

    def _ask(self, read: PlannedRead, _: DecodingTurn) -> list[Reply[FreeSlots]]:
        client = self._client(read.location_id)
        calls = slot_calls(self._settings, window_of(read))
        known = self._comparable_read(read) if len(calls) == 1 else None
        digest = known.reply_digest if known else None
        return [client.list_slots(read.scope.id, window, client.location.timezone, digest) for window in calls]

    def _comparable_read(self, read: PlannedRead) -> Read | None:
        """The service's last read, if an equal reply would mean that nothing changed.

        The warehouse then holds what that reply listed of the time that was open to booking. As time goes by this stays
        true, unless the service's notice changed, which the read's rules record.
        """
        last = self._last_read(read.location_id, read.scope.id)
        if last is None or last.rules != self._rules_of(read) or last.read_at_ms > to_ms(self._clock()):
            return None
        return last

    def _last_read(self, location_id: str, service_id: str) -> Read | None:
        return self._planner.ledger.newest(location_id, "slots", Scope("service", service_id))

    def _rules_of(self, read: PlannedRead) -> str:
        return f"{self._rules(read.location_id)} {self._notice_ms(read)}"

    def _notice_ms(self, read: PlannedRead) -> int:
        return self._calendars.of(read.location_id).notice_ms.get(read.scope.id, 0)

    def _take(self, read: PlannedRead, replies: list[Reply[FreeSlots]]) -> Iterator[Emitted]:
        rules = self._rules_of(read)
        if replies[0].records is None:
            known = self._last_read(read.location_id, read.scope.id)
            assert known is not None  # noqa: S101 - the reply was equal to this read's
            self._findings.figures.reads_unchanged += 1
            self._completed.add(read, replies, rows=known.reply_rows, rules=rules)
            self._closing[read.location_id].live += known.reply_rows
            return
        last = self._last_read(read.location_id, read.scope.id)
        free: FreeSlots = {}
        for reply in replies:
            for day, starts in (reply.records or {}).items():
                free.setdefault(day, []).extend(starts)
        listed = {(day, start): None for day, starts in free.items() for start in starts if isinstance(start, str)}
        held = self._held(read)
        yield from self._stage_free(read, free, listed, held)
        opens_at = to_ms(replies[0].sent_at) + self._notice_ms(read)
        end_ms = window_of(read).end_ms
        unlisted = [each for slot, each in held.items() if slot not in listed and not each.deleted]
        starts = [each.start_ms for each in unlisted if each.start_ms is not None]
        closed: list[Key] = [(read.scope.id, start) for start in starts if opens_at <= start < end_ms]
        # An instant may be listed in another way now: it is staged with its new text.
        closed = [key for key in closed if not self._stage.holds(SLOTS, read.location_id, key)]
        self._stage.forget_keys(SLOTS, read.location_id)
        # A held slot beyond the window that was asked for may have gone without this reply showing it.
        comparable = len(replies) == 1 and all(start < end_ms for start in starts)
        done = self._completed.add(read, replies, rows=len(listed), comparable=comparable, rules=rules)
        closing = self._closing[read.location_id]
        closing.live += sum(not each.deleted and opens_at <= (each.start_ms or 0) < end_ms for each in held.values())
        if closed:
            closing.keys += closed
            closing.reads.append(done)
            if last is not None:
                closing.days = max(closing.days, (to_ms(replies[0].sent_at) - last.read_at_ms) / DAY_MS)

    def _close(self) -> Iterator[Emitted]:
        """Stages the tombstones of the slots that are no longer listed, unless they are suspiciously many."""
        for location_id, closing in self._closing.items():
            if self._findings.gave_up(location_id) or self._is_held(location_id, closing):
                for read in closing.reads:
                    self._journal.record(Change("held back", location_id, read))
                    self._not_read(location_id).add(read.scope.id)
                continue
            if gone := self._stage.add_deleted(SLOTS, location_id, closing.keys):
                yield gone
            self._stage.forget_keys(SLOTS, location_id)
            self._deletions.deleted(location_id, SLOTS.name, [_ALL], self._stage.started_at)

    def _is_held(self, location_id: str, closing: _Closing) -> bool:
        """Whether the slots stay, because they are suspiciously many. Other slots close in each run, so they are held
        all together."""
        if not self._is_suspicious(location_id, closing):
            return False
        return not self._deletions.proven(location_id, SLOTS.name, [_ALL], "too many", rows=len(closing.keys))

    def _is_suspicious(self, location_id: str, closing: _Closing) -> bool:
        """Whether more slots closed than usual, or all of them while the API does not list the service or find an
        appointment either."""
        guard, count = self._deletions.guard, len(closing.keys)
        if guard.is_too_much(count, closing.live, days=closing.days):
            return True
        if not guard.is_emptied(count, closing.live):
            return False
        if any(self._deletions.holds(location_id, SERVICES.name, (read.scope.id,)) for read in closing.reads):
            return True
        return not self._controls.existing({location_id: ()}, last=True)[location_id].found

    def _stage_free(
        self, read: PlannedRead, free: FreeSlots, listed: dict[Listed, None], held: HeldSlots
    ) -> Iterator[Emitted]:
        """Stages the slots that are not held the way they are listed."""
        location_id, service_id = read.location_id, read.scope.id
        live = {slot for slot, each in held.items() if not each.deleted}
        others = {
            day: [start for start in starts if not isinstance(start, str) or (day, start) not in live]
            for day, starts in free.items()
        }
        zone = self._client(location_id).location.timezone
        batch = slot_rows(location_id, service_id, others, Privacy.of(self._settings), zone)
        self._stage.reject(batch)
        rows = batch.rows["slots"]
        if not len(rows):
            return
        by_key: dict[Key, Held] = {(service_id, each.start_ms): each for each in held.values()}
        # A list may write one instant in two ways. If one of them is the held one, the slot is unchanged.
        unchanged = {(service_id, held[slot].start_ms) for slot in live if slot in listed}
        rows = rows.take([position for position, key in enumerate(rows.keys) if key not in unchanged])
        since_ms = to_ms(self._since)
        if past := [key[1] for key in rows.keys if key[1] < since_ms and not self._first_sync.is_first(location_id)]:
            by_key |= self._held_rows.slots_in_window(location_id, service_id, Window(min(past), since_ms))
        if staged := self._stage.add_changed(rows, {key: by_key[key] for key in rows.keys if key in by_key}, read):
            yield staged.emitted

    def _held(self, read: PlannedRead) -> HeldSlots:
        if self._first_sync.is_first(read.location_id):
            return {}
        return self._held_of(self._together[read.location_id]).get((read.location_id, read.scope.id), {})
