"""The parts of one load: what its steps share, and what each of them is made of.

Input:  a `Run`, and a connection to the raw dataset.
Output: `LoadParts`, from which `load` takes a part for each step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.changes.held import Placed
from bookings_sync.changes.journal import Journal
from bookings_sync.changes.rereading import Rereading
from bookings_sync.changes.stage import Stage
from bookings_sync.planning.plan import hot_range
from bookings_sync.records.columns import Key
from bookings_sync.records.deletion_marks import DeletionMarks
from bookings_sync.records.privacy import Privacy
from bookings_sync.records.tables import APPOINTMENTS, CONTACTS, Table
from bookings_sync.sync.absences import Absences
from bookings_sync.sync.appointment_rows import AppointmentRows
from bookings_sync.sync.appointments import AppointmentReads
from bookings_sync.sync.completed import CompletedReads
from bookings_sync.sync.contact_reads import ContactReads, Mentions
from bookings_sync.sync.contacts import ListedContacts
from bookings_sync.sync.controls import Controls
from bookings_sync.sync.disputes import Disputes, Unsettled
from bookings_sync.sync.lists import AppointmentLists
from bookings_sync.sync.looked_up import LookedUp
from bookings_sync.sync.run import Run
from bookings_sync.sync.slots import SlotReads
from bookings_sync.sync.whole_lists import WholeLists
from bookings_sync.warehouse.held_rows import HeldRows
from bookings_sync.warehouse.history import History


class LoadParts:
    """The parts of one load. `unsettled_before` are the records that two lists told differently in the load before."""

    def __init__(self, run: Run, client: SqlClientBase[Any], load_id: str, started_at: DateTime) -> None:
        self._run = run
        self._client = client
        self.held_rows = HeldRows(client, run.rechecks)
        self._rereading = Rereading(
            run.planner.ledger, run.interpretation_of, run.declared, run.snapshot.torn, run.snapshot.unsure
        )
        self.stage = Stage(
            load_id,
            started_at,
            run.span.run_id,
            self.held_rows.rows,
            self.held_rows.rejections,
            run.findings.figures.tables,
            self._rereading.alike,
        )
        self.journal = Journal(run.planner.ledger)
        self.unsettled_before, run.unsettled = run.unsettled, Unsettled()
        self._controls = Controls(run.client, self.held_rows, run.settings.concurrency, run.listed)
        self._privacy = Privacy.of(run.settings, run.erased)
        self._marks = DeletionMarks.of(run.settings.deleted_when)
        self.completed = CompletedReads(
            self.journal, run.span.run_id, run.rules_of, self._rereading.ways_before, run.clock
        )
        self.whole_lists = WholeLists(
            run.settings,
            run.client,
            run.planner,
            run.calendars,
            run.findings,
            run.first_sync,
            self.held_rows,
            self.stage,
            self.completed,
            run.rules_of,
            run.proof,
            run.kept,
            deletions=run.deletions,
            journal=self.journal,
        )

    def appointment_reads(self) -> AppointmentReads:
        """What reads the next appointments."""
        run, stage, journal = self._run, self.stage, self.journal
        hot = hot_range(run.settings, run.span.now)
        missing: set[tuple[str, Key]] = set()
        restaged: dict[tuple[str, Key], Placed] = {}
        contacts = self._contact_rows(missing, restaged)
        looked_up = LookedUp(
            run.settings.scopes,
            run.client,
            run.calendars,
            self.held_rows,
            stage,
            journal,
            contacts,
            self._privacy,
            run.look_ups,
        )
        absences = Absences(
            run.client,
            run.planner,
            run.findings,
            self.held_rows,
            stage,
            journal,
            self._controls,
            run.deletions,
            run.look_ups,
            looked_up,
            missing,
            restaged,
            self._marks,
            run.proof,
        )
        return AppointmentReads(
            run.settings,
            run.planner,
            run.calendars,
            run.findings,
            run.doubts,
            stage,
            journal,
            self.completed,
            lists=AppointmentLists(
                run.client,
                run.planner.ledger,
                run.contacts,
                self._privacy,
                lambda location_id: run.rules_of(location_id, "appointments"),
                self._rereading,
                hot,
                self.held_rows.digests,
                self._marks,
                run.kept,
            ),
            rows=AppointmentRows(
                run.settings.scopes,
                run.calendars,
                run.first_sync,
                self.held_rows,
                stage,
                journal,
                absences,
                self._controls,
                run.look_ups,
                self._disputes(APPOINTMENTS, missing),
                run.unseen,
            ),
            contacts=contacts,
            absences=absences,
            controls=self._controls,
            proof=run.proof,
        )

    def slot_reads(self) -> SlotReads:
        """What reads the free slots."""
        run = self._run
        return SlotReads(
            run.settings,
            run.clock,
            run.client,
            run.planner,
            run.budget,
            run.calendars,
            run.findings,
            run.first_sync,
            self.held_rows,
            self.stage,
            self.journal,
            self.completed,
            lambda location_id: run.rules_of(location_id, "slots"),
            controls=self._controls,
            deletions=run.deletions,
        )

    def contact_reads(self, location_ids: Collection[str], mentions: Mentions) -> ContactReads:
        """What reads the contacts of these locations. Their APIs list contacts apart from appointments."""
        run = self._run
        missing: set[tuple[str, Key]] = set()
        return ContactReads(
            run.settings,
            run.client,
            run.own_contacts,
            run.findings,
            run.budget,
            History(self._client, location_ids),
            self.held_rows,
            self.stage,
            self.completed,
            self._contact_rows(missing, {}),
            self._privacy,
            run.proof,
            mentions,
        )

    def _contact_rows(
        self, missing: set[tuple[str, Key]], restaged: Mapping[tuple[str, Key], Placed]
    ) -> ListedContacts:
        run = self._run
        return ListedContacts(
            run.contacts,
            run.first_sync,
            run.snapshot.torn_contacts,
            self.held_rows,
            self.stage,
            self.journal,
            self._rereading,
            self._disputes(CONTACTS, missing),
            restaged,
        )

    def _disputes(self, table: Table, missing: set[tuple[str, Key]]) -> Disputes:
        run = self._run
        return Disputes(
            table,
            run.span.run_id,
            self.held_rows,
            self.stage,
            self.journal,
            run.findings,
            missing,
            run.look_ups,
            before=self.unsettled_before,
            now=run.unsettled,
        )
