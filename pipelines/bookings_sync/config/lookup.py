"""Looks up this connector's settings in dlt's configuration providers, with the place of each value.

Input:  dlt's providers in dlt's order: the environment, .dlt/secrets.toml, .dlt/config.toml, then whatever else is
        registered (Airflow, a vault).
Output: raw values and their places. `load` turns them into `Settings`.

Values are looked up under their full section. dlt's own resolution would also try shorter names: it would take a
variable called BASE_URL or SCOPES that belongs to another program.
"""

from __future__ import annotations

import difflib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import dlt
from dlt.common.configuration.exceptions import (
    ConfigProviderException,
    ConfigurationException,
    ConfigurationValueError,
)
from dlt.common.configuration.providers import EnvironProvider
from dlt.common.configuration.providers.provider import ConfigProvider
from dlt.common.configuration.utils import deserialize_value
from dlt.common.exceptions import MissingDependencyException
from dlt.common.typing import TSecretStrValue

from bookings_sync.config.files import UNREADABLE, file_error, without_unreadable_files
from bookings_sync.config.keys import CONFIG_FILE, LOCATIONS_SECTION, SECRETS_FILE
from bookings_sync.errors import ConfigurationError

log = logging.getLogger(__name__)

COMMITTED_SECRET = "a secret in a file that is committed"  # noqa: S105 - a message
MOVE_SECRET = f"Move it to {SECRETS_FILE}. Replace it if the file was ever committed."

_LOCATION_FIELDS = ("api_key", "location_id", "timezone", "api")
_LOCATIONS_VARIABLE = "SOURCES__BOOKINGS__LOCATIONS"
_SOURCE_SECTION = LOCATIONS_SECTION.rpartition(".")[0]

_DLT_SECTIONS = frozenset({"data_writer", "extract", "normalize", "schema"})
"""Sections that dlt itself reads below a source's section."""


@dataclass(slots=True)
class Found:
    """Values, and by dotted key the place of each: a file or an environment variable."""

    values: dict[str, Any] = field(default_factory=dict)
    locations: dict[str, dict[str, str]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)


def providers() -> Sequence[ConfigProvider]:
    """dlt's providers, highest priority first.

    Raises ConfigurationError if a file cannot be read or is not TOML, or if dlt refuses one of its own options.
    """
    try:
        return dlt.config.config_providers
    except ConfigProviderException as error:
        raise file_error(error) from None
    except (ConfigurationException, MissingDependencyException, ValueError) as error:
        problem = "dlt refuses its value" if not isinstance(error, MissingDependencyException) else "needs a package"
        key = (
            getattr(error, "field_name", "") or ", ".join(getattr(error, "dependencies", ())) or "log_level, log_format"
        )
        where, fix = f"[runtime] or [providers] of {CONFIG_FILE} or the environment", "Correct or remove the option."
        raise ConfigurationError(problem, key=key, where=where, fix=fix) from None


def ignore_unreadable_files() -> None:
    """Reads the configuration without the files that this user may not read. For commands that need no secret."""
    with without_unreadable_files() as ignored:
        providers()
    for file in ignored:
        log.warning("%s %s, so its settings are unknown", file, UNREADABLE)


def find(key: str, among: Iterable[ConfigProvider] | None = None, hint: Any = str) -> tuple[Any, str]:
    """The value at the dotted `key` and its place; (None, "") if it is not set."""
    *sections, name = key.split(".")
    return _find(name, sections, providers() if among is None else among, hint)


def _find(name: str, sections: Sequence[str], among: Iterable[ConfigProvider], hint: Any) -> tuple[Any, str]:
    for provider in among:
        value, _ = provider.get_value(name, hint, None, *sections)  # None: for any pipeline
        if value is not None:
            return value, _place(provider, name, sections)
    return None, ""


def find_settings(types: dict[str, type[Any]], section: str, found: Found, *, strict: bool) -> None:
    """Adds the settings of `section` to `found`, each converted to its type.

    With `strict`, any other key of the section is an error; without, only a key that looks like a misspelt setting.
    Raises ConfigurationError.
    """
    for provider in providers():
        for name, place in _keys(provider, section):
            if name not in types:
                _check_unknown(name, types, section, place, strict=strict)
    for name, type_ in types.items():
        value, place = find(f"{section}.{name}")
        if value is None:
            continue
        found.places[f"{section}.{name}"] = place
        try:
            found.values[name] = deserialize_value(name, value, type_)
        except ConfigurationValueError:
            fix = 'Write a list such as ["service"].' if type_ is list else f"Write a value of type {type_.__name__}."
            problem = f"{value!r} is not a {type_.__name__}"
            raise ConfigurationError(problem, key=f"{section}.{name}", where=place, fix=fix) from None


# -- locations ---------------------------------------------------------------------------------------------------------


def find_locations(found: Found) -> None:
    """Adds the configured locations to `found`. Raises ConfigurationError.

    Sources, highest priority first:

    1. One variable per value: `SOURCES__BOOKINGS__LOCATIONS__<NAME>__API_KEY`. A name that is in no file becomes lower
       case.
    2. All locations as JSON in `SOURCES__BOOKINGS__LOCATIONS`, which replaces the locations of the files.
    3. The files' sections `[sources.bookings.locations.<name>]`.
    """
    among = list(providers())
    environment: list[ConfigProvider] = [provider for provider in among if isinstance(provider, EnvironProvider)]
    as_json = os.environ.get(_LOCATIONS_VARIABLE)
    tables: dict[str, dict[str, Any]] = {}
    if as_json is not None:
        tables = _checked_tables(_from_json(as_json), f"environment variable {_LOCATIONS_VARIABLE}")
        among = environment
    else:
        for provider in reversed([provider for provider in among if provider not in environment]):
            value, place = find(LOCATIONS_SECTION, [provider], dict)
            for name, table in _checked_tables(value or {}, place).items():
                tables.setdefault(name, {}).update(table)
    for name in _names_in_environment(tables):
        tables.setdefault(name, {})
    for name, table in tables.items():
        _find_location(name, table, among, found)


def _find_location(name: str, table: dict[str, Any], among: Iterable[ConfigProvider], found: Found) -> None:
    values = found.locations[name] = {}
    for field_name in _LOCATION_FIELDS:
        value, place = _find(field_name, [*LOCATIONS_SECTION.split("."), name], among, TSecretStrValue)
        if value is None and (value := table.get(field_name)) is not None:
            place = f"environment variable {_LOCATIONS_VARIABLE}"
        if value is None:
            continue
        key = f"{LOCATIONS_SECTION}.{name}.{field_name}"
        if field_name == "api_key" and place == CONFIG_FILE:
            raise ConfigurationError(COMMITTED_SECRET, key=key, where=place, fix=MOVE_SECRET)
        if not isinstance(value, str):
            raise ConfigurationError("not a text", key=key, where=place, fix="Write it in quotes.")
        values[field_name] = value.strip()
        found.places[key] = place


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        fix = 'Write {"<name>": {"api_key": "…"}}.'
        where = f"environment variable {_LOCATIONS_VARIABLE}"
        raise ConfigurationError("not JSON", key=LOCATIONS_SECTION, where=where, fix=fix) from None


def _checked_tables(value: Any, place: str) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict) or not all(isinstance(table, dict) for table in value.values()):
        fix = f'Write a section [{LOCATIONS_SECTION}.<name>] with api_key = "…" for each location.'
        raise ConfigurationError("not a section per location", key=LOCATIONS_SECTION, where=place, fix=fix)
    for name, table in value.items():
        for key in table:
            if key not in _LOCATION_FIELDS:
                _check_unknown(key, _LOCATION_FIELDS, f"{LOCATIONS_SECTION}.{name}", place, strict=True)
    return value


def _names_in_environment(known: Iterable[str]) -> Iterator[str]:
    """Names of locations that have variables of their own, spelt as in the files if they are there too."""
    spelling = {name.upper(): name for name in known}
    for variable in os.environ:
        if not variable.startswith(f"{_LOCATIONS_VARIABLE}__"):
            continue
        name, _, field_name = variable.removeprefix(f"{_LOCATIONS_VARIABLE}__").rpartition("__")
        name = spelling.get(name, name.lower())
        if field_name.lower() not in _LOCATION_FIELDS or not name:
            section, place = f"{LOCATIONS_SECTION}.{name or '<name>'}", f"environment variable {variable}"
            _check_unknown(field_name.lower(), _LOCATION_FIELDS, section, place, strict=True)
        yield name


# -- keys that are no settings -----------------------------------------------------------------------------------------


def _keys(provider: ConfigProvider, section: str) -> Iterator[tuple[str, str]]:
    """The keys directly in `section`, with their places."""
    if isinstance(provider, EnvironProvider):
        prefix = section.replace(".", "__").upper() + "__"
        for variable in os.environ:
            if variable.startswith(prefix):
                yield variable.removeprefix(prefix).split("__")[0].lower(), f"environment variable {variable}"
        return
    table, place = find(section, [provider], dict)
    for name in table if isinstance(table, dict) else ():
        yield name, place


def _check_unknown(name: str, known: Iterable[str], section: str, place: str, *, strict: bool) -> None:
    known = [*known, "locations"] if section == _SOURCE_SECTION else list(known)
    if name in known or name in _DLT_SECTIONS:
        return
    nearest = difflib.get_close_matches(name, known, 1, 0.6 if strict else 0.8)
    if nearest or strict:
        fix = f"Did you mean {nearest[0]}?" if nearest else f"Known are: {', '.join(known)}."
        raise ConfigurationError("no such setting", key=f"{section}.{name}", where=place, fix=fix)


def _place(provider: ConfigProvider, name: str, sections: Sequence[str]) -> str:
    if isinstance(provider, EnvironProvider):
        return f"environment variable {provider.get_key_name(name, *sections)}"
    return f".dlt/{provider.name}" if provider.name.endswith(".toml") else provider.name
