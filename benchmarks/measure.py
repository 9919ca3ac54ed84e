"""Measures the CPU time, wall time and peak memory of a command.

Input:  a command line.
Output: `Cost` of one run, `Figures` of several. CPU is user and system time of the process and of every process it
        waited for, as the kernel counts them. Peak memory is that of the largest of these processes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""The unit of ru_maxrss."""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU and wall seconds, peak memory in MB (10^6 bytes), and the process's standard output."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    output: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians over `runs` runs, with the smallest and largest CPU seconds."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    runs: int
    cpu_least_s: float
    cpu_most_s: float

    @classmethod
    def of(cls, costs: Sequence[Cost]) -> Figures:
        cpu = [cost.cpu_s for cost in costs]
        return cls(
            cpu_s=median(cpu),
            wall_s=median(cost.wall_s for cost in costs),
            peak_mb=median(cost.peak_mb for cost in costs),
            runs=len(costs),
            cpu_least_s=min(cpu),
            cpu_most_s=max(cpu),
        )

    def as_json(self) -> dict[str, Any]:
        return {name: round(value, 3) for name, value in asdict(self).items()}


def measure(command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str] | None = None) -> Cost:
    """Runs a command to its end. Raises RuntimeError with the end of its output if it fails."""
    # A Python told not to write bytecode would compile every module at each start.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(env or {})}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], cwd=cwd, env=environment, stdout=out, stderr=err)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.send_signal(signal.SIGTERM)
            raise
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output, errors = (_text(file) for file in (out, err))
    if process.returncode:
        raise RuntimeError(f"{Path(command[0]).name} ended with {process.returncode}:\n{(output + errors)[-3000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss * _MAXRSS_BYTES / 1e6, output)


Measured = tuple[Figures, Cost]
"""The medians of a path's runs, and the cost and output of its last run."""


def in_turn(paths: Mapping[str, Callable[[], Cost]], runs: int, *, warm_up: bool = True) -> list[Measured]:
    """Runs each path `runs` times after a warm-up. The paths alternate, because the machine's speed drifts."""
    costs: dict[str, list[Cost]] = {name: [] for name in paths}
    for number in range(0 if warm_up else 1, runs + 1):
        what = f"run {number} of {runs}" if number else "warm-up"
        for name, once in paths.items():
            cost = once()
            progress(f"  {name}, {what}: {cost.cpu_s:.2f} CPU s, {cost.wall_s:.2f} s, {cost.peak_mb:,.0f} MB")
            if number:
                costs[name].append(cost)
    return [(Figures.of(of_path), of_path[-1]) for of_path in costs.values()]


def repeated(name: str, once: Callable[[], Cost], runs: int, *, warm_up: bool = True) -> Measured:
    """`in_turn` for one path."""
    (measured,) = in_turn({name: once}, runs, warm_up=warm_up)
    return measured


def progress(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode(errors="replace"))
