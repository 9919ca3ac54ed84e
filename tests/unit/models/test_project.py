"""The models of `sql/`: headers, build order, references, and their SQL in every dialect."""

from __future__ import annotations

import re
from pathlib import Path

import pendulum
import pytest
import sqlglot
from sqlglot import exp

from bookings_sync.models import project as project_module
from bookings_sync.models.audits import row_audits, set_audits
from bookings_sync.models.dialect import resolve, timezones, to_sql
from bookings_sync.models.errors import ModelError
from bookings_sync.models.project import Project, find_models
from bookings_sync.records.tables import TABLES
from support.model_warehouse import NOW, Warehouse

DIALECTS = ["duckdb", "postgres", "snowflake", "bigquery", "databricks", "clickhouse"]
NOT_PORTABLE = (exp.Median, exp.Filter, exp.CurrentTimestamp, exp.CurrentDate)
"""Missing or different in other warehouses. Models use $now for the current time."""


def test_models_are_built_after_the_models_they_read(project: Project) -> None:
    built: set[str] = set()
    for name, model in project.models.items():
        assert {read for layer, read in model.reads if layer in ("staging", "marts")} <= built
        built.add(name)


def test_headers_describe_every_column_of_their_table(warehouse: Warehouse, project: Project) -> None:
    warehouse.transform()
    for name, model in project.models.items():
        with warehouse.client.execute_query(f"SELECT * FROM {warehouse.datasets.of(model.layer)}.{name}") as cursor:
            assert [column[0] for column in cursor.description] == list(model.header.columns), name
        assert model.header.grain, name
        assert model.header.question.endswith((".", "?")), name
        assert set(model.header.key) <= model.header.columns.keys(), name
        assert set_audits(model), name


def test_each_rate_of_counts_has_its_interval_and_says_if_it_is_of_too_few(project: Project) -> None:
    no_samples = {
        "booked_share": "minutes, not counts",
        "known_share": "all days of a week, no sample of them",
        "fair_share": "1 / members",
        "predicted_rate": "a prediction; what happened has the interval",
    }
    rates = [
        (model, column)
        for model in project.models.values()
        for column in model.header.columns
        if model.name.startswith("rpt_") and re.search(r"(_rate|share)(_now)?$", column) and column not in no_samples
    ]
    assert len(rates) > 10
    for model, column in rates:
        assert {f"{column}_low", f"{column}_high", "is_too_few"} <= model.header.columns.keys(), (model.name, column)


def test_staging_reads_or_documents_every_raw_column(project: Project) -> None:
    for table in TABLES.values():
        readers = [model for model in project.models.values() if ("raw", table.name) in model.reads]
        named = {column.name for model in readers for column in model.query.find_all(exp.Column)}
        left_out = {column for model in readers for column in model.header.not_read}
        assert readers, f"no staging model reads {table.name}"
        assert set(table.names) <= named | left_out, table.name
        assert left_out <= set(table.names), table.name
        assert not left_out & named, table.name


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_model_and_audit_parses_in_every_dialect(project: Project, dialect: str) -> None:
    def place(layer: str, name: str) -> exp.Expr:
        return timezones(dialect) if layer == "warehouse" else exp.table_(name, db=layer, quoted=True)

    for model in project.models.values():
        rows = exp.select(*row_audits(model).values()).from_(exp.table_(model.name, db=model.layer))
        for query in (model.query, rows, *set_audits(model).values()):
            sql = to_sql(resolve(query, place, NOW), dialect)
            assert sqlglot.parse_one(sql, read=dialect), model.name
            assert "[*]" not in sql or dialect == "duckdb", "the JSON array is not unnested"
            if dialect not in ("duckdb", "postgres"):
                assert not re.search(r"\b(EPOCH|ISODOW)\b", sql), (
                    f"{model.name}: the dialect has neither EPOCH nor ISODOW"
                )
            assert "TIMESTAMP_TRUNC" not in sql, "BigQuery's TIMESTAMP_TRUNC takes no dates"


@pytest.mark.parametrize(
    ("dialect", "weekday", "week", "seconds"),
    [
        ("postgres", "EXTRACT(ISODOW FROM d)", "DATE_TRUNC('WEEK', d)", "EXTRACT(EPOCH FROM t)"),
        (
            "snowflake",
            "DATE_PART(DAYOFWEEKISO, d)",
            "DATE_TRUNC('WEEK', d)",
            "(DATE_PART(EPOCH_MICROSECOND, t) / 1000000.0)",
        ),
        (
            "bigquery",
            "(MOD(EXTRACT(DAYOFWEEK FROM d) + 5, 7) + 1)",
            "DATE_TRUNC(d, ISOWEEK)",
            "(UNIX_MICROS(CAST(t AS TIMESTAMP)) / 1000000.0)",
        ),
        (
            "databricks",
            "EXTRACT(DAYOFWEEK_ISO FROM d)",
            "DATE_TRUNC('WEEK', d)",
            "(UNIX_MICROS(CAST(t AS TIMESTAMP)) / 1000000.0)",
        ),
        (
            "clickhouse",
            "toDayOfWeek(d)",
            "dateTrunc('WEEK', d)",
            "(toUnixTimestamp64Micro(toDateTime64(t, 6)) / 1000000.0)",
        ),
    ],
)
def test_weekdays_weeks_and_epochs_in_each_dialect(dialect: str, weekday: str, week: str, seconds: str) -> None:
    """From each warehouse's reference. Monday is 1 and starts the week; seconds keep their fraction."""
    query = sqlglot.parse_one(
        "SELECT EXTRACT(ISODOW FROM d) AS a, DATE_TRUNC('WEEK', d) AS b, EXTRACT(EPOCH FROM t) AS c", read="duckdb"
    )
    assert to_sql(query, dialect) == f"SELECT {weekday} AS a, {week} AS b, {seconds} AS c"


@pytest.mark.parametrize(
    ("dialect", "instant"),
    [
        ("postgres", "CAST(d + 2 AS TIMESTAMP) AT TIME ZONE z"),
        ("snowflake", "CONVERT_TIMEZONE(z, 'UTC', CAST(d + 2 AS TIMESTAMPNTZ))"),
        ("bigquery", "TIMESTAMP(CAST(d + 2 AS DATETIME), z)"),
        ("databricks", "TO_UTC_TIMESTAMP(CAST(d + 2 AS TIMESTAMP_NTZ), z)"),
    ],
)
def test_at_time_zone_of_a_local_time_gives_the_instant(dialect: str, instant: str) -> None:
    query = sqlglot.parse_one("SELECT CAST(d + 2 AS TIMESTAMP) AT TIME ZONE z AS a", read="duckdb")
    assert to_sql(query, dialect) == f"SELECT {instant} AS a"


def test_models_use_only_portable_sql(project: Project) -> None:
    for model in project.models.values():
        for query in (model.query, *model.audits.values()):
            assert not list(query.find_all(*NOT_PORTABLE)), model.name
            groups = query.find_all(exp.Group)
            assert not any(group.args.get("all") for group in groups), model.name


def test_now_is_a_literal_in_utc() -> None:
    query = sqlglot.parse_one("SELECT $now AS now", read="duckdb")
    assert isinstance(query, exp.Query)
    now = pendulum.datetime(2025, 3, 10, 8, tz="America/New_York")
    sql = to_sql(resolve(query, lambda _layer, _name: exp.null(), now), "postgres")
    assert sql == "SELECT CAST('2025-03-10 12:00:00.000000+00:00' AS TIMESTAMPTZ) AS now"


HEADER = "/*\nGrain: one row.\nQuestion: What?\nKey: id\nColumns:\n  id: The id.\n{extra}*/\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1", "expected a /* header */ comment"),
        (
            HEADER.format(extra="Purpose: x.\n") + "SELECT id FROM raw.teams",
            "unknown or repeated section in the header",
        ),
        (HEADER.format(extra="  id: Again.\n") + "SELECT id FROM raw.teams", "the column id is described twice"),
        (HEADER.format(extra="  id\n") + "SELECT id FROM raw.teams", "expected `column: description`, got: id"),
        (HEADER.format(extra="") + "DROP TABLE raw.teams", "expected one SELECT"),
        (HEADER.format(extra="") + "SELECT FROM WHERE", "cannot be parsed"),
        (HEADER.format(extra="") + "SELECT id FROM raw.taems", "reads raw.taems, which is neither a raw table nor"),
        (HEADER.format(extra="") + "SELECT id FROM teams", "reads teams, which is neither a raw table nor"),
        (HEADER.format(extra="") + "SELECT id FROM marts.other", "a model in staging/ may not read marts.other"),
        (HEADER.format(extra="") + "SELECT id FROM staging.stg_broken", "in a cycle: stg_broken → stg_broken"),
    ],
)
def test_an_invalid_file_is_an_error_that_names_it(tmp_path: Path, text: str, message: str) -> None:
    for layer in ("staging", "marts"):
        (tmp_path / layer).mkdir()
    (tmp_path / "staging" / "stg_broken.sql").write_text(text)
    (tmp_path / "marts" / "other.sql").write_text(HEADER.format(extra="") + "SELECT 1 AS id")

    with pytest.raises(ModelError, match="stg_broken") as caught:
        Project.load(tmp_path)

    assert message in str(caught.value)


@pytest.mark.parametrize("line", ["range: id below 3", "references: id marts.dim_team", "sorted: id", "accepted: id"])
def test_an_invalid_audit_is_an_error_that_names_the_file(tmp_path: Path, line: str) -> None:
    for layer in ("staging", "marts"):
        (tmp_path / layer).mkdir()
    text = HEADER.format(extra=f"Audits:\n  {line}\n") + "SELECT id FROM raw.teams"
    (tmp_path / "staging" / "stg_broken.sql").write_text(text)
    model = Project.load(tmp_path).models["stg_broken"]

    with pytest.raises(ModelError, match=r"stg_broken\.sql"):
        row_audits(model), set_audits(model)


def test_models_are_found_in_a_checkout_and_in_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_models() == Path(__file__).parents[3] / "sql"

    package = tmp_path / "lib" / "site-packages" / "bookings_sync"
    (package / "sql" / "staging").mkdir(parents=True)
    (tmp_path / "lib" / "sql" / "staging").mkdir(parents=True)  # another project's folder: there is no pyproject.toml
    monkeypatch.setattr(project_module, "__file__", str(package / "models" / "project.py"))
    assert find_models() == package / "sql"

    monkeypatch.setattr(
        project_module, "__file__", str(tmp_path / "a" / "b" / "bookings_sync" / "models" / "project.py")
    )
    with pytest.raises(ModelError, match="neither in a checkout nor"):
        find_models()
