"""The report row: a run's row in the raw table `runs`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from pendulum import DateTime

from bookings_sync.changes.unseen import Unseen
from bookings_sync.planning.plan import Span
from bookings_sync.records.holds import WHY
from bookings_sync.sync.budget import RequestBudget
from bookings_sync.sync.findings import Findings


def report_row(
    span: Span, findings: Findings, budget: RequestBudget, unseen: Unseen, *, ended_at: DateTime, complete: bool
) -> dict[str, Any]:
    """The run's row, by column. `complete` is False while more loads follow; the outcome is then `incomplete`."""
    figures = findings.figures
    locations = [
        {
            "name": each.name,
            "location_id": each.location_id,
            "outcome": each.outcome,
            "requests": budget.sent_for(each.name),
            "reads": each.reads,
            "left_out": dict(each.left_out),
            "reads_slots": each.slots_not_read is not None,
            "slots_not_read": sorted(each.slots_not_read or ()),
            "errors": each.errors,
            "unseen": unseen.of(each.location_id),
            "held": [
                {"table": held.table, "rows": held.rows, "why": held.why, "since": held.since.isoformat()}
                for held in each.held
            ],
        }
        for each in findings.locations.values()
    ]
    return {
        "run_id": span.run_id,
        "started_at": span.now,
        "ended_at": ended_at,
        "outcome": findings.outcome if complete else "incomplete",
        "version": version("bookings-sync"),
        "loads": figures.loads,
        "requests": budget.sent,
        "reads_planned": figures.reads_planned,
        "reads_done": figures.reads_done,
        "reads_unchanged": figures.reads_unchanged,
        "verifications": figures.verifications,
        **{f"rows_{name}": count for name, count in asdict(figures.all_tables).items()},
        "tables": json.dumps({name: asdict(each) for name, each in figures.tables.items() if each.total}),
        "locations": json.dumps(locations),
        "errors": json.dumps(findings.errors),
    }


def held_back(locations: Iterable[dict[str, Any]]) -> list[str]:
    """A sentence for each group of deletions that a run holds back, from the column `locations`."""
    return [
        f"{location['name']}: {held['rows']:,} {held['table']} look deleted and stay ({WHY[held['why']]})"
        for location in locations
        for held in location["held"]
    ]
