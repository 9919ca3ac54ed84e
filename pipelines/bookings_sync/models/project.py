"""Project: loads and checks every model and audit of `sql/`. Runs no query.

Input:  the folder `sql/`.
Output: `Project`: the models in build order. The SQL gives the order: a model is built after the models that it reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from bookings_sync.models.descriptions import describe, raw_descriptions
from bookings_sync.models.errors import ModelError
from bookings_sync.models.header import INCREMENTAL_BY, Header, parse
from bookings_sync.records.tables import APPOINTMENTS, TABLES

READABLE_LAYERS = {
    "staging": frozenset({"raw", "staging"}),
    "marts": frozenset({"staging", "marts", "warehouse"}),
    "reports": frozenset({"marts", "reports"}),
}
"""The layers that a model may read, by its folder. A report may also read the staging models listed in its header under
`Reads staging`. `warehouse` has one table, `timezones`: the zones it knows."""

_DATASETS = {"staging": "staging", "marts": "marts", "reports": "marts"}
"""The dataset that the models of a folder are published in. Reports are published next to the marts."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `query` is its SELECT as written: DuckDB's SQL, references as `layer.name`.

    `folder` is the model's folder in `sql/`; `layer` is the dataset that it is published in and that references name.
    """

    name: str
    folder: str
    layer: str
    path: Path
    header: Header
    query: exp.Query
    audits: Mapping[str, exp.Query] = field(default_factory=dict)
    """The audits that have their own files, by name. Each query returns the key of every failing row."""

    @property
    def reads(self) -> frozenset[tuple[str, str]]:
        """(layer, name) of each table that the model reads."""
        return frozenset((table.db, table.name) for table in references(self.query))


@dataclass(frozen=True, slots=True)
class Project:
    """All models, by name, in build order."""

    models: Mapping[str, Model]

    @classmethod
    def load(cls, folder: Path) -> Project:
        """Loads the folder `sql/`. Raises ModelError if a file, a reference or the order is wrong."""
        audits: dict[str, dict[str, exp.Query]] = {}
        for path in sorted((folder / "audits").glob("*.sql")):
            header, query = _read(path)
            audits.setdefault(header.model, {})[path.stem.partition("__")[2]] = query
        models: dict[str, Model] = {}
        for name, layer in _DATASETS.items():
            for path in sorted((folder / name).glob("*.sql")):
                header, query = _read(path)
                models[path.stem] = Model(path.stem, name, layer, path, header, query, audits.pop(path.stem, {}))
        if audits:
            raise ModelError(f"audits name models that do not exist: {', '.join(sorted(audits))}")
        for model in models.values():
            _check_references(model, models)
            if model.header.incremental:
                _check_incremental(model)
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


def _read(path: Path) -> tuple[Header, exp.Query]:
    header, sql = parse(path.read_text(encoding="utf-8"), path.name)
    try:
        query = sqlglot.parse_one(sql, read="duckdb")
    except SqlglotError as error:
        raise ModelError(f"{path.name}: cannot be parsed: {error}") from error
    if not isinstance(query, exp.Query):
        raise ModelError(f"{path.name}: expected one SELECT below the header")
    return header, query


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
    if by != INCREMENTAL_BY or model.header.key[: len(by)] != by:
        columns = ", ".join(INCREMENTAL_BY)
        raise ModelError(f"{wrong}: expected `Incremental by: {columns}`, and a key that begins with these columns")
    if any(model.query.find_all(exp.Placeholder)):
        raise ModelError(f"{wrong}: the query depends on $now")
    for layer, name in sorted(model.reads):
        if layer == "warehouse" or (layer == "raw" and name != APPOINTMENTS.name):
            raise ModelError(f"{wrong}: the query reads {layer}.{name}, and changes of that table are not tracked")
