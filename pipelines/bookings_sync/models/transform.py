"""Transform: one run that builds the models of `sql/`, audits them and publishes them.

Input:  the raw dataset as the last load left it, or as of a past moment; dlt's SQL client; the run's time.
Output: the tables of the staging and marts datasets (or of a separate pair), replaced together; `TransformResult`.

Each model is built under a temporary name (`fct_appointments__next`) from the other `__next` tables. All audits run on
these tables. Only then are all of them swapped in, in one transaction if the destination's DDL has transactions. A
failed audit, an error or a kill leaves the live tables unchanged; the next run drops the leftovers.

If few appointments changed since the models were built from the same SQL, the live tables are updated in place
(`models.update`), and the whole run is one transaction.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime
from sqlglot import exp

from bookings_sync.models import swap
from bookings_sync.models.auditing import audit_model
from bookings_sync.models.audits import only_warns, set_audits
from bookings_sync.models.built import Built, all_columns, environment_of, read_built, write_built
from bookings_sync.models.destination import Datasets, Destination
from bookings_sync.models.dialect import resolve
from bookings_sync.models.errors import AuditFailure, AuditsFailedError, ModelError, NothingSyncedError, hidden_details
from bookings_sync.models.memory import in_little_memory
from bookings_sync.models.project import Model, Project, find_models
from bookings_sync.models.run_tables import RunTables
from bookings_sync.models.selection import select as select_models
from bookings_sync.models.unusable import Unusable, read_unusable
from bookings_sync.models.update_run import Progress, UpdateRun, find_state, supports_updates
from bookings_sync.models.versions import State
from bookings_sync.models.zones import ZoneChange, read_zones, zone_changes

__all__ = [
    "AuditFailure",
    "AuditsFailedError",
    "Datasets",
    "ModelError",
    "ModelResult",
    "NothingSyncedError",
    "TransformResult",
    "find_models",
    "transform",
]

AS_OF = "as_of"
"""Suffix of the datasets that a past state is built in: `bookings_marts_as_of`."""


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model: its rows, the audits it passed, and the seconds spent. `build_seconds` is 0 if only audits ran."""

    name: str
    layer: str
    rows: int
    audits: int
    build_seconds: float
    audit_seconds: float

    @property
    def seconds(self) -> float:
        return self.build_seconds + self.audit_seconds


@dataclass(frozen=True, slots=True)
class TransformResult:
    """All models of the run, in build order, and the datasets they are in.

    `published` is False if only audits ran. `rebuilt` counts the appointments of an incremental run; None after a full
    build. `warnings` are failed audits of single values, which stop no publish. `unusable` are the values that staging
    turned into null. `zone_changes` are the locations whose local times moved.
    """

    models: tuple[ModelResult, ...]
    datasets: Datasets
    seconds: float
    published: bool
    rebuilt: int | None
    warnings: tuple[AuditFailure, ...] = ()
    unusable: tuple[Unusable, ...] = ()
    zone_changes: tuple[ZoneChange, ...] = ()


def transform(
    sql_client: SqlClientBase[Any],
    datasets: Datasets,
    *,
    now: DateTime,
    as_of: DateTime | None = None,
    dev: str = "",
    select: Sequence[str] = (),
    audit_only: bool = False,
    full: bool = False,
    project: Project | None = None,
    progress: Progress | None = None,
) -> TransformResult:
    """Builds, audits and publishes the models.

    - `now`: the value of `$now` in models. Passed in, so that a run can be repeated.
    - `as_of`: reads the raw tables as of this moment and uses it as `$now`. Builds into the datasets AS_OF (or `dev`),
      and reads nothing from the live ones.
    - `dev`: builds into separate datasets with this suffix. Models that were never built there are read from the live
      datasets, which do not change.
    - `select`: patterns of `models.selection`. By default all models are built.
    - `audit_only`: audits the published tables and builds nothing.
    - `full`: builds all rows, even if few appointments changed. A run with `select` always does.
    - `project`: the models; by default those of `sql/`.

    Raises NothingSyncedError before the first sync. Raises ModelError if a model is wrong, if a model reads one that
    was never built, or if nothing had been synced at `as_of`. Raises AuditsFailedError if audits fail. After any error
    nothing is published.
    """
    return in_little_memory(
        sql_client,
        lambda: _transform(
            sql_client,
            datasets,
            now=now,
            as_of=as_of,
            dev=dev,
            select=select,
            audit_only=audit_only,
            full=full,
            project=project,
            progress=progress or (lambda _step, _model: None),
        ),
    )


def _transform(
    sql_client: SqlClientBase[Any],
    datasets: Datasets,
    *,
    now: DateTime,
    as_of: DateTime | None,
    dev: str,
    select: Sequence[str],
    audit_only: bool,
    full: bool,
    project: Project | None,
    progress: Progress,
) -> TransformResult:
    started = time.perf_counter()
    target = datasets.beside(dev or AS_OF) if dev or as_of else datasets
    destination = Destination(sql_client, target)
    is_live = target == datasets and not audit_only
    built = read_built(destination) if is_live and supports_updates(destination) else None
    if project is None and built and not (select or full):
        project = _recalled(destination, built)
    project = project or Project.load(find_models())
    models = select_models(project, select)
    zones = read_zones(destination) if is_live else ()
    found: _Outcome | None = None
    if built and not full and len(models) == len(project.models):
        found = _update(destination, project, built, now=now, progress=progress)
    if found is None:
        fall_back = Destination(sql_client, datasets) if as_of is None and target != datasets else None
        found = _build(destination, project, models, built, fall_back, audit_only, now, as_of, progress)
    unusable = read_unusable(destination)
    return TransformResult(
        found.models,
        target,
        time.perf_counter() - started,
        not audit_only,
        found.rebuilt,
        tuple(found.warnings),
        unusable,
        zone_changes(zones, read_zones(destination)) if is_live else (),
    )


class _Outcome(NamedTuple):
    models: tuple[ModelResult, ...]
    rebuilt: int | None
    warnings: Sequence[AuditFailure]


def _recalled(destination: Destination, built: Mapping[str, Built]) -> Project | None:
    """The project without parsing its files, if all of them are those that the live tables were built from."""
    environment = environment_of(destination)
    if any(each.environment != environment for each in built.values()):
        return None
    return Project.recall(find_models(), {name: each.known for name, each in built.items()})


def _update(
    destination: Destination, project: Project, built: Mapping[str, Built], *, now: DateTime, progress: Progress
) -> _Outcome | None:
    """Updates the live tables in one transaction. None if everything must be built."""
    tables = RunTables.find(destination, (), new=(), fall_back=None, as_of=None)
    state = find_state(destination, project.models, tables, built)
    described = cache(lambda: Project.load(find_models()))  # a recalled project has no descriptions
    run = UpdateRun(
        destination,
        state,
        tables,
        now=now,
        run=secrets.token_hex(4),
        described=lambda model: model if any(model.header.columns.values()) else described().models[model.name],
        progress=progress,
    )
    try:
        if not run.begin():
            return None
        with destination.transaction():
            updated = run.run()
    finally:
        destination.drop_temporary()
    results = [ModelResult(model.name, model.layer, *updated[model.name]) for model in project.models.values()]
    return _Outcome(tuple(results), run.appointments, run.warnings)


def _build(
    destination: Destination,
    project: Project,
    models: tuple[Model, ...],
    built: Mapping[str, Built] | None,
    fall_back: Destination | None,
    audit_only: bool,
    now: DateTime,
    as_of: DateTime | None,
    progress: Progress,
) -> _Outcome:
    """Builds, audits and publishes these models, or only audits them. With `built`, notes what they were built from."""
    audits = {model.name: set_audits(model) for model in models}
    queries = [query for by_name in audits.values() for query in by_name.values()]
    if not audit_only:
        queries += [model.query for model in models]
    new = () if audit_only else (model.name for model in models)
    tables = RunTables.find(destination, queries, new=new, fall_back=fall_back, as_of=as_of)
    run = _Run(models, tables, audits, now=as_of or now, progress=progress)
    if audit_only:
        return _Outcome(run.audit({}), None, run.warnings)
    destination.create_datasets()
    swap.drop_unpublished(destination, project.models.values())
    state = None if built is None else find_state(destination, project.models, tables, built)
    try:
        results = run.audit(run.build())
        run.publish(state)
    except BaseException:
        # After a kill this does not run; the next run drops the tables.
        swap.drop_unpublished(destination, models)
        raise
    return _Outcome(results, None, run.warnings)


class _Run:
    """Builds, audits and publishes the models of one run."""

    def __init__(
        self,
        models: tuple[Model, ...],
        tables: RunTables,
        audits: Mapping[str, Mapping[str, exp.Query]],
        *,
        now: DateTime,
        progress: Progress,
    ) -> None:
        self._destination = tables.destination
        self._models = models
        self._tables = tables
        self._audits = audits
        self._now = now
        self._progress = progress
        self._row_counts: dict[str, int] = {}
        self._id = secrets.token_hex(4)
        self.warnings: list[AuditFailure] = []

    def build(self) -> dict[str, float]:
        """Builds or updates each model. Returns the seconds that each took."""
        seconds: dict[str, float] = {}
        for model in self._models:
            self._progress("build", model.name)
            started = time.perf_counter()
            with hidden_details(model.path.name):
                self._build(model)
            seconds[model.name] = time.perf_counter() - started
        return seconds

    def _build(self, model: Model) -> None:
        swap.build(self._destination, model, resolve(model.query, self._tables.table_for, self._now))

    def audit(self, build_seconds: Mapping[str, float]) -> tuple[ModelResult, ...]:
        """Audits each model. Raises AuditsFailedError, with all failures that stop a publish, after every audit
        has run."""
        results: list[ModelResult] = []
        failures: list[AuditFailure] = []
        for model in self._models:
            self._progress("audit", model.name)
            started = time.perf_counter()
            with hidden_details(model.path.name):
                rows, audits, failed = audit_model(model, self._audits[model.name], self._rows)
            for failure in failed:
                (self.warnings if only_warns(model, failure.audit) else failures).append(failure)
            seconds = time.perf_counter() - started
            built = build_seconds.get(model.name, 0.0)
            results.append(ModelResult(model.name, model.layer, rows, audits, built, seconds))
            self._row_counts[model.name] = rows
        if failures:
            raise AuditsFailedError(failures)
        return tuple(results)

    def publish(self, state: State | None) -> None:
        """Replaces the live tables, and notes what they were built from if they can be updated in place."""
        with self._destination.transaction():
            swap.publish(self._destination, self._models)
            if state is not None:
                for model in self._models:
                    state.columns[model.name] = all_columns(model, self._id)
                warned = {failure.model for failure in self.warnings}
                built = {
                    model.name: state.built(
                        model,
                        self._row_counts[model.name],
                        self._now,
                        warned=model.name in warned,
                    )
                    for model in self._models
                }
                write_built(self._destination, built)

    def _rows(self, query: exp.Query) -> Sequence[Sequence[Any]]:
        return self._destination.rows(resolve(query, self._tables.table_for, self._now))
