"""Keeps a warehouse equal to a booking calendar's API.

The names in `__all__` are the public API; docs/reference/python-api.md describes them. Each name is imported when it is
first used, so `import bookings_sync` loads neither dlt nor httpx.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bookings_sync.config.load import load_settings
    from bookings_sync.config.locations import Location
    from bookings_sync.config.settings import Settings
    from bookings_sync.errors import ApiError, AuditError, BookingsError, ConfigurationError, LoadError, LockedError
    from bookings_sync.library import sync_warehouse, transform_warehouse
    from bookings_sync.models.transform import TransformResult
    from bookings_sync.sync.pipeline import SyncResult
    from bookings_sync.sync.source import bookings_source

__all__ = [
    "ApiError",
    "AuditError",
    "BookingsError",
    "ConfigurationError",
    "LoadError",
    "Location",
    "LockedError",
    "Settings",
    "SyncResult",
    "TransformResult",
    "bookings_source",
    "load_settings",
    "sync_warehouse",
    "transform_warehouse",
]

_MODULES = {
    "ApiError": "errors",
    "AuditError": "errors",
    "BookingsError": "errors",
    "ConfigurationError": "errors",
    "LoadError": "errors",
    "Location": "config.locations",
    "LockedError": "errors",
    "Settings": "config.settings",
    "SyncResult": "sync.pipeline",
    "TransformResult": "models.transform",
    "bookings_source": "sync.source",
    "load_settings": "config.load",
    "sync_warehouse": "library",
    "transform_warehouse": "library",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
