"""Loads the same appointments from the same server into DuckDB with other tools, and compares.

Input:  the largest number of rows, the number of runs, a folder to work in.
Output: a section of the results for `bench`. Each peer's script is in `paths/`, its lock in `environments/`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from environments import commands_of
from measure import Cost, Figures, in_turn, measure, progress
from ours import PATHS, Ours
from results import COST, Section, Target
from world import World, served

LEAST = 2000
"""Appointments of the smallest world. In a smaller one some service has none, and the Singer tap infers no columns."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer. `command` makes its command line for a world and a database.

    `least` is the target ratio of its CPU time to ours. `less` describes what its output leaves out.
    """

    name: str
    command: Callable[[World, Path], Sequence[str | Path]]
    schema: str
    least: float
    less: str

    def database(self, folder: Path) -> Path:
        return folder / re.sub(r"\W+", "-", self.name) / "peer.duckdb"


def peers(rows: int, runs: int, folder: Path) -> Section:
    """Loads a tenth of `rows` by each path, after a small world as warm-up."""
    size = max(rows // 10, LEAST)
    section = Section(
        "peers",
        f"First load of {size:,} appointments: ours against what else there is",
        ("path", *COST, "appointments held", "tables", "columns", "CPU µs per appointment", "÷ ours"),
        notes=[
            "Each peer lists the services and requests each service's appointments once, over the whole range. Ours "
            "requests windows, also reads teams and free slots, and keeps history. Columns are data columns, without "
            "each tool's own. Peers keep no history, find no deletions, and read one location per run.",
        ],
    )
    with served(LEAST) as world:
        progress(f"peers: warm-up with {LEAST:,} appointments")
        Ours(world, folder / "warm-up").first_sync()
        able = [peer for peer in PEERS if _warm_up(section, peer, world, folder / "warm-up")]
    with served(size) as world:
        progress(f"peers: {size:,} appointments")
        ours = Ours(world, folder / "ours")
        paths: dict[str, Callable[[], Cost]] = {"ours": ours.first_sync}
        paths.update({peer.name: partial(_once, peer, world, folder) for peer in able})
        (figures, _), *measured = in_turn(paths, runs, warm_up=False)
        _report(section, "ours", figures, ours.database, "bookings_raw", size, figures)
        for peer, (of_peer, _) in zip(able, measured, strict=True):
            _compare(section, peer, of_peer, folder, size, figures)
    return section


def _warm_up(section: Section, peer: Peer, world: World, folder: Path) -> bool:
    """Whether the peer runs. If it does not, the reason becomes a note of the section."""
    try:
        _once(peer, world, folder)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()
        progress(f"  {peer.name} is left out:\n{error}")
        section.notes.append(f"{peer.name} could not be run: {reason[0]} {reason[-1]}")
        return False
    return True


def _compare(section: Section, peer: Peer, figures: Figures, folder: Path, size: int, ours: Figures) -> None:
    held = _report(section, peer.name, figures, peer.database(folder), peer.schema, size, ours)
    lost = f" It lost {size - held:,} of {size:,} rows." if held != size else ""
    section.notes.append(f"{peer.name}: {peer.less}{lost}")
    section.targets.append(
        Target.at_least(f"{peer.name} ÷ ours, CPU per row, {size:,} rows", figures.cpu_s / ours.cpu_s, peer.least)
    )


def _once(peer: Peer, world: World, folder: Path) -> Cost:
    database = peer.database(folder)
    database.parent.mkdir(exist_ok=True)
    database.unlink(missing_ok=True)
    environment = {"AIRBYTE_OFFLINE_MODE": "1", "AIRBYTE_LOGGING_ROOT": str(folder), "DO_NOT_TRACK": "1"}
    return measure(peer.command(world, database), cwd=folder, env=environment)


def _report(
    section: Section, name: str, figures: Figures, database: Path, schema: str, size: int, ours: Figures
) -> int:
    """Adds the row of one path. Returns the number of appointments in its database."""
    with duckdb.connect(str(database), read_only=True) as connection:
        columns: list[tuple[Any, ...]] = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = ?"
            r" AND NOT regexp_matches(table_name, '^_(dlt|airbyte)')"
            r" AND NOT regexp_matches(column_name, '^_(dlt|airbyte)')",
            [schema],
        ).fetchall()
        tables = sorted({table for table, _ in columns})
        counts = [
            connection.execute(f'SELECT count(*) FROM "{schema}"."{table}"').fetchall()
            for table in tables
            if table.rstrip("_0123456789") == "appointments"
        ]
    held = sum(int(count) for ((count,),) in counts)
    section.add(name, figures, held, len(tables), len(columns), figures.cpu_s / size * 1e6, figures.cpu_s / ours.cpu_s)
    return held


def _range(world: World) -> tuple[str, str, str, str]:
    return world.base_url, world.locations[0].key, str(world.start_ms), str(world.end_ms)


def _dlt(loader_format: str) -> Callable[[World, Path], Sequence[str | Path]]:
    return lambda world, database: (
        commands_of("dlt") / "python", PATHS / "dlt_rest_api.py", *_range(world), database, loader_format,
    )  # fmt: skip


def _pyairbyte(world: World, database: Path) -> Sequence[str | Path]:
    return commands_of("airbyte") / "python", PATHS / "pyairbyte.py", *_range(world), database


def _singer(world: World, database: Path) -> Sequence[str | Path]:
    tap = commands_of("singer-tap") / "tap-rest-api-msdk"
    target = commands_of("singer-target") / "target-duckdb"
    # The script that connects the two only needs Python.
    return commands_of("singer-tap") / "python", PATHS / "singer.py", tap, target, *_range(world), database


_DLT_LESS = (
    "contacts are columns of each appointment, with one copy per booking; their custom fields and tags are in child "
    "tables, lists in custom fields in another child table; the offset of a time is lost."
)
PEERS = (
    Peer("dlt rest_api, insert_values", _dlt("default"), "calendar", 15, f"dlt's default format. {_DLT_LESS}"),
    Peer("dlt rest_api, parquet", _dlt("parquet"), "calendar", 5, f"the same with parquet. {_DLT_LESS}"),
    Peer(
        "PyAirbyte 0.71.3",
        _pyairbyte,
        "main",
        5,
        "appointments only, with the columns that the manifest declares; the contact is one JSON column, so there are "
        "no tables of contacts or custom fields; times lose their offset: 10:00-05:00 becomes 10:00, others UTC.",
    ),
    Peer(
        "Singer: tap-rest-api-msdk to target-duckdb",
        _singer,
        "calendar",
        5,
        "a table per service, because the tap has no parent streams; times are text, the contact is JSON text; fields "
        "missing from the first 1,000 records get no column. Its peak memory is that of the larger process.",
    ),
)
