"""Where an engine has no read-only session, the parsed query alone decides."""

from __future__ import annotations

import pytest

from bookings_sync.models.read_only import QueryError, _check


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "databricks", "redshift", "tsql"])
@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT 1 AS one", True),
        ("WITH x AS (SELECT 1 AS one) SELECT one FROM x", True),
        ("SELECT 1 AS one UNION ALL SELECT 2", True),
        ("DELETE FROM days", False),
        ("INSERT INTO days SELECT 1", False),
        ("CREATE TABLE mine AS SELECT 1 AS one", False),
        ("DROP TABLE days", False),
        ("TRUNCATE TABLE days", False),
        ("MERGE INTO a USING b ON a.x = b.x WHEN MATCHED THEN DELETE", False),
        ("CALL anything()", False),
        ("SELECT 1; DELETE FROM days", False),
        ("ALTER TABLE days ADD COLUMN x INT", False),
        ("GRANT SELECT ON days TO someone", False),
    ],
)
def test_only_a_query_passes(dialect: str, sql: str, reads: bool) -> None:
    if reads:
        assert _check(sql, dialect)
    else:
        with pytest.raises(QueryError):
            _check(sql, dialect)
