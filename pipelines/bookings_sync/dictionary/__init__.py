"""Dictionary: every metric, table and column, with type, unit, meaning and origin.

Input:  the declarations in `TABLES` and in `sql/`, and the metrics catalogue. Reads no warehouse.
Output: `Dictionary`; `page` renders it as one HTML file.

Nothing is declared twice. Meanings come from `TABLES` and from the models' headers, types from building the models over
empty tables in DuckDB, and origins from tracing the models' SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import duckdb
import pendulum
from sqlglot import exp

from bookings_sync.catalogue import Metric, load_metrics
from bookings_sync.models.descriptions import DLT_COLUMNS
from bookings_sync.models.dialect import no_rows, resolve, timezones, to_sql
from bookings_sync.models.lineage import ColumnName, Origin, origins
from bookings_sync.models.project import Model, Project
from bookings_sync.records.tables import TABLES, Table

__all__ = ["ColumnEntry", "ColumnName", "Dictionary", "TableEntry", "build"]


@dataclass(frozen=True, slots=True)
class ColumnEntry:
    """One column.

    - `origins`: the columns it is computed from, one hop up. `used_by`: the opposite direction.
    - `counts`: the tables, as (layer, name), that it counts the rows of.
    - `api_fields`: the API fields at the end of its lineage, as (raw table, dotted path in the record).
    - `written_by`: the program that writes the value, if the value has no origin.
    - `metrics`: the names of the metrics that are computed from it.
    """

    name: ColumnName
    type: str
    unit: str
    meaning: str
    is_key: bool
    origins: tuple[ColumnName, ...]
    counts: tuple[tuple[str, str], ...]
    api_fields: tuple[tuple[str, str], ...]
    written_by: str
    used_by: tuple[ColumnName, ...]
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableEntry:
    """One table. `reads` and `read_by` are (layer, table)."""

    layer: str
    name: str
    grain: str
    question: str
    notes: str
    audits: tuple[str, ...]
    columns: tuple[ColumnEntry, ...]
    reads: tuple[tuple[str, str], ...]
    read_by: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Dictionary:
    """All metrics and tables. Marts come first, because readers look there first."""

    metrics: tuple[Metric, ...]
    tables: tuple[TableEntry, ...]

    def columns(self) -> Iterator[ColumnEntry]:
        return (column for table in self.tables for column in table.columns)


def build(project: Project) -> Dictionary:
    """The dictionary of the metrics, of the raw tables and of a project's models."""
    return _Builder(project).build()


class _Builder:
    def __init__(self, project: Project) -> None:
        self._project = project
        self._origins = origins(project)
        self._types = _types(project)
        self._reads = {(model.layer, model.name): model.reads for model in project.models.values()}
        self._used_by: dict[ColumnName, list[ColumnName]] = {}
        for column, origin in self._origins.items():
            for each in origin.columns:
                self._used_by.setdefault(each, []).append(column)
        self._api_fields = cache(self._trace)
        self._metrics = tuple(load_metrics().values())

    def build(self) -> Dictionary:
        models = [self._model(model) for model in self._project.models.values()]
        marts = sorted((entry for entry in models if entry.layer == "marts"), key=_place)
        staging = sorted((entry for entry in models if entry.layer == "staging"), key=_place)
        return Dictionary(self._metrics, (*marts, *staging, *(self._raw(table) for table in TABLES.values())))

    def _model(self, model: Model) -> TableEntry:
        header = model.header
        audits = [f"{line.name or line.kind}: {line.rule}" for line in header.audits]
        reads = tuple(sorted(read for read in self._reads[model.layer, model.name] if read[0] != "warehouse"))
        columns = []
        for name, meaning in header.columns.items():
            column = ColumnName(model.layer, model.name, name)
            origin = self._origins[column]
            kind = self._types[model.name][name]
            columns.append(self._entry(column, kind, meaning, name in header.key, origin))
        return TableEntry(
            layer=model.layer,
            name=model.name,
            grain=header.grain,
            question=header.question,
            notes=header.notes,
            audits=(f"unique: {', '.join(header.key)}", *audits, *model.audits),
            columns=tuple(columns),
            reads=reads,
            read_by=self._read_by(model.layer, model.name),
        )

    def _raw(self, table: Table) -> TableEntry:
        added = [name for name in DLT_COLUMNS if table.history or name == "_dlt_load_id"]
        columns = []
        for name, kind, meaning in [
            *((column.name, str(column.type), column.description) for column in table.columns),
            *((name, "text" if name == "_dlt_load_id" else "timestamp", DLT_COLUMNS[name]) for name in added),
        ]:
            column = ColumnName("raw", table.name, name)
            columns.append(self._entry(column, kind, meaning, name in table.key, Origin((), ())))
        # Descriptions have the form "What it holds. One row per …".
        what, _, grain = table.description.partition(" One row per ")
        return TableEntry(
            layer="raw",
            name=table.name,
            grain=f"one row per {grain}" if grain else table.description,
            question=what,
            notes="",
            audits=(),
            columns=tuple(columns),
            reads=(),
            read_by=self._read_by("raw", table.name),
        )

    def _entry(self, column: ColumnName, kind: str, meaning: str, is_key: bool, origin: Origin) -> ColumnEntry:
        api_fields = self._api_fields(column)
        written_by = ""
        if not (origin.columns or origin.counts or api_fields):
            written_by = "bookings-sync or dlt" if column.layer == "raw" else "the model itself"
        return ColumnEntry(
            name=column,
            type=kind,
            unit=unit(column, kind, meaning),
            meaning=meaning,
            is_key=is_key,
            origins=origin.columns,
            counts=origin.counts,
            api_fields=api_fields,
            written_by=written_by,
            used_by=tuple(self._used_by.get(column, ())),
            metrics=tuple(
                each.name for each in self._metrics if each.model == column.table and column.column in each.columns
            ),
        )

    def _read_by(self, layer: str, name: str) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(reader for reader, reads in self._reads.items() if (layer, name) in reads))

    def _trace(self, column: ColumnName) -> tuple[tuple[str, str], ...]:
        """The API fields at the end of a column's lineage."""
        if column.layer == "raw":
            sources = {each.name: each.source for each in TABLES[column.table].columns}
            source = sources.get(column.column)
            return ((column.table, source),) if source else ()
        if column not in self._origins:
            return ()
        return tuple(sorted({field for each in self._origins[column].columns for field in self._api_fields(each)}))


def _place(entry: TableEntry) -> tuple[int, str]:
    """Sorts reports before facts, and facts before dimensions."""
    kinds = ("rpt_", "fct_", "dim_")
    return next((place for place, kind in enumerate(kinds) if entry.name.startswith(kind)), len(kinds)), entry.name


_UNITS_BY_NAME = (
    (re.compile(r"minutes"), "minutes"),
    (re.compile(r"hours"), "hours"),
    (re.compile(r"seconds"), "seconds"),
    (re.compile(r"bytes"), "bytes"),
    (re.compile(r"(rate|share|utilisation)(_|$)"), "part of 1"),
    (re.compile(r"_index$"), "ratio"),
    (re.compile(r"^days_after$"), "days"),
    (re.compile(r"^months_since$"), "months"),
)
_UNIT_IN_MEANING = re.compile(r"\bin (minutes|hours|seconds|bytes)\b")


def unit(column: ColumnName, kind: str, meaning: str) -> str:
    """The unit of a column, from its name, its meaning or its type; empty if it has none."""
    if kind.upper() in ("BIGINT", "DOUBLE", "INTEGER"):
        for pattern, name in _UNITS_BY_NAME:
            if pattern.search(column.column):
                return name
        if match := _UNIT_IN_MEANING.search(meaning):
            return match[1]
        return "count" if kind == "BIGINT" and column.layer == "marts" else ""
    zones = {"TIMESTAMP WITH TIME ZONE": "UTC", "timestamp": "UTC", "TIMESTAMP": "the location's clock"}
    return zones.get(kind, "local day" if kind == "DATE" and column.table != "dim_date" else "")


def _types(project: Project) -> dict[str, dict[str, str]]:
    """The DuckDB type of each column of each model, from building the models over empty tables."""

    def table_for(layer: str, name: str) -> exp.Expr:
        if layer == "warehouse":
            return timezones("duckdb")
        return no_rows(TABLES[name]) if layer == "raw" else exp.table_(name)

    types: dict[str, dict[str, str]] = {}
    with duckdb.connect() as connection:
        for name, model in project.models.items():
            query = to_sql(resolve(model.query, table_for, pendulum.datetime(2000, 1, 1)), "duckdb")
            connection.execute(f"CREATE TABLE {name} AS {query}")
            types[name] = {row[0]: str(row[1]) for row in connection.execute(f"DESCRIBE {name}").fetchall()}
    return types
