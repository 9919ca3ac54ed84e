"""One bounded load: reads what is planned, and yields the rows that are news.

Input:  a `Run` (what to read), and the `Warehouse` (what is held).
Output: `(table name, Arrow table)` pairs for dlt, in the columns of `tables`: new versions, tombstones, the ledger's
        rows and rejected records. Next room: `source` hands them to dlt.

A load is complete in itself. What is listed whole (teams, services) comes first, for it says whom to ask next; then
`appointments`, then slots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pendulum import DateTime

from bookings_sync.api import Reply
from bookings_sync.changes.diff import missing
from bookings_sync.changes.stage import Emitted, Stage
from bookings_sync.planning.ledger import Endpoint
from bookings_sync.planning.plan import PlannedRead
from bookings_sync.planning.scopes import Scope
from bookings_sync.records.decoding import listed_rows, location_rows
from bookings_sync.records.json_text import Records
from bookings_sync.records.tables import SERVICES, TEAMS, Table
from bookings_sync.sync.appointments import AppointmentReads
from bookings_sync.sync.notes import ReadNotes
from bookings_sync.sync.reading import Gate, Reading
from bookings_sync.sync.run import Run
from bookings_sync.sync.slots import SlotReads
from bookings_sync.warehouse.queries import Warehouse


class Load:
    """One load of a run. `started_at` is the instant its versions begin at."""

    def __init__(self, run: Run, warehouse: Warehouse, load_id: str, started_at: DateTime) -> None:
        self.run = run
        self.warehouse = warehouse
        self.stage = Stage(load_id, started_at, run.run_id, warehouse.rows, run.figures.tables)
        self.notes = ReadNotes(run)

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
            yield from self._take_whole("teams", location_id, reply, TEAMS)
            self.run.learn(location_id, teams=records)
        yield from self._ledger()

    def services(self) -> Iterator[Emitted]:
        """All services of each location, their members and office hours."""
        if "services" in self.run.listed:
            return
        for location_id, reply in self._list_whole("services", self._list_services):
            records = reply.records or []
            self._note_whole("services", location_id, reply)
            yield from self._take_whole("services", location_id, reply, SERVICES)
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
        self, endpoint: Endpoint, location_id: str, reply: Reply[Records], table: Table
    ) -> Iterator[Emitted]:
        before = self.run.ledger.newest(location_id, endpoint, Scope("location", location_id))
        if before and before.reply_digest == reply.digest:
            self.run.figures.reads_unchanged += 1
            return
        batch = listed_rows(table, location_id, reply.records or [])
        self.stage.reject(batch)
        for rows in batch.rows.values():
            held = self.warehouse.held_of_location(rows.table, location_id) if location_id in self.run.located else {}
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
        if "slots" in self.run.listed or not self.run.settings.slots:
            return
        self.run.listed.add("slots")
        self._learn_scopes()
        yield from SlotReads(self.run, self.warehouse, self.stage, self.notes).carry_out()
        yield from self._ledger()

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
