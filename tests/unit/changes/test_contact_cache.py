"""The contact cache answers like a plain dict of rows and texts, also while another thread reads."""

from __future__ import annotations

import threading
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from bookings_sync.changes.contact_cache import ContactCache
from bookings_sync.records.rows import Rows
from bookings_sync.records.tables import CONTACTS


class Step(NamedTuple):
    """One call. A contact's version can be spelt as two JSON texts, or come decoded, without a text."""

    call: str
    location_id: str
    contact: int
    version: int
    spelling: int | None

    @property
    def text(self) -> int | None:
        if self.spelling is None:
            return None
        return xxh3_64_intdigest(f"{self.contact} {self.version} {self.spelling}".encode())

    @property
    def rows(self) -> Rows:
        return rows_of(self.location_id, {f"c-{self.contact}": f"version {self.version}"}, self.text)


STEPS = st.builds(
    Step,
    call=st.sampled_from(["remember", "holds", "classify"]),
    location_id=st.sampled_from("LM"),
    contact=st.integers(0, 3),
    version=st.integers(0, 2),
    spelling=st.none() | st.integers(0, 1),
)


def rows_of(location_id: str, digests: dict[str, str], text: int | None = None) -> Rows:
    columns = Rows.of(CONTACTS, location_id, {}).columns
    keys = [(contact_id,) for contact_id in digests]
    return Rows(CONTACTS, location_id, keys, list(digests.values()), columns, [], [text] * len(keys))


@given(st.lists(STEPS, max_size=40))
def test_any_history_gives_the_answers_of_a_plain_dict(steps: list[Step]) -> None:
    cache = ContactCache()
    versions: dict[tuple[str, int], int] = {}
    texts: dict[tuple[str, int], int | None] = {}
    for step in steps:
        contact = step.location_id, step.contact
        version = versions.get(contact)
        if step.call == "remember":
            cache.remember(step.rows)
            if step.text is not None or version != step.version:
                texts[contact] = step.text
            versions[contact] = step.version
        elif step.call == "classify":
            expected = ([0], [], []) if version is None else ([], [], [0]) if version == step.version else ([], [0], [])
            assert cache.classify(step.rows) == expected
        elif step.text is not None:
            assert cache.holds(step.location_id, step.rows.keys, [step.text]) == [texts.get(contact) == step.text]


def test_a_text_of_another_contact_is_no_hit() -> None:
    cache = ContactCache()
    cache.remember(rows_of("L", {"c-1": "one"}, text=100))
    cache.remember(rows_of("L", {"c-2": "two"}, text=200))
    assert cache.holds("L", [("c-1",), ("c-1",), ("c-3",)], [100, 200, 100]) == [True, False, False]


@pytest.mark.parametrize("text", [0, 1 << 60, (1 << 64) - 1])
def test_any_text_hash_can_hit_and_none_hits_by_itself(text: int) -> None:
    cache = ContactCache()
    assert cache.holds("L", [("c-1",)], [text]) == [False]
    cache.remember(rows_of("L", {"c-1": "one"}))
    assert cache.holds("L", [("c-1",)], [text]) == [False]
    cache.remember(rows_of("L", {"c-1": "one"}, text))
    assert cache.holds("L", [("c-1",)], [text]) == [True]


def test_each_row_is_classified_by_itself() -> None:
    cache = ContactCache()
    cache.remember(rows_of("L", {"same": "1", "changes": "1"}))
    found = cache.classify(rows_of("L", {"new": "1", "same": "1", "changes": "2", "newer": "1"}))
    assert found == (found.unknown, found.changed, found.equal) == ([0, 3], [2], [1])


def test_threads_read_while_one_remembers() -> None:
    """A reader never errs, and never misses a contact that was remembered before the reader began."""
    cache = ContactCache()
    cache.remember(rows_of("L", {"before": "1"}, text=100))
    done = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not done.is_set():
            try:
                found = cache.holds("L", [("before",), ("never",), ("c-1",)], [100, 200, 300])
            except Exception as error:  # noqa: BLE001 - reported by the main thread
                wrong.append(error)
                return
            if found != [True, False, False]:
                wrong.append(found)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for batch in range(200):
        cache.remember(rows_of("L", {f"c-{batch}-{number}": "1" for number in range(100)}, text=1_000 + batch))
        cache.remember(rows_of("M", {f"c-{number}": "1" for number in range(100)}, text=batch))
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
