"""Transform: builds the models of `sql/` in the warehouse: write, audit, publish.

Input:  the raw dataset as the last load left it, or as it stood at a moment of the past; dlt's own SQL client; the
        run's time.
Output: the tables of the staging and marts datasets, or of a pair beside them, replaced in one step; `TransformResult`.

Each model is built beside the live one (`fct_appointments__next`, which reads the other `__next` tables), all audits
run on what was built, and only then are all of them swapped in, in one transaction where the destination's DDL has
transactions. A failed audit, an error or a kill at any point leaves the live tables whole, as they were; the next run
clears what is left.

Of the largest, where few appointments have changed since a run that built them all of the same SQL, only the rows of
those are built (`models.incremental`), in place: the whole run is one transaction then.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime
from sqlglot import exp

from bookings_sync.models.audits import row_audits, set_audits
from bookings_sync.models.destination import NEXT, Datasets, Destination
from bookings_sync.models.dialect import as_it_stood, complete_reads, no_rows, resolve, timezones
from bookings_sync.models.errors import AuditFailure, AuditsFailedError, ModelError, NothingSyncedError
from bookings_sync.models.incremental import Increment, built_by, increment
from bookings_sync.models.project import READS, Model, Project, find_models, references
from bookings_sync.models.selection import select as selected
from bookings_sync.records.tables import APPOINTMENTS, TABLES
from bookings_sync.records.tables import READS as READS_TABLE

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

LOADS = "_dlt_loads"
"""dlt's own table of loads: a read counts only if its load is complete there."""

AS_OF = "as_of"
"""The name of the datasets that the past is built in, unless another is asked for: `bookings_marts_as_of`."""

SAMPLE_ROWS = 5
"""How many failing rows an audit's failure shows the keys of."""


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model: rows it has, audits it passed, seconds to build it (0 where only the audits ran) and to audit it."""

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
    """All models, in build order, and the datasets they are in. `published` is False where only the audits ran.
    `rebuilt` is how many appointments were built again where it was enough to build those that changed; else None."""

    models: tuple[ModelResult, ...]
    datasets: Datasets
    seconds: float
    published: bool
    rebuilt: int | None


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
    progress: Callable[[Step, str], None] | None = None,
) -> TransformResult:
    """Builds, audits and publishes the models.

    `now` tells past from future (models write `$now`), so a run can be repeated. `as_of` reads the raw tables as they
    stood at that moment, which is then `$now` too. `dev` names datasets of one's own, beside the live ones, which stay
    as they are: what a model reads comes from there, or from the live ones where it was never built there. With `as_of`
    nothing is read from the live ones, and the datasets are called AS_OF unless `dev` says otherwise.

    `select` names models, as `models.selection` reads it: only they are built, by default all are. `audit_only` audits
    the tables as they stand and builds nothing. `full` builds all rows of every model though few appointments changed,
    as does a run that selects some. `project` is what `sql/` says unless it is given. `progress` is called as each step
    of each model begins.

    Raises NothingSyncedError before the first sync, ModelError where a model is wrong or reads one that is not built,
    or where nothing had been synced at `as_of`, AuditsFailedError (an AuditError) where audits fail: then nothing is
    published.
    """
    started = time.perf_counter()
    project = project or Project.load(find_models())
    models = selected(project, select)
    built_in = datasets.beside(dev or AS_OF) if dev or as_of else datasets
    run = _Run(sql_client, built_in, models, now=as_of or now, as_of=as_of, live=audit_only)
    run.prepare(fall_back=None if as_of else datasets)
    report = progress or (lambda _step, _model: None)
    if audit_only:
        results = run.audit({}, report)
    else:
        run.destination.create_datasets()
        run.destination.drop_unpublished(project.models.values())
        try:
            some = len(models) < len(project.models)
            with nullcontext() if full or some or built_in != datasets else run.incrementally():
                results = run.audit(run.build(report), report)
                run.publish()
        except BaseException:
            # A kill in earnest gets no such chance; then the next run does it.
            run.destination.drop_unpublished(run.models)
            raise
    return TransformResult(results, built_in, time.perf_counter() - started, not audit_only, run.rebuilt)


class _Run:
    """One run. With `live` the models are taken as they stand; else each is built first."""

    def __init__(
        self,
        client: SqlClientBase[Any],
        datasets: Datasets,
        models: tuple[Model, ...],
        *,
        now: DateTime,
        as_of: DateTime | None,
        live: bool,
    ) -> None:
        self.destination = Destination(client, datasets)
        self.models = models
        self._set_audits = {model.name: set_audits(model) for model in models}
        self._client = client
        self._datasets = datasets
        self._now = now
        self._as_of = as_of
        self._live = live
        self._built = frozenset() if live else frozenset(model.name for model in models)
        self._increment: Increment | None = None
        self._raw: frozenset[str] = frozenset()
        self._read: dict[tuple[str, str], Destination] = {}
        self._tells_loads = False

    def prepare(self, fall_back: Datasets | None) -> None:
        """Looks which tables there are, here or in `fall_back`, and says so where one is missing that must be there."""
        self._raw = frozenset(name for name in TABLES if self.destination.has("raw", name))
        if not self._raw:
            raise NothingSyncedError(self._datasets.raw)
        self._tells_loads = self.destination.has("raw", LOADS)
        if self._as_of is not None:
            self._check_synced_by(self._as_of)
        queries = [query for audits in self._set_audits.values() for query in audits.values()]
        if not self._live:
            queries += [model.query for model in self.models]
        needed = {(table.db, table.name) for query in queries for table in references(query) if table.db in READS}
        places = [self.destination]
        if fall_back is not None and fall_back != self._datasets:
            places.append(Destination(self._client, fall_back))
        missing = []
        for layer, name in sorted(needed):
            if name not in self._built:
                place = next((place for place in places if place.has(layer, name)), None)
                if place is None:
                    missing.append(f"{layer}.{name}")
                else:
                    self._read[layer, name] = place
        if missing:
            listed = ", ".join(missing)
            raise ModelError(f"needed, and never built: {listed}; select them too (+name selects all that it needs)")

    def _check_synced_by(self, as_of: DateTime) -> None:
        firsts: list[datetime] = []
        for name in self._raw:
            if TABLES[name].history:
                since = exp.Min(this=exp.column("_dlt_valid_from"))
                ((first,),) = self.destination.rows(exp.select(since).from_(self.destination.table("raw", name)))
                firsts += [first] if first is not None else []
        if not firsts or min(firsts) > as_of:
            first = f"the first sync was at {min(firsts):%Y-%m-%d %H:%M:%S %Z}" if firsts else "nothing is there yet"
            raise ModelError(f"nothing had been synced by {as_of.in_timezone('UTC'):%Y-%m-%d %H:%M:%S %Z}: {first}")

    @contextmanager
    def incrementally(self) -> Iterator[None]:
        """Inside, where few appointments have changed, only those are built of the models that are incremental. All of
        the run is one transaction then."""
        with increment(self.destination, self.models, self._place("raw", APPOINTMENTS.name)) as found:
            if found is not None:
                self._increment = found
                self._built -= found.in_place
            yield

    @property
    def rebuilt(self) -> int | None:
        return None if self._increment is None else self._increment.appointments

    def build(self, report: Callable[[Step, str], None]) -> dict[str, float]:
        """Builds each model beside the live one, or what changed in place. Returns the seconds each took."""
        seconds: dict[str, float] = {}
        for model in self.models:
            report("build", model.name)
            started = time.perf_counter()
            with _refusals(model):
                if self._increment is not None and self._increment.suffices(model, self._place):
                    of_changed = self._increment.of_changed(self._place)
                    self._increment.refresh(model, resolve(model.query, of_changed, self._now))
                else:
                    self._built |= {model.name}
                    self.destination.create(model, self._resolve(model.query))
            seconds[model.name] = time.perf_counter() - started
        return seconds

    def publish(self) -> None:
        built = built_by(secrets.token_hex(8), self.models)
        self.destination.publish([model for model in self.models if model.name in self._built], built)

    def audit(self, built: Mapping[str, float], report: Callable[[Step, str], None]) -> tuple[ModelResult, ...]:
        """Audits each model. Every audit runs, whatever failed before it; AuditsFailedError has all failures."""
        results: list[ModelResult] = []
        failures: list[AuditFailure] = []
        for model in self.models:
            report("audit", model.name)
            started = time.perf_counter()
            with _refusals(model):
                rows, audits, failed = self._audit(model)
            failures += failed
            seconds = time.perf_counter() - started
            results.append(ModelResult(model.name, model.layer, rows, audits, built.get(model.name, 0.0), seconds))
        if failures:
            raise AuditsFailedError(failures)
        return tuple(results)

    def _audit(self, model: Model) -> tuple[int, int, list[AuditFailure]]:
        """Rows of the model, how many audits ran, and those that failed."""
        by_row, by_set = row_audits(model), self._set_audits[model.name]
        table = exp.Table(this=exp.to_identifier(model.name), db=exp.to_identifier(model.layer))
        counts = [exp.CountIf(this=condition) for condition in by_row.values()]
        (first,) = self._rows(exp.select(exp.Count(this=exp.Star()), *counts).from_(table.copy()))
        rows, *failing = (int(count or 0) for count in first)
        failures: list[AuditFailure] = []
        for (name, condition), count in zip(by_row.items(), failing, strict=True):
            if count:
                failing_rows = exp.select(*model.header.key).from_(table.copy()).where(condition)
                failures.append(self._failure(model, name, failing_rows, count))
        for name, query in by_set.items():
            ((count,),) = self._rows(exp.select(exp.Count(this=exp.Star())).from_(query.subquery("failing")))
            if count:
                failures.append(self._failure(model, name, query, count))
        return rows, len(by_row) + len(by_set), failures

    def _failure(self, model: Model, audit: str, query: exp.Query, count: int) -> AuditFailure:
        key = model.header.key
        # Only the key is taken, whatever the audit's query returns: a message must not hold personal data.
        sample = exp.select(*key).from_(query.subquery("failing")).order_by(*key).limit(SAMPLE_ROWS)
        return AuditFailure(model.name, audit, count, key, tuple(tuple(row) for row in self._rows(sample)))

    def _rows(self, query: exp.Query) -> Sequence[Sequence[Any]]:
        return self.destination.rows(self._resolve(query))

    def _resolve(self, query: exp.Query) -> exp.Query:
        return resolve(query, self._place, self._now)

    def _place(self, layer: str, name: str) -> exp.Expr:
        """Where a model's reference leads: to what this run builds, else to what is live."""
        if layer == "warehouse":
            return timezones(self.destination.dialect)
        if layer == "raw":
            return self._raw_table(name)
        if name in self._built:
            return self.destination.table(layer, name + NEXT)
        return self._read.get((layer, name), self.destination).table(layer, name)

    def _raw_table(self, name: str) -> exp.Expr:
        """A raw table as models see it: an empty one where it is not there yet, complete reads alone, and the past."""
        if name not in self._raw:
            return no_rows(TABLES[name])
        table: exp.Expr = self.destination.table("raw", name)
        if name == READS_TABLE.name and self._tells_loads:
            table = complete_reads(self.destination.table("raw", name), self.destination.table("raw", LOADS))
        return table if self._as_of is None else as_it_stood(TABLES[name], table, self._as_of)


@contextmanager
def _refusals(model: Model) -> Iterator[None]:
    """A warehouse's own words may quote a value: they stay in the chained error and out of the message."""
    try:
        yield
    except DatabaseException as error:
        raise ModelError(f"{model.path.name}: the warehouse refuses the model's query or its audits") from error
