"""Each trouble in one sync, and each lasting form of replies: `histories` lists the promises.

Random histories combine them in long runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integration.sync.conftest import Tally
from support.apis import Api

from .conftest import amount
from .happenings import Happening
from .histories import History, Round, Sync, live
from .troubles import LASTING, TROUBLES

CHANGES = (
    Happening("delete", 1),
    Happening("delete", 5),
    Happening("reschedule", 3, 100),
    Happening("book", 2, 3, 1),
    Happening("mark", 4, 0, 2),
)
APIS: tuple[tuple[Api, ...], ...] = amount((("v1", "v2", "v1"),), (("v1", "v1", "v1"), ("v2", "v2", "v2")))
"""The API of each location: in a short run both at once."""
STEP = amount(9, 1)
"""Every fourth, or all."""


@pytest.mark.parametrize("apis", APIS, ids="-".join)
@pytest.mark.parametrize("name", list(TROUBLES)[::STEP])
def test_a_sync_with_trouble(folder: Path, tally: Tally, name: str, apis: tuple[Api, ...]) -> None:
    """Rows change before, during and after the trouble."""
    troubled = Round((CHANGES, CHANGES), sync=Sync("full", trouble=name))
    history = History(locations=3, rounds=(Round(), troubled, Round((CHANGES,), hours=5)), again=True, apis=apis)
    assert live(history, folder) == []
    tally("troubles", 1)


@pytest.mark.parametrize("apis", APIS, ids="-".join)
@pytest.mark.parametrize("switch", LASTING[::STEP], ids=lambda switch: f"{switch[0]}-{switch[1]}")
def test_a_lasting_form_of_replies(folder: Path, switch: tuple[str, Any], apis: tuple[Api, ...]) -> None:
    rounds = (Round(), Round((CHANGES, CHANGES), hours=5), Round((CHANGES,), hours=5))
    history = History(locations=3, switches=(switch,), rounds=rounds, again=True, apis=apis)
    assert live(history, folder) == []
