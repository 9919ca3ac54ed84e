"""Findings: what `bookings check` has learnt about one location.

Output: `Finding`, for the command and for JSON. A dialect's probes and the check itself make them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "note", "failed"]
"""`note`: a sync works, but users should know something."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried: the result, and a fix if it is bad."""

    subject: str
    verdict: Verdict
    what: str
    fix: str | None = None
