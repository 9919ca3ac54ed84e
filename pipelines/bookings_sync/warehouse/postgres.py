"""PostgreSQL: the check of the server, the indexes of the raw tables, and the removal of stale staging datasets."""

from __future__ import annotations

import re
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.config.settings import Part
from bookings_sync.errors import ConfigurationError

_CURRENT = "WHERE _dlt_valid_to IS NULL"

_INDEXES = {
    # Hash indexes: an id may be longer than a btree index accepts.
    "appointments": ("btree (location_id, start_time)", "hash (id)"),
    "contacts": ("hash (id)",),
    "contact_custom_fields": ("hash (contact_id)",),
    "slots": ("btree (location_id, start_time)",),
}
"""The diff queries the growing tables by key or time. Without an index each query reads the whole table."""


def check_server(client: SqlClientBase[Any]) -> None:
    """Raises ConfigurationError, before anything is written, if the server, the database or the role does not fit.

    Otherwise a load fails in the middle, or row-level security hides rows, which would look new.
    """
    sql = (
        "SELECT current_database(), current_user, current_setting('server_encoding'), pg_is_in_recovery(),"
        " current_setting('transaction_read_only') = 'on', has_database_privilege(current_database(), 'CREATE')"
    )
    ((database, role, encoding, is_standby, is_read_only, creates),) = client.execute_sql(sql) or ()
    where = f"the database {database}"
    if encoding != "UTF8":
        fix = "Create the database with ENCODING 'UTF8' TEMPLATE template0."
        raise ConfigurationError(f"{encoding} cannot hold every text", key="server_encoding", where=where, fix=fix)
    if is_standby:
        fix = "Connect to the primary server."
        raise ConfigurationError("the server is a standby, which is read-only", key="host", where=where, fix=fix)
    if is_read_only:
        fix = f"ALTER ROLE {role} SET default_transaction_read_only = off, also if the whole database is read-only."
        raise ConfigurationError(
            "a sync and a transform have to write", key="default_transaction_read_only", where=where, fix=fix
        )
    needed = {client.dataset_name, client.staging_dataset_name}
    sql = "SELECT nspname, has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE') FROM pg_namespace"
    rows: Any = client.execute_sql(sql)
    schemas: dict[str, bool] = dict(rows)
    if not creates and (missing := sorted(needed - schemas.keys())):
        fix = f"GRANT CREATE ON DATABASE {database} TO {role}, or create the schemas with AUTHORIZATION {role}."
        problem = f"the role {role} may not create the schemas {', '.join(missing)}"
        raise ConfigurationError(problem, key="CREATE", where=where, fix=fix)
    if closed := sorted(name for name in needed & schemas.keys() if not schemas[name]):
        fix = f"GRANT USAGE, CREATE ON SCHEMA {', '.join(closed)} TO {role}."
        problem = f"the role {role} may not create tables in {', '.join(closed)}"
        raise ConfigurationError(problem, key="CREATE", where=where, fix=fix)
    sql = (
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relrowsecurity AND row_security_active(c.oid) ORDER BY 1"
    )
    if hidden := [name for (name,) in client.execute_sql(sql, client.dataset_name) or ()]:
        fix = f"ALTER ROLE {role} BYPASSRLS, or make the role the owner of the tables."
        problem = f"policies may hide rows of {', '.join(hidden)}, and hidden rows would be loaded again"
        raise ConfigurationError(problem, key="row_security", where=where, fix=fix)


def create_indexes(client: SqlClientBase[Any]) -> None:
    """Creates missing indexes. `client` is open on the raw dataset, and its tables exist."""
    rows = client.execute_sql("SELECT indexname FROM pg_indexes WHERE schemaname = %s", client.dataset_name)
    existing = {name for (name,) in rows or ()}
    for table, indexes in _INDEXES.items():
        for index in indexes:
            name = f"{table}_current_{index.partition(' ')[0]}"
            # `CREATE INDEX IF NOT EXISTS` would wait for running loads, even if the index exists.
            if name not in existing:
                qualified = client.make_qualified_table_name(table)
                client.execute_sql(f"CREATE INDEX {name} ON {qualified} USING {index} {_CURRENT}")


def drop_stale_staging(client: SqlClientBase[Any], part: Part | None) -> None:
    """Drops the staging datasets of sharded runs with another number of parts than this one.

    `client` is open on the raw dataset. The caller holds the dataset's lock, so no such run is active.
    """
    rows = client.execute_sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", r"%\_of\_%")
    for (name,) in rows or ():
        match = re.fullmatch(rf"{client.dataset_name}_staging_[0-9]+_of_([0-9]+)", name)
        if match and not (part and int(match[1]) == part.of):
            with client.with_alternative_dataset_name(name):
                client.drop_dataset()
