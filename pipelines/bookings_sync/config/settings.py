"""Settings: every setting of the connector with its type and default.

Input:  keyword arguments, or dlt's configuration (`load.load_settings`).
Output: `Settings`, checked (`checks`). The rest of the package reads no configuration.

The comments in .dlt/config.toml say what each setting does and when to change it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import blake2b

from bookings_sync.config import checks
from bookings_sync.config.checks import HttpTransport, ScopeKind
from bookings_sync.config.keys import SECRETS_FILE, invalid
from bookings_sync.config.locations import Location, location_id_from_key
from bookings_sync.config.privacy import CONTACT_FIELDS, MEMBER_FIELDS, MembersRule, PersonalField, Rule

__all__ = ["NO_KNOBS", "HttpTransport", "Location", "Part", "ScopeKind", "Settings", "location_id_from_key"]

DELETED_WHEN = ("deleted=true", "status=deleted", "appoinmentStatus=deleted", "appointmentStatus=deleted")
"""The successor API has `deleted` (DOC for v2). Whether anything marks a deleted record in v1 is UNK."""

NO_KNOBS = frozenset({"locations", "part", "are_all"})
"""Fields of `Settings` that no single configuration key sets."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a sharded run. `index` counts from 1 to `of`."""

    index: int
    of: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, under its name in .dlt/config.toml. Raises ConfigurationError.

    Days have 24 hours. `history_start` is a date in UTC. Seconds may have a fraction.
    """

    base_url: str = "https://link.amtssl.com/v1"
    v2_base_url: str = "https://services.leadconnectorhq.com"
    v2_sunday: int = 0
    v2_events_version: str = "2021-04-15"
    locations: Mapping[str, Location] = field(default_factory=dict)

    scopes: tuple[ScopeKind, ...] = ("service",)
    include_contacts: bool = True
    contacts_changed_filter: bool = False
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
    daily_limit: int = 200_000
    concurrency: int = 20
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 60.0
    attempts: int = 8
    follow_percent: int = 33
    follow_near_weight: float = 4.0
    http_transport: HttpTransport = "socket"

    pii: Rule = "keep"
    pii_members: MembersRule = "same"
    pii_keep: tuple[str, ...] = ()
    pii_hash: tuple[str, ...] = ()
    pii_drop: tuple[str, ...] = ()
    pii_key: str = field(default="", repr=False)

    deletion_guard_percent: int = 20
    deletion_guard_rows: int = 20
    deletion_evidence_runs: int = 3
    deletion_evidence_hours: int = 6

    unknown_id_statuses: tuple[int, ...] = (400, 404, 422)
    deleted_when: tuple[str, ...] = DELETED_WHEN
    ignored_fields: tuple[str, ...] = ()
    service_id_parameter: str = "calendarId"

    destination: str = "duckdb"
    pipeline_name: str = "bookings"
    raw_dataset: str = "bookings_raw"
    staging_dataset: str = "bookings_staging"
    marts_dataset: str = "bookings_marts"
    keep_copies: int = 2

    part: Part | None = None
    """The part of a sharded run; `shard` sets it."""
    are_all: bool = True
    """Whether `locations` are all that the configuration names; `only` and `shard` clear it."""

    def __post_init__(self) -> None:
        for name in ("base_url", "v2_base_url"):
            object.__setattr__(self, name, getattr(self, name).rstrip("/"))
        object.__setattr__(self, "locations", dict(self.locations))
        for name in ("scopes", "unknown_id_statuses", "deleted_when", "ignored_fields", *checks.PII_LISTS):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        checks.check(self)

    def only(self, names: Collection[str]) -> Settings:
        """These settings for the named locations only. Raises ConfigurationError if one is not configured."""
        for name in names:
            if name not in self.locations:
                known = ", ".join(self.locations) or "none"
                raise invalid(f"locations.{name}", "no such location", f"Configured are: {known}.", SECRETS_FILE)
        chosen = {name: self.locations[name] for name in names}
        return replace(self, locations=chosen, are_all=self.are_all and len(chosen) == len(self.locations))

    def shard(self, index: int, of: int) -> Settings:
        """These settings for the locations of one part of a sharded run; the part may have none.

        The part of a location depends only on its name, so a new location moves no other. All parts that run at the
        same time must have the same `of`; the lock enforces that.
        """
        if not 1 <= index <= of < 1 << 15:
            raise ValueError(f"expected part INDEX of COUNT, for example 3 of 16, got {index} of {of}")
        names = [name for name in self.locations if _stable_hash(name) % of == index - 1]
        return replace(self.only(names), part=Part(index, of), pipeline_name=f"{self.pipeline_name}_{index}_of_{of}")

    @property
    def pii_rules(self) -> dict[PersonalField, Rule]:
        """The privacy rule of each personal field."""
        of_members = self.pii if self.pii_members == "same" else self.pii_members
        rules: dict[PersonalField, Rule] = {
            **dict.fromkeys(CONTACT_FIELDS, self.pii),
            **dict.fromkeys(MEMBER_FIELDS, of_members),
        }
        for name, rule in checks.PII_LISTS.items():
            rules.update(dict.fromkeys(getattr(self, name), rule))
        return rules

    def check_database(self, stem: str) -> None:
        """Raises ConfigurationError if a dataset has the name of the DuckDB file, `stem` without its suffix.

        DuckDB names the catalogue after the file, so every reference to such a dataset would be ambiguous.
        """
        for name in ("raw_dataset", "staging_dataset", "marts_dataset"):
            if getattr(self, name).lower() == stem.lower():
                fix = "Rename the dataset or the file ([destination.duckdb] credentials)."
                raise invalid(name, f"DuckDB finds it ambiguous: the database file is called {stem!r} too", fix)


def _stable_hash(text: str) -> int:
    """A hash that is the same in every process, unlike Python's own."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
