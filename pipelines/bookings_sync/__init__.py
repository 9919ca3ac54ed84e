"""Keeps a warehouse equal to a booking calendar's API.

`bookings_source` is the dlt source; `bookings` is the command. Nothing heavy is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bookings_sync.sync.source import bookings_source

__all__ = ["bookings_source"]


def __getattr__(name: str) -> Any:
    if name == "bookings_source":
        from bookings_sync.sync.source import bookings_source

        return bookings_source
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
