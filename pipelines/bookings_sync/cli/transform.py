"""`bookings transform`: builds, audits and publishes the models.

Input:  the raw dataset, as the last sync left it, or as it stood on a day of the past.
Output: the reporting tables, live or in datasets of one's own, and what each has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import typer
from pendulum import DateTime

from bookings_sync.cli.console import Output, seconds, styled, table
from bookings_sync.cli.progress import transform_progress
from bookings_sync.cli.times import instant
from bookings_sync.cli.watching import watch
from bookings_sync.clock import utc_now
from bookings_sync.config.load import load_settings
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.transform import Datasets, TransformResult, transform


def past_moment(text: str, now: DateTime) -> DateTime:
    """The moment of --as-of. Raises typer.BadParameter where it is none of the past."""
    moment = instant(text, "--as-of")
    if moment > now:
        raise typer.BadParameter("is yet to come: name a moment of the past", param_hint="--as-of")
    return moment


def run_transform(
    output: Output, *, select: Sequence[str], dev: str | None, as_of: str | None, audit_only: bool, full: bool
) -> int:
    """Transforms. Returns the exit code; raises where an audit fails, typer.BadParameter for an impossible option."""
    settings = load_settings(need_locations=False)
    now = utc_now()
    moment = None if as_of is None else past_moment(as_of, now)
    live = datasets(settings)
    if dev is not None:
        _check_name(dev, live)
    with (
        watch(settings).transform() as transformed,
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
            transformed(result)
    rows = [(model.layer, model.name, model.rows, model.audits, model.seconds) for model in result.models]
    output.say(table(("layer", "model", "rows", "audits", "seconds"), rows), headline(result))
    if result.datasets != live:
        known = "" if moment is None else f", as known at {moment:%Y-%m-%d %H:%M:%S} UTC"
        output.say(f"In {result.datasets.staging} and {result.datasets.marts}{known}; the live ones are untouched.")
    output.result(outcome="ok", **summary_of(result), exit_code=0)
    return 0


def _check_name(dev: str, live: Datasets) -> None:
    """A name that datasets can end in, and that makes no live one of them."""
    if not re.fullmatch(r"[a-z0-9_]{1,40}", dev):
        raise typer.BadParameter("use up to 40 lower-case letters, digits and underscores", param_hint="--dev")
    own = live.beside(dev)
    if {own.staging, own.marts} & {live.raw, live.staging, live.marts}:
        raise typer.BadParameter(f"{dev!r} would make a live dataset's name: choose another", param_hint="--dev")


def headline(result: TransformResult) -> Any:
    audits = sum(model.audits for model in result.models)
    did = "published" if result.published else "audited as they stand"
    parts = [f"✓ {len(result.models)} models {did}", f"{audits:,} audits passed"]
    if result.rebuilt is not None:
        parts.append(f"{result.rebuilt:,} changed appointments built again")
    return styled(f"{', '.join(parts)}, in {seconds(result.seconds)}", "bold green")


def summary_of(result: TransformResult) -> dict[str, Any]:
    """A transform, as JSON has it."""
    return {
        "published": result.published,
        "rebuilt": result.rebuilt,
        "staging": result.datasets.staging,
        "marts": result.datasets.marts,
        "seconds": round(result.seconds, 3),
        "models": [
            {"layer": each.layer, "name": each.name, "rows": each.rows, "audits": each.audits,
             "seconds": round(each.seconds, 3)}
            for each in result.models
        ],
    }  # fmt: skip
