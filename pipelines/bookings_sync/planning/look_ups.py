"""Look-ups: which appointments a run asks for by their ids although no list of this run misses them.

Input:  the look-ups of earlier runs; the appointments that no list returns.
Output: `LookUps`: whether a missing row must be asked for now, and which rows are due in turn. Pure.

Most appointments are in a list, and a row that leaves its list is asked for once: it moved or was deleted. Two kinds of
rows would be asked for in every run, because every run gets the same answer:

- A list omits the row, but the API still finds it by its id, or has answered with another appointment in three runs.
  Such an answer holds for `cold_reread_days`, as long as the row stays out of the list. The first time that a row is
  found, the next run asks once more, because a list may know of a deletion before the ids do.
- No list can return the row, because it has no start, or names no service, team or user to ask by. Those that start in
  the hot range are asked for in every run, the others and their tombstones in turn.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Literal, NamedTuple

from bookings_sync.planning.plan import Span
from bookings_sync.planning.scopes import CONTACT, UNLISTED, Scope
from bookings_sync.planning.windows import Window, to_ms

Answer = Literal["found", "another id", "refused", "closed"]
"""`closed`: not asked for any more, because the list contains the row again, or should no longer."""


MOST_ASKED_AGAIN = 20
"""Rows of a location that the next run asks for once more. If lists omit more rows, the API always does this."""

MOST_TRIES = 3
"""Runs in a row that take another appointment's record for an error. Then it is what the API always answers."""


class LookUp(NamedTuple):
    """The last answer to an appointment's id. `asked_at_ms` is in epoch milliseconds. `times` counts the runs in a row
    that got this answer."""

    asked_at_ms: int
    answer: Answer
    times: int = 1


class Unlisted(NamedTuple):
    """An appointment that no list returns. `start_ms` is in epoch milliseconds."""

    id: str
    start_ms: int | None
    deleted: bool


class Due(NamedTuple):
    """An appointment to ask for, and the list that omits it, or `UNLISTED`."""

    location_id: str
    id: str
    scope: Scope


Named = tuple[str, Scope]
"""An appointment's id, and the list that omits it."""


class LookUps:
    """The look-ups of one run. `known` are those of earlier runs, and `unlisted` the rows that no list returns, each by
    location. `cadence_ms` is how long an answer holds at most."""

    def __init__(
        self,
        known: Mapping[str, Mapping[Named, LookUp]],
        unlisted: Mapping[str, Sequence[Unlisted]],
        span: Span,
        hot: Window,
        cadence_ms: int,
    ) -> None:
        self._known = {
            location_id: {named: look_up for named, look_up in each.items() if named[1] != CONTACT}
            for location_id, each in known.items()
        }
        self._unlisted = unlisted
        self._span = span
        self._now_ms = to_ms(span.now)
        self._hot = hot
        self._cadence_ms = cadence_ms
        self._omitted: dict[tuple[str, Scope], set[str]] = defaultdict(set)
        """By location and list: the ids that the list omits."""
        for location_id, of_location in self._known.items():
            for (each, scope), look_up in of_location.items():
                if scope != UNLISTED and look_up.answer in ("found", "another id"):
                    self._omitted[location_id, scope].add(each)
        found_once: Counter[str] = Counter(
            location_id
            for location_id, of_location in self._known.items()
            for (_, scope), look_up in of_location.items()
            if _is_found_once(look_up, scope)
        )
        self._asks_again = {each for each, number in found_once.items() if number <= MOST_ASKED_AGAIN}
        """The locations with so few rows that were found for the first time that this run asks for them again."""
        self._own: set[Due] = set()
        """What this run has asked for."""
        self._changed: dict[Due, LookUp] = {}
        self._is_taken = False

    # -- queries -------------------------------------------------------------------------------------------------------

    def holds(self, location_id: str, record_id: str, scope: Scope) -> bool:
        """Whether the last answer to a row that this list omits still holds: then the row is not asked for now."""
        if record_id not in self._omitted.get((location_id, scope), ()):
            return False
        last = self._known[location_id][record_id, scope]
        may_be_a_mistake = last.answer == "another id" and last.times < MOST_TRIES
        return not may_be_a_mistake and not self._is_due(last, Due(location_id, record_id, scope))

    def omits(self, location_id: str, record_id: str, scope: Scope) -> bool:
        """Whether this list is known to omit the row."""
        return record_id in self._omitted.get((location_id, scope), ())

    def always_answers_another(self, location_id: str, record_id: str, scope: Scope) -> bool:
        """Whether the API has answered this row's id with another appointment in all of the last runs that asked."""
        last = self._known.get(location_id, {}).get((record_id, scope))
        return last is not None and last.answer == "another id" and last.times >= MOST_TRIES

    def omitted(self, location_id: str) -> tuple[int, int]:
        """The number of live rows that their lists omit: found by their ids, and answered with another appointment."""
        answers = {
            record_id: self._known[location_id][record_id, scope].answer
            for (each, scope), ids in self._omitted.items()
            if each == location_id
            for record_id in ids
        }
        another = sum(answer == "another id" for answer in answers.values())
        return len(answers) - another, another

    def left(self, location_id: str, scope: Scope) -> set[str]:
        """The ids that other lists of this kind omit: the rows may have come to this list."""
        lists = (each for each in self._omitted if each[0] == location_id and each[1].kind == scope.kind)
        return {record_id for each in lists if each[1] != scope for record_id in self._omitted[each]}

    def take_due(self, location_ids: Iterable[str]) -> list[Due]:
        """The rows that are due in turn, once in a run."""
        if self._is_taken:
            return []
        self._is_taken = True
        due: dict[Due, None] = {}
        for location_id in location_ids:
            known = self._known.get(location_id, {})
            for row in self._unlisted.get(location_id, ()):
                each = Due(location_id, row.id, UNLISTED)
                if self._is_row_due(row, each, known.get((row.id, UNLISTED))):
                    due[each] = None
            if self._span.asked is None:
                for (record_id, scope), look_up in known.items():
                    each = Due(location_id, record_id, scope)
                    if record_id in self._omitted.get((location_id, scope), ()) and self._is_due(look_up, each):
                        due[each] = None
        return list(due)

    def _is_row_due(self, row: Unlisted, each: Due, last: LookUp | None) -> bool:
        is_live = row.start_ms is not None and not row.deleted
        if self._span.asked is not None:
            return is_live and row.start_ms is not None and self._span.asked.holds(row.start_ms)
        if is_live and row.start_ms is not None and self._hot.holds(row.start_ms):
            return True
        return last is None or self._is_due(last, each)

    def _is_due(self, last: LookUp, each: Due) -> bool:
        """Whether an answer is too old. Each row has its own age, from half the cadence to the whole, so that rows that
        were asked for together do not stay together."""
        if each in self._own:
            return False
        if each.location_id in self._asks_again and _is_found_once(last, each.scope):
            return True
        age_ms = self._now_ms - last.asked_at_ms
        return self._span.full or age_ms < 0 or age_ms >= self._cadence_ms * (1 + _fraction_of(each.id)) / 2

    # -- what the run finds out ----------------------------------------------------------------------------------------

    def note(self, location_id: str, record_id: str, scope: Scope, answer: Answer) -> None:
        """Takes in the answer to a row's id."""
        last = self._known.get(location_id, {}).get((record_id, scope))
        times = last.times + 1 if last is not None and last.answer == answer else 1
        look_up = LookUp(self._now_ms, answer, times)
        self._known.setdefault(location_id, {})[record_id, scope] = look_up
        each = Due(location_id, record_id, scope)
        self._changed[each] = look_up
        self._own.add(each)
        if scope != UNLISTED and answer in ("found", "another id"):
            self._omitted[location_id, scope].add(record_id)
        elif (location_id, scope) in self._omitted:
            self._omitted[location_id, scope].discard(record_id)

    def close(self, location_id: str, scope: Scope, record_ids: Iterable[str]) -> None:
        """Ends the look-ups of rows that the list contains again, or should no longer."""
        if omitted := self._omitted.get((location_id, scope)):
            for record_id in omitted.intersection(record_ids):
                self.note(location_id, record_id, scope, "closed")

    def take_changed(self) -> dict[Due, LookUp]:
        """The look-ups since the last call."""
        changed, self._changed = self._changed, {}
        return changed


class UnknownContacts:
    """The contacts that appointments mention and the API does not know by their ids, or answers with another one.

    The next run asks once more, if they are few: a contact may be younger than the API's index. After that, an answer
    holds for half of `cadence_ms` to the whole.
    """

    def __init__(self, known: Mapping[str, Mapping[Named, LookUp]], span: Span, cadence_ms: int) -> None:
        self._known = {
            location_id: {record_id: look_up for (record_id, scope), look_up in each.items() if scope == CONTACT}
            for location_id, each in known.items()
        }
        self._few = {
            location_id
            for location_id, each in self._known.items()
            if sum(look_up.times == 1 for look_up in each.values()) <= MOST_ASKED_AGAIN
        }
        self._span = span
        self._now_ms = to_ms(span.now)
        self._cadence_ms = cadence_ms
        self._own: set[tuple[str, str]] = set()
        self._changed: dict[Due, LookUp] = {}

    def is_due(self, location_id: str, contact_id: str) -> bool:
        """Whether this run asks for the contact."""
        if (location_id, contact_id) in self._own:
            return False
        last = self._known.get(location_id, {}).get(contact_id)
        if last is None or self._span.full or (last.times == 1 and location_id in self._few):
            return True
        age_ms = self._now_ms - last.asked_at_ms
        return not 0 <= age_ms < self._cadence_ms * (1 + _fraction_of(contact_id)) / 2

    def note(self, location_id: str, contact_id: str, answer: Answer) -> int:
        """Takes in an answer without the contact. Returns how many runs in a row got it."""
        of_location = self._known.setdefault(location_id, {})
        last = of_location.get(contact_id)
        times = last.times + 1 if last is not None and last.answer == answer else 1
        of_location[contact_id] = LookUp(self._now_ms, answer, times)
        self._own.add((location_id, contact_id))
        self._changed[Due(location_id, contact_id, CONTACT)] = of_location[contact_id]
        return times

    def close(self, location_id: str, contact_ids: Iterable[str]) -> None:
        """Ends the look-ups of contacts that were found after all."""
        of_location = self._known.get(location_id, {})
        for contact_id in of_location.keys() & set(contact_ids):
            del of_location[contact_id]
            self._changed[Due(location_id, contact_id, CONTACT)] = LookUp(self._now_ms, "closed")

    def take_changed(self) -> dict[Due, LookUp]:
        """The look-ups since the last call."""
        changed, self._changed = self._changed, {}
        return changed


def _is_found_once(last: LookUp, scope: Scope) -> bool:
    """Whether the row was found for the first time although its list omits it."""
    return scope != UNLISTED and last.answer == "found" and last.times == 1


def _fraction_of(text: str) -> float:
    """A number from 0 to 1 that is the same in every process, unlike one made from Python's own hash."""
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=4).digest(), "big") / 2**32
