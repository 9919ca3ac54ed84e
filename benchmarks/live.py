"""Measures what a change costs: transforms with nothing new, one change, 1 % changed, and everything; the read copy.

Input:  the number of rows, the number of runs, a folder to work in.
Output: one section of the results for `bench`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path

from measure import Cost, Figures, progress, repeated
from ours import Ours, summary
from results import COST, Section, Target
from world import DAY_MS, World, served

NOTHING_NEW_S = 0.6
ONE_CHANGE_S = 1.5
ONE_PERCENT = 0.3
PEAK_MB = 600


def live(rows: int, runs: int, folder: Path) -> Section:
    """Loads `rows` appointments without measuring, then measures transforms."""
    progress(f"live: {rows:,} appointments")
    with served(rows) as world:
        ours = Ours(world, folder / "live")
        ours.first_sync()
        ours.settle()
        seeds = count(1)
        return _section(
            {
                "transform --full": lambda: ours.transform("--full"),
                "nothing changed": ours.transform,
                "a sync found nothing new": lambda: _after(ours, lambda: None),
                "one appointment changed": lambda: _after(ours, lambda: _change(world, 1, next(seeds))),
                "1 % changed": lambda: _after(ours, lambda: _change(world, rows // 100, next(seeds))),
            },
            ours,
            rows,
            runs,
        )


def _section(paths: dict[str, Callable[[], Cost]], ours: Ours, rows: int, runs: int) -> Section:
    section = Section(
        "live",
        f"Transforms of {rows:,} appointments by what changed",
        ("before it", *COST, "÷ --full", "transform alone, CPU s"),
    )
    figures: dict[str, Figures] = {}
    for name, once in paths.items():
        figures[name], _ = repeated(name, once, runs)
        alone = _alone(ours, "transform") if name == "nothing changed" else None
        section.add(name, figures[name], figures[name].cpu_s / figures["transform --full"].cpu_s, alone)
    copied, skipped = _alone(ours, "publish"), _alone(ours, "publish_again")
    section.notes = [
        "Each figure is of the whole command: start-up, transform, and the read copy. A marked appointment gets a new "
        "version; the sync before it is not measured. Transform alone leaves out the start-up and the read copy.",
        f"A new read copy takes {copied:.2f} CPU s, and {skipped:.3f} CPU s if the database has not changed.",
    ]
    nothing, one, percent, full = (
        figures[name] for name in ("nothing changed", "one appointment changed", "1 % changed", "transform --full")
    )
    section.targets = [
        Target.at_most("transform with nothing changed, the command, CPU", nothing.cpu_s, NOTHING_NEW_S, " s"),
        Target.at_most(
            "transform with nothing changed, without start-up, CPU", _alone(ours, "transform"), NOTHING_NEW_S, " s"
        ),
        Target.at_most("transform after one change, CPU", one.cpu_s, ONE_CHANGE_S, " s"),
        Target.at_most("transform after 1 % changed ÷ full, CPU", percent.cpu_s / full.cpu_s, ONE_PERCENT),
        Target.at_most("peak memory of a transform", max(each.peak_mb for each in figures.values()), PEAK_MB, " MB"),
    ]
    return section


def _change(world: World, rows: int, seed: int) -> None:
    start, end = world.now_ms - 44 * DAY_MS, world.now_ms + 100 * DAY_MS
    changed = world.change(rows, start_ms=start, end_ms=end, seed=seed)
    if changed != rows:
        raise RuntimeError(f"expected {rows} changed appointments, got {changed}")


def _after(ours: Ours, change: Callable[[], None]) -> Cost:
    change()
    found = summary(ours.sync())["tables"].get("appointments", {}).get("changed", 0)
    cost = ours.transform()
    if summary(cost)["rebuilt"] not in (found, None):
        raise RuntimeError(f"the sync found {found} changes, and the transform rebuilt {summary(cost)['rebuilt']}")
    return cost


def _alone(ours: Ours, step: str) -> float:
    """CPU seconds of one step in a process that has everything imported."""
    return float(json.loads(ours.script("one_step", step).output)["cpu_s"])
