"""Overrides for every dlt destination: how it is found, named and asked for its capabilities."""

from __future__ import annotations

from typing import Any

from dlt.common.destination import Destination, DestinationCapabilitiesContext
from dlt.common.normalizers.naming import NamingConvention

from bookings_sync.config import lookup
from bookings_sync.config.settings import Part

_MERGE_STRATEGIES = {"scd2", "delete-insert"}
"""The merge strategies that the raw tables use."""


def cache_capabilities(destination: Destination[Any, Any]) -> Destination[Any, Any]:
    """Makes the destination compute its capabilities once. Returns the same object.

    dlt asks for them up to thirty times in a load. Unless it passes the configuration, it looks up every option in the
    environment and in the configuration files. These lookups take half the CPU of a small sync.
    """
    compute = destination.capabilities
    cache: dict[type[NamingConvention | None], DestinationCapabilitiesContext] = {}

    def capabilities(config: Any = None, naming: Any = None) -> DestinationCapabilitiesContext:
        if config is not None:
            return compute(config, naming)
        key = type(naming)
        if key not in cache:
            cache[key] = compute(None, naming)
        result = cache[key].copy()  # dlt modifies the capabilities that it receives
        result.update(destination.caps_params)  # set after the first call, perhaps
        return result

    destination.capabilities = capabilities  # type: ignore[method-assign]
    return destination


def duckdb_path(name: str) -> Any:
    """The `credentials` of a DuckDB destination from any configuration file; None for another type of destination.

    dlt treats credentials as a secret. It raises ValueNotSecretException if config.toml contains
    `[destination.duckdb] credentials = "bookings.duckdb"`, although a path is no secret.
    """
    kind, _ = lookup.find(f"destination.{name}.destination_type")
    if (kind or name).rpartition(".")[2] != "duckdb":
        return None
    return lookup.find(f"destination.{name}.credentials")[0]


def supports_history(destination: Destination[Any, Any]) -> bool:
    """Whether the destination can merge the raw tables.

    For plain files dlt only logs a warning and appends: two versions of one record are then both current (dlt#2481).
    """
    return set(destination.capabilities().supported_merge_strategies or ()) >= _MERGE_STRATEGIES


def staging_layout(part: Part | None) -> dict[str, Any]:
    """Destination options that give each part of a sharded run its own staging dataset.

    dlt truncates the staging tables when a load starts. Two pipelines with one staging dataset delete each other's
    rows (dlt#4297).
    """
    return {"staging_dataset_name_layout": f"%s_staging_{part.index}_of_{part.of}"} if part else {}
