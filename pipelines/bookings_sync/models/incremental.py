"""Incremental: which appointments have changed since the models were built, so that only those are built again.

Input:  the models of a run, the raw table of appointments, and what an earlier run published.
Output: `Increment`, where it is enough to build what changed: of which models, and how what they read is narrowed.

What changed is no guess from a clock: each version that the warehouse holds is compared, by its key and when it began
and ended, with those that the models were built of. So a load that ended late, or rewritten history, is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from sqlglot import exp

from bookings_sync.models.destination import Built, Destination
from bookings_sync.models.header import INCREMENTAL_BY
from bookings_sync.models.project import Model
from bookings_sync.records.tables import APPOINTMENTS
from bookings_sync.records.values import digest

_VERSIONS = "stg_appointment_versions"
"""The model that has every version of every appointment."""

_CHANGED = "bookings_changed"
"""A temporary table: a row for each version that only one of the warehouse and the models has."""

_MOST_CHANGED = 0.2
"""Of all versions: where more have changed, to build all again costs no more."""

_RAW_KEY = dict(zip(INCREMENTAL_BY, APPOINTMENTS.key, strict=True))

Place = Callable[[str, str], exp.Expr]
"""Where a table stands, by its layer and name."""


@dataclass(slots=True)
class Increment:
    """What changed since one run built the incremental models, which stand as it built them.

    `appointments` is how many changed; `in_place` names the models of which it is enough to build these.
    """

    destination: Destination
    models: dict[str, Model]
    appointments: int
    in_place: set[str]

    def suffices(self, model: Model, place: Place) -> bool:
        """Whether a model is built in place: where of all that it reads nothing but appointments has changed. Where
        not, it is so no more. To be asked of each model in its turn, when what it reads is built."""
        if model.name in self.in_place and not self._reads_the_same(model, place):
            self.in_place.remove(model.name)
        return model.name in self.in_place

    def _reads_the_same(self, model: Model, place: Place) -> bool:
        for read in _models_read(model, self.models):
            if read.header.incremental:
                if read.name not in self.in_place:
                    return False
            else:
                now, before = place(read.layer, read.name), self.destination.table(read.layer, read.name)
                if _number_of(_difference(now, before, _columns_of(read, model)), self.destination):
                    return False
        return True

    def of_changed(self, place: Place) -> Place:
        """Where what a model reads stands, narrowed to what changed: all but dimensions."""

        def narrowed(layer: str, name: str) -> exp.Expr:
            table = place(layer, name)
            if layer != "raw" and name not in self.in_place:
                return table
            kept = exp.alias_(table, "kept", table=True)
            return exp.select("*").from_(kept).where(_is_changed(layer, "kept")).subquery()

        return narrowed

    def refresh(self, model: Model, query: exp.Query) -> None:
        """Puts the rows of a query, made of what changed, in the place of those that are of it."""
        if self.appointments:
            self.destination.replace_rows(model, _is_changed(model.layer, "live"), query)


def built_by(run: str, models: Iterable[Model]) -> dict[str, Built]:
    """What there is to note of models that a run publishes: for the next to see that they stand as it built them."""
    return {model.name: Built(_definition(model), run) for model in models}


@contextmanager
def increment(destination: Destination, models: Sequence[Model], appointments: exp.Expr) -> Iterator[Increment | None]:
    """What changed in `appointments`, the raw table, since these models were built, if it is enough to build that: all
    that is done inside is one transaction then."""
    by_name = {model.name: model for model in models}
    if not _stand_as_built(destination, by_name):
        yield None
        return
    versions = destination.table("staging", _VERSIONS)
    with destination.temporary(_CHANGED, _changes(appointments, versions)):
        changed = _count(destination, appointments, versions)
        if changed is None:
            yield None
            return
        in_place = {name for name, model in by_name.items() if model.header.incremental}
        with destination.at_once():
            yield Increment(destination, by_name, changed, in_place)


def _stand_as_built(destination: Destination, models: dict[str, Model]) -> bool:
    """Whether the incremental models, and the dimensions they read, stand as one run built them, by the same SQL."""
    incremental = [model for model in models.values() if model.header.incremental]
    names = {model.name for model in incremental}
    names |= {name for model in incremental for layer, name in model.reads if layer != "raw"}
    if not names or not destination.does_at_once:
        return False
    built = destination.built()
    if not names <= built.keys() or len({built[name].run for name in names}) != 1:
        return False
    return all(
        built[name].definition == _definition(models[name]) and destination.has(models[name].layer, name)
        for name in names
    )


def _definition(model: Model) -> str:
    """Equal where a model is made by the same SQL, of the same release."""
    return digest([_release(), model.query.sql(dialect="duckdb")])


@cache
def _release() -> str:
    return version("bookings-sync")


def _models_read(model: Model, models: dict[str, Model]) -> list[Model]:
    return [models[name] for layer, name in sorted(model.reads) if layer != "raw"]


def _changes(raw: exp.Expr, versions: exp.Expr) -> exp.Query:
    """For each version that stands in one of both alone, or ends otherwise there: its key, and which of both has it."""
    raw_key = {name: exp.column(source, "held") for name, source in _RAW_KEY.items()}
    built_key = {name: exp.column(name, "built") for name in INCREMENTAL_BY}
    began, ended = exp.column("_dlt_valid_from", "held"), exp.column("_dlt_valid_to", "held")
    same = [built_key[name].eq(raw_key[name]) for name in INCREMENTAL_BY]
    same.append(exp.column("valid_from", "built").eq(began))
    not_held, not_built = began.is_(exp.null()), exp.column("valid_from", "built").is_(exp.null())
    ends_otherwise = exp.NullSafeNEQ(this=ended, expression=exp.column("valid_to", "built"))
    key = (exp.alias_(exp.func("COALESCE", raw_key[name], built_key[name]), name) for name in INCREMENTAL_BY)
    return (
        exp.select(*key, exp.alias_(not_held.not_(), "is_held"), exp.alias_(not_built.not_(), "is_built"))
        .from_(exp.alias_(raw, "held", table=True))
        .join(exp.alias_(versions, "built", table=True), on=exp.and_(*same), join_type="full")
        .where(exp.or_(not_held, not_built, ends_otherwise))
    )


def _count(destination: Destination, raw: exp.Expr, versions: exp.Expr) -> int | None:
    """How many appointments changed; None where too many did, or where keys do not tell."""
    held, built = (_number_of(table, destination) for table in (raw, versions))
    conditions = ("is_held", "is_built", " OR ".join(f"{name} IS NULL" for name in INCREMENTAL_BY))
    counts = exp.select(*(exp.CountIf(this=exp.condition(each)) for each in conditions)).from_(_CHANGED)
    only_held, only_built, nameless = (int(count or 0) for count in destination.rows(counts)[0])
    # A version that stands twice would be one of two pairs, and not seen.
    if nameless or held - only_held != built - only_built or only_held + only_built > _MOST_CHANGED * held:
        return None
    return _number_of(exp.select(*INCREMENTAL_BY).distinct().from_(_CHANGED).subquery("appointments"), destination)


def _number_of(table: exp.Expr, destination: Destination) -> int:
    ((rows,),) = destination.rows(exp.select(exp.Count(this=exp.Star())).from_(table))
    return int(rows)


def _is_changed(layer: str, table: str) -> exp.Exists:
    """Whether a row of a table of this layer, by the name that it has in a query, is of what changed."""
    own = _RAW_KEY if layer == "raw" else {name: name for name in INCREMENTAL_BY}
    same = [exp.column(name, "changed").eq(exp.column(source, table)) for name, source in own.items()]
    return exp.Exists(this=exp.select("1").from_(exp.to_table(_CHANGED).as_("changed")).where(*same))


def _columns_of(read: Model, model: Model) -> list[str]:
    """The columns that a model takes of what it reads, and that one's key. All of them where a SELECT from it does not
    say of each column whose it is."""
    taken = dict.fromkeys(read.header.key)
    for select in model.query.find_all(exp.Select):
        sources = [each.this for each in (select.args.get("from_"), *(select.args.get("joins") or ())) if each]
        tables = [source for source in sources if isinstance(source, exp.Table)]
        names = {table.alias_or_name for table in tables if (table.db, table.name) == (read.layer, read.name)}
        if not names:
            continue
        columns = list(select.find_all(exp.Column))
        of_it = [column.name for column in columns if column.table in names]
        bare_star = any(not isinstance(star.parent, exp.Column) for star in select.find_all(exp.Star))
        if bare_star or "*" in of_it or not all(column.table for column in columns):
            return list(read.header.columns)
        taken |= dict.fromkeys(of_it)
    return list(taken)


def _difference(one: exp.Expr, other: exp.Expr, columns: Sequence[str]) -> exp.Subquery:
    """The rows of these columns that only one of two tables has."""
    first, second = (exp.select(*columns).from_(table) for table in (one, other))
    ways = (exp.except_(first, second), exp.except_(second, first))
    return exp.union(*(exp.select("*").from_(way.subquery("way")) for way in ways), distinct=False).subquery("either")
