"""Transform: one run that builds the models of `sql/`, audits them and publishes them.

Input:  the raw dataset as the last load left it, or as of a past moment; dlt's SQL client; the run's time.
Output: the tables of the staging and marts datasets (or of a separate pair), replaced together; `TransformResult`.

Each model is built under a temporary name (`fct_appointments__next`) from the other `__next` tables. All audits run on
these tables. Only then are all of them swapped in, in one transaction if the destination's DDL has transactions. A
failed audit, an error or a kill leaves the live tables unchanged; the next run drops the leftovers.

If few appointments changed since one run built all models from the same SQL, the largest models are updated in place
(`models.incremental`), and the whole run is one transaction.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime
from sqlglot import exp

from bookings_sync.models import swap
from bookings_sync.models.auditing import audit_model
from bookings_sync.models.audits import only_warns, set_audits
from bookings_sync.models.built import built_by, write_built
from bookings_sync.models.destination import Datasets, Destination
from bookings_sync.models.dialect import resolve
from bookings_sync.models.errors import AuditFailure, AuditsFailedError, ModelError, NothingSyncedError
from bookings_sync.models.incremental import Increment, increment, supports_incremental
from bookings_sync.models.project import Model, Project, find_models
from bookings_sync.models.run_tables import RunTables
from bookings_sync.models.selection import select as select_models
from bookings_sync.models.unusable import Unusable, read_unusable
from bookings_sync.models.zones import ZoneChange, zone_changes
from bookings_sync.records.tables import APPOINTMENTS

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

Step = Literal["build", "audit"]
Progress = Callable[[Step, str], None]
"""Called as each step of each model begins."""

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
    started = time.perf_counter()
    project = project or Project.load(find_models())
    models = select_models(project, select)
    target = datasets.beside(dev or AS_OF) if dev or as_of else datasets
    destination = Destination(sql_client, target)
    audits = {model.name: set_audits(model) for model in models}
    queries = [query for by_name in audits.values() for query in by_name.values()]
    if not audit_only:
        queries += [model.query for model in models]
    tables = RunTables.find(
        destination,
        queries,
        new=() if audit_only else (model.name for model in models),
        fall_back=Destination(sql_client, datasets) if as_of is None and target != datasets else None,
        as_of=as_of,
    )
    run = _Run(models, tables, audits, now=as_of or now, progress=progress or (lambda _step, _model: None))
    if audit_only:
        results = run.audit({})
    else:
        destination.create_datasets()
        swap.drop_unpublished(destination, project.models.values())
        is_partial = len(models) < len(project.models)
        try:
            with nullcontext() if full or is_partial or target != datasets else run.incrementally():
                results = run.audit(run.build())
                run.publish()
        except BaseException:
            # After a kill this does not run; the next run drops the tables.
            swap.drop_unpublished(destination, models)
            raise
    unusable = read_unusable(destination)
    seconds = time.perf_counter() - started
    return TransformResult(
        results,
        target,
        seconds,
        not audit_only,
        run.rebuilt,
        tuple(run.warnings),
        unusable,
        run.zone_changes if target == datasets else (),
    )


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
        self._increment: Increment | None = None
        self.warnings: list[AuditFailure] = []
        self.zone_changes: tuple[ZoneChange, ...] = ()

    @contextmanager
    def incrementally(self) -> Iterator[None]:
        """Updates incremental models in place, in one transaction, if few appointments changed."""
        with increment(self._destination, self._models, self._tables.table_for("raw", APPOINTMENTS.name)) as found:
            if found is not None:
                self._increment = found
                self._tables.new -= found.in_place
            yield

    @property
    def rebuilt(self) -> int | None:
        return None if self._increment is None else self._increment.appointments

    def build(self) -> dict[str, float]:
        """Builds or updates each model. Returns the seconds that each took."""
        seconds: dict[str, float] = {}
        for model in self._models:
            self._progress("build", model.name)
            started = time.perf_counter()
            with _hidden_details(model):
                self._build(model)
            seconds[model.name] = time.perf_counter() - started
        return seconds

    def _build(self, model: Model) -> None:
        table_for = self._tables.table_for
        if self._increment is not None and self._increment.keep_in_place(model, table_for):
            self._increment.refresh(model, resolve(model.query, self._increment.narrowed(table_for), self._now))
        else:
            self._tables.new.add(model.name)
            swap.build(self._destination, model, resolve(model.query, table_for, self._now))

    def audit(self, build_seconds: Mapping[str, float]) -> tuple[ModelResult, ...]:
        """Audits each model. Raises AuditsFailedError, with all failures that stop a publish, after every audit
        has run."""
        results: list[ModelResult] = []
        failures: list[AuditFailure] = []
        for model in self._models:
            self._progress("audit", model.name)
            started = time.perf_counter()
            with _hidden_details(model):
                rows, audits, failed = audit_model(model, self._audits[model.name], self._rows)
            for failure in failed:
                (self.warnings if only_warns(model, failure.audit) else failures).append(failure)
            seconds = time.perf_counter() - started
            built = build_seconds.get(model.name, 0.0)
            results.append(ModelResult(model.name, model.layer, rows, audits, built, seconds))
        if failures:
            raise AuditsFailedError(failures)
        return tuple(results)

    def publish(self) -> None:
        if "dim_location" in self._tables.new:
            self.zone_changes = zone_changes(self._destination, self._tables.table_for)
        with self._destination.transaction():
            swap.publish(self._destination, [model for model in self._models if model.name in self._tables.new])
            if supports_incremental(self._destination):
                write_built(self._destination, built_by(secrets.token_hex(8), self._models))

    def _rows(self, query: exp.Query) -> Sequence[Sequence[Any]]:
        return self._destination.rows(resolve(query, self._tables.table_for, self._now))


@contextmanager
def _hidden_details(model: Model) -> Iterator[None]:
    """Keeps the warehouse's own message out of ours, because it may quote a value. The chained error has it."""
    try:
        yield
    except DatabaseException as error:
        raise ModelError(f"{model.path.name}: the warehouse rejected the model's query or one of its audits") from error
