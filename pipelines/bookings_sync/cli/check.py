"""Carries out `bookings check`.

Input:  the findings of `bookings_sync.sync.check`.
Output: one line per finding, and the fix below each failure. Exit code 0, 3 if some locations fail, 1 if all fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from bookings_sync.cli.exit_codes import BY_OUTCOME
from bookings_sync.cli.formatting import styled
from bookings_sync.cli.output import Output
from bookings_sync.clock import utc_now
from bookings_sync.config.load import load_settings
from bookings_sync.sync.check import LocationCheck, check

_MARKS = {"ok": ("✓", "green"), "note": ("!", "yellow"), "failed": ("✗", "red")}


def run_check(output: Output, *, locations: Sequence[str]) -> int:
    """Checks every location. Returns the exit code."""
    settings = load_settings()
    if locations:
        settings = settings.only(locations)
    checked = []
    for location in check(settings, clock=utc_now):
        checked.append(location)
        print_findings(output, location)
    passed = sum(1 for location in checked if location.passed)
    outcome = "ok" if passed == len(checked) else "partial" if passed else "failed"
    output.print(
        styled(f"{passed} of {len(checked)} locations ready to sync", "bold green" if outcome == "ok" else "bold red")
    )
    exit_code = BY_OUTCOME[outcome]
    output.print_json(
        outcome=outcome,
        locations=[{**asdict(location), "passed": location.passed} for location in checked],
        exit_code=exit_code,
    )
    return exit_code


def print_findings(output: Output, location: LocationCheck) -> None:
    """Prints one line per finding, and the fix below each that has one."""
    output.print("", styled(f"{location.name}  ({location.requests} requests)", "bold"))
    output.print(styled(f"  {location.base_url}, API {location.api}", "dim"))
    width = max(len(finding.subject) for finding in location.findings)
    for finding in location.findings:
        mark, style = _MARKS[finding.verdict]
        output.print(styled(f"  {mark} {finding.subject:<{width}}  {finding.what}", style))
        if finding.fix:
            output.print(f"    {'':<{width}}  → {finding.fix}")
