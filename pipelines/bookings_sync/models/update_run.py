"""Update run: one transform that updates the published tables in place, with its audits.

Input:  the models, the run's tables, and what the published tables were built from.
Output: the rows and audits of each model; what the tables are built from now. None if everything must be built.

Callers hold one transaction around it, so readers see all of it or nothing. Audits run on what changed: an audit that
reads only unchanged columns has passed before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pendulum import DateTime
from sqlglot import exp

from bookings_sync.models.appointments_changed import VERSIONS, find_changed
from bookings_sync.models.auditing import audit_rows, audit_sets
from bookings_sync.models.audits import only_warns, set_audits
from bookings_sync.models.built import Built, environment_of, write_built
from bookings_sync.models.destination import Destination
from bookings_sync.models.dialect import resolve
from bookings_sync.models.errors import AuditFailure, AuditsFailedError, hidden_details
from bookings_sync.models.groups import TableFor
from bookings_sync.models.header import BY_APPOINTMENT
from bookings_sync.models.project import Model
from bookings_sync.models.raw_versions import raw_versions
from bookings_sync.models.run_tables import RunTables
from bookings_sync.models.update import Update
from bookings_sync.models.versions import State
from bookings_sync.records.tables import APPOINTMENTS, TABLES

Step = Literal["build", "audit"]
Progress = Callable[[Step, str], None]
"""Called as each step of each model begins."""


class Updated(NamedTuple):
    """One model after an update: its rows, its audits, all of which hold or warn, and the seconds spent."""

    rows: int
    audits: int
    build_seconds: float
    audit_seconds: float


def supports_updates(destination: Destination) -> bool:
    """Whether a whole run can be one transaction, in a dialect that the tests run."""
    return destination.is_tested and destination.has_ddl_transactions


def find_state(
    destination: Destination, models: Mapping[str, Model], tables: RunTables, before: Mapping[str, Built]
) -> State:
    """What is in the raw tables now. `before` is what the published tables were built from."""
    before = {name: each for name, each in before.items() if name in models}
    return State.find(models, environment_of(destination), raw_versions(destination, tables, TABLES), before)


class UpdateRun:
    """`appointments` counts the changed appointments. `warnings` are failed audits that stop no publish."""

    def __init__(
        self,
        destination: Destination,
        state: State,
        tables: RunTables,
        *,
        now: DateTime,
        run: str,
        described: Callable[[Model], Model],
        progress: Progress,
    ) -> None:
        self._destination = destination
        self._state = state
        self._tables = tables
        self._described = described
        self._now = now
        self._run = run
        self._progress = progress
        self.appointments = 0
        self.warnings: list[AuditFailure] = []

    def begin(self) -> bool:
        """Finds the changed appointments. False if everything must be built."""
        incremental = [
            model
            for model in self._state.models.values()
            if model.header.incremental == BY_APPOINTMENT and model.folder != "reports"
        ]
        existing = self._destination.tables()
        for model in incremental:
            if self._state.as_built(model) is None or (model.layer, model.name) not in existing:
                return False
        if VERSIONS not in {model.name for model in incremental}:
            return False
        earlier = self._state.before[VERSIONS].read.get(f"raw.{APPOINTMENTS.name}", "")
        raw = self._tables.table_for("raw", APPOINTMENTS.name)
        found = find_changed(self._destination, raw, earlier, self._state.raw[APPOINTMENTS.name])
        self.appointments = found or 0
        self._existing = existing
        return found is not None

    def run(self) -> dict[str, Updated]:
        """Builds and audits what changed, and notes what the tables are built from. Raises AuditsFailedError."""
        update = Update(
            self._destination,
            self._state,
            self._tables.table_for,
            self._existing,
            now=self._now,
            run=self._run,
            described=self._described,
        )
        build_seconds: dict[str, float] = {}
        for model in self._state.models.values():
            self._progress("build", model.name)
            started = time.perf_counter()
            with hidden_details(model.path.name):
                update.bring(model)
            build_seconds[model.name] = time.perf_counter() - started
        results: dict[str, Updated] = {}
        failures: list[AuditFailure] = []
        built: dict[str, Built] = {}
        for model in self._state.models.values():
            self._progress("audit", model.name)
            started = time.perf_counter()
            with hidden_details(model.path.name):
                failed = self._audit(model, update)
            warned = False
            for failure in failed:
                if only_warns(model, failure.audit):
                    warned = True
                    self.warnings.append(failure)
                else:
                    failures.append(failure)
            rows = update.rows[model.name]
            built[model.name] = self._state.built(model, rows, self._now, warned=warned)
            seconds = time.perf_counter() - started
            results[model.name] = Updated(rows, built[model.name].audits, build_seconds[model.name], seconds)
        if failures:
            raise AuditsFailedError(failures)
        self._write(built)
        return results

    def _audit(self, model: Model, update: Update) -> list[AuditFailure]:
        """Runs the audits that read changed columns; on the changed groups only, if only these were built."""
        before, audited = self._state.as_built(model), self._state.audited(model)
        everything = before is None or before.warned
        if before is not None and not everything and before.audited == audited:
            return []
        audits = set_audits(model)
        own = f"{model.layer}.{model.name}"
        changed = {name for name, read in audited.items() if before is None or before.audited.get(name) != read}
        groups = {} if everything or model.name not in update.groups else update.groups
        failures: list[AuditFailure] = []
        if everything or any(name.endswith(f" {own}") for name in changed):
            rows = self._rows(update.narrowed(model, only_own=True) if groups else self._tables.table_for)
            failures += audit_rows(model, rows)[1]
        for name, query in audits.items():
            tables = {f"{table.db}.{table.name}" for table in query.find_all(exp.Table) if table.db}
            mine = {table for table in tables if f"{name} {table}" in changed}
            if not (everything or mine):
                continue
            table_for: TableFor = self._tables.table_for
            if groups and name in model.audits and model.audits_by[name] == model.header.incremental:
                table_for = update.narrowed(model, only_own=False)
            elif groups and name not in model.audits and mine == {own}:
                table_for = update.narrowed(model, only_own=True)
            failures += audit_sets(model, {name: query}, self._rows(table_for))
        return failures

    def _rows(self, table_for: TableFor) -> Callable[[exp.Query], Sequence[Sequence[Any]]]:
        return lambda query: self._destination.rows(resolve(query, table_for, self._now))

    def _write(self, built: Mapping[str, Built]) -> None:
        """Writes what the tables are built from, unless only time has passed: then nothing is written, and the file
        keeps every byte."""
        before = self._state.before
        if any(
            name not in before or _but_for_time(each) != _but_for_time(before[name]) for name, each in built.items()
        ):
            write_built(self._destination, built)


def _but_for_time(built: Built) -> tuple[Any, ...]:
    return (built.known, built.environment, built.rows, built.columns, built.read, built.audited, built.warned)
