"""Carries out `bookings doctor`.

Input:  the raw dataset. No request is sent.
Output: a table of the damage and of the repairs; with `apply`, the repaired tables.
"""

from __future__ import annotations

from dataclasses import asdict

from bookings_sync.cli.formatting import table
from bookings_sync.cli.output import Output
from bookings_sync.cli.status import load_settings_with_any_locations
from bookings_sync.models.access import open_client
from bookings_sync.warehouse.doctor import Doctor, Flaw

_DAMAGED = 3
"""Exit code if something can be repaired and was not."""


def run_doctor(output: Output, *, apply: bool) -> int:
    """Checks the raw tables, and repairs them if `apply`. Returns the exit code."""
    with open_client(load_settings_with_any_locations(), writes=apply) as client:
        doctor = Doctor(client)
        found = doctor.repair() if apply else doctor.examine()
    repairable = any(each.repair for each in found)
    code = _DAMAGED if repairable and not apply else 0
    _print(output, found, applied=apply)
    flaws = [asdict(each) | {"location_ids": sorted(each.location_ids)} for each in found]
    output.print_json(outcome="damaged" if code else "ok", applied=apply and repairable, flaws=flaws, exit_code=code)
    return code


def _print(output: Output, found: list[Flaw], *, applied: bool) -> None:
    if not found:
        output.print("The history is sound.")
        return
    rows = [
        (each.table, each.what, each.rows, each.repair or "nothing: it cannot be known", ", ".join(each.examples))
        for each in found
    ]
    titles = ("table", "found", "rows", "repair", "for example")
    output.print(table(titles, rows, title="Repaired" if applied else "Found"))
    if not any(each.repair for each in found):
        output.print("Nothing can be repaired without guessing.")
    elif applied:
        output.print("Repaired. Run `bookings sync`: it reads the locations concerned again.")
    else:
        output.print("Nothing was changed. `bookings doctor --apply` makes these repairs.")
