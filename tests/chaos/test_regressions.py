"""Histories that once broke a promise, as small as Hypothesis could make them, with the cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from .happenings import Happening
from .histories import History, Round, Sync, live

FAILED = {
    # An empty list equalled the empty list before it, so the row that it omitted was not verified.
    "deleted-behind-an-unlisted-service": History(
        switches=(("vanished_service", "empty"),),
        rounds=(
            Round(((Happening("book", 45, 5, -380), Happening("book", 45, 38, 83)),)),
            Round(((Happening("delete_service", 36),),), sync=Sync("full")),
            Round(((Happening("delete", 25),),)),
        ),
    ),
    # Only appointments decided whether a location had any rows.
    "slots-of-a-calendar-without-appointments": History(
        rounds=(
            Round(((*[Happening("delete")] * 20, Happening("add_service")),)),
            Round(((Happening("delete_team"),),)),
        ),
    ),
    # The last row of a vanished service was deleted, then restored, and the service was no longer asked.
    "restored-under-a-service-that-has-gone": History(
        rounds=(
            Round(((Happening("add_service", 1), *[Happening("book", 2, 3)] * 3),)),
            Round(((Happening("delete"),) * 20,)),
            Round(((Happening("delete_service"),) * 3,)),
            Round(((Happening("restore"),) * 20,)),
        ),
    ),
    # A team's list showed a moved row, then the vanished service was read, which lists nothing.
    "moved-under-a-service-that-lists-nothing": History(
        seed=695,
        locations=25,
        switches=(
            ("contact_in_get", False),
            ("empty_days", "empty"),
            ("recurring_ids", "epoch_duration"),
            ("slots_trace_id", False),
            ("unknown_id", "empty"),
            ("unknown_scope", "422"),
            ("vanished_service", "empty"),
            ("window_on", "overlap"),
        ),
        rounds=(
            Round(
                ((),) * 10 + ((Happening("delete", 44, -6, 403),),),
                sync=Sync("plain"),
            ),
            Round(
                ((),) * 10
                + (
                    (
                        Happening("delete_service", 36, 3, 60),
                        Happening("mark", 31, 6, -464),
                        Happening("restore", 11, -287, 25),
                    ),
                ),
                sync=Sync("full", befalls="crash", when=17),
            ),
            Round(
                ((),) * 10
                + (
                    (
                        Happening("reschedule", 36, -101, 37),
                        Happening("block", 39, 175, 52),
                        Happening("nudge", 25, 5, 155),
                        Happening("mark", 56, 85, 50),
                    ),
                ),
                hours=0,
                life=True,
                sync=Sync(
                    "full",
                    knobs=(
                        ("include_contacts", False),
                        ("rows_per_load", 100),
                        ("scopes", ("service", "team")),
                        ("slots", False),
                    ),
                ),
            ),
            Round(
                ((),) * 10
                + (
                    (
                        Happening("rename_service", 12, 219, 60),
                        Happening("mark", 60, 399, 71),
                        Happening("book", 20, -368, 33),
                        Happening("change_contact", 49, -104, 512),
                        Happening("restore", 58, 10, -354),
                    ),
                ),
                hours=173,
                meanwhile=(Happening("nudge", 3, 0, -4),),
                sync=Sync("full", befalls="change", when=7),
            ),
        ),
    ),
    # A service was booked and disappeared between two syncs.
    "a-service-that-was-never-seen-with-its-booking": History(
        rounds=(
            Round(),
            Round(((Happening("book", 1, 4), Happening("delete_service", 1)),)),
        ),
    ),
}


@pytest.mark.parametrize("name", FAILED)
def test_the_promise_holds_now(folder: Path, name: str) -> None:
    assert live(FAILED[name], folder) == []
