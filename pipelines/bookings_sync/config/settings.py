"""Settings: every knob, its default and what it may be.

Input:  dlt's own configuration (environment, .dlt/secrets.toml, .dlt/config.toml, whatever provider is registered), or
        keyword arguments.
Output: `Settings`, checked. Anything missing or impossible is one ConfigurationError that names key, place and fix.

First hop of the flow: everything after it takes a `Settings` and reads no configuration. What each knob means, and when
to change it, is written where it is set: in .dlt/config.toml.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import blake2b
from typing import Literal, get_args
from urllib.parse import urlsplit

from bookings_sync.config.locations import SECRETS_FILE, Location, location_id_from_key
from bookings_sync.config.privacy import FIELDS, Rule
from bookings_sync.errors import ConfigurationError

__all__ = ["Location", "ScopeKind", "Settings", "location_id_from_key"]

ScopeKind = Literal["service", "team", "user"]
"""What appointments can be listed by. Which of them lists everything is UNK (api.md): hence a setting."""

CONFIG_FILE = ".dlt/config.toml"
WAREHOUSE_KEYS = ("destination", "pipeline_name", "raw_dataset", "staging_dataset", "marts_dataset", "keep_copies")


NO_KNOBS = frozenset({"locations", "part"})


def key_of(name: str) -> str:
    """The dotted configuration key of a field of `Settings`."""
    return f"bookings.{name}" if name in WAREHOUSE_KEYS else f"sources.bookings.{name}"


def wrong(name: str, problem: str, fix: str, where: str = CONFIG_FILE) -> ConfigurationError:
    return ConfigurationError(problem, key=key_of(name), where=where, fix=fix)


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a sharded run this is: `index` counts from 1 to `of`."""

    index: int
    of: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Every knob, by the names of .dlt/config.toml, which explains them. Raises ConfigurationError.

    Days are whole days of 24 hours, `history_start` is a date in UTC, seconds may have a fraction.
    """

    base_url: str = "https://link.amtssl.com/v1"
    locations: Mapping[str, Location] = field(default_factory=dict)

    scopes: tuple[ScopeKind, ...] = ("service",)
    include_contacts: bool = True
    slots: bool = True
    slots_horizon_days: int = 31
    slots_days_per_call: int = 31

    history_start: date = date(2015, 1, 1)
    lookback_days: int = 45
    horizon_days: int = 365
    cold_reread_days: int = 30
    window_days: int = 16
    max_window_days: int = 512
    rows_per_reply: int = 5_000
    reply_cap: int = 0
    max_reply_mb: int = 64
    request_budget: int = 20_000
    rows_per_load: int = 400_000
    reads_per_load: int = 5_000

    rate_limit: int = 100
    rate_period_seconds: float = 10.0
    concurrency: int = 20
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 60.0
    attempts: int = 8

    pii: Rule = "keep"
    pii_keep: tuple[str, ...] = ()
    pii_hash: tuple[str, ...] = ()
    pii_drop: tuple[str, ...] = ()
    pii_key: str = field(default="", repr=False)

    unknown_id_statuses: tuple[int, ...] = (400, 404, 422)
    service_id_parameter: str = "calendarId"

    destination: str = "duckdb"
    pipeline_name: str = "bookings"
    raw_dataset: str = "bookings_raw"
    staging_dataset: str = "bookings_staging"
    marts_dataset: str = "bookings_marts"
    keep_copies: int = 2

    part: Part | None = None
    """Which part of a sharded run this is: no knob, `shard` sets it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", self.base_url.rstrip("/"))
        object.__setattr__(self, "locations", dict(self.locations))
        object.__setattr__(self, "scopes", tuple(self.scopes))
        object.__setattr__(self, "unknown_id_statuses", tuple(self.unknown_id_statuses))
        for name in _PII_LISTS:
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _check_base_url(self.base_url)
        _check_locations(self.locations)
        _check_choices(self)
        _check_privacy(self)
        _check_numbers(self)
        _check_datasets(self)

    def only(self, names: Collection[str]) -> Settings:
        """These settings with the named locations alone. Raises ConfigurationError for a name not configured."""
        for name in names:
            if name not in self.locations:
                known = ", ".join(self.locations) or "none"
                raise wrong(f"locations.{name}", "no such location", f"Configured are: {known}.", SECRETS_FILE)
        return replace(self, locations={name: self.locations[name] for name in names})

    def shard(self, index: int, of: int) -> Settings:
        """These settings with the locations of one part of a sharded run, `index` from 1 to `of`; perhaps with none.

        A location's part follows from its name alone, so adding one moves no other. All parts that run at once must
        have the same `of`: the lock sees to it.
        """
        if not 1 <= index <= of < 1 << 15:
            raise ValueError(f"there is no part {index} of {of}")
        names = [name for name in self.locations if _stable_hash(name) % of == index - 1]
        return replace(self.only(names), part=Part(index, of), pipeline_name=f"{self.pipeline_name}_{index}_of_{of}")

    @property
    def pii_rules(self) -> dict[str, Rule]:
        """The privacy rule of each personal field."""
        rules: dict[str, Rule] = dict.fromkeys(FIELDS, self.pii)
        for name, rule in _PII_LISTS.items():
            rules.update(dict.fromkeys(getattr(self, name), rule))
        return rules

    def check_database(self, stem: str) -> None:
        """Raises ConfigurationError where a dataset is named like the DuckDB file `stem`.db: DuckDB calls the catalogue
        by the file's stem, and every reference to such a dataset would be ambiguous."""
        for name in ("raw_dataset", "staging_dataset", "marts_dataset"):
            if getattr(self, name).lower() == stem.lower():
                fix = "Give the dataset or the file another name ([destination.duckdb] credentials)."
                raise wrong(name, f"named like the DuckDB file's stem, {stem!r}: ambiguous to DuckDB", fix)


def _stable_hash(text: str) -> int:
    """The same in every process, as Python's own is not."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _check_base_url(url: str) -> None:
    fix = "Write the address up to and with the version, such as https://link.amtssl.com/v1."
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port  # raises where it is no number
    except ValueError:
        raise wrong("base_url", "not an address", fix) from None
    if parts.scheme not in {"http", "https"} or not host:
        raise wrong("base_url", "not an http(s) address", fix)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise wrong("base_url", "holds a user, a query or a fragment", fix)
    if parts.scheme == "http" and not is_loopback(url):
        raise wrong("base_url", "http would send the keys in the clear; it is for this machine alone", "Write https.")


def _check_locations(locations: Mapping[str, Location]) -> None:
    keys: dict[str, str] = {}
    ids: dict[str, str] = {}
    for name, location in locations.items():
        if name != location.name:
            fix = "Use the same name as key and as Location.name."
            raise wrong(f"locations.{name}", f"holds the location {location.name!r}", fix, SECRETS_FILE)
        if other := keys.setdefault(location.api_key, name) != name and keys[location.api_key]:
            fix = "Each location has its own key: paste this one's."
            raise wrong(f"locations.{name}.api_key", f"the same key as {other}'s", fix, SECRETS_FILE)
        if location.location_id is None:
            continue
        if other := ids.setdefault(location.location_id, name) != name and ids[location.location_id]:
            fix = "Remove one of the two locations."
            raise wrong(f"locations.{name}.location_id", f"the same id as {other}'s", fix, SECRETS_FILE)


def _check_choices(settings: Settings) -> None:
    kinds = get_args(ScopeKind)
    if not settings.scopes or any(kind not in kinds for kind in settings.scopes):
        raise wrong("scopes", f"{list(settings.scopes)!r} is not a choice", f"Choose one or more of {list(kinds)}.")
    if len(set(settings.scopes)) < len(settings.scopes):
        raise wrong("scopes", "names a scope twice", "Name each once.")
    if any(not 400 <= status < 500 or status in {401, 403, 429} for status in settings.unknown_id_statuses):
        fix = "List 4xx statuses other than 401, 403 and 429."
        raise wrong("unknown_id_statuses", "holds a status that cannot mean an unknown id", fix)
    if not re.fullmatch(r"\w+", settings.service_id_parameter):
        raise wrong("service_id_parameter", "not a parameter's name", "Write one word, such as calendarId.")
    if settings.history_start >= date(2100, 1, 1) or settings.history_start < date(1970, 1, 1):
        raise wrong("history_start", "not between 1970 and 2100", "Write the date of the first booking.")


_PII_LISTS: dict[str, Rule] = {"pii_keep": "keep", "pii_hash": "hash", "pii_drop": "drop"}
_SHORTEST_PII_KEY = 16


def _check_privacy(settings: Settings) -> None:
    if settings.pii not in get_args(Rule):
        raise wrong("pii", f"{settings.pii!r} is not a choice", f"Choose one of {list(get_args(Rule))}.")
    ruled: dict[str, str] = {}
    for name in _PII_LISTS:
        for each in getattr(settings, name):
            if each not in FIELDS:
                raise wrong(name, f"{each!r} is not a personal field", f"Choose from {list(FIELDS)}.")
            if ruled.setdefault(each, name) != name:
                raise wrong(name, f"{each!r} stands in {ruled[each]} too", "Give each field one rule.")
    if "hash" in settings.pii_rules.values() and len(settings.pii_key) < _SHORTEST_PII_KEY:
        fix = f'Write pii_key = "…" there: {_SHORTEST_PII_KEY} random characters or more, the same ever after.'
        raise wrong("pii_key", "needed for hashing, and missing or short", fix, SECRETS_FILE)


_LEAST = {
    "slots_horizon_days": 1,
    "slots_days_per_call": 1,
    "lookback_days": 0,
    "horizon_days": 1,
    "cold_reread_days": 1,
    "window_days": 1,
    "max_window_days": 1,
    "rows_per_reply": 1,
    "reply_cap": 0,
    "max_reply_mb": 1,
    "request_budget": 1,
    "rows_per_load": 1,
    "reads_per_load": 1,
    "rate_limit": 1,
    "concurrency": 1,
    "attempts": 1,
    "keep_copies": 1,
}
_POSITIVE = ("rate_period_seconds", "connect_timeout_seconds", "read_timeout_seconds")


def _check_numbers(settings: Settings) -> None:
    for name, least in _LEAST.items():
        if getattr(settings, name) < least:
            raise wrong(name, f"{getattr(settings, name)} is too small", f"Write {least} or more.")
    for name in _POSITIVE:
        if not 0 < getattr(settings, name) <= 86_400:
            raise wrong(name, f"{getattr(settings, name)} is not a length of time", "Write seconds, more than 0.")
    for name in ("window_days", "max_window_days"):
        days = getattr(settings, name)
        if days & (days - 1):
            raise wrong(name, f"{days} is not a power of two", "Write 1, 2, 4, 8, 16, 32, 64, 128, 256, 512 …")
    if settings.window_days > settings.max_window_days:
        raise wrong("window_days", f"longer than max_window_days ({settings.max_window_days})", "Shorten it.")


def _check_datasets(settings: Settings) -> None:
    seen: dict[str, str] = {}
    for name in WAREHOUSE_KEYS:
        value = str(getattr(settings, name))
        if not value.strip():
            raise wrong(name, "empty", "Write a name.")
        if not name.endswith("_dataset"):
            continue
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", value):
            # dlt would rename it in silence, and the models would look for it under the name written here.
            raise wrong(name, f"{value!r} is not a plain name", "Use lower-case letters, digits and underscores.")
        if seen.setdefault(value, name) != name:
            raise wrong(name, f"the same dataset as {seen[value]}", "Give each its own.")


def is_loopback(url: str) -> bool:
    """Whether the address is this machine's own. Raises ValueError where it is no address."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
