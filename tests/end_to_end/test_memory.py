"""Memory: a load's own knowledge of its rows goes when the load ends, not when the garbage collector comes by."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

from bookings_sync import pipeline
from bookings_sync.run import Run
from bookings_sync.stage import Stage

from .conftest import Site, small


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_of_many_loads_one_knows_its_rows(open_site: Callable[..., Site]) -> None:
    stages: list[int] = []

    def count(run: Run) -> None:
        if run.figures.loads > len(stages):
            stages.append(sum(isinstance(each, Stage) for each in gc.get_objects()))

    site = open_site(small(appointments=600), rows_per_load=100, concurrency=1)
    pipeline.sync(site.settings, clock=site.clock, on_progress=count)
    assert len(stages) > 1
    assert max(stages) <= 1
