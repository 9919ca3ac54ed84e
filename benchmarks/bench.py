"""`make bench`: measures everything the targets speak of, and writes RESULTS.md and results.json.

Input:  how many appointments at most, how many runs, which parts.
Output: the two files beside this one, or in another folder; progress on stderr.

Everything runs on this machine, over one sandbox process per world; each path that is measured is a process of its own.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from first_load import first_load
from many_locations import many_locations
from measure import progress
from peers import peers
from rate import rate
from results import Section, write
from standing import standing


class Part(StrEnum):
    """What may be run alone."""

    FIRST_LOAD = "first-load"
    PEERS = "peers"
    STANDING = "standing"
    LOCATIONS = "locations"
    RATE = "rate"


def main(
    rows: Annotated[int, typer.Option(min=2000, help="Appointments of the largest world.")] = 1_000_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each path, after one that is not counted.")] = 3,
    locations: Annotated[int, typer.Option(min=1, help="The most locations.")] = 1000,
    only: Annotated[list[Part] | None, typer.Option(help="Only this part. Repeatable.")] = None,
    into: Annotated[Path, typer.Option(help="Folder of RESULTS.md and results.json.")] = Path(__file__).parent,
) -> None:
    """Measure, and write RESULTS.md and results.json.

    A part that is run alone replaces its own section in both, and leaves the others.
    """
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bookings-bench-") as name:
        folder = Path(name)
        parts: dict[Part, Callable[[], Section | list[Section]]] = {
            Part.FIRST_LOAD: lambda: first_load(rows, runs, folder),
            Part.PEERS: lambda: peers(rows, runs, folder),
            Part.STANDING: lambda: standing(rows, runs, folder),
            Part.LOCATIONS: lambda: many_locations(locations, runs, folder),
            Part.RATE: lambda: rate(rows, folder),
        }
        for part in only or parts:
            done = parts[part]()
            # Written after each part: what is measured stands, whatever becomes of the next one.
            page = write([done] if isinstance(done, Section) else done, into, rows=rows, runs=runs, load=load)
            progress(f"{part} is in {page}")


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
