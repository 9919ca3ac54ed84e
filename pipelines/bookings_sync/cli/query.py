"""Carries out `bookings query`: runs one SQL query on the published tables.

Input:  SQL, from the command line or stdin, or written by the metrics catalogue.
Output: the result as a table, CSV, JSON or parquet, on stdout or in a file.

`models.read_only` refuses everything that could write.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import count
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import pyarrow as pa
import pyarrow.compute as pc
import typer
from dlt.common.destination.dataset import DBApiCursor
from pyarrow import csv, parquet

from bookings_sync.cli.formatting import cell, styled, table, to_json
from bookings_sync.cli.output import Output
from bookings_sync.cli.query_metrics import catalogue_rows
from bookings_sync.config.load import load_settings
from bookings_sync.machine import machine_error
from bookings_sync.models import read_only
from bookings_sync.models.access import open_published
from bookings_sync.models.read_only import QueryError
from bookings_sync.safe_text import safe_json, safe_text

if TYPE_CHECKING:
    from rich.table import Table

FileFormat = Literal["table", "csv", "json", "parquet"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet executes."""

_RISKY = r"^[=+\-@\t\r]|[^\P{C}\n\t]|[\x{2028}\x{2029}]"
"""A text that `_safe_cell` may change: it begins like a formula, or holds a control character."""


Question = Callable[[str], str]
"""Returns the SQL to run, in the dialect it is given."""


def run_query(
    output: Output, *, question: Question, file_format: FileFormat | None, out: Path | None, limit: int, raw: bool
) -> int:
    """Runs the query and prints or writes its result. Returns the exit code."""
    file_format = _choose_format(file_format, out)
    with _asked(question) as (_, cursor):
        if file_format == "table":
            _print_table(output, cursor, limit)
        else:
            _export(cursor.arrow(), file_format, out, raw=raw)
    return 0


def show_metrics(output: Output, *, file_format: FileFormat | None, out: Path | None, raw: bool) -> int:
    """Prints or writes the metrics catalogue. The warehouse is not opened. Returns the exit code."""
    file_format = _choose_format(file_format, out)
    rows = catalogue_rows()
    if file_format == "table":
        shown = ("name", "question", "definition", "dimensions")
        output.print(table(("metric", "question", "definition", "by"), [[row[name] for name in shown] for row in rows]))
    else:
        _export(pa.Table.from_pylist(rows), file_format, out, raw=raw)
    return 0


def typed_sql(sql: str) -> Question:
    """The SQL that the user typed; `-` reads it from stdin."""
    return lambda _dialect: sys.stdin.read() if sql == "-" else sql


def fetch_arrow(question: Question) -> tuple[str, pa.Table]:
    """The SQL of a question and its whole result, with the settings of the current folder. Raises QueryError."""
    with _asked(question) as (sql, cursor):
        return sql, cursor.arrow()


@contextmanager
def _asked(question: Question) -> Iterator[tuple[str, DBApiCursor]]:
    settings = load_settings(need_locations=False)
    with open_published(settings) as client:
        sql = question(str(client.capabilities.sqlglot_dialect or "duckdb"))
        with read_only.run_query(client, settings, sql) as cursor:
            yield sql, cursor


def _choose_format(file_format: FileFormat | None, out: Path | None) -> FileFormat:
    """--format if given, else the extension of --out, else a table."""
    if file_format is None and out is not None:
        extension = out.suffix.lower().lstrip(".")
        file_format = {"csv": "csv", "json": "json", "parquet": "parquet"}.get(extension)  # type: ignore[assignment]
    if out is not None and file_format in (None, "table"):
        raise typer.BadParameter(
            "expected a file that ends in .csv, .json or .parquet, or one of these as --format", param_hint="--out"
        )
    if file_format == "parquet" and out is None:
        raise typer.BadParameter("parquet is binary: write it to a file with --out", param_hint="--format")
    return file_format or "table"


def _print_table(output: Output, cursor: DBApiCursor, limit: int) -> None:
    columns = [column[0] for column in cursor.description or ()]
    rows = cursor.fetchmany(limit + 1)
    cells = [[_format_value(value) for value in row] for row in rows[:limit]]
    result = table(columns, cells)
    for position, column in enumerate(result.columns):
        if any(isinstance(row[position], float | Decimal) for row in rows):
            column.justify = "right"
    if rows and not _fits(output, result):
        for number, row in enumerate(cells, start=1):
            # As Text, numbers stay on the left, next to their column's name.
            values = (styled(str(cell(value)), "") for value in row)
            output.print(table((f"row {number:,}", ""), zip(columns, values, strict=True)))
    else:
        output.print(result)
    if len(rows) > limit:
        output.stderr.print(f"Only the first {limit:,} rows are shown. Use --limit for more, or --format csv for all.")


def _fits(output: Output, shown: Table) -> bool:
    """Whether the table fits the terminal without breaking words."""
    from rich.measure import Measurement

    unbounded = output.stdout.options.update(width=1_000_000)
    return Measurement.get(output.stdout, unbounded, shown).minimum <= output.stdout.width


def _format_value(value: Any) -> Any:
    """Fractions get up to four decimals, instants are shown to the second."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, float | Decimal):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return value


def _export(result: pa.Table, file_format: FileFormat, out: Path | None, *, raw: bool) -> None:
    result = result.rename_columns(_distinct(result.column_names))
    if file_format == "csv" and not raw:
        result = _without_formulas(result)
    if out is None:
        _write(result, file_format, sys.stdout.buffer)
        return
    try:
        with out.open("wb") as file:
            _write(result, file_format, file)
    except OSError as error:
        if found := machine_error(error, out):
            raise found from error
        raise QueryError(f"cannot write {out}: {error.strerror}") from error


def _write(result: pa.Table, file_format: FileFormat, file: BinaryIO) -> None:
    if file_format == "parquet":
        parquet.write_table(result, file)
    elif file_format == "json":
        rows = (safe_json(_without_nan(row), _json_default) for row in result.to_pylist())
        file.write(("[" + ",\n".join(rows) + "]\n").encode())
    else:
        try:
            csv.write_csv(result, file)
        except pa.ArrowInvalid as error:
            raise QueryError("CSV cannot hold lists or structures: use --format json") from error
    file.flush()


def _distinct(names: list[str]) -> list[str]:
    """The names, with a number behind a name that stood before: `day`, `day_1`."""
    distinct: dict[str, None] = {}
    for name in names:
        numbered = (f"{name}_{number}" for number in count(1))
        distinct[name if name not in distinct else next(new for new in numbered if new not in {*names, *distinct})] = (
            None
        )
    return list(distinct)


def _without_formulas(result: pa.Table) -> pa.Table:
    """The texts that a spreadsheet would execute get an apostrophe, and no text can steer a terminal."""
    for position, field in enumerate(result.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            texts = result.column(position)
            if pc.any(pc.match_substring_regex(texts, _RISKY)).as_py():
                safe = pa.array([text if text is None else _safe_cell(text) for text in texts.to_pylist()], field.type)
                result = result.set_column(position, field, safe)
    return result


def _safe_cell(text: str) -> str:
    return safe_text(f"'{text}" if text.startswith(_FORMULA) else text)


def _without_nan(value: Any) -> Any:
    """The value, with null where JSON has no number: not a number, infinity."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    return [_without_nan(each) for each in value] if isinstance(value, list | tuple) else value


def _json_default(value: object) -> object:
    try:
        return to_json(value)
    except TypeError:
        return str(value)
