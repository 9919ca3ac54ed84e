"""Carries out `bookings run`: a sync, a transform, and if wanted the report, in one process.

Input:  the options, and settings from dlt's configuration.
Output: one summary or one JSON object, and one exit code.
"""

from __future__ import annotations

from pathlib import Path

from bookings_sync.cli import sync as sync_command
from bookings_sync.cli import transform as transform_command
from bookings_sync.cli.exit_codes import BY_OUTCOME
from bookings_sync.cli.output import Output
from bookings_sync.cli.report import report_and_print
from bookings_sync.cli.sync_options import SyncOptions
from bookings_sync.config.load import load_settings


def run_all(output: Output, options: SyncOptions, page: Path | None) -> int:
    """Returns the sync's exit code. Raises BookingsError as the three commands do.

    The tables are published whatever the sync's outcome, because the rows that it loaded are complete in themselves,
    and reports of today must move on. Nothing is published if the sync could not run at all.
    """
    synced = sync_command.sync_and_print(output, options)
    settings = load_settings(need_locations=False)
    built = transform_command.publish_and_print(output, settings)
    if page is not None:
        report_and_print(output, settings, page)
    exit_code = BY_OUTCOME[synced.outcome]
    output.print_json(
        outcome=synced.outcome,
        sync=sync_command.result_json(synced),
        transform=transform_command.result_json(built),
        page=None if page is None else str(page.absolute()),
        exit_code=exit_code,
    )
    return exit_code
