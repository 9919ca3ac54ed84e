"""`make bench`: measures every target and writes RESULTS.md and results.json.

Input:  the largest number of appointments, the number of runs, the parts to run.
Output: both files, in this folder or another; progress on stderr.

Everything runs on this machine. Each world has one sandbox process, and each measured path runs in its own process.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dialects import dialects
from first_load import first_load
from freshness import freshness
from live import live
from many_locations import many_locations
from measure import progress
from peers import peers
from rate import rate
from results import Section, write
from standing import standing
from start_up import start_up


class Part(StrEnum):
    """The parts, each of which can run alone."""

    FIRST_LOAD = "first-load"
    PEERS = "peers"
    STANDING = "standing"
    LIVE = "live"
    LOCATIONS = "locations"
    RATE = "rate"
    DIALECTS = "dialects"
    START_UP = "start-up"
    FRESHNESS = "freshness"


def main(
    rows: Annotated[int, typer.Option(min=2000, help="Appointments of the largest world.")] = 1_000_000,
    runs: Annotated[int, typer.Option(min=1, help="Counted runs of each path, after a warm-up run.")] = 3,
    locations: Annotated[int, typer.Option(min=1, help="The most locations.")] = 1000,
    only: Annotated[list[Part] | None, typer.Option(help="Only this part. Repeatable.")] = None,
    into: Annotated[Path, typer.Option(help="Folder of RESULTS.md and results.json.")] = Path(__file__).parent,
) -> None:
    """Measure, and write RESULTS.md and results.json.

    A part that runs alone replaces its own section in both files.
    """
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bookings-bench-") as name:
        folder = Path(name)
        parts: dict[Part, Callable[[], Section | list[Section]]] = {
            Part.FIRST_LOAD: lambda: first_load(rows, runs, folder),
            Part.PEERS: lambda: peers(rows, runs, folder),
            Part.STANDING: lambda: standing(rows, runs, folder),
            Part.LIVE: lambda: live(rows, runs, folder),
            Part.LOCATIONS: lambda: many_locations(locations, runs, folder),
            Part.RATE: lambda: rate(rows, folder),
            Part.DIALECTS: lambda: dialects(rows, runs, folder),
            Part.START_UP: lambda: start_up(runs, folder),
            Part.FRESHNESS: lambda: freshness(rows, folder),
        }
        for part in only or parts:
            done = parts[part]()
            # Written after each part, so a failure in the next part loses nothing.
            page = write([done] if isinstance(done, Section) else done, into, rows=rows, runs=runs, load=load)
            progress(f"{part} is in {page}")


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
