"""`bookings sync`, and its `--plan`.

Input:  the options; settings from dlt's configuration.
Output: a run and its summary; or what a run would read, without a request.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from bookings_sync.cli.console import Output, seconds, styled, table
from bookings_sync.cli.progress import sync_progress
from bookings_sync.cli.times import asked_window
from bookings_sync.cli.watching import watch
from bookings_sync.clock import utc_now
from bookings_sync.config.load import load_settings
from bookings_sync.config.settings import Settings
from bookings_sync.planning.plan import PlannedRead
from bookings_sync.planning.windows import Window, from_ms
from bookings_sync.sync.pipeline import SyncResult, plan, sync

log = logging.getLogger(__name__)

EXIT_CODES = {"ok": 0, "failed": 1, "partial": 3}

COUNTS = ("new", "changed", "moved", "deleted", "restored", "rejected")
STYLES = {"new": "green", "changed": "yellow", "moved": "cyan", "deleted": "red", "restored": "magenta"}


def run_sync(
    output: Output, *, locations: Sequence[str], shard: str | None, start: str | None, end: str | None, full: bool
) -> int:
    """Syncs. Returns the exit code."""
    settings, asked = _what(locations, shard, start, end, full)
    run_id = output.json_lines.run_id = uuid.uuid4().hex
    with watch(settings).sync(run_id) as synced:
        with sync_progress(output) as on_progress:
            result = sync(settings, clock=utc_now, asked=asked, full=full, on_progress=on_progress, run_id=run_id)
        synced(result)
    output.say(*_rendered(result))
    log.info("synced", extra={"outcome": result.outcome, "seconds": took(result), "requests": result.row["requests"]})
    for error in _errors(result):
        output.error(error)
    exit_code = EXIT_CODES[result.outcome]
    output.result(**summary_of(result), exit_code=exit_code)
    return exit_code


def _what(
    locations: Sequence[str], shard: str | None, start: str | None, end: str | None, full: bool
) -> tuple[Settings, Window | None]:
    if full and (start or end):
        raise typer.BadParameter("--full reads all history: leave out --from and --to", param_hint="--full")
    if shard is not None and locations:
        raise typer.BadParameter("--shard picks the locations: leave out --location", param_hint="--shard")
    settings = load_settings()
    if locations:
        settings = settings.only(locations)
    if shard is not None:
        settings = _shard(settings, shard)
    return settings, asked_window(start, end, settings, utc_now())


def _shard(settings: Settings, text: str) -> Settings:
    """The settings of one part of a sharded run, as "3/16" names it. Raises typer.BadParameter."""
    match = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text)
    try:
        if match is not None:
            return settings.shard(int(match[1]), int(match[2]))
    except ValueError:
        pass  # such as 0/4 or 5/4
    raise typer.BadParameter(
        f"{text!r} is not such as 3/16: which worker this is, counted from 1, and of how many", param_hint="--shard"
    )


def summary_of(result: SyncResult) -> dict[str, Any]:
    """A run's row of `runs`, as JSON has it."""
    row = result.row
    return {
        "outcome": result.outcome,
        "run_id": row["run_id"],
        "started_at": row["started_at"],
        "ended_at": row["ended_at"],
        "seconds": took(result),
        "loads": row["loads"],
        "requests": row["requests"],
        "reads": {name: row[f"reads_{name}"] for name in ("planned", "done", "unchanged")},
        "verifications": row["verifications"],
        "rows": {name: row[f"rows_{name}"] for name in COUNTS},
        "tables": json.loads(row["tables"]),
        "locations": json.loads(row["locations"]),
        "warnings": result.warnings,
        "errors": json.loads(row["errors"]),
    }


def took(result: SyncResult) -> float:
    started, ended = result.row["started_at"], result.row["ended_at"]
    return round(float((ended - started).total_seconds()), 3)


def _errors(result: SyncResult) -> list[str]:
    return list(dict.fromkeys(json.loads(result.row["errors"])))


def _rendered(result: SyncResult) -> Iterable[Any]:
    row, locations = result.row, json.loads(result.row["locations"])
    if not locations:
        yield "No location falls to this shard: nothing to do."
        return
    mark, style = {"ok": ("✓", "green"), "partial": ("!", "yellow"), "failed": ("✗", "red")}[result.outcome]
    done = sum(1 for location in locations if location["outcome"] == "ok")
    yield styled(
        f"{mark} {done} of {len(locations)} locations synced in {seconds(took(result))}, with {row['requests']:,} "
        f"requests: {row['reads_done']:,} reads, of which {row['reads_unchanged']:,} brought the same as last time",
        f"bold {style}",
    )
    if result.changes.total:
        yield changes_table(result)
    else:
        yield "Nothing had changed: no row was written."
    if result.outcome != "ok":
        rows = [(each["name"], each["outcome"], each["reads"], each["requests"]) for each in locations]
        yield table(("location", "outcome", "reads", "requests"), rows)
    for warning, times in result.warnings.items():
        yield styled(f"! {warning}" + (f" ({times:,} times)" if times > 1 else ""), "yellow")


def changes_table(result: SyncResult, *, title: str | None = None) -> Any:
    """What a run found, by table: a row for each that had any difference."""
    by_table: dict[str, dict[str, int]] = json.loads(result.row["tables"])
    shown = [name for name in COUNTS if any(counts[name] for counts in by_table.values())]
    rows = [(name, *(counts[each] or None for each in shown)) for name, counts in by_table.items()]
    return table(("table", *shown), rows, title=title, styles=STYLES)


# -- the plan ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Group:
    """The planned reads of one location that read the same for the same reason. `window` spans them all."""

    reads: int = 0
    requests: int = 0
    window: Window | None = None

    def add(self, read: PlannedRead) -> None:
        self.reads += 1
        self.requests += read.requests
        if read.window is not None:
            before = self.window or read.window
            start, end = min(before.start_ms, read.window.start_ms), max(before.end_ms, read.window.end_ms)
            self.window = Window(start, end)


def run_plan(
    output: Output, *, locations: Sequence[str], shard: str | None, start: str | None, end: str | None, full: bool
) -> int:
    """Prints what a sync would read, as far as the warehouse tells. No request is sent. Returns the exit code."""
    settings, asked = _what(locations, shard, start, end, full)
    planned = plan(settings, clock=utc_now, asked=asked, full=full)
    reads, names, unknown = planned.reads, planned.names, planned.never_synced
    reads.sort(key=lambda read: names[read.location_id])  # among one location's the order stays: most urgent first
    groups: dict[tuple[str, str, str], _Group] = defaultdict(_Group)
    for read in reads:
        groups[names[read.location_id], read.endpoint, read.reason].add(read)
    requests: dict[str, int] = defaultdict(int)
    for (name, _, _), group in groups.items():
        requests[name] += group.requests
    # Every location has a limit of its own, so the busiest one says how long it takes.
    most = max(requests.values(), default=0)
    least_seconds = max(most - 1, 0) // settings.rate_limit * settings.rate_period_seconds

    rows = [
        (name, endpoint, _REASONS[reason], group.reads, group.requests, *_ends(group.window))
        for (name, endpoint, reason), group in groups.items()
    ]
    total = sum(requests.values())
    output.say(
        table(("location", "reads", "why", "windows", "requests", "from", "to"), rows),
        styled(f"{total:,} requests; at {settings.rate_limit} per {settings.rate_period_seconds:g} s for each location "
               f"that takes {_length(least_seconds)}. Nothing was read.", "bold"),
    )  # fmt: skip
    if unknown:
        output.say(
            f"Never synced: {', '.join(unknown)}. What there is to read is known once its teams and services are, so a "
            "first sync reads more than this: of each service the days around now, the hot range, and all of history."
        )
    output.result(
        outcome="planned",
        requests=total,
        least_seconds=least_seconds,
        never_synced=unknown,
        reads=[
            {"location": name, "endpoint": endpoint, "reason": reason, "reads": group.reads,
             "requests": group.requests, "from": window_end(group.window, 0), "to": window_end(group.window, 1)}
            for (name, endpoint, reason), group in groups.items()
        ],
        exit_code=0,
    )  # fmt: skip
    return 0


_REASONS = {
    "list": "every run",
    "first": "first look",
    "asked": "asked for",
    "hot": "hot range",
    "backfill": "never read",
    "cold": "read longest ago",
}


def window_end(window: Window | None, which: int) -> str | None:
    """ISO 8601, UTC: the start (0) or the end (1)."""
    return None if window is None else (window.start, window.end)[which].to_iso8601_string()


def _ends(window: Window | None) -> tuple[str | None, str | None]:
    if window is None:
        return None, None
    return from_ms(window.start_ms).format("YYYY-MM-DD"), from_ms(window.end_ms).format("YYYY-MM-DD")


def _length(least_seconds: float) -> str:
    return f"at least {seconds(least_seconds)}" if least_seconds else "no longer than the calendar takes to answer"
