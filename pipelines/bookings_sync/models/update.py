"""Update: brings the published tables up to date in place. The cost follows the changes, not the size of the tables.

Input:  the models, what the published tables were built from (`built`), and the raw tables.
Output: the same rows as a full build. Callers run it inside one transaction.

Each model, in build order, is one of these:
- unchanged, if no column that it reads has changed since it was built, and its clock has not passed;
- built for the groups of rows that changed, if its header has `Incremental by`;
- built whole, and compared with the published table.

Only rows that differ are written. A model built to equal rows counts as unchanged for the models that read it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import pendulum
from pendulum import DateTime
from sqlglot import exp

from bookings_sync.models import swap
from bookings_sync.models.appointments_changed import VERSIONS
from bookings_sync.models.built import Built, all_columns
from bookings_sync.models.clock import grain_passed, rows_passed
from bookings_sync.models.deltas import Delta, apply, are_equal, compare, count
from bookings_sync.models.destination import Destination
from bookings_sync.models.dialect import resolve
from bookings_sync.models.groups import Groups, TableFor
from bookings_sync.models.project import Model
from bookings_sync.models.versions import State

_REPLACED_FROM = 0.5
"""Part of a table's rows. If more of them differ, a large table is replaced."""
_LARGE = 50_000


class Update:
    """One update. `rows` counts the rows of each model."""

    def __init__(
        self,
        destination: Destination,
        state: State,
        table_for: TableFor,
        existing: Mapping[tuple[str, str], set[str]],
        *,
        now: DateTime,
        run: str,
        described: Callable[[Model], Model],
    ) -> None:
        self._destination = destination
        self._state = state
        self._table_for = table_for
        self._existing = existing
        self._now = now
        self._run = run
        self._described = described
        self._deltas: dict[str, Delta] = {}
        self._groups = Groups(destination, state.models, self._deltas)
        self._live_rows = _live_rows(destination, state.models.values(), existing)
        self.groups: dict[str, str] = {}
        """The table of groups of each model of which only some groups were built."""
        self.rows = dict(self._live_rows)

    def bring(self, model: Model) -> None:
        """Brings one model up to date. Call it in build order."""
        before = self._state.as_built(model)
        if before is None or not self._is_as_built(model, before):
            self._build(model)
            return
        then = pendulum.parse(before.as_of)
        assert isinstance(then, DateTime)  # noqa: S101 - we wrote it
        reads = self._state.read(model)
        changed = [_parts(name) for name, read in reads.items() if before.read.get(name) != read]
        passed = rows_passed(self._destination, model, self._table_for, then, self._now)
        if passed:
            passed = [each for each in passed if self._destination.execute(f"SELECT 1 {each} LIMIT 1")]
        whole = grain_passed(self._destination, model, self._state.clocks(model), then, self._now)
        if not (changed or passed or whole):
            return
        groups = None
        if not whole and self._saw_the_rest(model, before, changed):
            groups = self._groups.make(model, changed, passed)
        if groups is None:
            self._rebuild(model)
        else:
            self._refresh(model, groups)

    def narrowed(self, model: Model, *, only_own: bool) -> TableFor:
        """`table_for` with only the groups that were built: of all tables that have their columns, or only of the
        model's own table."""
        narrowed = self._groups.narrowed(model, self.groups[model.name], self._table_for)
        own = (model.layer, model.name)
        return lambda layer, name: (narrowed if not only_own or (layer, name) == own else self._table_for)(layer, name)

    def _is_as_built(self, model: Model, before: Built) -> bool:
        """Whether the published table is the one that was built, as far as its columns and rows are counted."""
        columns = self._existing.get((model.layer, model.name), set())
        return set(model.header.columns) <= columns and self._live_rows[model.name] == before.rows

    def _saw_the_rest(self, model: Model, before: Built, changed: Sequence[tuple[str, str]]) -> bool:
        """Whether the model had seen all earlier changes of these tables, so that the deltas of this run are all."""
        earlier = self._state.read(model, before=True)
        versions = self._state.before.get(VERSIONS)
        earlier["raw.appointments"] = versions.read.get("raw.appointments", "") if versions else ""
        return all(before.read.get(f"{layer}.{name}") == earlier[f"{layer}.{name}"] for layer, name in changed)

    def _build(self, model: Model) -> None:
        """Builds a table of which nothing is known."""
        described = self._described(model)
        swap.build(self._destination, described, resolve(model.query, self._table_for, self._now))
        swap.publish(self._destination, [described])
        self._state.columns[model.name] = all_columns(model, self._run)
        self.rows[model.name] = count(self._destination, self._live(model))

    def _rebuild(self, model: Model) -> None:
        """Builds the whole table, and writes the rows that differ."""
        new = f"bookings_new_{model.name}"
        query = self._destination.sql(resolve(model.query, self._table_for, self._now))
        self._destination.make_temporary(new, query)
        if not are_equal(self._destination, model, self._live(model), new):
            delta = compare(self._destination, model, self._live(model), new)
            rows = count(self._destination, new)
            is_replaced = delta.gone_rows + delta.come_rows > max(_REPLACED_FROM * rows, _LARGE)
            if not is_replaced:
                is_replaced = not self._apply(model, delta)
            if is_replaced:
                described = self._described(model)
                swap.build(self._destination, described, exp.select("*").from_(new))
                swap.publish(self._destination, [described])
                self.rows[model.name] = rows
            self._note(model, delta)
        self._destination.drop_temporary(new)

    def _refresh(self, model: Model, groups: str) -> None:
        """Builds the rows of some groups, and writes those that differ."""
        old, new = f"bookings_old_{model.name}", f"bookings_new_{model.name}"
        table_for = self._groups.narrowed(model, groups, self._table_for)
        built = resolve(model.query, table_for, self._now).subquery("built")
        for name, rows, alias in (
            (old, self._destination.table(model.layer, model.name), "live"),
            (new, built, "built"),
        ):
            source = exp.alias_(rows, alias, table=True) if name == old else rows
            belongs = self._groups.condition(model, groups, model.layer, model.name, alias)
            query = exp.select(*map(_column, model.header.columns)).from_(source).where(belongs)
            self._destination.make_temporary(name, self._destination.sql(query))
        delta = compare(self._destination, model, old, new)
        self._destination.drop_temporary(old, new)
        if not self._apply(model, delta):
            self._rebuild(model)
            return
        self.groups[model.name] = groups
        self._note(model, delta)

    def _apply(self, model: Model, delta: Delta) -> bool:
        """Writes the rows that differ. Returns False if the table does not have the expected number of rows then, as
        with rows that occur twice."""
        if delta.is_empty:
            return True
        apply(self._destination, model, self._live(model), delta)
        expected = self.rows[model.name] - delta.gone_rows + delta.come_rows
        self.rows[model.name] = count(self._destination, self._live(model))
        return self.rows[model.name] == expected

    def _note(self, model: Model, delta: Delta) -> None:
        self._deltas[model.name] = delta
        self._state.columns[model.name] = {**self._state.columns[model.name], **dict.fromkeys(delta.columns, self._run)}

    def _live(self, model: Model) -> str:
        return self._destination.sql(self._destination.table(model.layer, model.name))


def _live_rows(
    destination: Destination, models: Iterable[Model], existing: Collection[tuple[str, str]]
) -> dict[str, int]:
    """The number of rows of each published table; -1 if there is none."""
    rows = {model.name: -1 for model in models}
    queries = [
        f"SELECT '{model.name}', COUNT(*) FROM {destination.sql(destination.table(model.layer, model.name))}"  # noqa: S608
        for model in models
        if (model.layer, model.name) in existing
    ]
    return rows | {str(name): int(found) for name, found in destination.execute(" UNION ALL ".join(queries))}


def _parts(table: str) -> tuple[str, str]:
    layer, _, name = table.partition(".")
    return layer, name


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)
