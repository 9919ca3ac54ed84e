"""Times: the clock, and what is typed or shown of time.

Input:  the computer's clock (here alone: everything below is handed its time), and texts.
Output: instants in UTC, windows.
"""

from __future__ import annotations

import pendulum
import typer
from pendulum import Date, DateTime
from pendulum.parsing.exceptions import ParserError

from bookings_sync.config.settings import Settings
from bookings_sync.planning.plan import whole_range
from bookings_sync.planning.windows import Window, to_ms


def instant(text: str, option: str) -> DateTime:
    """A date (its midnight) or an ISO instant, UTC where it names no zone. Raises typer.BadParameter."""
    try:
        parsed = pendulum.parse(text, tz="UTC", exact=True)
    except (ParserError, ValueError):
        parsed = None
    if isinstance(parsed, DateTime):
        return parsed.in_timezone("UTC")
    if isinstance(parsed, Date):
        return pendulum.datetime(parsed.year, parsed.month, parsed.day)
    raise typer.BadParameter(
        f"{text!r} is neither a date such as 2026-01-31 nor an instant such as 2026-01-31T08:00:00+01:00",
        param_hint=option,
    )


def asked_window(start: str | None, end: str | None, settings: Settings, now: DateTime) -> Window | None:
    """The range of --from and --to; None where neither was given. Raises typer.BadParameter where it is empty."""
    if start is None and end is None:
        return None
    whole = whole_range(settings, now)
    start_ms = whole.start_ms if start is None else to_ms(instant(start, "--from"))
    end_ms = whole.end_ms if end is None else to_ms(instant(end, "--to"))
    if start_ms >= end_ms:
        until = "the horizon" if end is None else "--to"
        since = "history_start" if start is None else "--from"
        raise typer.BadParameter(f"an empty range: {until} is not after {since}", param_hint="--from/--to")
    return Window(start_ms, end_ms)


def ago(then: DateTime | None, now: DateTime) -> str:
    """How long ago: "3 minutes ago", "in 2 days", "never"."""
    if then is None:
        return "never"
    length = then.diff_for_humans(now, absolute=True)
    return f"in {length}" if then > now else f"{length} ago"
