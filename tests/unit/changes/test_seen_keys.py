"""Seen keys: every key that was added before is found, and nearly no other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.changes.seen_keys import SeenKeys

CALLS = st.lists(st.tuples(st.sampled_from("LM"), st.sets(st.integers(0, 20), max_size=5)), max_size=20)


@given(CALLS)
def test_any_history_finds_the_keys_that_were_added_before(calls: list[tuple[str, set[int]]]) -> None:
    keys = SeenKeys()
    added: set[tuple[str, int]] = set()
    for location_id, numbers in calls:
        found = keys.add(location_id, [(f"a-{number}",) for number in numbers])
        assert all(seen for number, seen in zip(numbers, found, strict=True) if (location_id, number) in added)
        added.update((location_id, number) for number in numbers)


def test_few_new_keys_seem_seen() -> None:
    keys = SeenKeys()
    added = [(f"appointment {number}",) for number in range(100_000)]
    assert sum(keys.add("L", added)) < 300
    assert all(keys.add("L", added))
    assert sum(keys.add("L", [(f"other {number}",) for number in range(100_000)])) < 300
    assert sum(keys.add("M", added)) < 600
