"""Swap: builds each model's table under a temporary name, then swaps all of them in.

Input:  a destination, models, and their resolved queries.
Output: the live tables, replaced in one transaction if the destination's DDL has transactions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dlt.destinations.exceptions import DatabaseException
from sqlglot import exp

from bookings_sync.models.destination import NEXT, Destination, literal, quoted
from bookings_sync.models.errors import ModelError
from bookings_sync.models.project import Model


def build(destination: Destination, model: Model, query: exp.Query) -> None:
    """Builds `<model>__next`, with its comments."""
    table = destination.table(model.layer, model.name + NEXT)
    destination.execute(exp.Create(this=table, kind="TABLE", expression=query))
    if destination.is_tested:
        # A rename keeps comments, so the table has them before readers see it. One transaction: one commit, not dozens.
        with destination.transaction():
            _comment(destination, model, table)


def drop_unpublished(destination: Destination, models: Iterable[Model]) -> None:
    """Drops `__next` tables that this run or a killed run left behind."""
    existing = destination.tables() if destination.is_tested else None
    for model in models:
        if existing is None or (model.layer, model.name + NEXT) in existing:
            destination.drop(model.layer, model.name + NEXT)


def publish(destination: Destination, models: Sequence[Model]) -> None:
    """Replaces the live tables by the built ones.

    With DDL transactions either all tables are replaced or none. On other destinations each table is replaced in one
    statement, upstream first, so no table is ever missing or half filled.

    PostgreSQL tables are refilled, not dropped. A DROP would lose grants, indexes and views, and would wait for
    readers.
    """
    if not destination.has_ddl_transactions:
        for model in models:
            rows = exp.select("*").from_(destination.table(model.layer, model.name + NEXT))
            live = destination.table(model.layer, model.name)
            destination.execute(exp.Create(this=live, kind="TABLE", expression=rows, replace=True))
        drop_unpublished(destination, models)
        return
    with destination.transaction():
        for model in models:
            if destination.dialect == "postgres" and _columns(destination, model.layer, model.name):
                _refill(destination, model)
            else:
                destination.drop(model.layer, model.name)
                _rename(destination, model)


def _rename(destination: Destination, model: Model) -> None:
    built = destination.sql(destination.table(model.layer, model.name + NEXT))
    name = destination.sql(exp.to_identifier(destination.table(model.layer, model.name).name, quoted=True))
    destination.execute(f"ALTER TABLE {built} RENAME TO {name}")


def _refill(destination: Destination, model: Model) -> None:
    """Moves the built rows into the live table, after its columns are made the same.

    Uses DELETE, not TRUNCATE: TRUNCATE waits for every reader and blocks new ones until the commit. Readers see the old
    rows until the commit; autovacuum reclaims their space. Raises ModelError if a view needs a column that is dropped.
    """
    live, built = (destination.sql(destination.table(model.layer, model.name + suffix)) for suffix in ("", NEXT))
    old, new = (_columns(destination, model.layer, model.name + suffix) for suffix in ("", NEXT))
    for name in [name for name, kind in old.items() if new.get(name) != kind]:
        try:
            destination.execute(f"ALTER TABLE {live} DROP COLUMN {quoted(name)}")
        except DatabaseException as error:
            raise ModelError(
                f"{model.name}: the column {name} is removed or changes its type, but a view or another object depends "
                "on it. Drop that object, run `bookings transform`, and create it again."
            ) from error
    for name in [name for name, kind in new.items() if old.get(name) != kind]:
        destination.execute(f"ALTER TABLE {live} ADD COLUMN {quoted(name)} {new[name]}")
    columns = ", ".join(quoted(name) for name in new)
    destination.execute(f"DELETE FROM {live}")  # noqa: S608 - our own names
    destination.execute(f"INSERT INTO {live} ({columns}) SELECT {columns} FROM {built}")  # noqa: S608 - our own names
    destination.drop(model.layer, model.name + NEXT)
    _comment(destination, model, destination.table(model.layer, model.name))


def _columns(destination: Destination, layer: str, name: str) -> dict[str, str]:
    """Column names and types of a PostgreSQL table; empty if the table does not exist."""
    rows = destination.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        destination.sql(destination.table(layer, name)),
    )
    return {str(column): str(kind) for column, kind in rows}


def _comment(destination: Destination, model: Model, table: exp.Table) -> None:
    name = destination.sql(table)
    comments = [f"COMMENT ON TABLE {name} IS {literal(f'{model.header.grain} {model.header.question}')}"]
    for column, description in model.header.columns.items():
        comments.append(f"COMMENT ON COLUMN {name}.{quoted(column)} IS {literal(description)}")
    destination.execute_many(comments)
