"""Built: which SQL and which run built each published table, so the next run knows what it may update in place.

Input:  the models that a run published.
Output: rows of the table `_built` in the staging dataset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from typing import NamedTuple

from sqlglot import exp

from bookings_sync.models.destination import Destination, literal
from bookings_sync.models.project import Model
from bookings_sync.records.values import digest

_TABLE = "_built"


class Built(NamedTuple):
    """The digest of a model's SQL, and the run that built the table."""

    definition: str
    run: str


def built_by(run: str, models: Iterable[Model]) -> dict[str, Built]:
    return {model.name: Built(definition(model), run) for model in models}


def definition(model: Model) -> str:
    """A digest of the model's SQL and of this package's release."""
    return digest([_release(), model.query.sql(dialect="duckdb")])


@cache
def _release() -> str:
    return version("bookings-sync")


def read_built(destination: Destination) -> dict[str, Built]:
    """How each published model was built, by model name."""
    if not destination.has("staging", _TABLE):
        return {}
    rows = destination.rows(exp.select("model", *Built._fields).from_(destination.table("staging", _TABLE)))
    return {str(model): Built(*values) for model, *values in rows}


def write_built(destination: Destination, built: Mapping[str, Built]) -> None:
    """Replaces the rows of the models in `built`."""
    table = destination.sql(destination.table("staging", _TABLE))
    columns = ", ".join(f"{name} TEXT NOT NULL" for name in ("model", *Built._fields))
    names = ", ".join(map(literal, built))
    rows = ", ".join(f"({', '.join(map(literal, (name, *each)))})" for name, each in built.items())
    destination.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
    destination.execute(f"DELETE FROM {table} WHERE model IN ({names})")  # noqa: S608 - our own names
    destination.execute(f"INSERT INTO {table} VALUES {rows}")  # noqa: S608 - our own names
