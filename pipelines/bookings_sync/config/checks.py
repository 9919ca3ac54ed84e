"""Checks that a `Settings` makes sense. Every check raises a ConfigurationError that names key, file and fix.

Input:  `Settings`.
Output: nothing, or ConfigurationError.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import urlsplit

from bookings_sync.config.keys import SECRETS_FILE, WAREHOUSE_KEYS, invalid
from bookings_sync.config.locations import Location
from bookings_sync.config.privacy import FIELDS, MembersRule, Rule

if TYPE_CHECKING:
    from bookings_sync.config.settings import Settings

ScopeKind = Literal["service", "team", "user"]
"""What appointments can be listed by. It is unknown which of them lists every appointment (UNK), so it is a setting."""

HttpTransport = Literal["socket", "httpx"]
"""What sends requests: our own HTTP/1.1 client over a socket, or httpx's transport."""

SUNDAYS = (0, 1, 6)
"""The numbers that Sunday may have among the days of a week: 6 if the first day, 0, is Monday."""

EVENTS_VERSIONS = ("2021-04-15", "2021-07-28", "2023-02-21", "v3")
"""The published versions of the successor API, by which its events may be asked for (OBS)."""

PII_LISTS: dict[str, Rule] = {"pii_keep": "keep", "pii_hash": "hash", "pii_drop": "drop"}
"""Settings that list fields with another rule than `pii`."""

_SHORTEST_PII_KEY = 16
"""Characters."""


def check(settings: Settings) -> None:
    """Raises ConfigurationError if any setting cannot be right."""
    _check_base_url("base_url", settings.base_url, "https://link.amtssl.com/v1")
    _check_base_url("v2_base_url", settings.v2_base_url, "https://services.leadconnectorhq.com")
    _check_locations(settings.locations)
    _check_choices(settings)
    _check_privacy(settings)
    _check_numbers(settings)
    _check_datasets(settings)


_HOST = r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?"
_URL = re.compile(
    rf"https?://(?:[^\s/@\\?#]*@)?(?:(?P<host>{_HOST})|\[(?P<ipv6>[0-9A-Fa-f:.]+)\])(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?:[/?#][!-\[\]-~]*)?",
    re.IGNORECASE,
)


def is_url(url: str) -> bool:
    """Whether every program reads `url` as the same http(s) address: printable ASCII, a plain host, a possible port.

    Python's urlsplit accepts `http://[::1].evil.invalid`, and takes it for this machine.
    """
    match = _URL.fullmatch(url)
    if match is None or not 0 < int(match["port"] or 443) < 1 << 16:
        return False
    try:
        return match["ipv6"] is None or ipaddress.IPv6Address(match["ipv6"]) is not None
    except ValueError:
        return False


def is_loopback(url: str) -> bool:
    """Whether the URL points to this machine. Raises ValueError if it is not a URL."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_base_url(name: str, url: str, example: str) -> None:
    fix = f"Write the URL that all paths begin with, for example {example}."
    try:
        parts = urlsplit(url)
    except ValueError:
        raise invalid(name, "not a URL", fix) from None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise invalid(name, "not an http(s) URL", fix)
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise invalid(name, "holds a user, a query or a fragment", fix)
    if not is_url(url):
        raise invalid(name, "not a URL", fix)
    if parts.scheme == "http" and not is_loopback(url):
        raise invalid(name, "http would send the API keys unencrypted", "Write https.")


def _check_locations(locations: Mapping[str, Location]) -> None:
    keys: dict[str, str] = {}
    ids: dict[str, str] = {}
    for name, location in locations.items():
        if name != location.name:
            fix = "Use Location.name as the key of the mapping."
            raise invalid(f"locations.{name}", f"holds the location {location.name!r}", fix, SECRETS_FILE)
        if (other := keys.setdefault(location.api_key, name)) != name:
            fix = "Paste this location's own key."
            raise invalid(f"locations.{name}.api_key", f"the same key as {other}'s", fix, SECRETS_FILE)
        if location.location_id is not None and (other := ids.setdefault(location.location_id, name)) != name:
            fix = "Remove one of the two locations."
            raise invalid(f"locations.{name}.location_id", f"the same id as {other}'s", fix, SECRETS_FILE)


def _check_choices(settings: Settings) -> None:
    kinds = get_args(ScopeKind)
    if not settings.scopes or any(kind not in kinds for kind in settings.scopes):
        raise invalid("scopes", f"cannot be {list(settings.scopes)!r}", f"Choose one or more of {list(kinds)}.")
    if len(set(settings.scopes)) < len(settings.scopes):
        raise invalid("scopes", "names a scope twice", "Name each scope once.")
    if settings.http_transport not in get_args(HttpTransport):
        fix = f"Choose one of {list(get_args(HttpTransport))}."
        raise invalid("http_transport", f"cannot be {settings.http_transport!r}", fix)
    if any(not 400 <= status < 500 or status in {401, 403, 429} for status in settings.unknown_id_statuses):
        fix = "List 4xx statuses other than 401, 403 and 429."
        raise invalid("unknown_id_statuses", "holds a status that cannot mean an unknown id", fix)
    for each in settings.deleted_when:
        if not re.fullmatch(r"[\w.-]+(=.+)?", each):
            fix = 'Write FIELD=VALUE, or FIELD for any value: ["deleted=true", "deletedAt"].'
            raise invalid("deleted_when", f"cannot be {each!r}", fix)
    for each in settings.ignored_fields:
        if not re.fullmatch(r"(appointments|contacts|services|teams)(\.[^.\s]+)+", each):
            fix = 'Write the table and the field of the API: ["appointments.joinLink", "services.calendarConfig.link"].'
            raise invalid("ignored_fields", f"cannot be {each!r}", fix)
        if each.partition(".")[2] in ("id", "contact", "contactId", "startTime"):
            raise invalid("ignored_fields", f"cannot be {each!r}", "No record can be loaded without this field.")
    if not re.fullmatch(r"\w+", settings.service_id_parameter):
        raise invalid("service_id_parameter", "not the name of a parameter", "Write one word, such as calendarId.")
    if settings.history_start >= date(2100, 1, 1) or settings.history_start < date(1970, 1, 1):
        raise invalid("history_start", "not between 1970 and 2100", "Write the date of the first booking.")


def _check_privacy(settings: Settings) -> None:
    if settings.pii not in get_args(Rule):
        raise invalid("pii", f"cannot be {settings.pii!r}", f"Choose one of {list(get_args(Rule))}.")
    if settings.pii_members not in get_args(MembersRule):
        fix = f"Choose one of {list(get_args(MembersRule))}."
        raise invalid("pii_members", f"cannot be {settings.pii_members!r}", fix)
    listed_in: dict[str, str] = {}
    for name in PII_LISTS:
        for each in getattr(settings, name):
            if each not in FIELDS:
                raise invalid(name, f"{each!r} is not a personal field", f"Choose from {list(FIELDS)}.")
            if (other := listed_in.setdefault(each, name)) != name:
                raise invalid(name, f"{each!r} is in {other} too", "Give each field one rule.")
    if "hash" in settings.pii_rules.values() and len(settings.pii_key) < _SHORTEST_PII_KEY:
        fix = f"Write at least {_SHORTEST_PII_KEY} random characters and never change them."
        raise invalid("pii_key", "hashing needs a key, and this one is missing or short", fix, SECRETS_FILE)


_AT_LEAST = {
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
    "daily_limit": 1,
    "concurrency": 1,
    "attempts": 1,
    "deletion_guard_percent": 0,
    "deletion_guard_rows": 0,
    "deletion_evidence_runs": 1,
    "deletion_evidence_hours": 0,
    "keep_copies": 1,
}
_SECONDS = ("rate_period_seconds", "connect_timeout_seconds", "read_timeout_seconds")
_LONGEST_SECONDS = 86_400


def _check_numbers(settings: Settings) -> None:
    for name, least in _AT_LEAST.items():
        if getattr(settings, name) < least:
            raise invalid(name, f"{getattr(settings, name)} is too small", f"Write {least} or more.")
    if settings.v2_sunday not in SUNDAYS:
        raise invalid(
            "v2_sunday", f"cannot be {settings.v2_sunday}", "Write 0, 1 if 7 is Saturday, or 6 if 0 is Monday."
        )
    if settings.v2_events_version not in EVENTS_VERSIONS:
        fix = f"Write one of {', '.join(EVENTS_VERSIONS)}."
        raise invalid("v2_events_version", f"cannot be {settings.v2_events_version!r}", fix)
    for name in _SECONDS:
        if not 0 < getattr(settings, name) <= _LONGEST_SECONDS:
            fix = f"Write seconds, more than 0 and at most {_LONGEST_SECONDS}."
            raise invalid(name, f"cannot be {getattr(settings, name)}", fix)
    if not 1 <= settings.follow_percent <= 100:
        raise invalid("follow_percent", f"cannot be {settings.follow_percent}", "Write 1 to 100.")
    if not 0.01 <= settings.follow_near_weight <= 1_000:
        raise invalid("follow_near_weight", f"cannot be {settings.follow_near_weight}", "Write 0.01 to 1000.")
    for name in ("window_days", "max_window_days"):
        days = getattr(settings, name)
        if days & (days - 1):
            raise invalid(name, f"{days} is not a power of two", "Write 1, 2, 4, 8, 16, 32, 64, 128, 256, 512 …")
    if settings.window_days > settings.max_window_days:
        fix = f"Write {settings.max_window_days} or less."
        raise invalid("window_days", f"longer than max_window_days ({settings.max_window_days})", fix)


def _check_datasets(settings: Settings) -> None:
    seen: dict[str, str] = {}
    for name in WAREHOUSE_KEYS:
        value = str(getattr(settings, name))
        if not value.strip():
            raise invalid(name, "empty", "Write a name.")
        if not name.endswith("_dataset"):
            continue
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", value):
            # dlt would silently rename it, and the models would look for the name written here.
            raise invalid(name, f"{value!r} is not a plain name", "Use lower-case letters, digits and underscores.")
        if (other := seen.setdefault(value, name)) != name:
            raise invalid(name, f"the same dataset as {other}", "Give each its own name.")
