"""Overrides for tables: the hints of a history table, and the schema that dlt derives from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import dlt
from dlt.common.schema import Schema
from dlt.common.schema.typing import TTableSchema
from dlt.destinations import postgres

from bookings_sync.records.tables import TABLES

DIGEST_COLUMN = "row_digest"

DLT_COLUMNS = {
    (table, column)
    for table, column in (
        ("_dlt_loads", "load_id"),
        ("_dlt_version", "version_hash"),
        ("_dlt_pipeline_state", "pipeline_name"),
    )
}
"""One column of each of dlt's own tables."""


def history_hints(key: Iterable[str]) -> dict[str, Any]:
    """The write disposition of a history table: slowly changing dimension, type 2, one current version for each key.

    `destination_scope` replaces dlt's `merge_key`. dlt concatenates the columns of a compound merge key without a
    separator, so a new version of record 3 in location 12 ends the version of record 23 in location 1 (dlt#4244).
    """
    columns = ", ".join(key)
    return {
        "disposition": "merge",
        "strategy": "scd2",
        "row_version_column_name": DIGEST_COLUMN,
        "destination_scope": f"({columns}) IN (SELECT {columns} FROM {{staging_table}})",  # noqa: S608 - our own names
    }


def two_versions(table_name: str) -> str:
    """The message of a load that is refused. `error_text.described` knows how it begins."""
    return f"two current versions of a record in {table_name}: nothing was loaded there. Run bookings doctor"


def key_of(table_name: str) -> str:
    """The columns of a table's key, for SQL."""
    return ", ".join(TABLES[table_name].key if table_name in TABLES else ("id",))


def describe_columns(schema: Schema, descriptions: Mapping[str, Mapping[str, str]]) -> None:
    """Adds column descriptions to the tables of `schema`: table name → column name → description.

    dlt's scd2 hints replace all hints of the digest column. Its description is lost.
    """
    for name in schema.tables.keys() & descriptions.keys():
        columns = schema.tables[name]["columns"]
        for column, description in descriptions[name].items():
            if column in columns:  # a new column is missing until the first rows that have it
                columns[column].setdefault("description", description)


def planned_table(resource_name: str, table_name: str, hints: Mapping[str, Any], *, history: bool) -> TTableSchema:
    """The table as the first load with rows adds it to the schema. Tables can then be created before that load.

    dlt computes a table from a resource's hints, but not all of it: the digest column of an scd2 table has no type and
    is therefore not created. The column of the load, the variant and the mark for seen data come with the first rows.
    """
    resource = dlt.resource([], name=resource_name)
    table = resource.apply_hints(table_name=table_name, **hints).compute_table_schema()
    table["columns"]["_dlt_load_id"] = {"name": "_dlt_load_id", "data_type": "text", "nullable": False}
    if history:
        table["columns"][DIGEST_COLUMN]["data_type"] = "text"
    table["variant_name"] = table_name
    table["x-normalizer"] = {"seen-data": True}
    return table


def create_missing_tables(pipeline: dlt.Pipeline, schema_name: str) -> None:
    """Creates the tables and columns that the warehouse does not have.

    `pipeline.sync_schema` looks into `_dlt_version` only. After `DROP TABLE reads` it creates nothing, because the
    schema's hash is there, and each later load fails.
    """
    with pipeline.destination_client(schema_name) as client:
        client.initialize_storage()
        client.update_stored_schema(force=True)


def append_new_versions(schema: Schema, table_names: Iterable[str]) -> None:
    """Makes this load append to the given history tables. Call it only if no staged row follows an earlier version.

    dlt's scd2 merge copies the rows into a staging dataset first, even for a table without any rows. An append has the
    same result. It is safe only for a database in this process: over a network, dlt may send a file a second time when
    it did not receive the reply to a commit. A merge loads that file once, an append twice.
    """
    for name in table_names:
        schema.tables[name]["write_disposition"] = "append"


def can_load_empty_tables(destination: Any) -> bool:
    """Whether a table without rows can be loaded. On PostgreSQL the first row must create the table.

    dlt passes a Parquet file's record batches to ADBC, without their schema. A file without rows has no batches, so
    loading `[schema.empty_table()]` fails.
    """
    return not isinstance(destination, postgres)
