"""Built: what each published table was built from, so the next run builds only what changed since.

Input:  the models that a run built or found unchanged.
Output: rows of the table `_built` in the staging dataset, written in the transaction that publishes the tables.

Each column of a table has a version: the id of the run that last changed a value in it. A model is unchanged as long as
the versions of the columns that it reads are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version

from sqlglot import exp

from bookings_sync.models.destination import Destination, literal
from bookings_sync.models.project import Known, Model
from bookings_sync.records.values import digest

_TABLE = "_built"
_COLUMNS = ("model", "state")

ROWS = "*"
"""Stands for the set of keys among the versions of a table's columns."""
REMOVED = "-"
"""Stands for the removal of keys, without which no reference to the table can break."""


@dataclass(frozen=True, slots=True)
class Built:
    """One published table.

    - `definition`, `environment`: a digest of the model's files, and one of this package's release and of the
      warehouse's engine.
    - `place`: its place in build order.
    - `rows`: how many rows it has.
    - `as_of`: the `$now` that it was built with, as ISO text.
    - `columns`: the version of each column, and of ROWS and REMOVED.
    - `read`, `audited`: a digest of what the query and the audits read of each table.
    - `uses`, `audit_uses`: the columns of each table that the query and the audits read; `clocks`: whether the query
      reads `now`, `hour` or `today`. So an update needs not parse a model that it does not build.
    - `audits`: how many audits it has.
    - `warned`: whether an audit failed that stops no publish.
    """

    definition: str
    environment: str
    place: int
    rows: int
    as_of: str
    columns: Mapping[str, str]
    read: Mapping[str, str]
    audited: Mapping[str, str]
    uses: Mapping[str, Sequence[str]]
    audit_uses: Mapping[str, Sequence[str]]
    clocks: Sequence[str]
    audits: int
    warned: bool

    @property
    def known(self) -> Known:
        """What `Project.recall` needs."""
        return Known(self.definition, self.place, tuple(name for name in self.columns if name not in (ROWS, REMOVED)))


_FIELDS = {each.name for each in fields(Built)}


def environment_of(destination: Destination) -> str:
    """A digest of everything but models and rows that results depend on: this package, the engine, time zones."""
    ((engine,),) = destination.execute("SELECT VERSION()")
    return digest([version("bookings-sync"), version("tzdata"), str(engine)])


def all_columns(model: Model, run: str) -> dict[str, str]:
    """Column versions of a table that was built anew."""
    return dict.fromkeys([*model.header.columns, ROWS, REMOVED], run)


def read_built(destination: Destination) -> dict[str, Built]:
    """How each published model was built, by model name. Empty if an earlier release wrote the table."""
    if destination.tables().get(("staging", _TABLE)) != set(_COLUMNS):
        return {}
    rows = destination.rows(exp.select(*_COLUMNS).from_(destination.table("staging", _TABLE)))
    found = {str(model): json.loads(state) for model, state in rows}
    return {model: Built(**state) for model, state in found.items() if state.keys() == _FIELDS}


def write_built(destination: Destination, built: Mapping[str, Built]) -> None:
    """Replaces the rows of the models in `built`."""
    table = destination.sql(destination.table("staging", _TABLE))
    if destination.tables().get(("staging", _TABLE), set(_COLUMNS)) != set(_COLUMNS):
        destination.execute(f"DROP TABLE {table}")
    destination.execute(f"CREATE TABLE IF NOT EXISTS {table} (model TEXT NOT NULL, state TEXT NOT NULL)")
    names = ", ".join(map(literal, built))
    states = {name: json.dumps(asdict(each), separators=(",", ":")) for name, each in built.items()}
    rows = ", ".join(f"({literal(name)}, {literal(state)})" for name, state in states.items())
    destination.execute(f"DELETE FROM {table} WHERE model IN ({names})")  # noqa: S608 - our own names
    destination.execute(f"INSERT INTO {table} VALUES {rows}")  # noqa: S608 - our own names
