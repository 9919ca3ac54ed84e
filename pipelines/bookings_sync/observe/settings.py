"""Settings of [observe]: loads and checks them. .dlt/config.toml explains each key.

Input:  dlt's configuration.
Output: `ObserveSettings`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit

from bookings_sync.config import lookup
from bookings_sync.config.checks import is_loopback, is_url
from bookings_sync.config.keys import CONFIG_FILE, SECRETS_FILE
from bookings_sync.errors import ConfigurationError

EVENTS = ("failed", "partial", "held", "stale", "schema")


@dataclass(frozen=True, slots=True)
class ObserveSettings:
    """The keys of [observe]. `notify_webhook` is a secret: it lets anyone post."""

    metrics_file: str = ""
    openlineage: bool = False
    openlineage_namespace: str = "bookings"
    notify_on: tuple[str, ...] = EVENTS
    notify_command: tuple[str, ...] = ()
    notify_webhook: str = field(default="", repr=False)
    stale_after_hours: int = 24

    def __post_init__(self) -> None:
        object.__setattr__(self, "notify_on", tuple(self.notify_on))
        object.__setattr__(self, "notify_command", tuple(self.notify_command))
        for event in self.notify_on:
            if event not in EVENTS:
                raise _wrong("notify_on", f"{event!r} is not an event", f"Choose from {list(EVENTS)}.")
        if self.stale_after_hours < 1:
            raise _wrong("stale_after_hours", f"{self.stale_after_hours} is too small", "Write 1 or more.")
        if self.notify_webhook and not _is_safe(self.notify_webhook):
            raise _wrong("notify_webhook", "not an https address", "Write the whole address.", SECRETS_FILE)

    @property
    def notifies(self) -> bool:
        """Whether any receiver of notices is configured."""
        return bool(self.notify_command or self.notify_webhook)


def load_observing() -> ObserveSettings:
    """Loads [observe] from dlt's configuration. Raises ConfigurationError."""
    found = lookup.Found()
    types = {
        each.name: list if isinstance(each.default, tuple) else type(each.default) for each in fields(ObserveSettings)
    }
    lookup.find_settings(types, "observe", found, strict=True)
    if found.places.get("observe.notify_webhook") == CONFIG_FILE:
        fix = f"Move it to {SECRETS_FILE}. If the file was ever committed, replace the webhook by a new one."
        raise _wrong("notify_webhook", "a secret in a file that is committed", fix)
    return ObserveSettings(**found.values)


def _is_safe(url: str) -> bool:
    return is_url(url) and (urlsplit(url).scheme == "https" or is_loopback(url))


def _wrong(name: str, problem: str, fix: str, where: str = CONFIG_FILE) -> ConfigurationError:
    return ConfigurationError(problem, key=f"observe.{name}", where=where, fix=fix)
