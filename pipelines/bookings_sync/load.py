"""One bounded load: reads what is planned, and yields the rows that are news.

Input:  a `Run` (what to read), and the `Warehouse` (what is held).
Output: `(table name, Arrow table)` pairs for dlt, in the columns of `tables`: new versions, tombstones, the ledger's
        rows and rejected records. Next room: `source` hands them to dlt.

A load is complete in itself. What is listed whole (teams, services) comes first, for it says whom to ask next; then
`appointments`, then slots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from pendulum import DateTime

from bookings_sync.api import Reply
from bookings_sync.api.replies import FreeSlots, Records
from bookings_sync.appointments import AppointmentReads
from bookings_sync.columns import Key
from bookings_sync.diff import missing
from bookings_sync.ledger import Endpoint
from bookings_sync.notes import ReadNotes
from bookings_sync.plan import PlannedRead, plan_slots, slot_calls
from bookings_sync.reading import Gate, Reading
from bookings_sync.records import Batch, location_rows, service_rows, slot_rows, team_rows
from bookings_sync.run import Run
from bookings_sync.scopes import Scope
from bookings_sync.stage import Emitted, Stage
from bookings_sync.tables import SLOTS
from bookings_sync.warehouse import Held, Warehouse
from bookings_sync.windows import Window, to_ms


class Load:
    """One load of a run. `started_at` is the instant its versions begin at."""

    def __init__(self, run: Run, warehouse: Warehouse, load_id: str, started_at: DateTime) -> None:
        self.run = run
        self.warehouse = warehouse
        self.stage = Stage(load_id, started_at, run.run_id, warehouse, run.figures.tables)
        self.notes = ReadNotes(run)
        since = run.span.now.subtract(days=2)  # an API may list the whole of today
        self._slots_since = since
        # The services of a location come one after the other: the warehouse is asked for all of them at once.
        self._slots_of = lru_cache(run.settings.concurrency + 1)(
            lambda location_id: warehouse.held_slots_since(location_id, since)  # not self: that would keep itself alive
        )

    # -- locations, teams, services: listed whole ----------------------------------------------------------------------

    def locations(self) -> Iterator[Emitted]:
        """The configured locations, where they are new or changed."""
        if "locations" in self.run.listed:
            return
        self.run.listed.add("locations")
        for location in self.run.active:
            configured = self.run.settings.locations[location.name]
            rows = location_rows(location.location_id, location.name, location.id_source, configured.timezone)
            held = self.run.held_locations.get(location.location_id)
            if staged := self.stage.news(rows, {(): held[1]} if held else {}):
                yield staged.emitted

    def teams(self) -> Iterator[Emitted]:
        """All teams of each location, and their members."""
        if "teams" in self.run.listed:
            return
        for location_id, reply in self._list_whole("teams", self._list_teams):
            records = reply.records or []
            self._note_whole("teams", location_id, reply)
            yield from self._take_whole("teams", location_id, reply, team_rows)
            self.run.learn(location_id, teams=records)
        yield from self._ledger()

    def services(self) -> Iterator[Emitted]:
        """All services of each location, their members and office hours."""
        if "services" in self.run.listed:
            return
        for location_id, reply in self._list_whole("services", self._list_services):
            records = reply.records or []
            self._note_whole("services", location_id, reply)
            yield from self._take_whole("services", location_id, reply, service_rows)
            self.run.learn(location_id, services=records)
        yield from self._ledger()

    def _list_whole(
        self, endpoint: Endpoint, call: Callable[[str, Gate], Reply[Records]]
    ) -> Iterator[tuple[str, Reply[Records]]]:
        self.run.listed.add(endpoint)
        location_ids = [location.location_id for location in self.run.active]
        self.run.figures.reads_planned += len(location_ids)
        for answer in Reading(location_ids, call, self.run.settings.concurrency):
            if answer.error is not None:
                self.run.failed(_whole(endpoint, answer.item), answer.error)
            elif answer.result is not None:
                self.run.answered(answer.item)
                yield answer.item, answer.result

    def _note_whole(self, endpoint: Endpoint, location_id: str, reply: Reply[Records]) -> None:
        self.notes.complete(_whole(endpoint, location_id), [reply], rows=len(reply.records or ()))

    def _take_whole(
        self, endpoint: Endpoint, location_id: str, reply: Reply[Records], rows_of: Callable[[str, Records], Batch]
    ) -> Iterator[Emitted]:
        before = self.run.ledger.newest(location_id, endpoint, Scope("location", location_id))
        if before and before.reply_digest == reply.digest:
            self.run.figures.reads_unchanged += 1
            return
        batch = rows_of(location_id, reply.records or [])
        self.stage.reject(batch)
        for rows in batch.rows.values():
            held = self.warehouse.held_of_location(rows.table, location_id)
            if staged := self.stage.news(rows, held):
                yield staged.emitted
            if gone := self.stage.gone(rows.table, location_id, missing(held, set(rows.keys))):
                yield gone

    # -- appointments --------------------------------------------------------------------------------------------------

    def appointments(self) -> Iterator[Emitted]:
        """The appointments that the run plans next, and their contacts; as many as one load takes."""
        self._learn_scopes()
        settings = self.run.settings
        most = settings.reads_per_load
        while planned := self.run.plan_load(most):
            yield from AppointmentReads(self.run, self.warehouse, self.stage, self.notes).carry_out(planned)
            yield from self._ledger()
            most -= len(planned)
            tells_more = any(read.reason in {"first", "backfill"} for read in planned)
            if not tells_more or self.stage.rows >= settings.rows_per_load:
                return

    def _learn_scopes(self) -> None:
        """Where teams and services are not loaded (another choice of resources), they must be known all the same."""
        calls: dict[Endpoint, Callable[[str, Gate], Reply[Records]]] = {"services": self._list_services}
        if set(self.run.settings.scopes) & {"team", "user"}:
            calls["teams"] = self._list_teams
        for endpoint, call in calls.items():
            if endpoint not in self.run.listed:
                for location_id, reply in self._list_whole(endpoint, call):
                    self.run.learn(location_id, **{endpoint: reply.records or []})

    def _list_teams(self, location_id: str, _: Gate) -> Reply[Records]:
        return self.run.client(location_id).list_teams()

    def _list_services(self, location_id: str, _: Gate) -> Reply[Records]:
        return self.run.client(location_id).list_services()

    # -- slots ---------------------------------------------------------------------------------------------------------

    def slots(self) -> Iterator[Emitted]:
        """The free slots of each service from now on."""
        settings, now = self.run.settings, self.run.span.now
        if "slots" in self.run.listed or not settings.slots:
            return
        self.run.listed.add("slots")
        self._learn_scopes()
        planned: list[PlannedRead] = []
        for location in self.run.active:
            services = self.run.calendar(location.location_id).services
            planned += plan_slots(settings, location.location_id, services, now)
            if location.location_id in self.run.located:
                yield from self._close_slots_of_gone(location.location_id, set(services), now)
        self.run.start(planned)
        for answer in Reading(planned, self._ask_slots, settings.concurrency):
            location_id = answer.item.location_id
            if self.run.by_id[location_id].gave_up:
                continue
            if answer.error is not None:
                self.run.failed(answer.item, answer.error)
            elif answer.result is not None:
                yield from self._take_slots(answer.item, answer.result)
                self.run.answered(location_id)
        yield from self._ledger()

    def _close_slots_of_gone(self, location_id: str, services: set[str], now: DateTime) -> Iterator[Emitted]:
        """A service that has gone offers nothing: it need not be asked."""
        for gone_service in self.warehouse.services_with_slots(location_id, now) - services:
            held = self.warehouse.held_slots(location_id, gone_service, Window.between(now, now.add(years=10)))
            if gone := self.stage.gone(SLOTS, location_id, missing(held, ())):
                yield gone

    def _ask_slots(self, read: PlannedRead, _: Gate) -> list[Reply[FreeSlots]]:
        assert read.window is not None  # noqa: S101 - slots are asked for by window
        client = self.run.client(read.location_id)
        calls = slot_calls(self.run.settings, read.window)
        return [client.list_slots(read.scope.id, window, client.location.timezone) for window in calls]

    def _take_slots(self, read: PlannedRead, replies: list[Reply[FreeSlots]]) -> Iterator[Emitted]:
        """A slot that is free no more is a tombstone; one whose time has come, or that the service's notice closes,
        stays live: it was free to the end."""
        assert read.window is not None  # noqa: S101 - slots are asked for by window
        location_id, service_id = read.location_id, read.scope.id
        free: FreeSlots = {}
        for reply in replies:
            for day, starts in (reply.records or {}).items():
                free.setdefault(day, []).extend(starts)
        batch = slot_rows(location_id, service_id, free)
        self.stage.reject(batch)
        rows = batch.rows["slots"]
        held = self._slots_held(location_id, service_id, read.window, [key[1] for key in rows.keys])
        if staged := self.stage.news(rows, held):
            yield staged.emitted
        open_from = to_ms(replies[0].sent_at) + self.run.notices.get((location_id, service_id), 0)
        closed = [key for key in missing(held, set(rows.keys)) if open_from <= key[1] < read.window.end_ms]
        if gone := self.stage.gone(SLOTS, location_id, closed):
            yield gone
        self.notes.complete(read, replies, rows=len(rows), comparable=False)

    def _slots_held(self, location_id: str, service_id: str, asked: Window, starts: list[int]) -> dict[Key, Held]:
        """Those of a service in the window asked for, and beyond it as far as slots were listed: whole days, say."""
        if location_id not in self.run.located:
            return {}
        listed = Window(min([asked.start_ms, *starts]), max([asked.end_ms, *(start + 1 for start in starts)]))
        if listed.start_ms < to_ms(self._slots_since):
            return self.warehouse.held_slots(location_id, service_id, listed)
        held = self._slots_of(location_id).get(service_id, {})
        return {key: each for key, each in held.items() if listed.holds(key[1])}

    # -- what every resource ends with ---------------------------------------------------------------------------------

    def _ledger(self) -> Iterator[Emitted]:
        """The ledger's rows of what has been read since the last of these, and what was rejected."""
        reads = self.notes.rows()
        if len(reads):
            yield "reads", self.stage.stamped(reads)
        if rejections := self.stage.rejections():
            yield rejections

    def runs(self) -> Iterator[Emitted]:
        """The run's own row, as it stands after this load."""
        self.run.figures.loads += 1
        yield "runs", self.stage.stamped(self.run.run_rows(complete=not self.run.plan()))


def _whole(endpoint: Endpoint, location_id: str) -> PlannedRead:
    return PlannedRead(location_id, endpoint, Scope("location", location_id), None, "list")
