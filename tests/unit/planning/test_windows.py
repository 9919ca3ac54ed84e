"""Windows are half-open, lie on the grid, and lose nothing when they are halved."""

from __future__ import annotations

from itertools import pairwise

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.planning.windows import DAY_MS, SHORTEST_MS, Window, from_ms, gaps, grid, joined, to_ms

instants = st.integers(0, 4_102_444_800_000)
lengths = st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128, 256, 512])


@st.composite
def windows(draw: st.DrawFn, most: int = 2_000 * DAY_MS) -> Window:
    start = draw(instants)
    return Window(start, start + draw(st.integers(1, most)))


@given(instants)
def test_milliseconds_survive_a_round_trip(ms: int) -> None:
    assert to_ms(from_ms(ms)) == ms


def test_milliseconds_are_rounded_down() -> None:
    assert to_ms(pendulum.datetime(2026, 1, 1, microsecond=1_999)) == to_ms(pendulum.datetime(2026, 1, 1)) + 1


@pytest.mark.parametrize("length", [0, -1])
def test_an_empty_window_is_a_mistake(length: int) -> None:
    with pytest.raises(ValueError, match="empty"):
        Window(1_000, 1_000 + length)


@given(windows(), windows())
def test_clip_returns_the_common_part(one: Window, other: Window) -> None:
    both = one.clip(other)
    assert (both is not None) == one.overlaps(other) == other.overlaps(one)
    if both is not None:
        assert one.covers(both)
        assert other.covers(both)
        assert both == other.clip(one)


@given(windows(20 * DAY_MS), lengths)
def test_grid_windows_cover_the_span_without_gaps(span: Window, days: int) -> None:
    found = list(grid(span, days))
    assert all(window.length_ms == days * DAY_MS for window in found)
    assert all(window.start_ms % (days * DAY_MS) == 0 for window in found)
    assert all(before.end_ms == after.start_ms for before, after in pairwise(found))
    assert found[0].start_ms <= span.start_ms < found[0].end_ms
    assert found[-1].start_ms < span.end_ms <= found[-1].end_ms


@given(instants, lengths)
def test_halves_stay_on_the_grid(instant: int, days: int) -> None:
    """Tested down to half a day."""
    window = next(iter(grid(Window(instant, instant + 1), days)))
    while window.length_ms > DAY_MS:
        earlier, later = window.halves()
        assert (earlier.start_ms, earlier.end_ms, later.end_ms) == (window.start_ms, later.start_ms, window.end_ms)
        for half in (earlier, later):
            assert list(grid(half, half.length_ms // DAY_MS)) == [half]
        window = earlier if instant < earlier.end_ms else later


@given(windows())
def test_splitting_ends(window: Window) -> None:
    for _ in range(60):
        if not window.can_split:
            break
        earlier, later = window.halves()
        assert earlier.length_ms + later.length_ms == window.length_ms
        window = later
    assert window.length_ms <= SHORTEST_MS


@given(windows(300), st.lists(st.tuples(st.integers(-50, 350), st.integers(1, 60))))
def test_gaps_and_covered_parts_make_up_the_span(span: Window, spans: list[tuple[int, int]]) -> None:
    """Compared with counting every millisecond."""
    covered = [Window(max(span.start_ms + at, 0), max(span.start_ms + at, 0) + length) for at, length in spans]
    found = gaps(span, covered)
    missing = [
        ms
        for ms in range(span.start_ms, span.end_ms)
        if not any(window.start_ms <= ms < window.end_ms for window in covered)
    ]
    assert [ms for gap in found for ms in range(gap.start_ms, gap.end_ms)] == missing
    assert all(before.end_ms < after.start_ms for before, after in pairwise(found))


@given(st.lists(windows(most=30 * DAY_MS), max_size=6))
def test_joined_windows_cover_the_same_time(parts: list[Window]) -> None:
    found = joined(parts)
    assert all(before.end_ms < after.start_ms for before, after in pairwise(found))
    for one, other in ((parts, found), (found, parts)):
        assert all(gaps(window, other) == [] for window in one)
