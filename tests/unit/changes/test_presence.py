"""What a run knows of what the warehouse holds: nothing that is held may be forgotten, and nothing be made up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.changes.presence import Known, Presence
from bookings_sync.records.rows import Rows
from bookings_sync.records.tables import CONTACTS

LOCATIONS = ("L", "M")
steps = st.lists(
    st.tuples(
        st.sampled_from(["stage", "ask", "sort"]),
        st.sampled_from(LOCATIONS),
        st.integers(0, 5),
        st.none() | st.integers(0, 2),
        st.integers(0, 2),
    )
)


def rows_of(location_id: str, keys: list[str], digests: list[str], text: int | None = None) -> Rows:
    columns = Rows.of(CONTACTS, location_id, {}).columns
    return Rows(CONTACTS, location_id, [(key,) for key in keys], digests, columns, [], [text] * len(keys))


@given(steps, st.booleans())
def test_what_is_known_is_what_was_staged_last_and_which_text_said_so(
    steps: list[tuple[str, str, int, int | None, int]], among_many: bool
) -> None:
    known = Known()
    digests: dict[tuple[str, int], str] = {}
    said: dict[tuple[str, int], int] = {}
    others = [f"other {each}" for each in range(6_000)]
    for number, (step, location_id, key, text, version) in enumerate(steps):
        digest, one = f"digest {version}", (location_id, key)
        rows = rows_of(location_id, [f"c-{key}"], [digest], text)
        equal = digests.get(one) == digest
        if step == "stage":
            known.add(rows)
            if not equal:
                said.pop(one, None)
            digests[one] = digest
        elif step == "sort":
            expected_sorts = ([], []) if equal else ([], [0]) if one in digests else ([0], [])
            assert known.sorted_out(rows) == expected_sorts
        elif text is not None:
            held = said.get(one) == text
            assert known.are_held(location_id, rows.keys, [text]) == [held]
        if text is not None and (step == "stage" or (step == "sort" and equal)):
            said[one] = text
        if among_many and not number:
            known.add(rows_of(location_id, others, others))
    if among_many and steps:
        assert known.sorted_out(rows_of(steps[0][1], others, others)) == ([], [])


def test_of_many_keys_those_that_were_met_before_are_found_and_few_others() -> None:
    presence = Presence()
    keys = [(f"appointment {each}",) for each in range(100_000)]
    assert sum(presence.met_before("L", keys)) < 200
    assert all(presence.met_before("L", keys))
    assert sum(presence.met_before("M", keys)) < 400


def test_it_grows_and_finds_them_all() -> None:
    presence = Presence()
    keys = [(each,) for each in range(1_100_000)]
    for at in range(0, len(keys), 100_000):
        presence.met_before("L", keys[at : at + 100_000])
    assert sum(presence.met_before("L", [(-each,) for each in range(2, 100_000)])) < 3_000
    assert all(presence.met_before("L", keys))
