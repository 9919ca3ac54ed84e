"""Measures the cost per location, from one to a thousand small locations in one process.

Input:  the largest number of locations, the number of runs, a folder to work in.
Output: a section of the results for `bench`.
"""

from __future__ import annotations

import json
from pathlib import Path

from measure import in_turn, progress, repeated
from ours import Ours, summary, write_requests
from results import COST, Section, Target
from standing import START_UP_S
from world import served

APPOINTMENTS, SERVICES = 20, 2
"""Per location."""


def many_locations(most: int, runs: int, folder: Path) -> Section:
    """Syncs 1, a hundredth, a tenth and all of `most` locations: a first load, then syncs without news."""
    section = Section(
        "locations",
        f"Locations of {APPOINTMENTS} appointments and {SERVICES} services each",
        ("path", *COST, "requests", "CPU ms per location", "÷ fetching and parsing"),
        notes=[
            "Fetching and parsing sends the requests of the sync above it with httpx and parses them with orjson.",
            "With more than one location, each location's id is in the configuration.",
        ],
    )
    per_location: dict[str, list[float]] = {"first load": [], "nothing new": []}
    for count in sorted({1, max(most // 100, 1), max(most // 10, 1), most}):
        first, quiet, reference_s = _one_count(section, count, runs, folder / f"locations-{count}")
        per_location["first load"].append(first / count)
        per_location["nothing new"].append(quiet / count)
    for name, costs in per_location.items():
        section.targets.append(Target.flat(f"CPU per location, {name}", costs))
    what = f"{most:,} locations with nothing new, CPU (fetching and parsing their replies, plus 1 s)"
    section.targets.append(Target.at_most(what, quiet, reference_s + START_UP_S, " s"))
    return section


def _one_count(section: Section, count: int, runs: int, folder: Path) -> tuple[float, float, float]:
    """CPU seconds of the first load, of a sync without news, and of the reference."""
    progress(f"locations: {count:,}")
    with served(count * APPOINTMENTS, locations=count, services=SERVICES) as world:
        ours = Ours(world, folder)
        first, cost = repeated("first load", ours.first_sync, runs, warm_up=count == 1)
        section.add(f"first load, {count:,}", first, summary(cost)["requests"], first.cpu_s / count * 1000, None)
        ours.settle()
        cost = ours.sync_unchanged()
        sent = world.requests()[-summary(cost)["requests"] :]
        requests = write_requests(world, sent, folder / "requests.json")
        paths = {
            "nothing new": ours.sync_unchanged,
            "fetch and parse": lambda: ours.script("fetch_and_parse", requests),
        }
        (quiet, _), (reference, cost) = in_turn(paths, runs)
        reference_s = float(json.loads(cost.output)["cpu_s"])
        section.add(
            f"nothing new, {count:,}", quiet, len(sent), quiet.cpu_s / count * 1000, quiet.cpu_s / reference.cpu_s
        )
        section.add(f"fetching and parsing, {count:,}", reference, len(sent), reference.cpu_s / count * 1000, 1.0)
    return first.cpu_s, quiet.cpu_s, reference_s
