"""Loads `Settings` from dlt's configuration: the environment, .dlt/secrets.toml, .dlt/config.toml, other providers.

Input:  dlt's configuration providers (`lookup`).
Output: checked `Settings`. Every mistake is one ConfigurationError that names key, file and fix.
"""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import PurePath

from bookings_sync.config import lookup
from bookings_sync.config.files import check_files
from bookings_sync.config.keys import CONFIG_FILE, LOCATIONS_SECTION, SECRETS_FILE, WAREHOUSE_KEYS, invalid
from bookings_sync.config.locations import Location
from bookings_sync.config.settings import NO_KNOBS, Settings
from bookings_sync.errors import ConfigurationError


def load_settings(*, need_locations: bool = True) -> Settings:
    """The configured settings. Raises ConfigurationError, also if `need_locations` and no location is configured.

    Without `need_locations` no secret may be needed, so a file that this user may not read is left out.
    """
    check_files()
    if not need_locations:
        lookup.ignore_unreadable_files()
    found = lookup.Found()
    types = {each.name: _plain_type(each.default) for each in fields(Settings) if each.name not in NO_KNOBS}
    source = {name: type_ for name, type_ in types.items() if name not in WAREHOUSE_KEYS}
    lookup.find_settings(source, "sources.bookings", found, strict=True)
    # Not strict: dlt itself reads the section [bookings] for the pipeline called `bookings`.
    lookup.find_settings({name: types[name] for name in WAREHOUSE_KEYS}, "bookings", found, strict=False)
    if found.places.get("sources.bookings.pii_key") == CONFIG_FILE:
        raise invalid("pii_key", lookup.COMMITTED_SECRET, lookup.MOVE_SECRET)
    _check_load()
    if need_locations:
        lookup.find_locations(found)
        if not found.locations:
            fix = (
                f'Run `bookings init`, or write api_key = "…" under [{LOCATIONS_SECTION}.<name>], '
                f"or set SOURCES__BOOKINGS__LOCATIONS__<NAME>__API_KEY."
            )
            raise invalid("locations", "no location is configured", fix, SECRETS_FILE)
    try:
        locations = {name: Location(name, **{"api_key": "", **values}) for name, values in found.locations.items()}
        settings = Settings(**found.values, locations=locations)
        if stem := _duckdb_stem(settings):
            settings.check_database(stem)
    except ConfigurationError as error:
        where = found.places.get(error.key, error.where)
        raise ConfigurationError(error.problem, key=error.key, where=where, fix=error.fix) from None
    return settings


def _check_load() -> None:
    """Refuses options of dlt that would falsify the ledger, or that have no effect where a user expects one."""
    value, where = lookup.find("load.raise_on_failed_jobs")
    if str(value).lower() in {"false", "0", "no", "off"}:
        fix = "Remove it. The next run repeats a failed load."
        raise ConfigurationError(
            "would count failed loads as complete", key="load.raise_on_failed_jobs", where=where, fix=fix
        )
    for variable in sorted(os.environ):
        if variable.startswith("BOOKINGS__DESTINATION__"):
            # dlt would take it for the pipeline called `bookings` only, so not for a part of a sharded run.
            problem, where = "a destination's option below a pipeline's name", f"environment variable {variable}"
            fix = f"Call it {variable.removeprefix('BOOKINGS__')}."
            raise ConfigurationError(problem, key="bookings.destination", where=where, fix=fix)


def _plain_type(default: object) -> type:
    """The type that a configured value must have: the default's type, and a list for a tuple."""
    return list if isinstance(default, tuple) else type(default)


def _duckdb_stem(settings: Settings) -> str | None:
    """The name, without suffix, of the DuckDB file in [destination.<name>] credentials; None for other warehouses."""
    kind, _ = lookup.find(f"destination.{settings.destination}.destination_type")
    if (kind or settings.destination).rpartition(".")[2] != "duckdb":
        return None
    credentials, _ = lookup.find(f"destination.{settings.destination}.credentials")
    if isinstance(credentials, dict):
        credentials = credentials.get("database")
    if not isinstance(credentials, str):
        return settings.pipeline_name  # dlt's default file is <pipeline_name>.duckdb
    return PurePath(credentials.removeprefix("duckdb://").partition("?")[0]).stem
