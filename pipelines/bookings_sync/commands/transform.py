"""`bookings transform`: builds, audits and publishes the models.

Input:  the raw dataset, as the last sync left it.
Output: the reporting tables, and what each has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bookings_sync.commands.console import Output, seconds, styled, table
from bookings_sync.commands.progress import transform_progress
from bookings_sync.commands.times import utc_now
from bookings_sync.commands.warehouse import datasets, open_client
from bookings_sync.settings import load_settings
from bookings_sync.transform import TransformResult, transform


def run_transform(output: Output, *, select: Sequence[str], audit_only: bool) -> int:
    """Transforms. Returns the exit code; raises where an audit fails."""
    settings = load_settings(need_locations=False)
    with (
        open_client(settings, writes=True, publishes=not audit_only) as client,
        transform_progress(output) as progress,
    ):
        result = transform(
            client, datasets(settings), now=utc_now(), select=select, audit_only=audit_only, progress=progress
        )
    rows = [(model.layer, model.name, model.rows, model.audits, model.seconds) for model in result.models]
    output.say(table(("layer", "model", "rows", "audits", "seconds"), rows), headline(result))
    output.result(outcome="ok", **summary_of(result), exit_code=0)
    return 0


def headline(result: TransformResult) -> Any:
    audits = sum(model.audits for model in result.models)
    did = "published" if result.published else "audited as they stand"
    return styled(
        f"✓ {len(result.models)} models {did}, {audits:,} audits passed, in {seconds(result.seconds)}", "bold green"
    )


def summary_of(result: TransformResult) -> dict[str, Any]:
    """A transform, as JSON has it."""
    return {
        "published": result.published,
        "seconds": round(result.seconds, 3),
        "models": [
            {"layer": each.layer, "name": each.name, "rows": each.rows, "audits": each.audits,
             "seconds": round(each.seconds, 3)}
            for each in result.models
        ],
    }  # fmt: skip
