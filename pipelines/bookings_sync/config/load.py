"""Loads `Settings` from dlt's configuration: the environment, .dlt/secrets.toml, .dlt/config.toml, other providers.

Input:  dlt's configuration providers (`lookup`).
Output: checked `Settings`. Every mistake is one ConfigurationError that names the key, the file and the fix.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import PurePath

from bookings_sync.config import lookup
from bookings_sync.config.locations import SECRETS_FILE, Location
from bookings_sync.config.settings import CONFIG_FILE, NO_KNOBS, WAREHOUSE_KEYS, Settings, wrong
from bookings_sync.errors import ConfigurationError


def load_settings(*, need_locations: bool = True) -> Settings:
    """Settings from dlt's configuration; with `need_locations` an error where no location is configured.

    Raises ConfigurationError, which names the file or the environment variable the value stands in.
    """
    found = lookup.Found()
    types = {each.name: _plain_type(each.default) for each in fields(Settings) if each.name not in NO_KNOBS}
    source = {name: hint for name, hint in types.items() if name not in WAREHOUSE_KEYS}
    lookup.find_knobs(source, "sources.bookings", found, strict=True)
    # The section [bookings] is also where dlt looks for what it is told for the pipeline of that name alone.
    lookup.find_knobs({name: types[name] for name in WAREHOUSE_KEYS}, "bookings", found, strict=False)
    if found.places.get("sources.bookings.pii_key") == CONFIG_FILE:
        fix = f"Move it to {SECRETS_FILE}, and take a new key if the file was ever committed."
        raise wrong("pii_key", "a secret in a file that is committed", fix)
    _check_load()
    if need_locations:
        lookup.find_locations(found)
        if not found.locations:
            fix = (
                f'Copy {SECRETS_FILE}.example to {SECRETS_FILE} and write api_key = "…" under '
                "[sources.bookings.locations.<name>], or set SOURCES__BOOKINGS__LOCATIONS__<NAME>__API_KEY."
            )
            raise wrong("locations", "no location is configured", fix, SECRETS_FILE)
    try:
        locations = {
            name: Location(name, values.get("api_key", ""), values.get("location_id"), values.get("timezone"))
            for name, values in found.locations.items()
        }
        settings = Settings(**found.knobs, locations=locations)
        if stem := _duckdb_stem(settings):
            settings.check_database(stem)
    except ConfigurationError as error:
        where = found.places.get(error.key, error.where)
        raise ConfigurationError(error.problem, key=error.key, where=where, fix=error.fix) from None
    return settings


def _check_load() -> None:
    """dlt can be told to count a load as complete although a table of it failed: the ledger would believe it."""
    value, where = lookup.find("load.raise_on_failed_jobs")
    if str(value).lower() in {"false", "0", "no", "off"}:
        fix = "Remove it: a load that failed is done again by the next run."
        raise ConfigurationError(
            "would make failed loads count as complete", key="load.raise_on_failed_jobs", where=where, fix=fix
        )


def _plain_type(default: object) -> type:
    """The type a configured value must have, as its default shows it; a tuple is written as a list."""
    return list if isinstance(default, tuple) else type(default)


def _duckdb_stem(settings: Settings) -> str | None:
    """The stem of the DuckDB file that [destination.<name>] credentials names; None where there is none to be known."""
    kind, _ = lookup.find(f"destination.{settings.destination}.destination_type")
    if (kind or settings.destination).rpartition(".")[2] != "duckdb":
        return None
    credentials, _ = lookup.find(f"destination.{settings.destination}.credentials")
    if isinstance(credentials, dict):
        credentials = credentials.get("database")
    if not isinstance(credentials, str):
        return settings.pipeline_name  # dlt's own default: <pipeline_name>.duckdb
    return PurePath(credentials.removeprefix("duckdb://").partition("?")[0]).stem
