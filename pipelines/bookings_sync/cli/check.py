"""`bookings check`: the verdicts, and what to do about each.

Input:  what `bookings_sync.sync.check` found.
Output: a line for each finding, a fix under each that failed; exit code 0, 3 where some locations fail, 1 where all do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from bookings_sync.cli.console import Output, styled
from bookings_sync.clock import utc_now
from bookings_sync.config.load import load_settings
from bookings_sync.sync.check import LocationCheck, check

_MARKS = {"ok": ("✓", "green"), "note": ("!", "yellow"), "failed": ("✗", "red")}


def run_check(output: Output, *, locations: Sequence[str]) -> int:
    """Checks. Returns the exit code."""
    settings = load_settings()
    if locations:
        settings = settings.only(locations)
    output.say(styled(settings.base_url, "dim"))
    checked = []
    for each in check(settings, clock=utc_now):
        checked.append(each)
        _say(output, each)
    passed = sum(1 for each in checked if each.passed)
    outcome = "ok" if passed == len(checked) else "partial" if passed else "failed"
    exit_code = {"ok": 0, "partial": 3, "failed": 1}[outcome]
    output.say(
        styled(f"{passed} of {len(checked)} locations ready to sync", "bold green" if outcome == "ok" else "bold red")
    )
    output.result(
        outcome=outcome,
        locations=[{**asdict(each), "passed": each.passed} for each in checked],
        exit_code=exit_code,
    )
    return exit_code


def _say(output: Output, each: LocationCheck) -> None:
    output.say("", styled(f"{each.name}  ({each.requests} requests)", "bold"))
    width = max(len(finding.subject) for finding in each.findings)
    for finding in each.findings:
        mark, style = _MARKS[finding.verdict]
        output.say(styled(f"  {mark} {finding.subject:<{width}}  {finding.what}", style))
        if finding.fix:
            output.say(f"    {'':<{width}}  → {finding.fix}")
