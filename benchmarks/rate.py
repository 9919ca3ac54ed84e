"""Measures how much of the documented rate limit a first load uses, and that it never exceeds the limit.

Input:  the number of rows of the largest world, and a folder to work in. This part uses a fiftieth of the rows.
Output: a section of the results for `bench`.
"""

from __future__ import annotations

from math import floor
from pathlib import Path

from measure import progress
from ours import Ours, summary
from results import Section, Target
from world import served

ALLOWED, SECONDS, LATENCY_MS = 100, 10.0, 200.0
"""The documented limit, and a typical latency over the internet."""
SERVICES = 136
"""Makes a first load take about a minute, with a nearly full last period."""


def rate(rows: int, folder: Path) -> Section:
    """Runs one first load of a fiftieth of `rows` at the documented limit."""
    progress(f"rate limit: {ALLOWED} in any {SECONDS:.0f} s, replies after {LATENCY_MS:.0f} ms")
    with served(rows // 50, services=SERVICES) as world:
        world.limit(requests=ALLOWED, seconds=SECONDS, latency_ms=LATENCY_MS)
        cost = Ours(world, folder / "rate", rate_limit=ALLOWED).first_sync()
        log = world.requests()
    refused = sum(each["status"] == 429 for each in log)
    took_s = log[-1]["at"] - log[0]["at"]
    allowed = (floor(took_s / SECONDS) + 1) * ALLOWED
    least_s = (len(log) - 1) // ALLOWED * SECONDS
    return Section(
        "rate",
        f"Rate limit: {ALLOWED} requests in any {SECONDS:.0f} s, {LATENCY_MS:.0f} ms latency",
        ("sync", "requests", "429", "from first reply to last, s", "allowed in that time", "used", "least possible, s"),
        rows=[("first load", len(log), refused, took_s, allowed, len(log) / allowed, least_s)],
        notes=[
            f"A first load of {rows // 50:,} appointments of {SERVICES} services; the whole command took "
            f"{cost.wall_s:.0f} s. Allowed are as many as any client could have sent by the time of the last one: "
            f"{ALLOWED} at once, and as many again every {SECONDS:.0f} s. Least possible: for as many as were sent.",
        ],
        targets=[
            Target.at_least("requests sent of those allowed in that time", len(log) / allowed, 0.95),
            Target.at_most("replies of 429", refused, 0),
        ],
        figures={"cpu_s": round(cost.cpu_s, 3), "requests": summary(cost)["requests"]},
    )
