"""Grants, views and indexes on the marts survive a transform, and `as_of` restores the past, on PostgreSQL too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from bookings_sync.models.project import Project, find_models
from bookings_sync.models.transform import ModelError
from support.model_past import check_past
from support.model_warehouse import Warehouse, open_postgres

from .conftest import Database

MODEL = "rpt_rejections"


@pytest.fixture(scope="module")
def project() -> Project:
    return Project.load(find_models())


@pytest.fixture
def warehouse(database: Database, project: Project, tmp_path: Path) -> Iterator[Warehouse]:
    with open_postgres(tmp_path, project, database.url) as opened:
        opened.create_raw()
        yield opened


@pytest.fixture
def published(warehouse: Warehouse) -> Warehouse:
    warehouse.insert("rejected_records", {"rejection_id": "a", "table_name": "teams", "reason": "no id"})
    warehouse.transform(select=[f"+{MODEL}"])
    return warehouse


def without(project: Project, column: str) -> Project:
    """The project with a column of MODEL replaced by another one."""
    model = project.models[MODEL]
    sql = model.query.sql(dialect="duckdb").replace(f"MAX(rejected_at) AS {column}", "CAST(7 AS BIGINT) AS seven")
    columns = {name: text for name, text in model.header.columns.items() if name != column} | {"seven": "Seven."}
    changed = replace(model, sql=sql, definition="another", header=replace(model.header, columns=columns))
    return Project({**project.models, MODEL: changed})


def test_every_model_equals_its_past_build(warehouse: Warehouse, project: Project) -> None:
    check_past(warehouse, project)


def test_grants_views_and_indexes_survive_a_transform(published: Warehouse, database: Database) -> None:
    database.query("CREATE ROLE analyst")
    database.query(f"GRANT SELECT ON marts_data.{MODEL} TO analyst")
    database.query(f"CREATE VIEW public.reasons AS SELECT reason, records FROM marts_data.{MODEL}")
    database.query(f"CREATE INDEX by_reason ON marts_data.{MODEL} (reason)")
    published.insert("rejected_records", {"rejection_id": "b", "table_name": "teams", "reason": "no id"})

    published.transform(select=[f"+{MODEL}"])

    assert database.query("SELECT * FROM public.reasons") == [("no id", 2)]
    assert database.query(f"SELECT has_table_privilege('analyst', 'marts_data.{MODEL}', 'SELECT')") == [(True,)]
    assert database.query("SELECT count(*) FROM pg_indexes WHERE indexname = 'by_reason'") == [(1,)]

    # A column is replaced. The view reads neither column, so it does not block the change.
    published.transform(select=[f"+{MODEL}"], project=without(published.project, "last_rejected_at"))

    assert database.query("SELECT * FROM public.reasons") == [("no id", 2)]
    assert database.query(f"SELECT records, seven FROM marts_data.{MODEL}") == [(2, 7)]
    assert database.query(f"SELECT has_table_privilege('analyst', 'marts_data.{MODEL}', 'SELECT')") == [(True,)]
    comment = (
        "SELECT col_description('marts_data.rpt_rejections'::regclass, attnum) FROM pg_attribute WHERE attname = %s"
    )
    assert ("Seven.",) in database.query(comment, "seven")
    assert database.query("SELECT tablename FROM pg_tables WHERE tablename LIKE '%\\_\\_next'") == []
    database.query("DROP OWNED BY analyst; DROP ROLE analyst")


def test_a_view_that_reads_a_removed_column_is_an_error(published: Warehouse, database: Database) -> None:
    database.query(f"CREATE VIEW public.latest AS SELECT max(last_rejected_at) AS at FROM marts_data.{MODEL}")
    published.insert("rejected_records", {"rejection_id": "b", "table_name": "teams", "reason": "no id"})

    with pytest.raises(ModelError, match=f"{MODEL}: the column last_rejected_at is removed .* a view"):
        published.transform(select=[f"+{MODEL}"], project=without(published.project, "last_rejected_at"))

    assert [row["records"] for row in published.rows("marts", MODEL)] == [1], "the old rows"
    assert database.query("SELECT tablename FROM pg_tables WHERE tablename LIKE '%\\_\\_next'") == []


def test_readers_and_a_transform_do_not_wait_for_each_other(database: Database, published: Warehouse) -> None:
    database.query(f"ALTER DATABASE {database.name} SET lock_timeout = '10s'")  # a failure must not hang
    published.client.close_connection()
    published.client.open_connection()
    published.insert("rejected_records", {"rejection_id": "b", "table_name": "teams", "reason": "no id"})
    with contextlib.closing(psycopg2.connect(database.url)) as reader, reader.cursor() as cursor:
        reader.set_session(isolation_level="REPEATABLE READ")
        ask = f"SELECT records FROM marts_data.{MODEL}"
        cursor.execute(ask)
        assert cursor.fetchall() == [(1,)]

        published.transform(select=[f"+{MODEL}"])

        cursor.execute(ask)
        assert cursor.fetchall() == [(1,)], "one transaction sees one state"
        reader.rollback()
        cursor.execute(ask)
        assert cursor.fetchall() == [(2,)]
