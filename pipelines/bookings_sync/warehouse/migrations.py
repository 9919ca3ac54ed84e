"""Migrations: bring a warehouse of an earlier version up to date, before a run compares anything with it.

Input:  the raw dataset, and its properties.
Output: the same dataset as this version writes it, without a request to the API. `due` only lists the steps.

There are two kinds. Numbered migrations do what happens once; `VERSION` is the number of the last one. Row digests are
computed again whenever the columns of a table, or the function, are others than those that made them.

Each migration is one transaction together with the fact that it is done, and changes nothing if it is repeated. So it
may be killed at any moment. Callers hold the dataset's lock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.config.settings import Settings
from bookings_sync.dialects import interpretations
from bookings_sync.errors import NewerWarehouseError
from bookings_sync.planning.ledger import Endpoint
from bookings_sync.records.interpretation import Declarations, Interpretation, declared_before
from bookings_sync.records.tables import SERVICE_MEMBERS, SERVICES, TABLES
from bookings_sync.warehouse.properties import Properties
from bookings_sync.warehouse.raw_tables import RawTables
from bookings_sync.warehouse.row_digests import layout, recompute

Facts = Mapping[str, str]

_READ_AS = "read as "
"""Start of the facts about how replies were read, by the ledger's `rules`."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step. `run` returns further facts to write with it."""

    number: int
    reason: str
    run: Callable[[SqlClientBase[Any], Settings], Facts]


def _note_how_replies_were_read(client: SqlClientBase[Any], settings: Settings) -> Facts:
    """Versions before 0.3 did not write down how they read replies."""
    raw = RawTables(client)
    rows = raw.dicts(f"SELECT DISTINCT rules FROM {raw.name('reads')}")  # noqa: S608 - our own names
    found = {str(row["rules"] or "").partition(" ")[0] for row in rows}
    return {_READ_AS + rules: json.dumps(declared_before(settings, rules)) for rules in found}


def _let_numbers_have_fractions(client: SqlClientBase[Any], _: Settings) -> Facts:
    """Versions before 0.3 declared some numbers of services as integers."""
    _widen(client)
    with client.with_staging_dataset():
        _widen(client)
    return {}


def _widen(client: SqlClientBase[Any]) -> None:
    raw = RawTables(client)
    dataset = raw.literal(client.fully_qualified_dataset_name(quote=False).rpartition(".")[2])
    # Do not select from the tables: a query of a missing table would end the transaction.
    rows = raw.dicts(
        "SELECT table_name AS name, column_name AS held FROM information_schema.columns"  # noqa: S608 - our own names
        f" WHERE table_schema = {dataset} AND lower(data_type) = 'bigint'"
    )
    integers = {(row["name"], row["held"]) for row in rows}
    for table in (SERVICES, SERVICE_MEMBERS):
        for column in table.columns:
            if column.type == "double" and (table.name, column.name) in integers:
                name = raw.name(table.name)
                _make_double(client, name, column.name)


def _make_double(client: SqlClientBase[Any], table: str, column: str) -> None:
    """Changes an integer column. DuckLake promotes no integer to a fraction, so there a new column takes its place."""
    if "ducklake" not in type(client).__module__:
        client.execute_sql(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE DOUBLE PRECISION")
        return
    client.execute_sql(f"ALTER TABLE {table} ADD COLUMN {column}_widened DOUBLE")
    client.execute_sql(f"UPDATE {table} SET {column}_widened = {column}")  # noqa: S608 - our own names
    client.execute_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
    client.execute_sql(f"ALTER TABLE {table} RENAME COLUMN {column}_widened TO {column}")


MIGRATIONS = (
    Migration(1, "note how versions before 0.3 read the API's replies", _note_how_replies_were_read),
    Migration(2, "let the numbers of services have fractions", _let_numbers_have_fractions),
)
"""In the order of their numbers. Add new ones at the end."""

VERSION = MIGRATIONS[-1].number


def check_version(facts: Facts) -> None:
    """Raises NewerWarehouseError if a newer program has written the dataset."""
    held = int(facts.get("version", "0"))
    if held > VERSION:
        raise NewerWarehouseError(held, VERSION)


def due(client: SqlClientBase[Any]) -> list[str]:
    """What the next sync will migrate, in words. Empty for a dataset that no sync has filled yet."""
    if not _is_filled(client):
        return []
    facts = Properties(client).read()
    check_version(facts)
    return [each.reason for each in _numbered(facts)] + [_about_digests(name) for name in _with_old_digests(facts)]


def migrate(
    client: SqlClientBase[Any], settings: Settings, *, at: DateTime, announce: Callable[[str], None]
) -> dict[str, str]:
    """Carries out the steps that are due. Returns the facts. `announce` is called with each step that begins, if the
    dataset has rows."""
    properties = Properties(client)
    facts = properties.read()
    check_version(facts)
    wanted = _how_this_program_reads(settings)
    missing = {name: value for name, value in wanted.items() if facts.get(name) != value}
    numbered, tables = _numbered(facts), _with_old_digests(facts)
    if not (numbered or tables or missing):
        return facts
    if not client.has_dataset():
        return facts  # a user's dlt pipeline, before its first load
    is_filled = _is_filled(client)
    existing = _existing_tables(client)
    properties.create()
    for migration in numbered:
        if is_filled:
            announce(f"migration {migration.number}: {migration.reason}")
        with client.begin_transaction():
            found = migration.run(client, settings) if "reads" in existing else {}
            facts |= {**found, "version": str(migration.number)}
            properties.write({**found, "version": str(migration.number)}, at)
    for name in tables:
        if is_filled and name in existing:
            announce(_about_digests(name))
        with client.begin_transaction():
            if name in existing:
                recompute(client, TABLES[name])
            fact = {_digests_of(name): layout(TABLES[name])}
            facts |= fact
            properties.write(fact, at)
    if missing:
        with client.begin_transaction():
            properties.write(missing, at)
    return {**facts, **missing}


def ways_of_reading(facts: Facts) -> dict[str, Declarations]:
    """How this and earlier versions read replies, by the ledger's `rules`."""
    return {
        name.removeprefix(_READ_AS): json.loads(value) for name, value in facts.items() if name.startswith(_READ_AS)
    }


def facts_of_reading(ways: Mapping[str, Declarations]) -> dict[str, str]:
    """The opposite: ways of reading as facts."""
    return {_READ_AS + rules: json.dumps(declarations) for rules, declarations in ways.items()}


def _how_this_program_reads(settings: Settings) -> dict[str, str]:
    ways = [Interpretation.of(settings), *interpretations(settings).values()]
    return facts_of_reading({way.rules[each]: way.of_endpoint(each) for way in ways for each in get_args(Endpoint)})


def _numbered(facts: Facts) -> list[Migration]:
    held = int(facts.get("version", "0"))
    return [each for each in MIGRATIONS if each.number > held]


def _with_old_digests(facts: Facts) -> list[str]:
    histories = [table for table in TABLES.values() if table.history]
    return [table.name for table in histories if facts.get(_digests_of(table.name)) != layout(table)]


def _digests_of(table: str) -> str:
    return f"digests of {table}"


def _about_digests(table: str) -> str:
    return f"compute the row digests of {table} again"


def _is_filled(client: SqlClientBase[Any]) -> bool:
    """Whether a sync has completed a load."""
    raw = RawTables(client)
    return bool(raw.dicts(f"SELECT 1 AS one FROM {raw.name('_dlt_loads')} LIMIT 1"))  # noqa: S608 - our own names


def _existing_tables(client: SqlClientBase[Any]) -> set[str]:
    """Asked beforehand: on PostgreSQL a query of a missing table ends the transaction."""
    raw = RawTables(client)
    names = ("reads", *(table.name for table in TABLES.values() if table.history))
    return {name for name in names if raw.rows(f"SELECT 1 FROM {raw.name(name)} WHERE 1 = 0") is not None}  # noqa: S608
