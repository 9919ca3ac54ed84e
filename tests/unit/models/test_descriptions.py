"""A column is described where its value is made; columns that pass it through inherit the description."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from bookings_sync.models.descriptions import describe, inherited, raw_descriptions
from bookings_sync.models.errors import ModelError
from bookings_sync.models.header import parse
from bookings_sync.models.project import Project

KNOWN = {("raw", "teams"): {"id": "The team."}, ("marts", "dim_team"): {"name": "Its name.", "id": "The team."}}


def query(sql: str) -> exp.Query:
    parsed = sqlglot.parse_one(sql, read="duckdb")
    assert isinstance(parsed, exp.Query)
    return parsed


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM raw.teams",
        "SELECT id AS team_id FROM raw.teams",
        "SELECT teams.id FROM raw.teams AS teams LEFT JOIN marts.dim_team AS team ON team.id = teams.id",
        "WITH a AS (SELECT id AS key FROM raw.teams), b AS (SELECT *, 1 AS one FROM a) SELECT key FROM b",
        "WITH a AS (SELECT t.*, 1 AS one FROM raw.teams AS t) SELECT a.id, COUNT(*) AS n FROM a GROUP BY a.id",
    ],
)
def test_a_column_that_passes_through_inherits_its_description(sql: str) -> None:
    parsed = query(sql)
    assert inherited(parsed, parsed.named_selects[0], KNOWN) == "The team."


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT MAX(id) AS id FROM raw.teams",
        "SELECT COALESCE(id, 'none') AS id FROM raw.teams",
        "SELECT id FROM raw.teams UNION SELECT id FROM marts.dim_team",
        "WITH a AS (SELECT id || 'x' AS id FROM raw.teams) SELECT id FROM a",
        "SELECT name FROM warehouse.timezones",
        "SELECT 1 AS id",
    ],
)
def test_a_column_that_the_query_computes_inherits_nothing(sql: str) -> None:
    parsed = query(sql)
    assert inherited(parsed, parsed.named_selects[0], KNOWN) == ""


def test_the_header_overrides_an_inherited_description() -> None:
    described = describe(query("SELECT id, 1 AS one FROM raw.teams"), {"one": "One.", "id": "Mine."}, KNOWN, "a.sql")
    assert list(described.items()) == [("id", "Mine."), ("one", "One.")]


def test_a_computed_column_needs_a_description() -> None:
    with pytest.raises(ModelError, match=r"a\.sql: the header must describe one, which the query computes"):
        describe(query("SELECT id, 1 AS one FROM raw.teams"), {}, KNOWN, "a.sql")


def test_a_description_needs_a_column() -> None:
    with pytest.raises(ModelError, match=r"a\.sql: the header describes idd, which the query does not return"):
        describe(query("SELECT id FROM raw.teams"), {"idd": "The team."}, KNOWN, "a.sql")


def test_no_header_repeats_an_inherited_description(project: Project) -> None:
    known = raw_descriptions()
    for model in project.models.values():
        header, _ = parse(model.path.read_text(encoding="utf-8"), model.path.name)
        for column, description in header.columns.items():
            assert description != inherited(model.query, column, known), f"{model.name}.{column}"
        known[model.layer, model.name] = model.header.columns
