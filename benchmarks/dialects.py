"""Measures the successor API (v2) against the first one, over the same world: a first load, and a sync without news.

Input:  the largest number of rows, the number of runs, a folder to work in.
Output: a section of the results for `bench`.
"""

from __future__ import annotations

from pathlib import Path

from measure import Figures, in_turn, progress
from ours import Ours, summary
from results import COST, Section, Target
from world import served


def dialects(rows: int, runs: int, folder: Path) -> Section:
    """Loads a fifth of `rows` with contacts by both APIs, then syncs without changes."""
    size = rows // 5
    progress(f"dialects: {size:,} appointments")
    section = Section(
        "dialects",
        f"The successor API (v2) against v1: {size:,} appointments with contacts",
        ("path", *COST, "all rows", "requests", "CPU µs per row", "÷ v1"),
        notes=[
            "v2 lists contacts on their own and blocked time apart from appointments, so it takes more requests. A row "
            "is a row of any raw table, contacts and custom fields among them.",
        ],
    )
    with served(size) as world:
        paths = {api: Ours(world, folder / f"dialect-{api}", api=api) for api in ("v1", "v2")}
        loads = in_turn({api: ours.first_sync for api, ours in paths.items()}, runs)
        loaded = [sum(table["new"] for table in summary(cost)["tables"].values()) for _, cost in loads]
        per_row = [figures.cpu_s / found for (figures, _), found in zip(loads, loaded, strict=True)]
        for api, (figures, cost), found, each in zip(paths, loads, loaded, per_row, strict=True):
            section.add(f"first load, {api}", figures, found, summary(cost)["requests"], each * 1e6, each / per_row[0])
        for ours in paths.values():
            ours.settle()
        quiet = in_turn({api: ours.sync_unchanged for api, ours in paths.items()}, runs)
        least: Figures = quiet[0][0]
        for api, (figures, cost) in zip(paths, quiet, strict=True):
            section.add(f"nothing new, {api}", figures, 0, summary(cost)["requests"], None, figures.cpu_s / least.cpu_s)
    section.targets = [
        Target.at_most("v2 ÷ v1, first load, CPU per row", per_row[1] / per_row[0], 1.3),
        Target.at_most("v2 ÷ v1, nothing new, CPU", quiet[1][0].cpu_s / least.cpu_s, 1.2),
    ]
    return section
