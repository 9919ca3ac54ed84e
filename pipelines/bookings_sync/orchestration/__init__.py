"""Orchestrators: each wraps the same calls as the command, `pipeline.sync` and `transform.transform`.

Input:  what an orchestrator hands down: a partition, a data interval, the time.
Output: the warehouse, synced and transformed, and what the orchestrator shows of it. Last room of the flow.

Nothing outside this package imports Dagster or Airflow, and nothing in it imports the other: each has an environment of
its own (`make dagster`, `make airflow`), so that neither's pins bind the connector.
"""
