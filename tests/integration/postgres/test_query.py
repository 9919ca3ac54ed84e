"""`bookings query` on PostgreSQL cannot write, even as a superuser: neither rows nor files nor settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bookings_sync.config.settings import Settings
from bookings_sync.models.access import open_published
from bookings_sync.models.read_only import QueryError, run_query

from .conftest import Database

SETTINGS = Settings(destination="postgres")


@pytest.fixture
def published(database: Database) -> Iterator[Database]:
    for schema in (SETTINGS.raw_dataset, SETTINGS.staging_dataset, SETTINGS.marts_dataset):
        database.query(f"CREATE SCHEMA {schema}")
    database.query(f"CREATE TABLE {SETTINGS.marts_dataset}.days AS SELECT 1 AS bookings")
    yield database
    assert database.query(f"SELECT * FROM {SETTINGS.marts_dataset}.days") == [(1,)]


def run(sql: str) -> list[tuple[object, ...]]:
    with open_published(SETTINGS) as client, run_query(client, SETTINGS, sql) as cursor:
        return cursor.fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT bookings FROM days",
        "(SELECT 1) INTERSECT (SELECT 1)",
        "WITH x AS (SELECT 1 AS one) SELECT one FROM x",
        "TABLE days",
        "VALUES (1);",
        "SELECT count(*) FROM days WHERE 'a;b' <> 'delete'",
    ],
)
def test_whatever_only_reads_runs(published: Database, sql: str) -> None:
    assert run(sql) == [(1,)]


def test_a_plan_is_shown(published: Database) -> None:
    assert run("EXPLAIN SELECT 1")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM days",
        "WITH gone AS (DELETE FROM days RETURNING *) SELECT * FROM gone",
        "EXPLAIN ANALYZE DELETE FROM days",
        "SELECT * INTO bookings_marts.mine FROM days",
        "SELECT 1; DELETE FROM days",
        "COMMIT",
        r"SELECT E'\''; COMMIT; DELETE FROM days; --'",
        "SELECT $$;$$; COMMIT; DELETE FROM days; --$$",
        "SELECT /* /* */ ; COMMIT; DELETE FROM days; -- */ 1",
        "COPY days TO PROGRAM 'touch {file}'",
        "COPY days TO '{file}'",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT pg_catalog.\"pg_read_file\"('PG_VERSION')",
        "SELECT U&\"pg\\005fread_file\"('PG_VERSION')",
        "SELECT pg_ls_dir('.')",
        "SELECT lo_from_bytea(0, 'a')",
        "SELECT set_config('role', 'postgres', true), pg_stat_file('PG_VERSION')",
        "SELECT query_to_xml('SELECT set_config(''role'', ''postgres'', false)', true, true, '')",
        "SELECT nextval('days_id')",
        "DO $$ BEGIN DELETE FROM days; END $$",
        "CALL anything()",
        "SET default_transaction_read_only = off",
    ],
)
def test_whatever_writes_or_reaches_out_is_refused(published: Database, tmp_path: Path, sql: str) -> None:
    file = tmp_path / "written"
    tmp_path.chmod(0o777)
    with pytest.raises(QueryError):
        run(sql.replace("{file}", str(file)))
    assert not file.exists()
