"""The exit codes that no exception carries. `errors` defines the others, and `bookings --help` lists all of them."""

from __future__ import annotations

BY_OUTCOME = {"ok": 0, "failed": 1, "partial": 3, "held": 4}
"""Exit codes of a sync and of a check. "partial" means that some locations failed and others did not. "held" means that
a sync holds back deletions."""
