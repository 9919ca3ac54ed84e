"""Parses the times that users type: --from, --to, --as-of, --now, and the duration --for.

Input:  a date or an ISO 8601 instant. Without a time zone it means UTC.
Output: instants and windows in UTC, or typer.BadParameter.
"""

from __future__ import annotations

import re

import pendulum
import typer
from pendulum import Date, DateTime
from pendulum.parsing.exceptions import ParserError

from bookings_sync.config.settings import Settings
from bookings_sync.planning.plan import whole_range
from bookings_sync.planning.windows import Window, to_ms


def parse_time(text: str, option: str) -> DateTime:
    """The instant in UTC; a date means its midnight. `option` is named in the error."""
    try:
        parsed = pendulum.parse(text, tz="UTC", exact=True)
    except (ParserError, ValueError):
        parsed = None
    if isinstance(parsed, DateTime):
        return parsed.in_timezone("UTC")
    if isinstance(parsed, Date):
        return pendulum.datetime(parsed.year, parsed.month, parsed.day)
    raise typer.BadParameter(
        f"expected a date such as 2026-01-31 or an instant such as 2026-01-31T08:00:00+01:00, got {text!r}",
        param_hint=option,
    )


def parse_duration(text: str, option: str) -> float:
    """A length of time in seconds: a number and s, m, h or d."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smhd])", text)
    if match is None or not (seconds := float(match[1]) * {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[match[2]]):
        raise typer.BadParameter(
            f"expected a length of time such as 90s, 30m, 1h or 2d, got {text!r}", param_hint=option
        )
    return seconds


def parse_past_time(text: str, option: str, now: DateTime) -> DateTime:
    """Like `parse_time`, but refuses times after `now`."""
    moment = parse_time(text, option)
    if moment > now:
        raise typer.BadParameter(f"expected a time in the past, got {text}", param_hint=option)
    return moment


def parse_window(start: str | None, end: str | None, settings: Settings, now: DateTime) -> Window | None:
    """The window `[--from, --to)`, or None if neither option was given.

    A missing start means `history_start`, a missing end means the horizon.
    """
    if start is None and end is None:
        return None
    whole = whole_range(settings, now)
    start_ms = whole.start_ms if start is None else to_ms(parse_time(start, "--from"))
    end_ms = whole.end_ms if end is None else to_ms(parse_time(end, "--to"))
    if start_ms >= end_ms:
        end_name = "the horizon" if end is None else "--to"
        start_name = "history_start" if start is None else "--from"
        raise typer.BadParameter(f"the range is empty: {end_name} is not after {start_name}", param_hint="--from/--to")
    return Window(start_ms, end_ms)
