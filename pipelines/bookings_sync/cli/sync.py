"""Carries out `bookings sync`.

Input:  the options, and settings from dlt's configuration.
Output: one run, and its summary.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from typing import Any

from bookings_sync.cli.exit_codes import BY_OUTCOME
from bookings_sync.cli.formatting import duration, styled, table
from bookings_sync.cli.observing import watch
from bookings_sync.cli.output import Output
from bookings_sync.cli.progress import sync_progress
from bookings_sync.cli.sync_options import SyncOptions
from bookings_sync.clock import utc_now
from bookings_sync.sync.pipeline import SyncResult, sync

log = logging.getLogger(__name__)

_COUNTS = ("new", "changed", "moved", "deleted", "restored", "rewritten", "rejected")
_MARKS = {"ok": ("✓", "green"), "held": ("!", "yellow"), "partial": ("!", "yellow"), "failed": ("✗", "red")}
_STYLES = {"new": "green", "changed": "yellow", "moved": "cyan", "deleted": "red", "restored": "magenta"}


def run_sync(output: Output, options: SyncOptions) -> int:
    """Syncs. Returns the exit code."""
    result = sync_and_print(output, options)
    exit_code = BY_OUTCOME[result.outcome]
    output.print_json(**result_json(result), exit_code=exit_code)
    return exit_code


def sync_and_print(output: Output, options: SyncOptions) -> SyncResult:
    """Syncs, and prints the summary and the errors."""
    settings, asked = options.load()
    run_id = output.log_formatter.run_id = uuid.uuid4().hex
    with watch(settings).sync(run_id) as report_result:
        with sync_progress(output) as on_progress:
            result = sync(
                settings,
                clock=utc_now,
                asked=asked,
                full=options.full,
                accept_deletions=options.accept_deletions,
                on_progress=on_progress,
                run_id=run_id,
            )
        report_result(result)
    output.print(*_summary(result))
    log.info(
        "synced",
        extra={"outcome": result.outcome, "seconds": seconds_taken(result), "requests": result.row["requests"]},
    )
    for error in dict.fromkeys(json.loads(result.row["errors"])):
        output.print_error(error)
    return result


def result_json(result: SyncResult) -> dict[str, Any]:
    """A run for --json."""
    row = result.row
    return {
        "outcome": result.outcome,
        "run_id": row["run_id"],
        "started_at": row["started_at"],
        "ended_at": row["ended_at"],
        "seconds": seconds_taken(result),
        "loads": row["loads"],
        "requests": row["requests"],
        "reads": {name: row[f"reads_{name}"] for name in ("planned", "done", "unchanged")},
        "verifications": row["verifications"],
        "rows": {name: row[f"rows_{name}"] for name in _COUNTS},
        "tables": json.loads(row["tables"]),
        "locations": json.loads(row["locations"]),
        "warnings": result.warnings,
        "errors": json.loads(row["errors"]),
    }


def seconds_taken(result: SyncResult) -> float:
    started, ended = result.row["started_at"], result.row["ended_at"]
    return round(float((ended - started).total_seconds()), 3)


def changes_table(result: SyncResult) -> Any:
    """The differences that a run found: one row per table, one column per kind of change."""
    by_table: dict[str, dict[str, int]] = json.loads(result.row["tables"])
    kinds = [name for name in _COUNTS if any(counts[name] for counts in by_table.values())]
    rows = [(name, *(counts[kind] or None for kind in kinds)) for name, counts in by_table.items()]
    return table(("table", *kinds), rows, styles=_STYLES)


def _summary(result: SyncResult) -> Iterator[Any]:
    row, locations = result.row, json.loads(result.row["locations"])
    if not locations:
        yield "This shard has no locations: nothing to do."
        return
    mark, style = _MARKS[result.outcome]
    synced = sum(1 for location in locations if location["outcome"] == "ok")
    yield styled(
        f"{mark} {synced} of {len(locations)} locations synced in {duration(seconds_taken(result))}: "
        f"{row['requests']:,} requests, {row['reads_done']:,} reads, {row['reads_unchanged']:,} of them unchanged",
        f"bold {style}",
    )
    if result.changes.total:
        yield changes_table(result)
    else:
        yield "Nothing changed: no row was written."
    if result.outcome != "ok":
        rows = [(each["name"], each["outcome"], each["reads"], each["requests"]) for each in locations]
        yield table(("location", "outcome", "reads", "requests"), rows)
    for held in result.held:
        yield styled(f"! {held}", "yellow")
    if result.held:
        yield "If these rows are really gone: bookings sync --accept-deletions LOCATION"
    for warning, times in result.warnings.items():
        yield styled(f"! {warning}" + (f" ({times:,} times)" if times > 1 else ""), "yellow")
