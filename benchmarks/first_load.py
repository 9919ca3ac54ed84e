"""Measures the first load against the limit, from a hundredth of the rows to all of them.

Input:  the largest number of rows, the number of runs, a folder to work in.
Output: a section of the results for `bench`.
"""

from __future__ import annotations

import json
from pathlib import Path

from measure import Cost, Figures, in_turn, progress
from ours import Ours, once_each, summary, write_requests
from results import COST, Section, Target
from world import served


def first_load(rows: int, runs: int, folder: Path) -> Section:
    """Loads worlds of a hundredth, a tenth, a fifth and all of `rows`, by both paths."""
    section = Section(
        "first-load",
        "First load: ours against the limit, and growth in rows",
        (
            "path",
            *COST,
            "appointments",
            "their JSON MB",
            "all rows",
            "warehouse MB",
            "CPU µs per appointment",
            "÷ limit",
        ),
        notes=[
            "Ours: `bookings sync` into no warehouse, one location, 20 services: teams, services, hours, members and "
            "free slots beside appointments, contacts and custom fields, all with history, digests and a ledger. The "
            "limit: the same windows' appointments, fetched and read by DuckDB's JSON reader into three typed tables, "
            "and nothing else.",
        ],
    )
    ours: dict[int, Figures] = {}
    ratio = 0.0
    for size in sorted({rows // 100, rows // 10, rows // 5, rows}):
        ours[size], limit = _one_size(section, size, runs, folder / f"first-{size}")
        ratio = ours[size].cpu_s / limit.cpu_s
    section.targets = [
        Target.at_most(f"ours ÷ limit, first load of {rows:,}, CPU", ratio, 1.45),
        Target.at_most(f"peak memory at {rows:,} rows", ours[rows].peak_mb, 420, " MB"),
        Target.at_most(
            f"peak memory, {rows:,} rows ÷ {rows // 5:,}", ours[rows].peak_mb / ours[rows // 5].peak_mb, 1.2
        ),
        Target.flat("CPU per row", [ours[size].cpu_s / size for size in sorted(ours)]),
    ]
    return section


def _one_size(section: Section, size: int, runs: int, folder: Path) -> tuple[Figures, Figures]:
    progress(f"first load: {size:,} appointments")
    with served(size) as world:
        ours = Ours(world, folder)
        warm_up = ours.first_sync()
        requests = write_requests(world, once_each(world.requests()), folder / "requests.json")
        database = folder / "limit.duckdb"

        def limit_once() -> Cost:
            database.unlink(missing_ok=True)
            return ours.script("limit", requests, database)

        progress(f"  ours and limit, warm-up: {warm_up.cpu_s:.2f} and {limit_once().cpu_s:.2f} CPU s")
        paths = {"ours": ours.first_sync, "limit": limit_once}
        (ours_figures, cost), (limit_figures, of_limit) = in_turn(paths, runs, warm_up=False)
        loaded = sum(table["new"] for table in summary(cost)["tables"].values())
        (appointments,) = ours.ask("SELECT count(*) FROM bookings_raw.appointments")[0]
        limit = json.loads(of_limit.output)
        if not limit["rows"] == appointments == size:
            raise RuntimeError(f"of {size} appointments we hold {appointments}, the limit {limit['rows']}")
        megabytes = limit["bytes"] / 1e6
        for name, figures, all_rows, file in (
            ("ours", ours_figures, loaded, ours.database),
            ("limit", limit_figures, limit["rows"] + limit["contacts"] + limit["custom_fields"], database),
        ):
            section.add(
                f"{name}, {size:,}", figures, size, megabytes, all_rows, file.stat().st_size / 1e6,
                figures.cpu_s / size * 1e6, figures.cpu_s / limit_figures.cpu_s,
            )  # fmt: skip
    return ours_figures, limit_figures
