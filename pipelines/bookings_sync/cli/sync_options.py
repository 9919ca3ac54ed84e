"""Resolves the options of `bookings sync`: which locations to read, and which time range.

Input:  the options as typed, and dlt's configuration.
Output: settings limited to the chosen locations, and a window. Raises typer.BadParameter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import typer

from bookings_sync.cli.time_options import parse_window
from bookings_sync.clock import utc_now
from bookings_sync.config.load import load_settings
from bookings_sync.config.settings import Settings
from bookings_sync.planning.windows import Window


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """The options as typed. `shard` is INDEX/COUNT, `start` and `end` are --from and --to."""

    locations: tuple[str, ...]
    shard: str | None
    start: str | None
    end: str | None
    full: bool
    accept_deletions: tuple[str, ...] = ()

    def load(self) -> tuple[Settings, Window | None]:
        """Loads the settings. The window is None if no range was given."""
        if self.full and (self.start or self.end):
            raise typer.BadParameter("--full reads all history: leave out --from and --to", param_hint="--full")
        if self.shard is not None and self.locations:
            raise typer.BadParameter("--shard chooses the locations: leave out --location", param_hint="--shard")
        settings = load_settings()
        settings.only(self.accept_deletions)  # raises ConfigurationError for an unknown name
        if self.locations:
            settings = settings.only(self.locations)
        if self.shard is not None:
            settings = _shard(settings, self.shard)
        return settings, parse_window(self.start, self.end, settings, utc_now())


def _shard(settings: Settings, text: str) -> Settings:
    match = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text)
    try:
        if match is not None:
            return settings.shard(int(match[1]), int(match[2]))
    except ValueError:
        pass  # out of range, such as 0/4 or 5/4
    raise typer.BadParameter(
        f"expected INDEX/COUNT with 1 ≤ INDEX ≤ COUNT, for example 3/16, got {text!r}", param_hint="--shard"
    )
