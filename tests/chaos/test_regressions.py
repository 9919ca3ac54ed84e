"""Histories that once broke the promise, as small as the search could make them, and what was wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from .happenings import Happening
from .histories import History, Round, Sync, live

FAILED = {
    # An empty list looked like the empty list before it: nobody asked whether the row behind it was still there.
    "deleted-behind-an-unlisted-service": History(
        switches=(("vanished_service", "empty"),),
        rounds=(
            Round(((Happening("book", 45, 5, -380), Happening("book", 45, 38, 83)),)),
            Round(((Happening("delete_service", 36),),), sync=Sync("full")),
            Round(((Happening("delete", 25),),)),
        ),
    ),
    # "Does this location hold anything?" was asked of its appointments alone.
    "slots-of-a-calendar-without-appointments": History(
        rounds=(
            Round(((*[Happening("delete")] * 20, Happening("add_service")),)),
            Round(((Happening("delete_team"),),)),
        ),
    ),
    # The last row of a service that has gone was deleted, then restored: nobody asked that service any more.
    "restored-under-a-service-that-has-gone": History(
        rounds=(
            Round(((Happening("add_service", 1), *[Happening("book", 2, 3)] * 3),)),
            Round(((Happening("delete"),) * 20,)),
            Round(((Happening("delete_service"),) * 3,)),
            Round(((Happening("restore"),) * 20,)),
        ),
    ),
    # Booked and left between two syncs.
    "a-service-that-was-never-seen-with-its-booking": History(
        rounds=(
            Round(),
            Round(((Happening("book", 1, 4), Happening("delete_service", 1)),)),
        ),
    ),
}


@pytest.mark.parametrize("name", FAILED)
def test_holds_now(folder: Path, name: str) -> None:
    assert live(FAILED[name], folder) == []
