"""Burials: writes the tombstones of appointments at the end of a run.

Input:  the appointments that wait in `deletions`.
Output: tombstones, and the reads that count now.
"""

from __future__ import annotations

from collections.abc import Iterator

from bookings_sync.changes.invalidation import Change
from bookings_sync.changes.journal import Journal
from bookings_sync.changes.stage import Emitted, Stage
from bookings_sync.planning.ledger import without_digest
from bookings_sync.planning.look_ups import LookUps
from bookings_sync.records.tables import APPOINTMENTS
from bookings_sync.sync.deletions import Deletions
from bookings_sync.sync.findings import Findings
from bookings_sync.warehouse.held_rows import HeldRows


def bury_appointments(
    deletions: Deletions,
    findings: Findings,
    look_ups: LookUps,
    held_rows: HeldRows,
    stage: Stage,
    journal: Journal,
) -> Iterator[Emitted]:
    """Stages the tombstones of the appointments that wait, unless they are too many. Those of a location that the run
    gave up stay: the run has not seen all that is missing there."""
    for location_id in deletions.waiting:
        if findings.gave_up(location_id):
            continue
        buried = deletions.take_waiting(location_id, held_rows.count_live(location_id))
        keys = [each.key for each in buried.appointments if each.is_live]
        for each in buried.appointments:
            for scope in each.in_turn:
                look_ups.note(location_id, str(each.key[0]), scope, "refused")
        for read in buried.reads:
            journal.complete(without_digest(read))  # other lists of this run may show what these reads missed
        if tombstones := stage.add_deleted(APPOINTMENTS, location_id, keys):
            journal.record(Change("deleted", location_id, places=journal.places(tombstones[1])))
            yield tombstones
        deletions.deleted(location_id, APPOINTMENTS.name, keys, stage.started_at)
