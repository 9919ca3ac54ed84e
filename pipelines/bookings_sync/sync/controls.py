"""Controls: show whether the API distinguishes an appointment that exists from one that never existed.

Input:  what the lists of this load returned; the locations with missing appointments.
Output: for each location, whether it finds an existing appointment by its id, and how it refuses an id that never
        existed.

The refusal of an id is the only sign of a deletion, and an API in trouble refuses every id. So a refusal counts only
next to controls: a listed id that is found, before and after the refusals, and an id that never existed.
"""

from __future__ import annotations

import random
import string
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from bookings_sync.api.client import Client
from bookings_sync.dialects.replies import Reply
from bookings_sync.errors import ApiError, OtherReply
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.columns import Key
from bookings_sync.records.json_text import Records
from bookings_sync.sync.reading import DecodingTurn, Reading
from bookings_sync.warehouse.held_rows import HeldRows

_MOST_ASKED = 4
"""Appointments to ask for until one is found. More than one, because some kinds of appointments may be listed and have
no reply of their own (UNK), and because an appointment may be deleted after it was listed."""

_KEPT = 12
"""Listed ids to remember of each location."""

_SHORTEST_UNKNOWN = 12
"""Characters. A shorter made-up id could exist by chance."""

Refusal = tuple[int, str]
"""How an id was refused: the status, and the digest of the body. A body with a status of `unknown_id_statuses` does not
count."""


class Control(NamedTuple):
    """The answer to one location's control. `found` is None if nothing could serve as a control. `was_asked` is False
    if there was nothing to ask for. `error` is set if the API gave no answer."""

    found: bool | None = None
    was_asked: bool = True
    refusal: Refusal | None = None
    error: ApiError | None = None


class _Candidates(NamedTuple):
    """Appointments to ask for. If no list returned any, they are some that the warehouse holds, and not finding them
    proves nothing: they may have been deleted too."""

    ids: list[str]
    are_listed: bool


_NOTHING = _Candidates([], are_listed=False)


class ListedSamples:
    """Some ids that the lists of a run returned, by location, the latest."""

    def __init__(self) -> None:
        self._ids: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_KEPT))

    def add(self, location_id: str, keys: Sequence[Key]) -> None:
        """Notes that a list contained these appointments."""
        if keys:
            some = (keys[0][0], keys[len(keys) // 2][0], keys[-1][0])
            self._ids[location_id].extend(dict.fromkeys(some))

    def of(self, location_id: str) -> list[str]:
        return list(self._ids.get(location_id, ()))


class Controls:
    """The controls of one load. `listed` are the ids of the whole run: a load may read nothing but emptied windows."""

    def __init__(
        self, client: Callable[[str], Client], held_rows: HeldRows, concurrency: int, listed: ListedSamples
    ) -> None:
        self._client = client
        self._held_rows = held_rows
        self._concurrency = concurrency
        self.listed = listed
        self._unchanged: defaultdict[str, deque[tuple[Scope, Window]]] = defaultdict(lambda: deque(maxlen=_MOST_ASKED))
        self._candidates: dict[str, _Candidates] = {}

    def add_unchanged(self, location_id: str, scope: Scope, window: Window) -> None:
        """Notes that a list contained what the warehouse holds of this scope and window, except for missing rows."""
        self._unchanged[location_id].append((scope, window))

    def existing(self, missing: Mapping[str, Collection[Key]], *, last: bool) -> dict[str, Control]:
        """Asks each location for an appointment that exists. `missing` are the appointments in doubt, by location. The
        `last` control asks for another appointment than the first one, if there is another."""
        for location_id, keys in missing.items():
            if not self._candidates.get(location_id, _NOTHING).ids:
                self._candidates[location_id] = self._choose(location_id, keys)

        def ask(location_id: str, _: DecodingTurn) -> Control:
            ids, are_listed = self._candidates[location_id]
            refused = False
            for each in reversed(ids) if last else ids:
                try:
                    if self._get(location_id, each).records:
                        return Control(found=True)
                    refused = True
                except OtherReply:  # a series' master is no answer about the id that was asked for
                    continue
            return Control(found=False if refused and are_listed else None, was_asked=bool(ids))

        return self._answers(missing, ask)

    def unknown(self, refused: Mapping[str, str]) -> dict[str, Control]:
        """Asks each location for an id that never existed, made up in the form of a refused id."""

        def ask(location_id: str, _: DecodingTurn) -> Control:
            reply = self._get(location_id, never_existed(refused[location_id]))
            return Control(found=bool(reply.records), refusal=refusal_of(reply))

        return self._answers(refused, ask)

    def _answers(
        self, location_ids: Collection[str], ask: Callable[[str, DecodingTurn], Control]
    ) -> dict[str, Control]:
        answers = Reading(location_ids, ask, self._concurrency)
        return {each.item: each.result or Control(error=each.error) for each in answers}

    def _get(self, location_id: str, appointment_id: str) -> Reply[Records]:
        return self._client(location_id).get_appointment(appointment_id)

    def _choose(self, location_id: str, missing: Collection[Key]) -> _Candidates:
        listed = dict.fromkeys(each for each in self.listed.of(location_id) if (each,) not in missing)
        for scope, window in self._unchanged[location_id]:
            if len(listed) >= _MOST_ASKED:
                break
            held = self._held_rows.in_window(location_id, scope, window)
            live = (key[0] for key, each in held.items() if not each.deleted and key not in missing)
            listed.update(dict.fromkeys(live))
        if listed:
            return _Candidates(_spread(list(listed)), are_listed=True)
        return _Candidates(self._held_rows.some_live(location_id, missing, _MOST_ASKED), are_listed=False)


def refusal_of(reply: Reply[Records]) -> Refusal:
    return reply.status, reply.digest


def never_existed(like: str) -> str:
    """A random id in the same form: an API may refuse an id of another form in another way."""
    letters = [each for each in like if each in string.ascii_letters]
    are_hexadecimal = bool(letters) and all(each in string.hexdigits for each in letters)
    classes = [
        string.digits,
        *(("abcdef", "ABCDEF") if are_hexadecimal else (string.ascii_lowercase, string.ascii_uppercase)),
    ]
    longer = like + (like[-1:] or "0") * max(0, _SHORTEST_UNKNOWN - len(like))
    chosen = (next((each for each in classes if letter in each), letter) for letter in longer)
    return "".join(random.choice(each) for each in chosen)  # noqa: S311 - no secret


def _spread(ids: list[str]) -> list[str]:
    """A few of the ids, from the whole list: neighbours are often of one kind."""
    step = max(1, len(ids) // _MOST_ASKED)
    return ids[::step][:_MOST_ASKED]
