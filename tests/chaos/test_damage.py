"""Each kind of damage to each table of the warehouse, each way in which appointments leave their lists, and upgrades.

`histories` lists the promises. Random histories combine these with everything else.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.sync.conftest import Tally

from .conftest import amount
from .damage import KINDS, TABLES, Damage
from .happenings import Happening
from .histories import History, Round, Sync, live
from .test_troubles import CHANGES

LEAVING = (
    Happening("change_service", 1, 0, 1),
    Happening("lose_service", 3, 0, 1),
    Happening("lose_service", 5, 0, 3),
    Happening("change_team_or_user", 6, 1, 1),
    Happening("change_team_or_user", 7, 4, 2),
    Happening("appear_elsewhere", 2, 2, 0),
    Happening("appear_elsewhere", 4, 3, 1),
    Happening("flag", 0),
)
COMING_BACK = (
    Happening("change_service", 3, 0, 0),
    Happening("flag", 0),
    Happening("flag", 1),
    Happening("change_contact", 2, 0, 3),
    Happening("delete", 5),
    Happening("restore"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_to_a_table(folder: Path, tally: Tally, kind: str) -> None:
    """The calendar changes before, between and after the copies that are restored."""
    for table in TABLES if kind != "restore_file" else TABLES[:1]:
        if table not in amount(("appointments",), TABLES):
            continue
        damaged = Round((CHANGES, CHANGES), hours=5, damage=(Damage(kind, table, 1),))  # type: ignore[arg-type]
        rounds = (Round((CHANGES,)), Round((CHANGES, CHANGES), hours=5), damaged)
        assert live(History(locations=3, rounds=rounds, again=True), folder) == [], table
        tally("damages", 1)


@pytest.mark.parametrize(
    "scopes", amount([("service",)], [("service",), ("service", "team"), ("user", "service")]), ids="-".join
)
@pytest.mark.parametrize("vanished", amount(["listed"], ["listed", "422", "empty"]))
def test_appointments_leave_their_lists(folder: Path, vanished: str, scopes: tuple[str, ...]) -> None:
    gone = (*LEAVING, Happening("delete_service", 1), Happening("change_service", 0, 0, 2))
    sync = Sync(knobs=(("scopes", scopes),))
    rounds = (
        Round(sync=sync),
        Round((LEAVING, LEAVING, gone), hours=5, sync=sync),
        Round((COMING_BACK,) * 3, hours=30, sync=sync),
        Round((gone, COMING_BACK, LEAVING), hours=24 * 31, sync=sync),
        Round((LEAVING, gone, COMING_BACK), hours=1, sync=sync),
    )
    history = History(locations=3, switches=(("vanished_service", vanished),), rounds=rounds, again=True)
    assert live(history, folder) == []


@pytest.mark.parametrize("older", amount([1], [1, 2, 3]))
def test_an_older_program_began(folder: Path, older: int) -> None:
    rounds = (Round(), Round((CHANGES, CHANGES), hours=5), Round((CHANGES,), hours=24 * 31))
    assert live(History(locations=2, rounds=rounds, again=True, older=older), folder) == []
