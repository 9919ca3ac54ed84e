"""One bounded load: carries out planned reads, and yields the new rows.

Input:  a `Run`, and a connection to the raw dataset.
Output: `(table name, Arrow table)` pairs for dlt, in the columns of `records.tables`: new versions, tombstones, entries
        of the ledger, rejected records. Next room: `source` hands them to dlt.

A load is complete in itself. Teams and services come first, because they decide whom to ask next; then appointments;
then slots.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

import pyarrow as pa
from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.changes.contents import NOTHING
from bookings_sync.changes.stage import Emitted
from bookings_sync.planning.ledger import LOST, Read
from bookings_sync.planning.look_ups import Due
from bookings_sync.planning.plan import PlannedRead, plan_slots
from bookings_sync.planning.scopes import Scope
from bookings_sync.records.holds import hold_rows
from bookings_sync.records.reads import ledger_rows, look_up_rows
from bookings_sync.records.tables import LOCATIONS, RUNS
from bookings_sync.sync.burials import bury_appointments
from bookings_sync.sync.completed import Totals
from bookings_sync.sync.contact_reads import Mentions
from bookings_sync.sync.load_parts import LoadParts
from bookings_sync.sync.moving_fields import moving_fields
from bookings_sync.sync.other_lists import look_into_other_lists
from bookings_sync.sync.run import Run

_PROGRESS = ("reads", "runs")
"""The tables of a load that found nothing."""

_ROWS_BEFORE_CONTACTS = 20_000
"""Rows of a load that may also read contacts."""


class Load:
    """One load of a run. `started_at` is the instant at which its versions begin, UTC."""

    def __init__(self, run: Run, client: SqlClientBase[Any], load_id: str, started_at: DateTime) -> None:
        self._run = run
        self._parts = LoadParts(run, client, load_id, started_at)
        self.stage = self._parts.stage

    def locations(self) -> Iterator[Emitted]:
        """The configured locations that are new or changed."""
        if not self._run.planner.is_listed("locations"):
            self._run.planner.mark_listed("locations")
            held = dict(self._run.snapshot.held_locations)
            for location_id in filter(self._run.rechecks, held.keys() & self._run.findings.active):
                held[location_id] = self._parts.held_rows.of_location(LOCATIONS, location_id)[()]
            yield from self._parts.whole_lists.locations(held)
            yield from self._parts.whole_lists.removed_locations(held)

    def teams(self) -> Iterator[Emitted]:
        """All teams of each location, and their members."""
        if not self._run.planner.is_listed("teams"):
            yield from self._parts.whole_lists.teams()
            yield from self._ledger(self._settle())

    def services(self) -> Iterator[Emitted]:
        """All services of each location, their members and office hours."""
        if not self._run.planner.is_listed("services"):
            yield from self._parts.whole_lists.services()
            yield from self._ledger(self._settle())
            if self._run.follower is not None:
                active = map(self._run.findings.of, self._run.findings.active)
                # A location with a wrong key, or one that did not answer, must prove itself in the next run, too.
                self._run.follower.lists_read([each.name for each in active if not each.errors])

    def appointments(self) -> Iterator[Emitted]:
        """The appointments that are planned next, and their contacts, as many as one load takes; and those to ask for
        by their ids in turn."""
        run, mentions = self._run, Mentions(self._run.own_contacts)
        reads: dict[str, Read] = {}
        if moved := run.own_contacts.take_moved():
            for location_id, progress in moved.items():
                self._parts.completed.contacts(location_id, progress, Totals(), is_whole=not run.snapshot.torn_contacts)
            reads = self._settle()
        reads |= yield from mentions.seen(self._listed_appointments())
        is_turn = run.follower is None or run.follower.is_slots_turn(run.settings.locations)
        if is_turn and (due := run.look_ups.take_due(run.findings.active)):
            yield from mentions.seen(self._looked_up(due))
            reads |= self._settle()
        yield from self._contacts(mentions)
        reads |= self._settle()
        if run.is_one_load or not run.goes_on:
            look_into_other_lists(run)
            yield from bury_appointments(
                run.deletions, run.findings, run.look_ups, self._parts.held_rows, self.stage, self._parts.journal
            )
            reads |= self._settle()
        yield from self._ledger(reads)
        if answers := run.look_ups.take_changed() | run.own_contacts.unknown.take_changed():
            yield "look_ups", self.stage.stamped(look_up_rows(answers, run.span.run_id))

    def _contacts(self, mentions: Mentions) -> Iterator[Emitted]:
        """The contacts of APIs that list them on their own, in the last load of a run. A large load comes without: a
        kill would lose both."""
        run = self._run
        run.own_contacts.reopen(mentions.ids)
        location_ids = run.own_contacts.unfinished(run.findings.active)
        is_last = not (run.remaining() or run.unsettled) and self.stage.rows <= _ROWS_BEFORE_CONTACTS
        if not location_ids or not (is_last or run.is_one_load):
            return
        yield from self._parts.contact_reads(location_ids, mentions).carry_out(location_ids)

    def _listed_appointments(self) -> Generator[Emitted, None, dict[str, Read]]:
        self._parts.whole_lists.learn_scopes()
        run = self._run
        run.planner.fix_cold_share(run.findings.active)
        self._reserve_for_slots()
        for location_id in run.own_contacts.unfinished(run.findings.active):
            run.budget.reserve_for_contacts(run.findings.of(location_id).name)
        most = run.settings.reads_per_load
        reads: dict[str, Read] = {}
        if self._parts.unsettled_before:
            yield from self._parts.appointment_reads().carry_out([])
            reads |= self._settle()
        while most > 0 and (planned := self._next_reads(most)):
            yield from self._parts.appointment_reads().carry_out(planned)
            reads |= self._settle()
            most -= len(planned)
            if self.stage.rows >= run.settings.rows_per_load:
                break
        return reads

    def slots(self) -> Iterator[Emitted]:
        """The free slots of each service from now on."""
        run = self._run
        if run.planner.is_listed("slots") or not run.settings.slots:
            return
        run.planner.mark_listed("slots")
        if run.follower is not None:
            run.follower.slots_read(run.settings.locations)
        self._parts.whole_lists.learn_scopes()
        yield from self._parts.slot_reads().carry_out()
        yield from self._ledger(self._settle())

    def runs(self) -> Iterator[Emitted]:
        """The run's own row, as it is after this load."""
        self._run.findings.figures.loads += 1
        for name in moving_fields(self.stage, self._parts.held_rows):
            self._run.findings.warn(
                f"only {name} has changed in most changed records of the last three runs. If it changes by itself, "
                "such as a token in a link, add it to ignored_fields"
            )
        complete = not self._run.goes_on
        if complete:
            self._run.report_left_out()
            self._warn_of_omitted_rows()
        row = self._run.row(complete=complete)
        yield "runs", self.stage.stamped(pa.Table.from_pylist([row], schema=RUNS.schema))

    def note(self, table_name: str) -> None:
        """Notes that the load has rows for a table."""
        self._run.has_news |= table_name not in _PROGRESS

    def contents(self) -> Iterator[Emitted]:
        """The ledger's entries about the whole load: the reads with lost rows that are not read again yet, and the
        number of versions that each changed location has now."""
        run, ledger = self._run, self._run.planner.ledger
        lost = [read for read in ledger.all() if read.rules == LOST and read.location_id in run.snapshot.lost]
        counts: list[Read] = []
        run.contents.add_all(self.stage.growth)
        for location_id in run.findings.location_ids:
            before = ledger.newest(location_id, "contents", Scope("location", location_id))
            now = run.contents.of(location_id)
            if now != (before.contents if before else NOTHING):
                counts.append(self._parts.completed.contents(location_id, now))
        run.planner.add(counts)
        if lost or counts:
            yield "reads", self.stage.stamped(ledger_rows([*lost, *counts]))

    def _next_reads(self, most: int) -> list[PlannedRead]:
        active = self._run.findings.active
        return self._run.planner.next_reads(active, most) or self._run.doubts.late(active)

    def _looked_up(self, due: list[Due]) -> Generator[Emitted]:
        yield from self._parts.appointment_reads().look_up(due)

    def _reserve_for_slots(self) -> None:
        run = self._run
        if run.planner.is_listed("slots") or not run.settings.slots:
            return
        for location_id in run.findings.active:
            services = run.calendars.of(location_id).services
            planned = plan_slots(run.settings, location_id, services, run.span.now)
            if planned:
                name = run.findings.of(location_id).name
                run.budget.reserve_for_slots(name, len(planned), planned[0].requests)

    def _warn_of_omitted_rows(self) -> None:
        for location_id in self._run.findings.active:
            name = self._run.findings.of(location_id).name
            found, another = self._run.look_ups.omitted(location_id)
            if found:
                self._run.findings.warn(
                    f"{name}: {found:,} appointments are missing from their lists, but the API still finds them by "
                    "their ids. They stay, and are asked for again within cold_reread_days. If a field of theirs says "
                    "that they are deleted, name it in deleted_when."
                )
            if another:
                self._run.findings.warn(
                    f"{name}: {another:,} appointments are missing from their lists, and the API answers their ids "
                    "with another appointment. They stay as they are, and are asked for again within cold_reread_days."
                )

    def _settle(self) -> dict[str, Read]:
        """The ledger's new entries since the last call, by read id."""
        reads = [self._run.doubts.with_reply_cap(read) for read in self._parts.journal.settle()]
        self._run.planner.add(reads)
        self._run.planner.add(self._run.deletions.waiting_reads())  # or this run would read their windows again
        return {read.read_id: read for read in reads}

    def _ledger(self, reads: Mapping[str, Read]) -> Iterator[Emitted]:
        """The rows of `reads`, and what else a resource adds to the connector's own tables. Each read once: dlt's merge
        does not deduplicate its input."""
        if reads:
            yield "reads", self.stage.stamped(ledger_rows(reads.values()))
        if rejections := self.stage.take_rejected():
            yield rejections
        if holds := self._run.deletions.take_news():
            yield "held_deletions", self.stage.stamped(hold_rows(holds))
