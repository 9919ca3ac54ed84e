"""Shows progress on stderr: a bar on a terminal, one line every few seconds elsewhere, log lines with JSON logs.

Input:  the `Run`, which `pipeline.sync` passes after each reply; the steps of a transform.
Output: context managers that yield the callback, or None with --quiet.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bookings_sync.cli.output import Output

if TYPE_CHECKING:
    from rich.progress import Progress

    from bookings_sync.sync.run import Run

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_LINES = 5.0
_SECONDS_BETWEEN_BAR_UPDATES = 0.1
"""As often as rich redraws the bar. An update adds up the figures of all locations."""


@contextmanager
def sync_progress(output: Output) -> Iterator[Callable[[Run], None] | None]:
    """Shows the reads done, the reads planned so far, requests and differences of a sync."""
    if output.quiet:
        yield None
    elif output.log_json:
        yield _LogLines()
    elif output.stderr.is_terminal:
        with _bar(output, "reads") as bar:
            yield _SyncBar(bar)
    else:
        yield _Lines(output)


class _SyncBar:
    """Updates a progress bar."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("connecting", total=None, detail="")
        self._updated_at = float("-inf")

    def __call__(self, run: Run) -> None:
        if run.step and not run.findings.figures.reads_planned:
            self._bar.update(self._task, description="upgrading", detail=run.step)
            return
        done, planned, now = run.findings.figures.reads_done, run.findings.figures.reads_planned, time.monotonic()
        if done < planned and now - self._updated_at < _SECONDS_BETWEEN_BAR_UPDATES:
            return
        self._updated_at = now
        if done < planned:
            self._bar.update(
                self._task, description="reading", completed=done, total=planned, detail=_requests_and_differences(run)
            )
        else:  # a load has no known length: let the bar pulse; update() ignores total=None
            self._bar.tasks[0].total = None
            self._bar.update(self._task, description="loading", completed=done, detail=_requests_and_differences(run))


class _Lines:
    """Prints a line every few seconds and after each load."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._loads = 0
        self._step = ""
        self._printed_at = time.monotonic()

    def __call__(self, run: Run) -> None:
        if run.step != self._step:
            self._step = run.step
            self._output.stderr.print(f"upgrading the warehouse: {run.step}")
            return
        now, figures = time.monotonic(), run.findings.figures
        if figures.loads == self._loads and now - self._printed_at < _SECONDS_BETWEEN_LINES:
            return
        self._loads, self._printed_at = figures.loads, now
        reads = f"{figures.reads_done:,} of {figures.reads_planned:,} reads"
        self._output.stderr.print(f"load {figures.loads + 1}: {reads}, {_requests_and_differences(run)}")


class _LogLines:
    """Logs a line after each load."""

    def __init__(self) -> None:
        self._loads = 0
        self._step = ""

    def __call__(self, run: Run) -> None:
        if run.step != self._step:
            self._step = run.step
            log.info("upgrading the warehouse", extra={"step": run.step})
        if run.findings.figures.loads != self._loads:
            self._loads = run.findings.figures.loads
            figures = {"loads": self._loads, "reads": run.findings.figures.reads_done, "requests": run.budget.sent}
            log.info("loaded", extra={**figures, "differences": run.findings.figures.all_tables.total})


def _requests_and_differences(run: Run) -> str:
    return f"{run.budget.sent:,} requests, {run.findings.figures.all_tables.total:,} differences"


@contextmanager
def transform_progress(output: Output) -> Iterator[Callable[[str, str], None] | None]:
    """Shows the model that a transform is working on. Only on a terminal, because a transform takes seconds."""
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
