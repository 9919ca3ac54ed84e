"""The knobs of [observe], which .dlt/config.toml explains.

Input:  dlt's configuration.
Output: `Observing`, checked. Raises ConfigurationError.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit

from bookings_sync.config import lookup
from bookings_sync.config.checks import is_loopback
from bookings_sync.config.keys import CONFIG_FILE, SECRETS_FILE
from bookings_sync.errors import ConfigurationError

EVENTS = ("failed", "partial", "stale", "schema")


@dataclass(frozen=True, slots=True)
class Observing:
    """What is told, and where to. `notify_webhook` is a secret: who has it may write."""

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
                raise _wrong("notify_on", f"{event!r} is no event", f"Choose from {list(EVENTS)}.")
        if self.stale_after_hours < 1:
            raise _wrong("stale_after_hours", f"{self.stale_after_hours} is too small", "Write 1 or more.")
        if self.notify_webhook and not _is_safe(self.notify_webhook):
            raise _wrong("notify_webhook", "not an https address", "Write the whole address.", SECRETS_FILE)

    @property
    def notifies(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self.notify_command or self.notify_webhook)


def load_observing() -> Observing:
    """From dlt's configuration. Raises ConfigurationError, which names key, place and fix."""
    found = lookup.Found()
    types = {each.name: list if isinstance(each.default, tuple) else type(each.default) for each in fields(Observing)}
    lookup.find_settings(types, "observe", found, strict=True)
    if found.places.get("observe.notify_webhook") == CONFIG_FILE:
        fix = f"Move it to {SECRETS_FILE}, and take a new one if the file was ever committed."
        raise _wrong("notify_webhook", "a secret in a file that is committed", fix)
    return Observing(**found.values)


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url)))
    except ValueError:
        return False


def _wrong(name: str, problem: str, fix: str, where: str = CONFIG_FILE) -> ConfigurationError:
    return ConfigurationError(problem, key=f"observe.{name}", where=where, fix=fix)
