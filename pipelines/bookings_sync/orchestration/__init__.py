"""Orchestrators: wrap `sync.pipeline.sync` and `models.transform.transform`, like the commands do.

Input:  what an orchestrator passes in: a partition, a data interval, the time.
Output: the warehouse, synced and transformed, and the figures that the orchestrator shows.

Nothing outside this package imports Dagster or Airflow. Each has its own environment (`make dagster`, `make airflow`),
so that neither restricts the versions of the connector's dependencies.
"""

from __future__ import annotations

POOL = "bookings_warehouse"
"""The pool of all tasks that write to the warehouse. One slot on DuckDB, which allows one writer; more on a server."""
