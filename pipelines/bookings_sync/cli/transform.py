"""Carries out `bookings transform`.

Input:  the raw dataset as the last sync left it, or with --as-of as it was known at an earlier time.
Output: the published tables, or the datasets of --dev and --as-of; one row per model with its rows and audits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import typer

from bookings_sync.cli.formatting import count, duration, styled, table
from bookings_sync.cli.observing import watch
from bookings_sync.cli.output import Output
from bookings_sync.cli.progress import transform_progress
from bookings_sync.cli.time_options import parse_past_time
from bookings_sync.cli.unusable import print_unusable
from bookings_sync.clock import utc_now
from bookings_sync.config.load import load_settings
from bookings_sync.config.settings import Settings
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.transform import Datasets, TransformResult, transform


def run_transform(
    output: Output, *, select: Sequence[str], dev: str | None, as_of: str | None, audit_only: bool, full: bool
) -> int:
    """Builds, audits and publishes. Returns the exit code; raises AuditError if an audit fails."""
    settings = load_settings(need_locations=False)
    now = utc_now()
    moment = None if as_of is None else parse_past_time(as_of, "--as-of", now)
    live = datasets(settings)
    if dev is not None:
        _check_dev_name(dev, live)
    with (
        watch(settings).transform() as report_result,
        open_client(settings, writes=True, publishes=not audit_only) as client,
        transform_progress(output) as progress,
    ):
        result = transform(
            client,
            live,
            now=now,
            as_of=moment,
            dev=dev or "",
            select=select,
            audit_only=audit_only,
            full=full,
            progress=progress,
        )
        if result.published and dev is None and moment is None:
            report_result(result)
    rows = [(model.layer, model.name, model.rows, model.audits, model.seconds) for model in result.models]
    output.print(table(("layer", "model", "rows", "audits", "seconds"), rows), summary_line(result))
    print_warnings(output, result)
    if result.datasets != live:
        as_known = "" if moment is None else f", as known at {moment:%Y-%m-%d %H:%M:%S} UTC"
        output.print(
            f"Built in {result.datasets.staging} and {result.datasets.marts}{as_known}. The live tables are unchanged."
        )
    output.print_json(**result_json(result), exit_code=0)
    return 0


def publish_and_print(output: Output, settings: Settings) -> TransformResult:
    """Builds and publishes the live tables, and prints one line and the warnings. Raises AuditError."""
    with (
        watch(settings).transform() as report_result,
        open_client(settings, writes=True, publishes=True) as client,
        transform_progress(output) as progress,
    ):
        result = transform(client, datasets(settings), now=utc_now(), progress=progress)
        report_result(result)
    output.print(summary_line(result))
    print_warnings(output, result)
    return result


def result_json(result: TransformResult) -> dict[str, Any]:
    """A transform for --json."""
    return {
        "outcome": "ok",
        "published": result.published,
        "rebuilt": result.rebuilt,
        "staging": result.datasets.staging,
        "marts": result.datasets.marts,
        "seconds": round(result.seconds, 3),
        "warnings": [str(each) for each in (*result.zone_changes, *result.warnings)],
        "unusable": [asdict(each) for each in result.unusable],
        "models": [
            {
                "layer": each.layer,
                "name": each.name,
                "rows": each.rows,
                "audits": each.audits,
                "seconds": round(each.seconds, 3),
            }
            for each in result.models
        ],
    }


def print_warnings(output: Output, result: TransformResult) -> None:
    """Locations whose zone changed, failed audits that stop no publish, and values that staging turned into null."""
    for warning in (*result.zone_changes, *result.warnings):
        output.print(styled(f"warning: {warning}", "yellow"))
    print_unusable(output, result.unusable)


def summary_line(result: TransformResult) -> Any:
    """What a transform did, in one line."""
    audits = sum(model.audits for model in result.models) - len(result.warnings)
    parts = [f"✓ {count(len(result.models), 'model')} {'published' if result.published else 'audited'}"]
    parts.append(f"{count(audits, 'audit')} passed")
    if result.rebuilt is not None:
        parts.append(f"{count(result.rebuilt, 'changed appointment')} rebuilt")
    return styled(f"{', '.join(parts)}, in {duration(result.seconds)}", "bold green")


def _check_dev_name(dev: str, live: Datasets) -> None:
    """Refuses names that are no dataset suffix, and names that would make a live dataset."""
    if not re.fullmatch(r"[a-z0-9_]{1,40}", dev):
        raise typer.BadParameter(
            f"expected up to 40 lower-case letters, digits and underscores, got {dev!r}", param_hint="--dev"
        )
    own = live.beside(dev)
    if {own.staging, own.marts} & {live.raw, live.staging, live.marts}:
        raise typer.BadParameter(f"{dev!r} is the suffix of a live dataset: choose another name", param_hint="--dev")
