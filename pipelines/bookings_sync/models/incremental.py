"""Incremental: finds the appointments that changed since the models were built, so only those are rebuilt.

Input:  the models of a run, the raw table of appointments, and what an earlier run published.
Output: `Increment`: which models can be updated in place, and how their queries are narrowed to the changed
        appointments.

Changes are not guessed from a clock. Every appointment version in the raw table is compared, by key, start and end,
with the versions that the models were built from. So a load that finished late and a rewritten history are both found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlglot import exp

from bookings_sync.models.built import definition, read_built
from bookings_sync.models.destination import Destination, quoted
from bookings_sync.models.header import INCREMENTAL_BY
from bookings_sync.models.project import Model
from bookings_sync.records.tables import APPOINTMENTS

_VERSIONS = "stg_appointment_versions"
"""The model that holds every version of every appointment."""

_CHANGED = "bookings_changed"
"""A temporary table: one row for each version that only the raw table or only the models hold."""

_MOST_CHANGED = 0.2
"""Part of all versions. If more have changed, a full build costs no more than an incremental one."""

_RAW_KEY = dict(zip(INCREMENTAL_BY, APPOINTMENTS.key, strict=True))

TableFor = Callable[[str, str], exp.Expr]
"""Returns the table or subquery that a reference `layer.name` reads."""


@dataclass(slots=True)
class Increment:
    """What changed since one run built the incremental models.

    `appointments` counts the changed appointments. `in_place` names the models that are updated in place; a model
    leaves it when something else that the model reads has changed.
    """

    destination: Destination
    models: dict[str, Model]
    appointments: int
    in_place: set[str]

    def keep_in_place(self, model: Model, table_for: TableFor) -> bool:
        """Decides whether `model` is updated in place: only if nothing but appointments changed in what it reads.

        Removes the model from `in_place` otherwise. Call it for each model in build order: the answer depends on the
        tables that the model reads.
        """
        if model.name in self.in_place and not self._reads_unchanged(model, table_for):
            self.in_place.remove(model.name)
        return model.name in self.in_place

    def _reads_unchanged(self, model: Model, table_for: TableFor) -> bool:
        for upstream in _upstream(model, self.models):
            if upstream.header.incremental:
                if upstream.name not in self.in_place:
                    return False
            else:
                new = table_for(upstream.layer, upstream.name)
                old = self.destination.table(upstream.layer, upstream.name)
                if _row_count(self.destination, _difference(new, old, _columns_of(upstream, model))):
                    return False
        return True

    def narrowed(self, table_for: TableFor) -> TableFor:
        """Like `table_for`, but raw and incremental tables only show the changed appointments."""

        def narrowed_table(layer: str, name: str) -> exp.Expr:
            table = table_for(layer, name)
            if layer != "raw" and name not in self.in_place:
                return table
            source = exp.alias_(table, "source", table=True)
            return exp.select("*").from_(source).where(_is_changed(layer, "source")).subquery()

        return narrowed_table

    def refresh(self, model: Model, query: exp.Query) -> None:
        """Replaces the rows of the changed appointments in a live table by the rows of `query`."""
        if not self.appointments:
            return
        live = self.destination.sql(self.destination.table(model.layer, model.name))
        # By name: a column that was added later is last in a PostgreSQL table.
        columns = ", ".join(map(quoted, model.header.columns))
        rows = self.destination.sql(query.subquery("rebuilt"))
        changed = self.destination.sql(_is_changed(model.layer, "live"))
        self.destination.execute(f"DELETE FROM {live} AS live WHERE {changed}")  # noqa: S608 - our own names
        self.destination.execute(f"INSERT INTO {live} ({columns}) SELECT {columns} FROM {rows}")  # noqa: S608 - our own


@contextmanager
def increment(destination: Destination, models: Sequence[Model], appointments: exp.Expr) -> Iterator[Increment | None]:
    """The increment since these models were built, or None if everything must be built.

    `appointments` is the raw table. With an increment, everything inside is one transaction.
    """
    by_name = {model.name: model for model in models}
    if not _are_as_built(destination, by_name):
        yield None
        return
    versions = destination.table("staging", _VERSIONS)
    with destination.temporary(_CHANGED, _changes(appointments, versions)):
        changed = _changed_appointments(destination, appointments, versions)
        if changed is None:
            yield None
            return
        in_place = {name for name, model in by_name.items() if model.header.incremental}
        with destination.transaction():
            yield Increment(destination, by_name, changed, in_place)


def supports_incremental(destination: Destination) -> bool:
    """Whether a whole run can be one transaction, in a dialect that the tests run."""
    return destination.is_tested and destination.has_ddl_transactions


def _are_as_built(destination: Destination, models: dict[str, Model]) -> bool:
    """Whether one run, with the same SQL, built all incremental models and the dimensions that they read."""
    incremental = [model for model in models.values() if model.header.incremental]
    names = {model.name for model in incremental}
    names |= {name for model in incremental for layer, name in model.reads if layer != "raw"}
    if not names or not supports_incremental(destination):
        return False
    built = read_built(destination)
    if not names <= built.keys() or len({built[name].run for name in names}) != 1:
        return False
    return all(
        built[name].definition == definition(models[name]) and destination.has(models[name].layer, name)
        for name in names
    )


def _upstream(model: Model, models: dict[str, Model]) -> list[Model]:
    return [models[name] for layer, name in sorted(model.reads) if layer != "raw"]


def _changes(raw: exp.Expr, versions: exp.Expr) -> exp.Query:
    """Versions that only one side holds, or that end differently: key, `is_held` (in raw), `is_built` (in models)."""
    raw_key = {name: exp.column(source, "held") for name, source in _RAW_KEY.items()}
    built_key = {name: exp.column(name, "built") for name in INCREMENTAL_BY}
    began, ended = exp.column("_dlt_valid_from", "held"), exp.column("_dlt_valid_to", "held")
    same = [built_key[name].eq(raw_key[name]) for name in INCREMENTAL_BY]
    same.append(exp.column("valid_from", "built").eq(began))
    not_held, not_built = began.is_(exp.null()), exp.column("valid_from", "built").is_(exp.null())
    ends_differ = exp.NullSafeNEQ(this=ended, expression=exp.column("valid_to", "built"))
    key = (exp.alias_(exp.func("COALESCE", raw_key[name], built_key[name]), name) for name in INCREMENTAL_BY)
    return (
        exp.select(*key, exp.alias_(not_held.not_(), "is_held"), exp.alias_(not_built.not_(), "is_built"))
        .from_(exp.alias_(raw, "held", table=True))
        .join(exp.alias_(versions, "built", table=True), on=exp.and_(*same), join_type="full")
        .where(exp.or_(not_held, not_built, ends_differ))
    )


def _changed_appointments(destination: Destination, raw: exp.Expr, versions: exp.Expr) -> int | None:
    """How many appointments changed; None if too many did, or if the keys are not reliable."""
    held, built = (_row_count(destination, table) for table in (raw, versions))
    conditions = ("is_held", "is_built", " OR ".join(f"{name} IS NULL" for name in INCREMENTAL_BY))
    counts = exp.select(*(exp.CountIf(this=exp.condition(each)) for each in conditions)).from_(_CHANGED)
    only_held, only_built, without_key = (int(count or 0) for count in destination.rows(counts)[0])
    # A duplicate version joins the same partner as its twin, so only the totals reveal it.
    if without_key or held - only_held != built - only_built or only_held + only_built > _MOST_CHANGED * held:
        return None
    return _row_count(destination, exp.select(*INCREMENTAL_BY).distinct().from_(_CHANGED).subquery("appointments"))


def _row_count(destination: Destination, table: exp.Expr) -> int:
    ((rows,),) = destination.rows(exp.select(exp.Count(this=exp.Star())).from_(table))
    return int(rows)


def _is_changed(layer: str, alias: str) -> exp.Exists:
    """A condition on rows of a table of `layer`: the row belongs to a changed appointment."""
    own = _RAW_KEY if layer == "raw" else {name: name for name in INCREMENTAL_BY}
    same = [exp.column(name, "changed").eq(exp.column(source, alias)) for name, source in own.items()]
    return exp.Exists(this=exp.select("1").from_(exp.to_table(_CHANGED).as_("changed")).where(*same))


def _columns_of(upstream: Model, model: Model) -> list[str]:
    """The columns of `upstream` that `model` uses, and the key of `upstream`.

    All columns if a SELECT does not say which table a column belongs to.
    """
    used = dict.fromkeys(upstream.header.key)
    for select in model.query.find_all(exp.Select):
        sources = [each.this for each in (select.args.get("from_"), *(select.args.get("joins") or ())) if each]
        tables = [source for source in sources if isinstance(source, exp.Table)]
        aliases = {table.alias_or_name for table in tables if (table.db, table.name) == (upstream.layer, upstream.name)}
        if not aliases:
            continue
        columns = list(select.find_all(exp.Column))
        own = [column.name for column in columns if column.table in aliases]
        bare_star = any(not isinstance(star.parent, exp.Column) for star in select.find_all(exp.Star))
        if bare_star or "*" in own or not all(column.table for column in columns):
            return list(upstream.header.columns)
        used |= dict.fromkeys(own)
    return list(used)


def _difference(one: exp.Expr, other: exp.Expr, columns: Sequence[str]) -> exp.Subquery:
    """The rows of these columns that only one of the two tables has."""
    first, second = (exp.select(*columns).from_(table) for table in (one, other))
    ways = (exp.except_(first, second), exp.except_(second, first))
    return exp.union(*(exp.select("*").from_(way.subquery("way")) for way in ways), distinct=False).subquery("either")
