"""Writes the HTML files of `bookings report`, `docs` and `demo`."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from bookings_sync.errors import BookingsError
from bookings_sync.machine import machine_error


def write_html(html: str, path: Path) -> None:
    """Replaces the file in one step, so that readers see either the old page or the new one.

    The new file takes the old one's permissions. Raises MachineError or BookingsError if the file cannot be
    written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(html, encoding="utf-8")
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        if found := machine_error(error, path):
            raise found from error
        raise BookingsError(f"cannot write {path}: {error.strerror or type(error).__name__}") from error
