"""Reply caps: which replies may be cut off."""

from __future__ import annotations

from bookings_sync.planning.ledger import Ledger, Read
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import SHORTEST_MS, Window
from bookings_sync.sync.reply_caps import ReplyCaps

WINDOW = Window(0, 86_400_000)


def test_a_reply_of_a_usual_limit_may_be_cut_off_until_a_larger_one_came() -> None:
    caps = ReplyCaps(0, Ledger())
    assert caps.may_be_cut_off("L", WINDOW, 100)
    assert not caps.may_be_cut_off("L", WINDOW, 99)
    caps.add("L", 101)
    assert not caps.may_be_cut_off("L", WINDOW, 100)
    assert caps.may_be_cut_off("another location", WINDOW, 100)


def test_larger_replies_of_earlier_runs_count() -> None:
    read = Read("L", "appointments", Scope("service", "s"), WINDOW, 0, "run", "", "digest", 0, 101, 0.0)
    assert not ReplyCaps(0, Ledger([read])).may_be_cut_off("L", WINDOW, 100)


def test_a_configured_cap_is_the_only_one() -> None:
    caps = ReplyCaps(73, Ledger())
    assert [caps.may_be_cut_off("L", WINDOW, count) for count in (72, 73, 74)] == [False, True, True]
    assert not caps.is_guess


def test_the_shortest_window_cannot_be_halved() -> None:
    assert not ReplyCaps(100, Ledger()).may_be_cut_off("L", Window(0, SHORTEST_MS), 100)
