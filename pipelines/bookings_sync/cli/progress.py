"""Progress: a bar on a terminal, a line now and then elsewhere, nothing where nothing was wanted. All on stderr.

Input:  a run as it goes on (`pipeline.sync` calls with it after each answer); a transform's steps.
Output: a context that gives the function to call.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bookings_sync.cli.console import Output

if TYPE_CHECKING:
    from rich.progress import Progress

    from bookings_sync.sync.run import Run

log = logging.getLogger(__name__)

_LINE_EVERY_S = 5.0
_TOLD_EVERY_S = 0.1
"""As often as a bar is drawn: what it shows is counted over all locations."""


@contextmanager
def sync_progress(output: Output) -> Iterator[Callable[[Run], None] | None]:
    """Shows a sync: reads done of those planned so far, requests, rows that differ."""
    if output.quiet:
        yield None
    elif output.log_json:
        yield _Logged()
    elif output.stderr.is_terminal:
        with _bar(output, "reads") as bar:
            task = bar.add_task("connecting", total=None, detail="")
            told = float("-inf")

            def advance(run: Run) -> None:
                nonlocal told
                done, planned, now = run.figures.reads_done, run.figures.reads_planned, time.monotonic()
                if done < planned and now - told < _TOLD_EVERY_S:
                    return
                told = now
                if done < planned:
                    bar.update(task, description="reading", completed=done, total=planned, detail=_detail(run))
                else:  # how long a load takes is not known: the bar pulses, and its clock goes on
                    bar.tasks[0].total = None
                    bar.update(task, description="loading", completed=done, detail=_detail(run))

            yield advance
    else:
        yield _Lines(output)


class _Lines:
    """A line every few seconds, and one for each load."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._loads = 0
        self._last = time.monotonic()

    def __call__(self, run: Run) -> None:
        now, figures = time.monotonic(), run.figures
        if figures.loads == self._loads and now - self._last < _LINE_EVERY_S:
            return
        self._loads, self._last = figures.loads, now
        line = f"{figures.reads_done:,} of {figures.reads_planned:,} reads, {_detail(run)}"
        self._output.stderr.print(f"load {figures.loads + 1}: {line}")


class _Logged:
    """A log line for each load."""

    def __init__(self) -> None:
        self._loads = 0

    def __call__(self, run: Run) -> None:
        if run.figures.loads != self._loads:
            self._loads = run.figures.loads
            figures = {"loads": self._loads, "reads": run.figures.reads_done, "requests": run.requests}
            log.info("loaded", extra={**figures, "differences": run.figures.all_tables.total})


def _detail(run: Run) -> str:
    return f"{run.requests:,} requests, {run.figures.all_tables.total:,} differences"


@contextmanager
def transform_progress(output: Output) -> Iterator[Callable[[str, str], None] | None]:
    """Shows a transform: the model it is at. Elsewhere than on a terminal it is silent: it takes seconds."""
    if output.quiet or not output.stderr.is_terminal:
        yield None
        return
    with _bar(output, "steps") as bar:
        task = bar.add_task("models", total=None, detail="")

        def advance(step: str, model: str) -> None:
            bar.update(task, advance=1, description=step, detail=model)

        yield advance


@contextmanager
def _bar(output: Output, unit: str) -> Iterator[Progress]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<10}", markup=False),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn(f"{unit}  {{task.fields[detail]}}", style="dim", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=output.stderr, transient=True) as bar:
        yield bar
