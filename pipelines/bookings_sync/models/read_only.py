"""Runs one query that cannot write, on any destination.

Input:  SQL, and dlt's SQL client on the published tables.
Output: `run_query`: a cursor on the result, while it is open. QueryError if the query is refused.

There are three gates. The text must be one query (`_check`). The session is read-only where the
engine has such a mode. What a read-only session still allows is closed: files on DuckDB, programs and files of the
server on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import sqlglot
from dlt.common.destination.dataset import DBApiCursor
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import Token, TokenType, exp, tokenize
from sqlglot.errors import SqlglotError, TokenError

from bookings_sync.config.settings import Settings
from bookings_sync.errors import BookingsError

_READS = frozenset({"SELECT", "WITH", "FROM", "VALUES", "TABLE", "SHOW"})
"""First words of a query on PostgreSQL."""

_WRITES = (exp.DML, exp.DDL, exp.Command, exp.Copy, exp.Into, exp.Set, exp.Use, exp.Lock)
"""What no query may contain where the engine has no read-only session."""

_DENIED = frozenset({"set_config", "ts_stat", "pg_stat_file", "pg_terminate_backend", "pg_cancel_backend"})
_DENIED_PARTS = ("pg_read_", "pg_ls_", "pg_file_", "pg_logical_", "pg_replication_", "lo_", "dblink")
"""Functions of PostgreSQL, and how their names begin, that a read-only transaction allows and that reach outside of
the data: files of the server, other sessions, or SQL in a text, which no gate has seen."""


class QueryError(BookingsError):
    """The query is wrong, or its result cannot be written.

    The message may be the database's own, which quotes the query. It is shown to the user and never logged.
    """


@contextmanager
def run_query(client: SqlClientBase[Any], settings: Settings, sql: str) -> Iterator[DBApiCursor]:
    """A cursor on the result of one query. Tables without a schema are looked up in marts, then staging, then raw."""
    dialect = str(client.capabilities.sqlglot_dialect or "duckdb")
    sql = _check(sql, dialect)
    path = ",".join(
        client.escape_column_name(name)
        for name in (settings.marts_dataset, settings.staging_dataset, settings.raw_dataset)
    )
    try:
        if dialect == "duckdb":
            _close_duckdb(client, path)
            with client.execute_query(sql) as cursor:
                yield cursor
            return
        with client.begin_transaction():
            if dialect == "postgres":
                _close_postgres(client, path)
            with client.execute_query(sql) as cursor:
                yield cursor
    except DatabaseException as error:
        raise QueryError(str(error.__cause__ or error).strip()) from error


# -- the text ----------------------------------------------------------------------------------------------------------


def _check(sql: str, dialect: str) -> str:
    """Returns the query to run. Raises QueryError if the text is not exactly one query."""
    tokens = _tokens(sql, dialect)
    if not tokens:
        raise QueryError("the query is empty: give a query, or - to read it from stdin")
    if any(token.token_type == TokenType.SEMICOLON for token in tokens):
        raise QueryError("expected one query, got several: remove what follows the first semicolon")
    if dialect not in ("duckdb", "postgres"):
        return _parsed(sql, dialect)
    (_check_duckdb if dialect == "duckdb" else _check_postgres)(*_explained(sql, tokens, dialect))
    return sql


def _tokens(sql: str, dialect: str) -> list[Token]:
    """The tokens, without semicolons at the end."""
    try:
        tokens = tokenize(sql, read=dialect)
    except TokenError as error:
        raise QueryError(f"the query is not valid SQL: {error}") from error
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    return tokens


def _explained(sql: str, tokens: list[Token], dialect: str) -> tuple[str, list[Token]]:
    """The statement behind EXPLAIN, which EXPLAIN ANALYZE runs; else the statement itself."""
    while tokens and tokens[0].text.upper() in ("EXPLAIN", "ANALYZE"):
        sql = sql[tokens[0].end + 1 :]
        tokens = _tokens(sql, dialect)
    return sql, tokens


def _refused(what: str) -> QueryError:
    return QueryError(f"expected a query that only reads, got {what}: `bookings query` changes nothing")


def _check_duckdb(sql: str, tokens: list[Token]) -> None:
    """DuckDB itself classifies the statement."""
    first = tokens[0].text.upper() if tokens else "nothing to explain"
    try:
        kinds = [statement.type for statement in duckdb.extract_statements(sql)]
    except duckdb.Error as error:
        raise QueryError(str(error).strip()) from error
    if first == "PIVOT":  # a PIVOT becomes a temporary type and a query
        kinds = kinds[-1:]
    if kinds != [duckdb.StatementType.SELECT]:
        raise _refused(first)


def _check_postgres(sql: str, tokens: list[Token]) -> None:
    """PostgreSQL's driver sends a text whole, so its end must be certain; the transaction refuses the other writes."""
    words = [token.text.lower() for token in tokens]
    first = next((word for word in words if word != "("), "nothing to explain").upper()
    if first not in _READS:
        raise _refused(first)
    # Where a text in E'…' or $$…$$ ends is read in more than one way, and so is a name in U&"…".
    may_end_early = ";" in sql.rstrip("; \t\r\n") and any(part in sql for part in ("\\", "$", "/*"))
    if may_end_early or "u&" in sql.lower():
        raise QueryError('the query may hold several statements: write it without ; or without \\, $, /* and U&"…"')
    for word in words:
        if word in _DENIED or word.startswith(_DENIED_PARTS) or "_to_xml" in word:
            raise _refused(f"the function {word}")


def _parsed(sql: str, dialect: str) -> str:
    """The query as sqlglot understands it. The engine has no read-only session, so just the checked query is run."""
    try:
        statements = sqlglot.parse(sql, read=dialect)
    except SqlglotError as error:
        raise QueryError(f"the query is not valid SQL: {error}") from error
    (query,) = [statement for statement in statements if statement is not None]
    if not isinstance(query, exp.Query) or (writes := query.find(*_WRITES)):
        raise _refused((query if not isinstance(query, exp.Query) else writes).key.upper())  # type: ignore[union-attr]
    return query.sql(dialect=dialect)


# -- the session -------------------------------------------------------------------------------------------------------


def _close_duckdb(client: SqlClientBase[Any], path: str) -> None:
    if attach := getattr(client, "attach_statement", None):
        # A lake is attached to an empty database. It reads its own files, so files stay open to it.
        client.close_connection()
        client._attach_statement = f"{attach.removesuffix(')')}, READ_ONLY)"  # type: ignore[attr-defined]
        client.open_connection()
        client.native_connection.execute(f"SET search_path = '{path}'")
        return
    client.native_connection.execute(f"SET search_path = '{path}'")
    # A read-only connection can still write files with COPY and ATTACH, and read any with read_text.
    client.native_connection.execute("SET enable_external_access = false; SET lock_configuration = true")


def _close_postgres(client: SqlClientBase[Any], path: str) -> None:
    client.execute_sql("SET TRANSACTION READ ONLY")
    client.execute_sql(f"SET LOCAL search_path TO {path}")
    (row,) = client.execute_sql("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") or [(False,)]
    if row[0]:  # a superuser may read files of the server; this role, from PostgreSQL 14 on, reads tables only
        client.execute_sql("SET LOCAL ROLE pg_read_all_data")
