"""Invalidation: each rule makes the right reads stale, and each rule is needed.

`EXAMPLES` holds one example per rule, with the reads that must lose their digest. `test_every_rule_is_needed` removes
each rule in turn: its example must then fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from bookings_sync.changes import invalidation
from bookings_sync.changes.invalidation import RULES, Change, Reads, Rule, before_torn_load, stale_reads
from bookings_sync.changes.journal import Journal
from bookings_sync.planning.ledger import Ledger, Read
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window

ANN, BOB = Scope("service", "ann"), Scope("service", "bob")
TEAM = Scope("team", "team")


def read(scope: Scope, start: int, end: int, *, at: int = 0, location_id: str = "L") -> Read:
    return Read(location_id, "appointments", scope, Window(start, end), at, "run", "rules", "digest", 0, 1, 0.0)


@dataclass(frozen=True)
class Example:
    """A change, the reads before it, and which of them it must make stale. The others must stay as they are."""

    change: Change
    stale: list[Read]
    earlier: list[Read] = field(default_factory=list)
    current: list[Read] = field(default_factory=list)
    dropped: list[Read] = field(default_factory=list)


FOUND_BY = read(ANN, 0, 10)
"""The read that finds the change, in most examples."""
WIDER, NARROWER, NEXT = read(ANN, 0, 20), read(ANN, 4, 6), read(ANN, 20, 40)
OF_TEAM, OF_BOB = read(TEAM, 0, 10), read(BOB, 0, 10)
OTHER_LOCATION = read(TEAM, 0, 10, location_id="M")
SLOTS, SLOTS_NOW = (Read("L", "slots", ANN, Window(at, 10), at, "run", "rules", "digest", 0, 1, 0.0) for at in range(2))


def at_a_place(what: invalidation.What, found_by: Read | None = FOUND_BY) -> Example:
    """A row of the team that starts at 5. Reads of the team are stale, earlier ones and those of the same load."""
    late, new = read(TEAM, 10, 20), read(TEAM, 5, 6, at=1)
    return Example(
        Change(what, "L", found_by, {TEAM: [5]}),
        stale=[OF_TEAM, new],
        earlier=[OF_TEAM, late, OF_BOB, OTHER_LOCATION],
        current=[FOUND_BY, new],
    )


EXAMPLES: dict[str, Example] = {
    "news in an overlapping window": Example(
        Change("news", "L", FOUND_BY), stale=[WIDER, NARROWER], earlier=[FOUND_BY, WIDER, NARROWER, NEXT, OF_BOB]
    ),
    "a listed row is in other lists too": at_a_place("listed"),
    "a moved row left its old place": at_a_place("moved"),
    "a row found by its id": at_a_place("looked up", None),
    "a deleted row": at_a_place("deleted", None),
    "a changed contact": at_a_place("contact changed"),
    "a record told in two ways": Example(
        Change("contradicted", "L", FOUND_BY), stale=[FOUND_BY], current=[FOUND_BY, OF_BOB]
    ),
    "a list that omits a living row": Example(
        Change("omitted", "L", FOUND_BY), stale=[FOUND_BY], current=[FOUND_BY, OF_BOB]
    ),
    "a list that omits a row another list has": Example(
        Change("restaged", "L", FOUND_BY), stale=[FOUND_BY], current=[FOUND_BY, OF_BOB]
    ),
    "a missing row that could not be verified": Example(
        Change("unverified", "L", FOUND_BY),
        stale=[WIDER],
        earlier=[WIDER, NEXT, OF_BOB],
        current=[FOUND_BY, OF_BOB],
        dropped=[FOUND_BY],
    ),
    "a whole list with deletions that are held back": Example(
        Change("held back", "L", SLOTS_NOW),
        stale=[SLOTS],
        earlier=[SLOTS, FOUND_BY],
        current=[SLOTS_NOW],
        dropped=[SLOTS_NOW],
    ),
    "the slots of a service that disappeared": Example(
        Change("slots closed", "L", SLOTS), stale=[SLOTS], earlier=[SLOTS, FOUND_BY]
    ),
}


def check(example: Example, rules: tuple[Rule, ...]) -> None:
    found = stale_reads(Reads(Ledger(example.earlier), Ledger(example.current)), example.change, rules)
    stale, dropped = [*found.earlier, *found.current], found.dropped
    assert sorted(map(repr, stale)) == sorted(map(repr, example.stale))
    assert dropped == example.dropped


def test_every_rule_has_a_name_a_reason_and_an_example() -> None:
    assert [rule.name for rule in RULES] == list(EXAMPLES)
    assert all(len(rule.reason) > 20 for rule in RULES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_change_makes_these_reads_stale_and_no_others(name: str) -> None:
    check(EXAMPLES[name], RULES)


@pytest.mark.parametrize("removed", RULES, ids=lambda rule: rule.name)
def test_every_rule_is_needed(removed: Rule) -> None:
    without = tuple(rule for rule in RULES if rule is not removed)
    with pytest.raises(AssertionError):
        check(EXAMPLES[removed.name], without)


def test_a_torn_load_makes_older_reads_stale() -> None:
    reads = [(read(ANN, 0, 10), "load 1"), (read(ANN, 10, 20), "load 3")]
    assert [each.reply_digest for each in before_torn_load(reads, "load 2")] == [None, "digest"]
    assert [each.reply_digest for each in before_torn_load(reads, "")] == ["digest", "digest"]


# -- the journal, which writes down what the rules say -----------------------------------------------------------------


def settled(earlier: list[Read], act: Callable[[Journal], None]) -> dict[str, str | None]:
    """The digests of the ledger's new entries, by scope and window."""
    journal = Journal(Ledger(earlier))
    act(journal)
    return {f"{each.scope.id} {each.window and each.window.start_ms}": each.reply_digest for each in journal.settle()}


def test_a_stale_read_of_an_earlier_load_is_written_again_without_its_digest() -> None:
    def act(journal: Journal) -> None:
        journal.complete(FOUND_BY)
        journal.record(Change("listed", "L", FOUND_BY, {TEAM: [5]}))

    assert settled([OF_TEAM, OF_BOB], act) == {"team 0": None, "ann 0": "digest"}


def test_a_stale_read_of_this_load_loses_its_digest() -> None:
    def act(journal: Journal) -> None:
        journal.complete(OF_TEAM)
        journal.record(Change("listed", "L", FOUND_BY, {TEAM: [5]}))

    assert settled([], act) == {"team 0": None}


def test_a_read_completed_after_the_change_keeps_its_digest() -> None:
    """It was compared with what this load had staged by then."""

    def act(journal: Journal) -> None:
        journal.record(Change("listed", "L", FOUND_BY, {TEAM: [5]}))
        journal.complete(OF_TEAM)

    assert settled([], act) == {"team 0": "digest"}


def test_an_unverified_read_is_not_an_entry_of_the_ledger() -> None:
    def act(journal: Journal) -> None:
        journal.complete(FOUND_BY)
        journal.record(Change("unverified", "L", FOUND_BY))

    assert settled([WIDER], act) == {"ann 0": None}


def test_a_second_settling_returns_only_what_is_new() -> None:
    journal = Journal(Ledger())
    journal.complete(FOUND_BY)
    assert journal.settle() == [FOUND_BY]
    assert journal.settle() == []
