"""Pages: HTML files that a command writes for people.

Input:  the page, and where it shall stand.
Output: the file, whole or not at all.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bookings_sync.errors import BookingsError


def write_page(page: str, out: Path) -> None:
    """Writes the page in one step: who has the old one open can reload at any time. Raises BookingsError where it
    cannot be written."""
    fresh = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(page, encoding="utf-8")
        if out.exists():  # who may read it was decided when it was first put there
            shutil.copymode(out, fresh)
        fresh.replace(out)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise BookingsError(f"the page cannot be written to {out}: {error.strerror or type(error).__name__}") from error
