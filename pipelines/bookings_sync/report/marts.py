"""Marts: runs the report's queries on the published marts.

Input:  dlt's SQL client, the datasets, the report's time.
Output: `Marts.rows`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime
from sqlglot import exp, parse_one

from bookings_sync.models.destination import Datasets, Destination
from bookings_sync.models.dialect import resolve
from bookings_sync.models.errors import ModelError


class Marts:
    """The published marts, at the time `now`. `needed` are the marts that must exist.

    Raises ModelError if a needed mart was never built.
    """

    def __init__(
        self, sql_client: SqlClientBase[Any], datasets: Datasets, now: DateTime, *, needed: Iterable[str]
    ) -> None:
        self._destination = Destination(sql_client, datasets)
        self._now = now
        if not all(self._destination.has("marts", name) for name in needed):
            raise ModelError("there is nothing to report from: run `bookings transform` first")

    def rows(self, sql: str) -> list[Sequence[Any]]:
        """The rows of a SELECT in DuckDB's SQL, with references as `layer.name` and `$now`, like a model's."""
        query = parse_one(sql, read="duckdb")
        assert isinstance(query, exp.Query)  # noqa: S101 - every query of the report is a SELECT
        return list(self._destination.rows(resolve(query, self._destination.table, self._now)))
