"""Configuration: what dlt's configuration providers hold of this connector's settings, and where each value stands.

Input:  dlt's providers, in dlt's order: the environment first, then .dlt/secrets.toml, .dlt/config.toml and whatever
        else is registered (Airflow, a vault).
Output: raw values with their place, for `settings`, which knows what they may be.

Values are asked for under their whole section. dlt's own resolution would go on to ever shorter names and, where a knob
is not set, take a variable called BASE_URL or SCOPES that belongs to something else.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigProviderException, ConfigurationValueError
from dlt.common.configuration.providers import EnvironProvider
from dlt.common.configuration.providers.provider import ConfigProvider
from dlt.common.configuration.utils import deserialize_value
from dlt.common.typing import TSecretStrValue

from bookings_sync.config.locations import SECRETS_FILE, SECTION
from bookings_sync.errors import ConfigurationError

LOCATION_FIELDS = ("api_key", "location_id", "timezone")
_ENV_LOCATIONS = "SOURCES__BOOKINGS__LOCATIONS"


@dataclass(slots=True)
class Found:
    """Values and, by dotted key, the place each was found in: a file or an environment variable."""

    knobs: dict[str, Any] = field(default_factory=dict)
    locations: dict[str, dict[str, str]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)


def providers() -> Sequence[ConfigProvider]:
    """dlt's providers, the strongest first. Raises ConfigurationError where a file is not TOML."""
    try:
        return dlt.config.config_providers
    except ConfigProviderException as error:
        file = SECRETS_FILE if "secrets.toml" in str(error).splitlines()[0] else ".dlt/config.toml"
        problem = f"not TOML: {str(error).splitlines()[-1]}"
        raise ConfigurationError(problem, key="the whole file", where=file, fix="Mend that line.") from None


def find_knobs(names: dict[str, type[Any]], section: str, found: Found, *, strict: bool) -> None:
    """Adds to `found` the knobs of `section` that are set, each of the type in `names`.

    With `strict`, any other key of the section is an error; else only one that looks like a knob misspelt.
    Raises ConfigurationError.
    """
    for provider in providers():
        for name, place in _keys(provider, section):
            if name not in names:
                _check_unknown(name, names, section, place, strict=strict)
    for name, hint in names.items():
        value, place = find(f"{section}.{name}")
        if value is None:
            continue
        found.places[f"{section}.{name}"] = place
        try:
            found.knobs[name] = deserialize_value(name, value, hint)
        except ConfigurationValueError:
            fix = 'Write a list such as ["service"].' if hint is list else f"Write a value of type {hint.__name__}."
            problem = f"{value!r} is not a {hint.__name__}"
            raise ConfigurationError(problem, key=f"{section}.{name}", where=place, fix=fix) from None


def find(key: str, among: Iterable[ConfigProvider] | None = None, hint: Any = str) -> tuple[Any, str]:
    """The value at the dotted `key` and the place it stands in; (None, "") where it is not set."""
    *sections, name = key.split(".")
    return _find(name, sections, providers() if among is None else among, hint)


def _find(name: str, sections: Sequence[str], among: Iterable[ConfigProvider], hint: Any) -> tuple[Any, str]:
    for provider in among:
        value, _ = provider.get_value(name, hint, None, *sections)  # None: of no pipeline in particular
        if value is not None:
            return value, _place(provider, name, sections)
    return None, ""


def find_locations(found: Found) -> None:
    """Adds to `found` the configured locations. Raises ConfigurationError.

    Strongest first: one variable per value (`SOURCES__BOOKINGS__LOCATIONS__<NAME>__API_KEY`; a name not in any file is
    taken in lower case), all locations as JSON in `SOURCES__BOOKINGS__LOCATIONS`, which stands instead of those of the
    files, and the files' `[sources.bookings.locations.<name>]`.
    """
    among = list(providers())
    environment: list[ConfigProvider] = [provider for provider in among if isinstance(provider, EnvironProvider)]
    whole = os.environ.get(_ENV_LOCATIONS)
    tables: dict[str, dict[str, Any]] = {}
    if whole is not None:
        tables = _checked_tables(_from_json(whole), f"environment variable {_ENV_LOCATIONS}")
        among = environment
    else:
        for provider in reversed([provider for provider in among if provider not in environment]):
            value, place = find(SECTION, [provider], dict)
            for name, table in _checked_tables(value or {}, place).items():
                tables.setdefault(name, {}).update(table)
    for name in _names_in_environment(tables):
        tables.setdefault(name, {})

    sections = SECTION.split(".")
    for name, table in tables.items():
        values = found.locations[name] = {}
        for field_name in LOCATION_FIELDS:
            value, place = _find(field_name, [*sections, name], among, TSecretStrValue)
            if value is None and (value := table.get(field_name)) is not None:
                place = f"environment variable {_ENV_LOCATIONS}"
            if value is None:
                continue
            key = f"{SECTION}.{name}.{field_name}"
            if field_name == "api_key" and place == ".dlt/config.toml":
                fix = f"Move it to {SECRETS_FILE}, and take a new key if the file was ever committed."
                raise ConfigurationError("a secret in a file that is committed", key=key, where=place, fix=fix)
            if not isinstance(value, str):
                raise ConfigurationError("not a text", key=key, where=place, fix="Write it in quotes.")
            values[field_name] = value.strip()
            found.places[key] = place


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        fix = 'Write {"<name>": {"api_key": "…"}}.'
        where = f"environment variable {_ENV_LOCATIONS}"
        raise ConfigurationError("not JSON", key=SECTION, where=where, fix=fix) from None


def _checked_tables(value: Any, place: str) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict) or not all(isinstance(table, dict) for table in value.values()):
        fix = f'Write a section [{SECTION}.<name>] with api_key = "…" for each.'
        raise ConfigurationError("locations are sections, one by name", key=SECTION, where=place, fix=fix)
    for name, table in value.items():
        for key in table:
            if key not in LOCATION_FIELDS:
                _check_unknown(key, LOCATION_FIELDS, f"{SECTION}.{name}", place, strict=True)
    return value


def _names_in_environment(known: Iterable[str]) -> Iterator[str]:
    """Names of locations that have a variable of their own, spelt as in the files where they stand there too."""
    spelling = {name.upper(): name for name in known}
    for variable in os.environ:
        if not variable.startswith(f"{_ENV_LOCATIONS}__"):
            continue
        name, _, field_name = variable.removeprefix(f"{_ENV_LOCATIONS}__").rpartition("__")
        name = spelling.get(name, name.lower())
        if field_name.lower() not in LOCATION_FIELDS or not name:
            place = f"environment variable {variable}"
            _check_unknown(field_name.lower(), LOCATION_FIELDS, f"{SECTION}.{name or '<name>'}", place, strict=True)
        yield name


_DLT_OWN = frozenset({"data_writer", "extract", "normalize", "schema"})
"""Sections that dlt itself reads below a source's (dlt's documentation, performance and schema settings)."""


def _keys(provider: ConfigProvider, section: str) -> Iterator[tuple[str, str]]:
    """The keys that stand directly in `section`, with their places."""
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
    known = [*known, "locations"] if section == SECTION.rpartition(".")[0] else list(known)
    if name in known or name in _DLT_OWN:
        return
    nearest = difflib.get_close_matches(name, known, 1, 0.6 if strict else 0.8)
    if nearest or strict:
        fix = f"Did you mean {nearest[0]}?" if nearest else f"Known are: {', '.join(known)}."
        raise ConfigurationError("no such setting", key=f"{section}.{name}", where=place, fix=fix)


def _place(provider: ConfigProvider, name: str, sections: Sequence[str]) -> str:
    if isinstance(provider, EnvironProvider):
        return f"environment variable {provider.get_key_name(name, *sections)}"
    return f".dlt/{provider.name}" if provider.name.endswith(".toml") else provider.name
