"""Seen keys: every key that was added is found, and nearly no other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.changes.seen_keys import SeenKeys

CALLS = st.lists(st.tuples(st.booleans(), st.sampled_from("LM"), st.lists(st.integers(0, 20), max_size=5)), max_size=20)


@given(CALLS)
def test_any_history_finds_the_keys_that_were_added(calls: list[tuple[bool, str, list[int]]]) -> None:
    keys = SeenKeys()
    added: set[tuple[str, int]] = set()
    for adds, location_id, numbers in calls:
        if adds:
            keys.add(location_id, [(f"a-{number}",) for number in numbers])
            added.update((location_id, number) for number in numbers)
        else:
            found = keys.may_contain(location_id, [(f"a-{number}",) for number in numbers])
            assert all(seen for number, seen in zip(numbers, found, strict=True) if (location_id, number) in added)


def test_few_other_keys_seem_seen() -> None:
    keys = SeenKeys()
    added = [(f"appointment {number}",) for number in range(100_000)]
    keys.add("L", added)
    assert all(keys.may_contain("L", added))
    assert sum(keys.may_contain("L", [(f"other {number}",) for number in range(100_000)])) < 300
    assert sum(keys.may_contain("M", added)) < 300
