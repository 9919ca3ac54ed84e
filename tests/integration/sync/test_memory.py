"""Memory: a load's rows are freed when the load ends, and do not wait for the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

from bookings_sync.changes.stage import Stage
from bookings_sync.sync import pipeline
from bookings_sync.sync.run import Run

from .conftest import Site, small


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_a_load_is_freed_before_the_next_one_reads(open_site: Callable[..., Site]) -> None:
    site = open_site(small(appointments=600), rows_per_load=100, concurrency=1)
    alive: list[int] = []

    def on_progress(run: Run) -> None:
        if run.findings.figures.loads > len(alive):
            alive.append(sum(isinstance(each, Stage) for each in gc.get_objects()))

    pipeline.sync(site.settings, clock=site.clock, on_progress=on_progress)
    assert len(alive) > 1
    assert max(alive) <= 1
