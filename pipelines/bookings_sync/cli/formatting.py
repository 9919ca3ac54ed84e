"""Formats values and tables for people.

Input:  Python values.
Output: strings, rich renderables, and the JSON forms of dates and decimals.

rich is imported inside the functions, so that `--help` starts fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from bookings_sync.safe_text import safe_text

if TYPE_CHECKING:
    from pendulum import DateTime
    from rich.console import RenderableType
    from rich.table import Table


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    styles: Mapping[str, str] | None = None,
) -> Table:
    """A table with numbers aligned right. None becomes an empty cell. `styles` maps column names to rich styles."""
    from rich import box
    from rich.table import Table

    rows = [list(row) for row in rows]
    result = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, header_style="dim")
    for position, name in enumerate(columns):
        numeric = any(_is_number(row[position]) for row in rows)
        result.add_column(
            name, justify="right" if numeric else "left", style=(styles or {}).get(name, ""), overflow="fold"
        )
    for row in rows:
        result.add_row(*(cell(value) for value in row))
    return result


def cell(value: object) -> RenderableType:
    """One value as a table cell."""
    from rich.text import Text

    if isinstance(value, Text):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return safe_text(str(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and value.endswith("%"))


def styled(text: str, style: str) -> RenderableType:
    """Text in a rich style."""
    from rich.text import Text

    return Text(safe_text(text), style)


def duration(seconds: float) -> str:
    """0.4 s, 12 s, 3 min 20 s or 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def count(number: int, noun: str) -> str:
    """1 model, 2 models."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def ago(then: DateTime | None, now: DateTime) -> str:
    """3 minutes ago, in 2 days, or never."""
    if then is None:
        return "never"
    length = then.diff_for_humans(now, absolute=True)
    return f"in {length}" if then > now else f"{length} ago"


def percentage(column: str, value: object) -> object:
    """A fraction as a percentage. The column's name decides: the report names fractions rate, share or utilisation.

    Ends of intervals have the same name with `_low` or `_high`.
    """
    name = column.removesuffix("_low").removesuffix("_high")
    if isinstance(value, float) and name.endswith(("rate", "share", "utilisation")):
        return f"{value:.0%}"
    return value


def to_json(value: object) -> object:
    """The JSON form of a date or a decimal, for `json.dumps(default=…)`. Raises TypeError for anything else."""
    if isinstance(value, date):  # includes datetime
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def migrations_due(steps: Sequence[str]) -> str:
    """What the next sync does first to a warehouse of an earlier version."""
    return "The warehouse is of an earlier version. The next sync will first: " + "; ".join(steps) + "."
