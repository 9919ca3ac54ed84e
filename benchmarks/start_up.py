"""Measures runs that have nothing to do: one small location, and no changes. Their cost is start-up.

Input:  the number of runs, a folder to work in.
Output: a section of the results for `bench`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from measure import Cost, in_turn, measure, progress
from ours import Ours
from results import COST, Section, Target
from world import served

APPOINTMENTS, SERVICES = 2_000, 5

_LIBRARIES = "dlt, duckdb, pyarrow"


def start_up(runs: int, folder: Path) -> Section:
    """Syncs and transforms a small world until nothing is new, then measures both commands, and imports alone."""
    progress(f"start-up: {APPOINTMENTS:,} appointments")
    section = Section(
        "small-run",
        f"Runs with nothing new: one location of {APPOINTMENTS:,} appointments and {SERVICES} services",
        ("path", *COST),
        notes=["The last path only imports the libraries that every load needs. No sync costs less."],
    )
    with served(APPOINTMENTS, services=SERVICES) as world:
        ours = Ours(world, folder / "start-up")
        ours.first_sync()
        ours.settle()
        ours.transform()
        paths = {
            "bookings sync": ours.sync_unchanged,
            "bookings run": ours.run,
            f"import {_LIBRARIES}": lambda: _imported(ours.folder),
        }
        measured = dict(zip(paths, in_turn(paths, max(runs, 5)), strict=True))
    for name, (figures, _) in measured.items():
        section.add(name, figures)
    section.targets = [
        Target.at_most("bookings sync, one location, nothing new, CPU", measured["bookings sync"][0].cpu_s, 0.6, " s"),
        Target.at_most(
            "bookings run, one location, nothing new, CPU (0.6 s each for sync and transform)",
            measured["bookings run"][0].cpu_s,
            1.2,
            " s",
        ),
    ]
    return section


def _imported(folder: Path) -> Cost:
    # With the collector as the command sets it: a collection during the imports would make them slower.
    return measure(
        [sys.executable, "-c", f"import gc; gc.set_threshold(500_000, 20, 100); import {_LIBRARIES}"], cwd=folder
    )
