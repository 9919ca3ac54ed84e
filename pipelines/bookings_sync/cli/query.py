"""`bookings query`: one SQL query of the published tables, answered as a table, CSV, JSON or parquet.

Input:  SQL, from the command line or stdin; what the last transform published.
Output: the answer, on stdout or in a file. Nothing is ever written to the warehouse: its copy is opened read-only, and
        of a server the query runs in a transaction that may only read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import pyarrow as pa
import typer
from dlt.common.destination.dataset import DBApiCursor
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase
from pyarrow import csv, parquet
from sqlglot import TokenType, tokenize
from sqlglot.errors import TokenError

from bookings_sync.cli.console import Output, cell, plain, styled, table
from bookings_sync.config.load import load_settings
from bookings_sync.config.settings import Settings
from bookings_sync.errors import BookingsError
from bookings_sync.models.access import open_published

if TYPE_CHECKING:
    from rich.table import Table

Format = Literal["table", "csv", "json", "parquet"]


class QueryError(BookingsError):
    """The warehouse refuses a query: its own words, which show the line. They go to who asked, and into no log."""


def run_query(output: Output, *, sql: str, form: Format | None, out: Path | None, limit: int) -> int:
    """Asks. Returns the exit code."""
    form = _form(form, out)
    if sql == "-":
        sql = sys.stdin.read()
    settings = load_settings(need_locations=False)
    with open_published(settings) as client, _asked(client, settings, sql) as cursor:
        if form == "table":
            _show(output, cursor, limit)
        else:
            _hand_over(cursor.arrow(), form, out)
    return 0


def _form(form: Format | None, out: Path | None) -> Format:
    """The format asked for, else the one that the file's name says."""
    if form is None and out is not None:
        named = out.suffix.lower().lstrip(".")
        form = {"csv": "csv", "json": "json", "parquet": "parquet"}.get(named)  # type: ignore[assignment]
    if out is not None and form in (None, "table"):
        raise typer.BadParameter("a file is csv, json or parquet: name it so, or say --format", param_hint="--out")
    if form == "parquet" and out is None:
        raise typer.BadParameter("parquet is no text: say which file, with --out", param_hint="--format")
    return form or "table"


def ask(sql: str) -> pa.Table:
    """The whole answer to one query, asked with the settings of the current folder. Raises QueryError."""
    settings = load_settings(need_locations=False)
    with open_published(settings) as client, _asked(client, settings, sql) as cursor:
        return cursor.arrow()


@contextmanager
def _asked(client: SqlClientBase[Any], settings: Settings, sql: str) -> Iterator[DBApiCursor]:
    """The answer's cursor. Tables need no schema before their names: marts come first, then staging, then raw."""
    dialect = str(client.capabilities.sqlglot_dialect or "duckdb")
    _check_single(sql, dialect)
    path = ",".join(
        client.escape_column_name(name)
        for name in (settings.marts_dataset, settings.staging_dataset, settings.raw_dataset)
    )
    try:
        if dialect == "duckdb":
            connection = client.native_connection
            connection.execute(f"SET search_path = '{path}'")
            # Or COPY and ATTACH could write files, which is not what was asked for: --out is there for that.
            connection.execute("SET enable_external_access = false; SET lock_configuration = true")
            with client.execute_query(sql) as cursor:
                yield cursor
            return
        with client.begin_transaction():
            if dialect == "postgres":
                client.execute_sql("SET TRANSACTION READ ONLY")
                client.execute_sql(f"SET LOCAL search_path TO {path}")
            with client.execute_query(sql) as cursor:
                yield cursor
    except DatabaseException as error:
        raise QueryError(str(error.__cause__ or error).strip()) from error


def _check_single(sql: str, dialect: str) -> None:
    """One statement: a second could end the transaction that may only read."""
    try:
        kinds = [token.token_type for token in tokenize(sql, read=dialect)]
    except TokenError as error:
        raise QueryError(f"this is no SQL: {error}") from error
    while kinds and kinds[-1] == TokenType.SEMICOLON:
        kinds.pop()
    if not kinds:
        raise QueryError("there is nothing to ask: give a query, or - and the query on stdin")
    if TokenType.SEMICOLON in kinds:
        raise QueryError("one query at a time: there is more behind the semicolon")


def _show(output: Output, cursor: DBApiCursor, limit: int) -> None:
    columns = [column[0] for column in cursor.description or ()]
    rows = cursor.fetchmany(limit + 1)
    cells = [[_cell(value) for value in row] for row in rows[:limit]]
    shown = table(columns, cells)
    for place, column in enumerate(shown.columns):
        if any(isinstance(row[place], float | Decimal) for row in rows):
            column.justify = "right"
    if rows and not _fits(output, shown):
        for number, row in enumerate(cells, start=1):
            values = (styled(str(cell(value)), "") for value in row)  # numbers too to the left, beside their names
            output.say(table((f"row {number:,}", ""), zip(columns, values, strict=True)))
    else:
        output.say(shown)
    if len(rows) > limit:
        output.stderr.print(f"The first {limit:,} rows: --limit shows more, --format csv gives all of them.")


def _fits(output: Output, shown: Table) -> bool:
    """Whether no word of the table would have to be broken."""
    from rich.measure import Measurement

    unbounded = output.stdout.options.update(width=1_000_000)
    return Measurement.get(output.stdout, unbounded, shown).minimum <= output.stdout.width


def _cell(value: Any) -> Any:
    """A fraction with the places it has, up to four; an instant to the second."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, float | Decimal):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return value


def _hand_over(answer: pa.Table, form: Format, out: Path | None) -> None:
    if out is None:
        _write(answer, form, sys.stdout.buffer)
        return
    try:
        with out.open("wb") as file:
            _write(answer, form, file)
    except OSError as error:
        raise QueryError(f"{out} cannot be written: {error.strerror}") from error


def _write(answer: pa.Table, form: Format, file: BinaryIO) -> None:
    if form == "parquet":
        parquet.write_table(answer, file)
    elif form == "json":
        rows = (json.dumps(row, default=_written, ensure_ascii=False) for row in answer.to_pylist())
        file.write(("[" + ",\n".join(rows) + "]\n").encode())
    else:
        try:
            csv.write_csv(answer, file)
        except pa.ArrowInvalid as error:
            raise QueryError("a column holds lists or structures, which CSV cannot: --format json can") from error
    file.flush()


def _written(value: object) -> object:
    try:
        return plain(value)
    except TypeError:
        return str(value)
