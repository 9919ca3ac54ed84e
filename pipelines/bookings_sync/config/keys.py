"""The configuration files, sections and keys. Settings and error messages refer to them by the same names."""

from __future__ import annotations

from bookings_sync.errors import ConfigurationError

CONFIG_FILE = ".dlt/config.toml"
SECRETS_FILE = ".dlt/secrets.toml"
LOCATIONS_SECTION = "sources.bookings.locations"

WAREHOUSE_KEYS = ("destination", "pipeline_name", "raw_dataset", "staging_dataset", "marts_dataset", "keep_copies")
"""Settings of the section [bookings]. All others belong to [sources.bookings]."""


def key_of(name: str) -> str:
    """The dotted configuration key of a field of `Settings`."""
    return f"bookings.{name}" if name in WAREHOUSE_KEYS else f"sources.bookings.{name}"


def invalid(name: str, problem: str, fix: str, where: str = CONFIG_FILE) -> ConfigurationError:
    """An error about a field of `Settings`."""
    return ConfigurationError(problem, key=key_of(name), where=where, fix=fix)
