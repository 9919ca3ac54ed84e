"""The ledger keeps the newest read of each moment, and trusts a digest only if nothing was read since."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from operator import itemgetter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.planning.ledger import Ledger, Read, without_digest
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import DAY_MS, Window
from bookings_sync.records.reads import ledger_rows, reads_from

SERVICE = Scope("service", "s1")
RULES = "everything is kept"


def read(start: int, end: int, at: int = 0, **more: Any) -> Read:
    """A read of the service's appointments, in days, sent at minute `at`."""
    plain: dict[str, Any] = {
        "location_id": "L",
        "endpoint": "appointments",
        "scope": SERVICE,
        "window": Window(start * DAY_MS, end * DAY_MS),
        "read_at_ms": 1_000_000_000_000 + at * 60_000,
        "run_id": "run",
        "rules": RULES,
        "reply_digest": f"{start}-{end}@{at}",
        "reply_bytes": 10,
        "reply_rows": 8,
        "seconds": 0.5,
    }
    return Read(**plain | more)


def trusted_digest(ledger: Ledger, location_id: str, scope: Scope, window: Window, rules: str) -> str | None:
    found = ledger.relied_on(location_id, scope, window, rules)
    return found.reply_digest if found else None


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.integers(0, 5)), max_size=8))
def test_stretches_show_the_newest_read_of_each_day(spans: list[tuple[int, int, int]]) -> None:
    """Compared with painting the days, one read after the other."""
    reads = [read(start, start + length, at) for start, length, at in sorted(spans, key=itemgetter(2))]
    painted: dict[int, Read] = {}
    for each in reads:
        assert each.window is not None
        painted.update(dict.fromkeys(range(each.window.start_ms // DAY_MS, each.window.end_ms // DAY_MS), each))
    stretches = Ledger(reads).stretches("L", SERVICE)
    found = {
        day: stretch.read
        for stretch in stretches
        for day in range(stretch.window.start_ms // DAY_MS, stretch.window.end_ms // DAY_MS)
    }
    assert found.keys() == painted.keys()
    assert found == painted
    assert all(not a.window.overlaps(b.window) for a, b in pairwise(stretches))


def test_a_stretch_gets_its_share_of_the_reads_rows() -> None:
    older, newer = Ledger([read(0, 8, reply_rows=16), read(6, 10, at=1, reply_rows=4)]).stretches("L", SERVICE)
    assert (older.rows, newer.rows) == (12, 4)
    assert (older.is_whole, newer.is_whole) == (False, True)


def test_a_digest_is_trusted_for_exactly_the_window_that_was_read() -> None:
    ledger = Ledger([read(0, 8)])
    window = Window(0, 8 * DAY_MS)
    assert trusted_digest(ledger, "L", SERVICE, window, RULES) == "0-8@0"
    assert trusted_digest(ledger, "L", SERVICE, window.halves()[0], RULES) is None
    assert trusted_digest(ledger, "L", Scope("team", "s1"), window, RULES) is None
    assert trusted_digest(ledger, "M", SERVICE, window, RULES) is None
    assert trusted_digest(ledger, "L", SERVICE, window, "nothing is kept") is None

    ledger.add(read(4, 12, at=1))
    assert trusted_digest(ledger, "L", SERVICE, window, RULES) is None, "a part was read again since"
    assert trusted_digest(ledger, "L", SERVICE, Window(4 * DAY_MS, 12 * DAY_MS), RULES) == "4-12@1"

    ledger.add(read(0, 8, at=2))
    assert trusted_digest(ledger, "L", SERVICE, window, RULES) == "0-8@2"
    ledger.add(without_digest(read(0, 8, at=2)))
    assert trusted_digest(ledger, "L", SERVICE, window, RULES) is None


def test_the_later_of_two_reads_sent_at_one_instant_wins() -> None:
    ledger = Ledger([read(0, 8, reply_digest="first"), read(0, 8, reply_digest="second")])
    assert trusted_digest(ledger, "L", SERVICE, Window(0, 8 * DAY_MS), RULES) == "second"
    ledger = Ledger([read(4, 8), read(0, 8)])
    assert [stretch.read.window for stretch in ledger.stretches("L", SERVICE)] == [Window(0, 8 * DAY_MS)]


def test_questions_about_past_reads() -> None:
    team = Scope("team", "t1")
    whole = Scope("location", "L")
    reads = [
        read(0, 8, at=1, run_id="one"),
        read(0, 8, at=5, run_id="two", scope=team),
        read(0, 1, at=3, run_id="two", endpoint="teams", scope=whole, window=None),
    ]
    ledger = Ledger(reads)
    assert ledger.last_run("L", other_than="two") == reads[0].read_at_ms
    assert ledger.last_run("L", other_than="three") == reads[1].read_at_ms
    assert ledger.last_run("M", other_than="two") == 0
    assert ledger.newest("L", "teams", whole) == reads[2]
    assert ledger.newest("L", "services", whole) is None
    assert ledger.covering("L", SERVICE, 8 * DAY_MS - 1) == [reads[0]]
    assert ledger.covering("L", SERVICE, 8 * DAY_MS) == []
    assert (ledger.largest_reply("L", "service"), ledger.largest_reply("L", "user")) == (8, 0)


@given(
    st.lists(
        st.builds(
            read,
            st.integers(0, 50),
            st.integers(51, 90),
            st.integers(0, 9),
            reply_digest=st.one_of(st.none(), st.text(max_size=5)),
            record_digests=st.one_of(st.none(), st.binary(max_size=32)),
            seconds=st.floats(0, 10),
            window=st.one_of(st.none(), st.builds(lambda ms: Window(ms, ms + 1), st.integers(0, 2**40))),
        )
    )
)
def test_reads_survive_a_round_trip_through_the_table(reads: list[Read]) -> None:
    assert list(reads_from(ledger_rows(reads))) == reads


def test_a_table_of_an_older_version_has_no_record_digests() -> None:
    """Read-only commands do not add the column."""
    rows = ledger_rows([read(0, 8, record_digests=b"0123456789abcdef")]).drop_columns(["record_digests"])
    assert list(reads_from(rows)) == [read(0, 8)]


def test_the_key_of_a_read() -> None:
    """One row per location, endpoint, scope and window. Slots have one row per scope, because their window moves with
    the clock."""
    one = read(0, 8)
    assert one.read_id == replace(one, read_at_ms=5, run_id="other", reply_rows=0).read_id
    others = [
        replace(one, location_id="M"),
        replace(one, endpoint="slots"),
        replace(one, scope=Scope("team", "s1")),
        replace(one, scope=Scope("service", "s2")),
        replace(one, window=Window(0, DAY_MS)),
        replace(one, window=None),
    ]
    assert len({one.read_id, *(each.read_id for each in others)}) == 7
    slots = replace(one, endpoint="slots")
    assert slots.read_id == replace(slots, window=Window(5, 10)).read_id
