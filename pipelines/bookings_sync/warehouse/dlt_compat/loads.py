"""Overrides for one load: its order, its transactions, its timestamps, its memory and its log messages."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
from dlt.destinations import duckdb
from pendulum import DateTime


def merge_in_one_transaction(destination: Any) -> None:
    """Makes the statements of a merge one transaction.

    The capabilities of dlt's DuckDB and PostgreSQL destinations leave `supports_transactions` unset, so dlt opens no
    transaction. A run killed between the UPDATE that ends a version and the INSERT of its successor leaves a record
    without a current version. (dlt opens one if the SQL contains "create", "alter" or "drop", even in a column's name.)
    """
    if destination.capabilities().supports_ddl_transactions:
        destination.caps_params["supports_transactions"] = True


def load_one_table_at_a_time(destination: Any) -> None:
    """Makes DuckDB load tables one after another. In parallel they take more memory and no less time."""
    if isinstance(destination, duckdb):
        destination.caps_params["loader_parallelism_strategy"] = "sequential"


def start_versions_at(package: Any, started_at: DateTime) -> None:
    """Sets the instant at which the versions of this load begin, and at which their predecessors end.

    dlt takes the time at which it created the load package, from the machine's clock. Its hint `boundary_timestamp`
    would set another time, but it is part of the schema: each load would store a new schema version (dlt#1776 asks for
    a column instead).
    """
    package["state"]["created_at"] = started_at


class ResourceOrder:
    """Lets the resources of a source run one after another. Each one waits while `is_next` is False.

    dlt takes one item from each resource in turn: resources a and b are read as a1, b1, a2, b2. Its setting
    `extract.next_item_mode = "fifo"` would help, but only a user's configuration can set it.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._ended: set[str] = set()

    def is_next(self, name: str) -> bool:
        """Whether every selected resource before this one has ended."""
        selected = dlt.current.source().selected_resources
        return all(each in self._ended for each in self._names[: self._names.index(name)] if each in selected)

    def is_last(self, name: str) -> bool:
        """Whether all other selected resources have ended."""
        return {*self._ended, name} >= set(dlt.current.source().selected_resources)

    def end(self, name: str) -> bool:
        """Records that a resource has ended. Returns whether it was the last one."""
        self._ended.add(name)
        return self.is_last(name)


def collect_cycles() -> None:
    """Collects garbage after a load. dlt leaves reference cycles of 3 MB a load, which add up over many loads."""
    gc.collect()


@contextmanager
def keep_records_out_of_logs() -> Iterator[None]:
    """Drops dlt's warnings and errors about a failed load, and the tracebacks of its other messages. The failure itself
    is raised.

    dlt logs the database's message. A message such as `Duplicate key "email: someone@example.com"` quotes the record.
    """
    logger = logging.getLogger("dlt")
    logger.addFilter(_is_safe_to_log)
    try:
        yield
    finally:
        logger.removeFilter(_is_safe_to_log)


def _is_safe_to_log(record: logging.LogRecord) -> bool:
    record.exc_info = record.exc_text = None
    folders = set(Path(record.pathname).parts[:-1])
    return record.levelno < logging.WARNING or folders.isdisjoint({"load", "destination", "destinations"})
