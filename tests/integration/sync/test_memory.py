"""Memory: what a load made goes when the load ends, not when the garbage collector comes by."""

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


def looked_at_as_each_load_begins(site: Site, look: Callable[[], int]) -> list[int]:
    """What is seen as a sync's second load, and each after it, has its first answer."""
    seen: list[int] = []

    def on_progress(run: Run) -> None:
        if run.figures.loads > len(seen):
            seen.append(look())

    pipeline.sync(site.settings, clock=site.clock, on_progress=on_progress)
    assert len(seen) > 1
    return seen


@pytest.mark.usefixtures("no_collector")
def test_of_many_loads_one_knows_its_rows(open_site: Callable[..., Site]) -> None:
    site = open_site(small(appointments=600), rows_per_load=100, concurrency=1)
    stages = looked_at_as_each_load_begins(site, lambda: sum(isinstance(each, Stage) for each in gc.get_objects()))
    assert max(stages) <= 1


@pytest.mark.usefixtures("no_collector")
def test_what_a_load_leaves_in_cycles_goes_before_the_next(open_site: Callable[..., Site]) -> None:
    """dlt leaves its schemas so: 3 MB a load, 13,000 objects of a small one. The next has made 1,200 by its first
    answer."""
    site = open_site(small(appointments=600), rows_per_load=100, concurrency=1)
    assert max(looked_at_as_each_load_begins(site, gc.collect)) < 3_000
