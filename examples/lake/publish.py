"""Exports the reporting tables as Delta or Iceberg tables, each replaced completely. Run it after `bookings transform`.

    python examples/lake/publish.py bookings_read.duckdb file:///srv/lake delta
    python examples/lake/publish.py bookings_read.duckdb s3://bucket/lake iceberg

Needs `pip install 'dlt[deltalake]'` or `pip install 'dlt[pyiceberg]'`. The history stays in the warehouse, because dlt
cannot keep slowly changing dimensions in either format.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Literal

import dlt
import duckdb
import pyarrow as pa

MARTS = "bookings_marts"


def publish(database: str, bucket_url: str, table_format: Literal["delta", "iceberg"]) -> None:
    """Replaces every reporting table in the lake."""
    with duckdb.connect(database, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")

        @dlt.source(name=MARTS)
        def marts() -> Iterator[Any]:
            sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = ?"
            for (name,) in connection.execute(sql, [MARTS]).fetchall():
                table: pa.Table = connection.table(f"{MARTS}.{name}").to_arrow_table()
                yield dlt.resource(table, name=name, write_disposition="replace", table_format=table_format)

        lake = dlt.destinations.filesystem(bucket_url)
        dlt.pipeline("bookings_lake", destination=lake, dataset_name=MARTS).run(marts()).raise_on_failed_jobs()


if __name__ == "__main__":
    _, database_, bucket_url_, format_ = sys.argv
    publish(database_, bucket_url_, "iceberg" if format_ == "iceberg" else "delta")
