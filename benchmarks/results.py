"""Writes the results: RESULTS.md for people, results.json for programs.

Input:  a `Section` from each part.
Output: both files. A part that runs alone replaces its own section. Each section records when, at which commit and on
        which machine it was measured.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from measure import Figures

NOISE = 1.05
"""Factor by which two medians of the same work may differ."""

_QUIET = 0.5
"""Load average from which the results say that the machine was busy."""

_PACKAGES = ("bookings-sync", "dlt", "duckdb", "pyarrow", "httpx", "orjson")


@dataclass(frozen=True, slots=True)
class Target:
    """A goal and its measurement."""

    what: str
    wanted: str
    measured: str
    reached: bool
    value: float
    """`measured` as a number."""

    @classmethod
    def at_most(cls, what: str, measured: float, most: float, unit: str = "") -> Target:
        return cls(what, f"≤ {number(most)}{unit}", f"{number(measured)}{unit}", measured <= most, measured)

    @classmethod
    def at_least(cls, what: str, measured: float, least: float, unit: str = "") -> Target:
        return cls(what, f"≥ {number(least)}{unit}", f"{number(measured)}{unit}", measured >= least, measured)

    @classmethod
    def flat(cls, what: str, costs: Sequence[float]) -> Target:
        """A cost per item at growing sizes: it never rises by more than the noise from one size to the next."""
        rises = [later / earlier for earlier, later in pairwise(costs)]
        return cls.at_most(f"{what}, from one size to the next, at most ×", max(rises, default=1.0), NOISE)


@dataclass(slots=True)
class Section:
    """One part's results. Each row has one value per column."""

    name: str
    title: str
    columns: Sequence[str]
    rows: list[Sequence[Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    """Further figures for results.json, by name."""

    def add(self, name: str, figures: Figures, *more: Any) -> None:
        """Adds the row of a measured path, and its figures."""
        self.rows.append((name, figures.cpu_s, figures.wall_s, figures.peak_mb, *more))
        self.figures[name] = figures.as_json()


COST = ("CPU s", "wall s", "peak MB")
"""The columns that `Section.add` fills after the path's name."""


def write(sections: Sequence[Section], folder: Path, *, rows: int, runs: int, load: float) -> Path:
    """Puts the sections into results.json, writes RESULTS.md from all of its sections, and returns the latter's path.

    `load` is the machine's load average before the measurements: 0 on an idle machine.
    """
    file, page = folder / "results.json", folder / "RESULTS.md"
    folder.mkdir(parents=True, exist_ok=True)
    kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    measured = {
        "rows": rows,
        "runs": runs,
        "load": round(load, 1),
        "at": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": _commit(),
        **_machine(),
    }
    for section in sections:
        kept[section.name] = asdict(section) | {"measured": measured}
    file.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page.write_text(rendered(kept), encoding="utf-8")
    return page


def number(value: Any) -> str:
    """A number for a table: three significant digits, thousands separated."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 or not value else f"{value:.2g}"


def rendered(kept: dict[str, Any]) -> str:
    """The text of RESULTS.md. It describes the measurement once if all sections share it, else under each section."""
    how = [_how(section["measured"]) for section in kept.values()]
    alike = len(set(how)) == 1
    lines = [
        "# Results",
        "",
        "Written by `make bench`; [README.md](README.md) says what each path does and how to read this."
        + (f" {how[0]}" if alike else ""),
        "",
        "## Targets",
        "",
        *_table(
            ("target", "wanted", "measured", "reached"),
            [
                (each["what"], each["wanted"], each["measured"], "yes" if each["reached"] else "**no**")
                for section in kept.values()
                for each in section["targets"]
            ],
        ),
    ]
    for section, measured in zip(kept.values(), how, strict=True):
        notes = section["notes"] if alike else [*section["notes"], measured]
        lines += ["", f"## {section['title']}", "", *_table(section["columns"], section["rows"]), ""]
        lines += [f"- {note}" for note in notes]
    return "\n".join(lines) + "\n"


def _how(measured: dict[str, Any]) -> str:
    load = measured.get("load", 0)
    beside = f" with other work beside it (a load of {load} before)" if load >= _QUIET else ""
    return (
        f"Measured {measured['at']} at commit {measured['commit']}, {measured['rows']:,} appointments at most, medians "
        f"of {measured['runs']} {'run' if measured['runs'] == 1 else 'runs'}, on {measured['machine']}"
        f"{beside}; {measured['versions']}."
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    numeric = [
        bool(rows) and all(isinstance(row[at], int | float | None) for row in rows) for at in range(len(columns))
    ]
    shown = [["" if value is None else number(value).replace("|", "\\|") for value in row] for row in rows]
    rule = ["---:" if is_number else "---" for is_number in numeric]
    return ["| " + " | ".join(cells) + " |" for cells in (columns, rule, *shown)]


def _machine() -> dict[str, str]:
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{_processor()}, {os.cpu_count()} cores, {memory_gb:.0f} GiB, {platform.system()} {platform.machine()}"
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return {"machine": machine, "versions": f"Python {platform.python_version()}, {versions}"}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or sys.platform


def _commit(folder: Path = Path(__file__).parent) -> str:
    """The measured commit, with a + if the tree had changes other than the results of earlier parts."""
    commit = _git(folder, "describe", "--always", "--exclude=*")
    results = [f":(top,exclude,glob)**/{name}" for name in ("RESULTS.md", "results.json")]
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ":/", *results)
    return f"{commit}{'+' if changes else ''}" if commit else "an unknown commit"


def _git(folder: Path, *command: str) -> str:
    return subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=False).stdout.strip()
