"""Project: loads and checks every model and audit of `sql/`. Runs no query.

Input:  the folder `sql/`.
Output: `Project`: the models in build order. The SQL gives the order: a model is built after the models that it reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from bookings_sync.models.descriptions import describe, raw_descriptions
from bookings_sync.models.errors import ModelError
from bookings_sync.models.header import BY_APPOINTMENT, Header, parse
from bookings_sync.records.tables import APPOINTMENTS, TABLES
from bookings_sync.records.values import digest

READABLE_LAYERS = {
    "staging": frozenset({"raw", "staging"}),
    "marts": frozenset({"staging", "marts", "warehouse"}),
    "reports": frozenset({"marts", "reports"}),
}
"""The layers that a model may read, by its folder. A report may also read the staging models listed in its header under
`Reads staging`. `warehouse` has one table, `timezones`: the zones it knows."""

_DATASETS = {"staging": "staging", "marts": "marts", "reports": "marts"}
"""The dataset that the models of a folder are published in. Reports are published next to the marts."""


class File(NamedTuple):
    """One file of `sql/`: its text, and the header and the SELECT in it."""

    text: str
    header: Header
    sql: str


class Known(NamedTuple):
    """A model that was loaded and checked before: its `definition`, its place in build order, and its columns."""

    definition: str
    place: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """One model. `sql` is its SELECT as written: DuckDB's SQL, references as `layer.name`.

    `query` and `audits` are parsed when they are first used: parsing all models takes longer than an update that finds
    nothing new. `folder` is the model's folder in `sql/`; `layer` is the dataset that it is published in and that
    references name.
    """

    name: str
    folder: str
    layer: str
    path: Path
    header: Header
    sql: str
    definition: str
    """A digest of the model's file and of its audits' files."""
    audit_files: Mapping[str, File] = field(default_factory=dict)

    @cached_property
    def query(self) -> exp.Query:
        return _parsed(self.sql, self.path.name)

    @cached_property
    def audits(self) -> Mapping[str, exp.Query]:
        """The audits that have their own files, by name. Each query returns the key of every failing row."""
        return {name: _parsed(file.sql, f"{self.name}__{name}.sql") for name, file in self.audit_files.items()}

    @property
    def audits_by(self) -> Mapping[str, tuple[str, ...]]:
        """`Incremental by` of these audits. Each failing row depends only on rows with the same values of these
        columns."""
        return {name: file.header.incremental for name, file in self.audit_files.items()}

    @property
    def reads(self) -> frozenset[tuple[str, str]]:
        """(layer, name) of each table that the model reads."""
        return frozenset((table.db, table.name) for table in references(self.query))

    @property
    def clocks(self) -> frozenset[str]:
        """Which of `now`, `hour` and `today` the query reads."""
        return frozenset(each.name for each in self.query.find_all(exp.Placeholder))


@dataclass(frozen=True, slots=True)
class Project:
    """All models, by name, in build order."""

    models: Mapping[str, Model]

    @classmethod
    def recall(cls, folder: Path, known: Mapping[str, Known]) -> Project | None:
        """The project of `folder` without parsing it, if all files are those that were checked before. None if any
        file differs. The columns have no descriptions."""
        models = _read_models(folder)
        if models.keys() != known.keys():
            return None
        if any(model.definition != known[name].definition for name, model in models.items()):
            return None
        order = sorted(models, key=lambda name: known[name].place)
        return cls(
            {
                name: replace(
                    models[name], header=replace(models[name].header, columns=dict.fromkeys(known[name].columns, ""))
                )
                for name in order
            }
        )

    @classmethod
    def load(cls, folder: Path) -> Project:
        """Loads the folder `sql/`. Raises ModelError if a file, a reference or the order is wrong."""
        models = _read_models(folder)
        for model in models.values():
            _ = model.audits  # parsed here, so that an error is found now
            _check_references(model, models)
            _check_incremental(model)
            _check_clock(model)
        graph = {name: {read for _, read in model.reads if read in models} for name, model in models.items()}
        try:
            order = list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            raise ModelError(f"models read each other in a cycle: {' → '.join(error.args[1])}") from error
        described: dict[str, Model] = {}
        known = raw_descriptions()
        for name in order:
            model = models[name]
            columns = describe(model.query, model.header.columns, known, model.path.name)
            known[model.layer, name] = columns
            described[name] = replace(model, header=replace(model.header, columns=columns))
        return cls(described)


def find_models() -> Path:
    """The folder `sql/`: the checkout's if there is one, else the installed package's.

    The checkout comes first: with an editable install, the package may hold an outdated copy.
    """
    package = Path(__file__).resolve().parent.parent
    checkout = package.parent.parent
    for folder in (checkout / "sql", package / "sql"):
        if (folder / "staging").is_dir() and (folder.parent != checkout or (checkout / "pyproject.toml").is_file()):
            return folder
    raise ModelError("the models' folder sql/ is neither in a checkout nor in the installed package")


def references(query: exp.Expr) -> Iterator[exp.Table]:
    """The tables that a query names by layer (`raw.teams`). CTEs have no layer."""
    return (table for table in query.find_all(exp.Table) if table.db)


def _read_models(folder: Path) -> dict[str, Model]:
    """The models of all files, neither parsed nor in build order."""
    audits: dict[str, dict[str, File]] = {}
    for path in sorted((folder / "audits").glob("*.sql")):
        file = _read(path)
        audits.setdefault(file.header.model, {})[path.stem.partition("__")[2]] = file
    models: dict[str, Model] = {}
    for name, layer in _DATASETS.items():
        for path in sorted((folder / name).glob("*.sql")):
            file, own = _read(path), audits.pop(path.stem, {})
            definition = digest([name, file.text, *(each.text for each in own.values())])
            models[path.stem] = Model(path.stem, name, layer, path, file.header, file.sql, definition, own)
    if audits:
        raise ModelError(f"audits name models that do not exist: {', '.join(sorted(audits))}")
    return models


def _read(path: Path) -> File:
    text = path.read_text(encoding="utf-8")
    return File(text, *parse(text, path.name))


def _parsed(sql: str, file: str) -> exp.Query:
    try:
        query = sqlglot.parse_one(sql, read="duckdb")
    except SqlglotError as error:
        raise ModelError(f"{file}: cannot be parsed: {error}") from error
    if not isinstance(query, exp.Query):
        raise ModelError(f"{file}: expected one SELECT below the header")
    return query


def _check_references(model: Model, models: Mapping[str, Model]) -> None:
    ctes = {cte.alias for cte in model.query.find_all(exp.CTE)}
    for table in model.query.find_all(exp.Table):
        layer, name = table.db, table.name
        known = (
            (not layer and name in ctes)
            or (layer == "raw" and name in TABLES)
            or (layer == "warehouse" and name == "timezones")
            or (name in models and models[name].layer == layer)
        )
        if not known:
            raise ModelError(f"{model.path.name}: reads {table.sql()}, which is neither a raw table nor a model")
        folder = models[name].folder if name in models else layer
        exempt = model.folder == "reports" and folder == "staging" and name in model.header.reads_staging
        if layer and folder not in READABLE_LAYERS[model.folder] and not exempt:
            raise ModelError(f"{model.path.name}: a model in {model.folder}/ may not read {table.sql()}")
    if unread := model.header.reads_staging.keys() - {name for _, name in model.reads}:
        raise ModelError(f"{model.path.name}: lists {', '.join(sorted(unread))} under Reads staging but never reads it")


def _check_incremental(model: Model) -> None:
    by, wrong = model.header.incremental, f"{model.path.name}: cannot be incremental"
    if not set(by) <= set(model.header.key):
        raise ModelError(f"{wrong}: expected columns of its key, got {', '.join(by)}")
    if by != BY_APPOINTMENT:
        return
    if model.clocks and not model.header.clock:
        raise ModelError(f"{wrong}: the query depends on $now, and the header has no Clock")
    for layer, name in sorted(model.reads):
        if layer == "warehouse" or (layer == "raw" and name != APPOINTMENTS.name):
            raise ModelError(f"{wrong}: the query reads {layer}.{name}, and changes of that table are not tracked")


def _check_clock(model: Model) -> None:
    if not model.header.clock:
        return
    if "now" not in model.clocks:
        raise ModelError(f"{model.path.name}: has a Clock, but its query does not read $now")
    for each in model.header.clock:
        if each.table and (each.layer, each.table) not in model.reads:
            raise ModelError(f"{model.path.name}: its Clock names {each.layer}.{each.table}, which it does not read")
