"""What a run knows of what the warehouse holds: nothing that is held may be forgotten, and nothing be made up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.presence import Known, Presence
from bookings_sync.records import Rows
from bookings_sync.tables import CONTACTS

LOCATIONS = ("L", "M")
steps = st.lists(
    st.tuples(
        st.sampled_from(["stage", "learn", "ask"]),
        st.sampled_from(LOCATIONS),
        st.integers(0, 5),
        st.integers(0, 2),
        st.integers(0, 2),
    )
)


def row(location_id: str, key: int, digest: str) -> Rows:
    columns = Rows.of(CONTACTS, location_id, {(f"c-{key}",): {}}).columns
    return Rows(CONTACTS, location_id, [(f"c-{key}",)], [digest], columns, [[]])


@given(steps, st.booleans())
def test_what_is_known_is_what_was_staged_last_and_which_text_said_so(
    steps: list[tuple[str, str, int, int, int]], among_many: bool
) -> None:
    known = Known()
    digests: dict[tuple[str, int], str] = {}
    said: dict[tuple[str, int], tuple[int, str]] = {}
    for number, (step, location_id, key, text, version) in enumerate(steps):
        digest, one = f"digest {version}", (location_id, key)
        rows = row(location_id, key, digest)
        if step == "stage":
            known.add(location_id, rows.keys, rows.digests)
            digests[one] = digest
        elif step == "learn":
            known.learn(rows, {rows.keys[0]: text})
            said[one] = text, digest
        else:
            expected = one in digests and said.get(one) == (text, digests[one])
            assert known.is_held(location_id, rows.keys[0], text) == expected
            if one not in digests:
                assert known.sorted_out(rows) == ([0], [])
            else:
                assert known.sorted_out(rows) == ([], [] if digests[one] == digest else [0])
        if among_many and not number:
            others = [(f"other {each}",) for each in range(6_000)]
            known.add(location_id, others, map(str, others))
    if among_many and steps:
        others = [(f"other {each}",) for each in range(6_000)]
        many = Rows(CONTACTS, steps[0][1], others, list(map(str, others)), row("L", 0, "").columns, [])
        assert known.sorted_out(many) == ([], [])


def test_of_many_keys_those_that_were_added_are_found_and_few_others() -> None:
    presence = Presence()
    assert presence.may_hold("L", [("a",)]) == []
    added = [(f"appointment {each}",) for each in range(100_000)]
    presence.add("L", added)
    assert presence.may_hold("L", added) == added
    assert len(presence.may_hold("L", [(f"another {each}",) for each in range(100_000)])) < 200
    assert len(presence.may_hold("M", added)) < 200
