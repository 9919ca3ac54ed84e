"""Checks how a user's dlt pipeline runs the source.

Input:  the source and the load package that dlt is extracting.
Output: nothing, or BookingsError with one sentence.

A load compares the calendar with the warehouse, and writes into the ledger what it has seen. So dlt must load every
row, unchanged, into the tables that were compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dlt
from dlt.extract import DltResource

from bookings_sync.errors import BookingsError

_CHANGES = "add_limit, add_map, add_filter, apply_hints, parallelize, a schema contract, or options of pipeline.run"
_HINTS_OF_ALL = {"columns": {}, "write_disposition": "append"}
"""What dlt notes for a resource without hints of its own. The tables carry the hints."""


def check_use(extract_of: dict[str, Callable[..., Any]]) -> None:
    """Raises BookingsError if the source cannot run as it is. `extract_of` has the generator of each resource."""
    source = dlt.current.source()
    for name, resource in source.selected_resources.items():
        if name not in extract_of or _is_changed(resource, extract_of[name]) or source.schema_contract:
            raise BookingsError(
                f"the resource {name} of bookings_source was changed ({_CHANGES}), so its rows would not be what the "
                "ledger says. Only with_resources is possible: change the loaded tables in SQL."
            )
    package = dlt.current.load_package_state()["state"]
    if package.get("dropped_tables") or package.get("truncated_tables"):
        raise BookingsError(
            "refresh would remove rows that this load compares the calendar with, and they would not come back. "
            "Run without refresh, or drop the dataset first."
        )


def taken_twice(name: str) -> BookingsError:
    """The error of a load package that holds the resource twice."""
    return BookingsError(
        f"one pipeline.run holds the resource {name} of bookings_source twice. Run the two sources one after another."
    )


def _is_changed(resource: DltResource, extract: Callable[..., Any]) -> bool:
    pipe = resource._pipe
    return pipe.steps != [extract] or resource.incremental is not None or resource._hints != _HINTS_OF_ALL
