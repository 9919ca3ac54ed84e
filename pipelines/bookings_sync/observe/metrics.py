"""Metrics: writes the last run's figures as a text file for Prometheus' node exporter.

Input:  a run's row in `runs`, if the run wrote one; how long the changes of the last day were unseen; the time.
Output: the file, replaced atomically.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pendulum import DateTime

from bookings_sync.warehouse.unseen_changes import UnseenChanges

OUTCOMES = ("ok", "held", "partial", "failed")


def write_metrics(
    path: Path, row: Mapping[str, Any] | None, unseen: Mapping[str, UnseenChanges] | None = None, *, now: DateTime
) -> None:
    """Writes the figures of `row`, and by location id how long changes were unseen. Without a row, writes only that
    the run failed.

    Raises OSError, and ImportError if prometheus-client is not installed.
    """
    from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

    registry = CollectorRegistry()

    def gauge(name: str, text: str, **labels: str) -> Any:
        if name not in known:
            known[name] = Gauge(f"bookings_{name}", text, list(labels), registry=registry)
        return known[name].labels(**labels) if labels else known[name]

    known: dict[str, Any] = {}
    outcome = str(row["outcome"]) if row else "failed"
    gauge("last_run_timestamp_seconds", "When the last run ended.").set(now.timestamp())
    for each in OUTCOMES:
        gauge("last_run_outcome", "1 for the outcome of the last run, else 0.", outcome=each).set(each == outcome)
    if row:
        seconds = (row["ended_at"] - row["started_at"]).total_seconds()
        gauge("last_run_seconds", "How long the last run took.").set(seconds)
        for name in ("loads", "requests", "reads_planned", "reads_done", "reads_unchanged", "verifications"):
            gauge(f"last_run_{name}", f"The last run's {name.replace('_', ' ')}.").set(row[name])
        for table, changes in json.loads(row["tables"]).items():
            for kind, count in changes.items():
                gauge("last_run_rows", "Rows that the last run changed.", table=table, kind=kind).set(count)
        for location in json.loads(row["locations"]):
            gauge("location_ok", "1 if the location was read completely, else 0.", location=location["name"]).set(
                location["outcome"] == "ok"
            )
            held = sum(each["rows"] for each in location["held"])
            gauge("location_held_rows", "Rows that look deleted and stay.", location=location["name"]).set(held)
            gauge("location_requests", "Requests sent for the location.", location=location["name"]).set(
                location["requests"]
            )
            _unseen(gauge, location["name"], (unseen or {}).get(location["location_id"]))
    write_to_textfile(str(path), registry)


def _unseen(gauge: Callable[..., Any], name: str, unseen: UnseenChanges | None) -> None:
    if unseen is None:
        return
    gauge("location_changes_last_day", "Changes of appointments seen in the last day.", location=name).set(
        unseen.changes
    )
    figures = {
        "at_most": (unseen.at_most_p50, unseen.at_most_p95),
        "by_api": (unseen.by_api_p50, unseen.by_api_p95),
    }
    text = "Seconds within which this share of the last day's changes was seen, by how it is measured."
    for measure, seconds in figures.items():
        for quantile, value in zip(("0.5", "0.95"), seconds, strict=True):
            if value is not None:
                gauge("change_unseen_seconds", text, location=name, quantile=quantile, measure=measure).set(value)
