"""Dialect: translates a model from DuckDB's SQL to the warehouse's dialect.

Input:  a model's query, the table that each reference reads, and the run's time.
Output: the query in one dialect. sqlglot translates most of it. This module adds what sqlglot cannot know: layers and
        `$now`. It also fixes what sqlglot gets wrong: unnesting a JSON array, fields and the keys of a JSON
        object, parts of a time, and the instant of a local time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import pendulum
import sqlglot
from pendulum import DateTime
from sqlglot import exp

from bookings_sync.models.project import references
from bookings_sync.models.zone_names import aliases
from bookings_sync.records.tables import DataType, Table

_TYPES: dict[DataType, str] = {
    "text": "VARCHAR",
    "json": "VARCHAR",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "binary": "BLOB",
}
HISTORY_COLUMNS: dict[str, DataType] = {"_dlt_valid_from": "timestamp", "_dlt_valid_to": "timestamp"}
"""Columns that dlt adds to a history table and that models read."""
FIRST_SEEN = {
    "reads": "read_at",
    "look_ups": "asked_at",
    "runs": "started_at",
    "rejected_records": "rejected_at",
    "held_deletions": "first_seen_at",
}
"""For each table without history, the column with the time at which its row was written."""


def resolve(query: exp.Query, table_for: Callable[[str, str], exp.Expr], now: DateTime) -> exp.Query:
    """A copy of `query` with each `layer.name` replaced by `table_for(layer, name)`, and each interval of a rate by its
    formula. `$now` becomes `now` in UTC, `$hour` and `$today` the beginning of its hour and of its day."""
    query = query.copy()
    for table in list(references(query)):
        alias = table.alias or table.name
        table.replace(exp.alias_(table_for(table.db, table.name), alias, table=True))
    now = now.in_timezone("UTC")
    clocks = {"now": now, "hour": now.start_of("hour"), "today": now.start_of("day")}
    for placeholder in list(query.find_all(exp.Placeholder)):
        if placeholder.name in clocks:
            placeholder.replace(instant(clocks[placeholder.name]))
    expand_intervals(query)
    return query


_WILSON = """
CASE
  WHEN n > 0 AND k = {edge} THEN {bound}
  WHEN n > 0 THEN
    (CAST(k AS DOUBLE) + 1.9207295 {sign} 1.959964 * SQRT(CAST(k AS DOUBLE) * (n - k) / n + 0.96036475))
    / (n + 3.841459)
END
"""
"""An end of the 95 % Wilson interval of the rate k / n. 95 % of a normal distribution lie within z = 1.959964 standard
deviations; the other numbers are z²/2, z²/4 and z². Unlike the usual k / n ± z·sqrt(…), it also holds for small n. It
begins at exactly 0 if k is 0, and ends at 1 if k is n."""
_RATE_INTERVAL = {
    "WILSON_LOW": sqlglot.parse_one(_WILSON.format(sign="-", edge="0", bound=0), read="duckdb"),
    "WILSON_HIGH": sqlglot.parse_one(_WILSON.format(sign="+", edge="n", bound=1), read="duckdb"),
}


def expand_intervals(query: exp.Query) -> None:
    """Replaces WILSON_LOW(k, n) and WILSON_HIGH(k, n), which no warehouse knows, by their formula."""
    for call in list(query.find_all(exp.Anonymous)):
        if formula := _RATE_INTERVAL.get(call.name.upper()):
            arguments = dict(zip("kn", call.expressions, strict=True))
            formula = formula.copy()
            for column in list(formula.find_all(exp.Column)):
                argument = arguments[column.name]
                column.replace(argument.copy() if isinstance(argument, exp.Column) else exp.paren(argument))
            call.replace(formula)


def to_sql(expression: exp.Expr, dialect: str) -> str:
    """`expression` as SQL in `dialect` (sqlglot's name). Consumes `expression`: a copy costs more than the writing."""
    if dialect != "duckdb":
        for rewrite in (_open_json_array, _json_text, _json_keys, _time_part, _period, _instant_of):
            expression = expression.transform(rewrite, dialect, copy=False)
    return expression.sql(dialect=dialect, comments=False, copy=False)


def raw_types(table: Table) -> dict[str, str]:
    """The columns of a raw table that models may read, with their DuckDB types."""
    types = {column.name: column.type for column in table.columns}
    return {name: _TYPES[kind] for name, kind in (types | (HISTORY_COLUMNS if table.history else {})).items()}


def no_rows(table: Table) -> exp.Subquery:
    """A raw table that does not exist yet: its columns and no rows."""
    types = raw_types(table).items()
    nulls = [exp.alias_(exp.cast(exp.null(), kind, dialect="duckdb"), name) for name, kind in types]
    return exp.select(*nulls).limit(0).subquery()


def with_columns(table: Table, source: exp.Expr, missing: Collection[str]) -> exp.Expr:
    """A raw table without some columns, with nulls in their place."""
    if not missing:
        return source
    types = raw_types(table)
    nulls = [exp.alias_(exp.cast(exp.null(), types[name], dialect="duckdb"), name) for name in sorted(missing)]
    return exp.select("*", *nulls).from_(source).subquery()


def as_it_was(table: Table, source: exp.Expr, as_of: DateTime) -> exp.Subquery:
    """The rows of a raw table as of a past moment.

    Exact for history tables: the versions seen by then, with the last version of each key as the current one. Other
    tables keep one row per key, so rows that were overwritten since are missing.
    """
    columns: list[exp.Expr] = [exp.column(name, quoted=True) for name in table.names]
    since = exp.column(FIRST_SEEN[table.name] if not table.history else "_dlt_valid_from")
    if table.history:
        ended = exp.column("_dlt_valid_to")
        by_then = exp.case().when(exp.LTE(this=ended.copy(), expression=instant(as_of)), ended)
        columns += [since.copy(), exp.alias_(by_then, "_dlt_valid_to")]
    return exp.select(*columns).from_(source).where(exp.LTE(this=since, expression=instant(as_of))).subquery()


def complete_reads(reads: exp.Table, loads: exp.Table) -> exp.Subquery:
    """`raw.reads` without the reads of incomplete loads: some of their rows may be missing."""
    complete = exp.select("load_id").from_(loads).where("status = 0")
    return exp.select("*").from_(reads).where(exp.column("_dlt_load_id").isin(query=complete)).subquery("reads")


def timezones(dialect: str) -> exp.Subquery:
    """The time zone names that the warehouse knows, each with its canonical name; pendulum's on warehouses that cannot
    list theirs."""
    if dialect == "duckdb":
        known: exp.Expr = exp.select("name").from_(exp.Table(this=exp.func("pg_timezone_names"))).subquery("zones")
    elif dialect == "postgres":
        known = exp.select("name").from_("pg_catalog.pg_timezone_names").subquery("zones")
    else:
        known = exp.values([(name,) for name in pendulum.timezones()], alias="zones", columns=["name"])
    others = exp.values(sorted(aliases().items()), alias="aliases", columns=["alias", "target"])
    canonical = exp.func("COALESCE", exp.column("target", "aliases"), exp.column("name", "zones"))
    return (
        exp.select(exp.column("name", "zones"), exp.alias_(canonical, "canonical"))
        .from_(known)
        .join(others, on="aliases.alias = zones.name", join_type="left")
        .subquery()
    )


def instant(moment: DateTime) -> exp.Cast:
    text = moment.in_timezone("UTC").format("YYYY-MM-DD HH:mm:ss.SSSSSS") + "+00:00"
    return exp.cast(exp.Literal.string(text), "TIMESTAMPTZ", dialect="duckdb")


def _open_json_array(node: exp.Expr, dialect: str) -> exp.Expr:
    """JSON_EXTRACT_STRING(x, '$[*]') lists an array's elements as text in DuckDB. sqlglot drops the `[*]`."""
    if not (isinstance(node, exp.JSONExtractScalar) and node.expression.find(exp.JSONPathWildcard)):
        return node
    json = node.this
    match dialect:
        case "postgres":
            element = exp.func("JSON_ARRAY_ELEMENTS_TEXT", exp.cast(json, "JSON"))
            return exp.Anonymous(this="ARRAY", expressions=[exp.select(element)])
        case "bigquery":
            return exp.func("JSON_VALUE_ARRAY", json)
        case "databricks":
            return exp.Anonymous(this="FROM_JSON", expressions=[json, exp.Literal.string("array<string>")])
        case "clickhouse":
            return exp.Anonymous(this="JSONExtract", expressions=[json, exp.Literal.string("Array(String)")])
        case "snowflake":
            return exp.cast(exp.func("PARSE_JSON", json), "ARRAY")
        case _:
            return node


def _json_text(node: exp.Expr, dialect: str) -> exp.Expr:
    """JSON_EXTRACT_STRING(x, '$.name') takes a field as text. PostgreSQL's function wants JSON, and `x` is text."""
    if dialect == "postgres" and isinstance(node, exp.JSONExtractScalar):
        node.set("this", exp.cast(node.this, "JSON"))
    return node


def _json_keys(node: exp.Expr, dialect: str) -> exp.Expr:
    """JSON_KEYS(x) lists an object's keys in DuckDB. sqlglot does not translate the name."""
    if not isinstance(node, exp.JSONKeys):
        return node
    json = node.this
    match dialect:
        case "postgres":
            key = exp.Anonymous(this="JSON_OBJECT_KEYS", expressions=[exp.cast(json, "JSON")])
            return exp.Anonymous(this="ARRAY", expressions=[exp.select(key)])
        case "bigquery":
            return exp.Anonymous(this="JSON_KEYS", expressions=[exp.func("PARSE_JSON", json), exp.Literal.number(1)])
        case "clickhouse":
            return exp.Anonymous(this="JSONExtractKeys", expressions=[json])
        case "snowflake":
            return exp.Anonymous(this="OBJECT_KEYS", expressions=[exp.func("PARSE_JSON", json)])
        case _:
            return node


_TIME_PARTS: dict[str, dict[str, str]] = {
    "EPOCH": {
        "bigquery": "(UNIX_MICROS(CAST(x AS TIMESTAMP)) / 1000000.0)",
        "databricks": "(UNIX_MICROS(CAST(x AS TIMESTAMP)) / 1000000.0)",
        "snowflake": "(DATE_PART(EPOCH_MICROSECOND, x) / 1000000.0)",  # EPOCH has whole seconds only
        "clickhouse": "(toUnixTimestamp64Micro(toDateTime64(x, 6)) / 1000000.0)",
    },
    "ISODOW": {
        "bigquery": "(MOD(EXTRACT(DAYOFWEEK FROM x) + 5, 7) + 1)",  # DAYOFWEEK is 1 on Sunday
        "databricks": "EXTRACT(DAYOFWEEK_ISO FROM x)",
        "snowflake": "DATE_PART(DAYOFWEEKISO, x)",
        "clickhouse": "toDayOfWeek(x)",
    },
}
"""EPOCH: seconds from 1970 to `x`, with fraction. ISODOW: weekday of `x`, from 1 (Monday) to 7."""


def _time_part(node: exp.Expr, dialect: str) -> exp.Expr:
    """Only DuckDB and PostgreSQL have EXTRACT(EPOCH …) and EXTRACT(ISODOW …). sqlglot does not translate them."""
    sql = _TIME_PARTS.get(node.name.upper(), {}).get(dialect) if isinstance(node, exp.Extract) else None
    if sql is None:
        return node
    parsed = sqlglot.parse_one(sql, read=dialect)
    for x in list(parsed.find_all(exp.Column)):
        x.replace(node.expression)
    return parsed


def _period(node: exp.Expr, dialect: str) -> exp.Expr:
    """DATE_TRUNC('WEEK', x) goes back to Monday. sqlglot writes BigQuery's TIMESTAMP_TRUNC, which rejects dates and
    goes back to Sunday."""
    if dialect != "bigquery" or not isinstance(node, exp.TimestampTrunc):
        return node
    unit = node.args["unit"].name.upper()
    return exp.Anonymous(this="DATE_TRUNC", expressions=[node.this, exp.var("ISOWEEK" if unit == "WEEK" else unit)])


def _instant_of(node: exp.Expr, dialect: str) -> exp.Expr:
    """CAST(x AS TIMESTAMP) AT TIME ZONE z is the instant at which clocks in z show x. sqlglot translates every AT TIME
    ZONE as the opposite: the local time in z of an instant."""
    if not (isinstance(node, exp.AtTimeZone) and isinstance(node.this, exp.Cast) and _is_local(node.this)):
        return node
    local, zone = node.this, node.args["zone"]
    match dialect:
        case "bigquery":
            return exp.Anonymous(this="TIMESTAMP", expressions=[local, zone])
        case "databricks":
            return exp.Anonymous(this="TO_UTC_TIMESTAMP", expressions=[local, zone])
        case "snowflake":
            return exp.Anonymous(this="CONVERT_TIMEZONE", expressions=[zone, exp.Literal.string("UTC"), local])
        case _:
            return node


def _is_local(cast: exp.Cast) -> bool:
    return bool(cast.to.is_type(exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ))
