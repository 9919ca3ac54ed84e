"""The plan of contacts that an API lists on their own, against a simulated list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.planning.contacts import ContactWork, Held, Lacking, Page, Progress, progress_of, ways_of
from bookings_sync.planning.ledger import LOST, Read
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import DAY_MS

CADENCE_DAYS = 10
NOW = 20_000 * DAY_MS
HOUR_MS = 3_600_000


class ListOfContacts:
    """An API's list of contacts in pages, and the instant at which each held contact was last read."""

    def __init__(self, ids: list[str], held: set[str], size: int, *, tells_total: bool = True) -> None:
        self.ids, self.held, self.size, self.tells_total = ids, held, size, tells_total
        self.read_at = dict.fromkeys(held, 0)
        self.progress: Progress | None = None
        self.requests = 0

    def run(self, now_ms: int, lacking: set[str] | None = None, *, most: int = 1_000, rules: str = "r") -> ContactWork:
        """One run with a budget. Its progress is kept as the ledger keeps it."""
        kept = None if self.progress is None else progress_of(entry(self.progress.text))
        assert kept == self.progress
        work = ContactWork(kept, set(lacking or ()), len(self.held), rules, now_ms, CADENCE_DAYS * DAY_MS)
        for _ in range(most):
            step = work.next()
            if step is None:
                break
            self.requests += 1
            self._answer(work, step, now_ms)
        self.progress = work.progress
        return work

    def _answer(self, work: ContactWork, step: Page | Lacking | Held, now_ms: int) -> None:
        if isinstance(step, Page):
            start = 0 if step.cursor is None else int(step.cursor)
            found = self.ids[start : start + self.size]
            self._note(found, now_ms, work.lacking)
            cursor = str(start + len(found)) if found else None
            work.take_page(step, found, len(found), cursor, len(self.ids) if self.tells_total else None)
        elif isinstance(step, Lacking):
            self._note(step.ids, now_ms, work.lacking)
            work.found(step.ids)
        else:
            ids = sorted(each for each in self.held if step.after is None or each > step.after)[: step.most]
            self._note(ids, now_ms, set())
            work.take_held(step, ids)

    def _note(self, ids: list[str] | tuple[str, ...], now_ms: int, lacking: set[str]) -> None:
        self.held |= lacking.intersection(ids) & set(self.ids)
        self.read_at.update({each: now_ms for each in ids if each in self.held})


def entry(rules: str) -> Read:
    return Read("loc", "contacts", Scope("location", "loc"), None, 0, "run", rules, None, 0, 0, 0.0)


def names(count: int) -> list[str]:
    return [f"c{number:05d}" for number in range(count)]


@given(
    st.integers(1, 400),
    st.integers(1, 50),
    st.floats(0.01, 1),
    st.sampled_from([1, 6, 23]),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_every_held_contact_is_read_again_in_time(
    count: int, size: int, share: float, hours: int, tells_total: bool, rng: object
) -> None:
    ids = names(count)
    held = {each for each in ids if rng.random() < share}  # type: ignore[attr-defined]
    api = ListOfContacts(ids, set(), size, tells_total=tells_total)
    api.run(NOW, held)
    assert api.held == held
    assert api.requests <= -(-count // size) + 2
    for number in range(1, 3 * CADENCE_DAYS * 24 // hours):
        now_ms = NOW + number * hours * HOUR_MS
        api.run(now_ms)
        oldest = min(api.read_at.values(), default=now_ms)
        assert now_ms - oldest <= CADENCE_DAYS * DAY_MS


@given(st.integers(2, 300), st.integers(1, 40), st.integers(1, 5))
def test_a_small_budget_finds_everything_in_the_end(count: int, size: int, most: int) -> None:
    api = ListOfContacts(names(count), set(), size)
    wanted = set(names(count)[::2])
    for number in range(count + 10):
        api.run(NOW + number * HOUR_MS, wanted - api.held, most=most)
    assert api.held == wanted


def test_ids_that_the_api_does_not_have_are_asked_for_once() -> None:
    api = ListOfContacts(names(100), set(), 10)
    work = api.run(NOW, set(names(100)) | {f"gone {number}" for number in range(50)})
    assert not work.lacking
    assert api.requests == 12  # ten pages and the empty one; the rest by their ids in one step


def test_an_upgrade_reads_all_held_contacts_at_once() -> None:
    api = ListOfContacts(names(100), set(), 10)
    api.run(NOW, set(names(100)))
    api.requests = 0
    api.run(NOW + HOUR_MS, rules="new", most=4)
    assert api.requests == 4
    assert ways_of(entry(api.progress.text)) == ("new", "r")  # type: ignore[union-attr]
    api.run(NOW + 2 * HOUR_MS, rules="new")
    assert 10 <= api.requests <= 11
    assert ways_of(entry(api.progress.text)) == ("new",)  # type: ignore[union-attr]
    assert min(api.read_at.values()) > NOW


def test_lost_progress_reads_all_held_contacts_at_once() -> None:
    api = ListOfContacts(names(100), set(names(100)), 10)
    api.run(NOW)
    assert min(api.read_at.values()) == NOW
    assert progress_of(entry(LOST)) is None


def test_the_first_page_may_come_twice_in_a_run() -> None:
    api = ListOfContacts(names(100), set(), 10)
    api.run(NOW, {"c00050"})
    api.held.update(names(100))
    work = api.run(NOW + 5 * DAY_MS)
    assert not work.repeats
    assert work.progress is not None
    assert (work.progress.by, work.progress.steps) == ("pages", 5)


def test_pages_that_go_round_are_left() -> None:
    work = ContactWork(None, {"a", "b", "c"}, 0, "r", NOW, DAY_MS)
    assert work.next() == Page("search", None)
    work.take_page(Page("search", None), [], 10, "next", None)
    work.take_page(Page("search", "next"), [], 10, "more", None)
    work.take_page(Page("search", "more"), [], 10, "next", None)
    assert work.next() == Lacking(("a", "b", "c"))
    assert work.repeats


def test_an_empty_page_with_a_cursor_ends_the_list() -> None:
    work = ContactWork(None, {"a", "b"}, 0, "r", NOW, DAY_MS)
    work.take_page(Page("search", None), [], 0, "next", None)
    assert work.next() == Lacking(("a", "b"))
