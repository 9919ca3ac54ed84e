"""What people build on the marts outlives a transform: grants, views, indexes. And the past is what it was here too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dlt
import psycopg2
import pytest
import sqlglot

from bookings_sync.models.project import Project, find_models
from bookings_sync.models.transform import Datasets, ModelError
from unit.models.conftest import Warehouse
from unit.models.test_past import test_every_model_is_what_it_was

from .conftest import Database

__all__ = ["test_every_model_is_what_it_was"]

MODEL = "rpt_rejections"


@pytest.fixture(scope="module")
def project() -> Project:
    return Project.load(find_models())


@pytest.fixture
def warehouse(database: Database, project: Project, tmp_path: Path) -> Iterator[Warehouse]:
    datasets = Datasets("raw_data", "staging_data", "marts_data")
    pipeline = dlt.pipeline("published", pipelines_dir=str(tmp_path), destination="postgres", dataset_name=datasets.raw)
    with pipeline.sql_client() as client:
        opened = Warehouse(Path(), client, project, datasets)
        opened.create_raw()
        yield opened


@pytest.fixture
def published(warehouse: Warehouse) -> Warehouse:
    warehouse.insert("rejected_records", {"rejection_id": "a", "table_name": "teams", "reason": "no id"})
    warehouse.transform(select=[f"+{MODEL}"])
    return warehouse


def without(project: Project, column: str) -> Project:
    """The project, the model's column left out and another one in it."""
    model = project.models[MODEL]
    sql = model.query.sql(dialect="duckdb").replace(f"MAX(rejected_at) AS {column}", "CAST(7 AS BIGINT) AS seven")
    columns = {name: text for name, text in model.header.columns.items() if name != column} | {"seven": "Seven."}
    query = sqlglot.parse_one(sql, read="duckdb")
    assert isinstance(query, sqlglot.exp.Query)
    changed = replace(model, query=query, header=replace(model.header, columns=columns))
    return Project({**project.models, MODEL: changed})


def test_grants_views_and_indexes_outlive_a_transform(published: Warehouse, database: Database) -> None:
    database.query("CREATE ROLE analyst")
    database.query(f"GRANT SELECT ON marts_data.{MODEL} TO analyst")
    database.query(f"CREATE VIEW public.reasons AS SELECT reason, records FROM marts_data.{MODEL}")
    database.query(f"CREATE INDEX by_reason ON marts_data.{MODEL} (reason)")
    published.insert("rejected_records", {"rejection_id": "b", "table_name": "teams", "reason": "no id"})

    published.transform(select=[f"+{MODEL}"])

    assert database.query("SELECT * FROM public.reasons") == [("no id", 2)]
    assert database.query(f"SELECT has_table_privilege('analyst', 'marts_data.{MODEL}', 'SELECT')") == [(True,)]
    assert database.query("SELECT count(*) FROM pg_indexes WHERE indexname = 'by_reason'") == [(1,)]

    # A column goes, another comes: the view, which needs neither, still does not stand in the way.
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


def test_a_view_that_needs_a_column_that_goes_is_told_of(published: Warehouse, database: Database) -> None:
    database.query(f"CREATE VIEW public.latest AS SELECT max(last_rejected_at) AS at FROM marts_data.{MODEL}")
    published.insert("rejected_records", {"rejection_id": "b", "table_name": "teams", "reason": "no id"})

    with pytest.raises(ModelError, match=f"{MODEL}: its column last_rejected_at goes .* a view, needs it"):
        published.transform(select=[f"+{MODEL}"], project=without(published.project, "last_rejected_at"))

    assert [row["records"] for row in published.rows("marts", MODEL)] == [1], "what was there before"
    assert database.query("SELECT tablename FROM pg_tables WHERE tablename LIKE '%\\_\\_next'") == []


def test_who_reads_meanwhile_neither_waits_nor_stands_in_the_way(database: Database, published: Warehouse) -> None:
    database.query(
        f"ALTER DATABASE {database.name} SET lock_timeout = '10s'"
    )  # else a failure would be a wait for ever
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
        assert cursor.fetchall() == [(1,)], "one transaction, one state"
        reader.rollback()
        cursor.execute(ask)
        assert cursor.fetchall() == [(2,)]
