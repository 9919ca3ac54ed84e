"""Versions: what each query reads, as digests that change when the read columns do.

Input:  the versions of the raw tables and of the columns of all models.
Output: `State.read` for a query, `State.built` for a model that is up to date.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pendulum import DateTime
from sqlglot import exp

from bookings_sync.models.audits import row_audits, set_audits
from bookings_sync.models.built import REMOVED, ROWS, Built
from bookings_sync.models.columns import columns_read
from bookings_sync.models.project import Model, references
from bookings_sync.records.values import digest


@dataclass(slots=True)
class State:
    """What the run knows of all tables: the version of each raw table and of each model's columns, and what was built
    from them."""

    models: Mapping[str, Model]
    environment: str
    raw: Mapping[str, str]
    before: Mapping[str, Built]
    columns: dict[str, Mapping[str, str]]

    @classmethod
    def find(
        cls, models: Mapping[str, Model], environment: str, raw: Mapping[str, str], before: Mapping[str, Built]
    ) -> State:
        return cls(models, environment, raw, before, {name: each.columns for name, each in before.items()})

    def as_built(self, model: Model) -> Built | None:
        """What the model was built from, if its files and everything else are still the same."""
        before = self.before.get(model.name)
        if before and (before.definition, before.environment) == (model.definition, self.environment):
            return before
        return None

    def uses(self, model: Model) -> Mapping[str, Sequence[str]]:
        """The columns that the query reads, by `layer.name`."""
        before = self.as_built(model)
        return before.uses if before else self._uses(model.query)

    def audit_uses(self, model: Model) -> Mapping[str, Sequence[str]]:
        """The columns that the audits read, by audit and `layer.name`."""
        if before := self.as_built(model):
            return before.audit_uses
        return {
            f"{name} {table}": [REMOVED] if name.startswith("references") and table != _name(model) else columns
            for name, query in set_audits(model).items()
            for table, columns in self._uses(query).items()
        }

    def clocks(self, model: Model) -> Collection[str]:
        before = self.as_built(model)
        return before.clocks if before else model.clocks

    def read(self, model: Model, *, before: bool = False) -> dict[str, str]:
        """A digest of what the query reads of each table: now, or `before` this run."""
        return {table: self._digest(table, columns, before) for table, columns in self.uses(model).items()}

    def audited(self, model: Model) -> dict[str, str]:
        """A digest of what each audit reads of each table. A reference can only break if the other table loses keys."""
        return {
            audit: self._digest(audit.rpartition(" ")[2], columns, False)
            for audit, columns in self.audit_uses(model).items()
        }

    def built(self, model: Model, rows: int, now: DateTime, *, warned: bool) -> Built:
        return Built(
            definition=model.definition,
            environment=self.environment,
            place=list(self.models).index(model.name),
            rows=rows,
            as_of=now.in_timezone("UTC").isoformat(),
            columns=self.columns[model.name],
            read=self.read(model),
            audited=self.audited(model),
            uses=self.uses(model),
            audit_uses=self.audit_uses(model),
            clocks=sorted(self.clocks(model)),
            audits=self._audits(model),
            warned=warned,
        )

    def _audits(self, model: Model) -> int:
        before = self.as_built(model)
        return before.audits if before else len(row_audits(model)) + len(set_audits(model))

    def _uses(self, query: exp.Query) -> dict[str, list[str]]:
        return {
            f"{layer}.{name}": sorted(columns_read(query, layer, name, self.models[name].header.columns))
            if name in self.models
            else []
            for layer, name in sorted({(table.db, table.name) for table in references(query)})
        }

    def _digest(self, table: str, used: Sequence[str], before: bool) -> str:
        layer, _, name = table.partition(".")
        if layer == "raw":
            return self.raw.get(name, "")
        if layer == "warehouse":
            return self.environment
        if before:
            columns: Mapping[str, str] = self.before[name].columns if name in self.before else {}
        else:
            columns = self.columns.get(name, {})
        names = used if REMOVED in used else [*used, ROWS]
        return digest([columns.get(column, "") for column in names])


def _name(model: Model) -> str:
    return f"{model.layer}.{model.name}"
