"""Hypothesis strategies: histories of several locations, with small numbers that shrink well.

Input:  nothing.
Output: `histories`, a strategy of `History`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import strategies as st

from .conftest import amount
from .damage import KINDS as DAMAGES
from .damage import TABLES, Damage
from .happenings import KINDS, Happening
from .histories import History, Round, Sync
from .troubles import TROUBLES

_COMMON = ("book", "reschedule", "nudge", "mark", "delete", "restore", "change_contact")

_happenings = st.builds(
    Happening,
    st.sampled_from(_COMMON) | st.sampled_from(list(KINDS)),
    st.integers(0, 60),
    st.integers(-12, 12) | st.integers(-60, 60) | st.integers(-400, 400),
    st.integers(0, 90) | st.integers(-3_000, 3_000),
)


def _knobs(**choices: list[Any]) -> st.SearchStrategy[tuple[tuple[str, Any], ...]]:
    """Some unusual settings, as pairs."""
    one = st.one_of([st.tuples(st.just(name), st.sampled_from(values)) for name, values in choices.items()])
    return st.lists(one, max_size=4, unique_by=lambda pair: pair[0]).map(lambda pairs: tuple(sorted(pairs)))


_settings = _knobs(
    lookback_days=[0, 3, 60],
    horizon_days=[1, 10, 120],
    history_start=[date(2026, 10, 1), date(2026, 5, 3), date(2025, 6, 1)],
    window_days=[8, 16],
    max_window_days=[32, 64],
    rows_per_reply=[1, 2, 4],
    scopes=[("team",), ("user",), ("user", "service"), ("service", "team")],
    cold_reread_days=[1, 3, 7],
    rows_per_load=[30, 100],
    reads_per_load=[40, 80],
    request_budget=[3, 6, 12],
    include_contacts=[False],
    slots=[False],
    concurrency=[1, 3],
    reply_cap=[2, 5],
)

_apis: st.SearchStrategy[Any] = st.sampled_from(["v1", "v2"])

_syncs = st.builds(
    Sync,
    st.sampled_from(["plain", "plain", "plain", "asked", "full"]),
    st.integers(-90, 60),
    st.sampled_from([1, 60, 1_440, 43_200]) | st.integers(1, 90_000),
    _settings,
    st.sampled_from(["nothing", "nothing", "nothing", "change", "faults", "crash", *amount([], ["kill"])]),
    st.integers(0, 40),
    st.sampled_from(amount([""], ["", "", *TROUBLES])),
)

_damage = st.builds(
    Damage, st.sampled_from(DAMAGES), st.just("appointments") | st.sampled_from(TABLES), st.integers(0, 5)
)

_lasting: dict[str, st.SearchStrategy[Any]] = {
    "repeated_rows": st.sampled_from(["same", "stale", "stale_last"]),
    "contact_variants": st.just("by_scope"),
    "two_services": st.just(True),
    "moving_field": st.sampled_from(["appointment", "contact", "calendar", "all"]),
    "missing_service_ids": st.just(True),
    "deleted_id": st.sampled_from(["flag", "status"]),
    "client_field_names": st.just(True),
    "fractional_numbers": st.just(True),
}
"""Other variants, which last as long as the world. Only in long runs: `test_troubles` has each of them."""

_switches = st.fixed_dictionaries(
    {},
    optional={
        "window_on": st.just("overlap"),
        "end_inclusive": st.just(False),
        "unknown_id": st.sampled_from(["400", "422", "empty", "object"]),
        "unknown_scope": st.just("422"),
        "vanished_service": st.sampled_from(["422", "empty"]),
        "contact_in_get": st.just(False),
        "attendance_spelling": st.sampled_from(["sic", "right", "both"]),
        "recurring_ids": st.sampled_from(["plain", "epoch_duration"]),
        "slots_trace_id": st.just(True),
        "empty_days": st.just("empty"),
        **amount({}, _lasting),
    },
).map(lambda switches: tuple(sorted(switches.items())))


def histories(locations: int, *, rounds: int) -> st.SearchStrategy[History]:
    """Histories of several locations, synced by the same runs."""
    each = st.builds(
        Round,
        st.tuples(*[st.lists(_happenings, min_size=1, max_size=5).map(tuple) for _ in range(locations)]),
        st.sampled_from([0, 1, 30, 100]) | st.integers(0, 200),
        st.booleans(),
        st.lists(_happenings, max_size=4).map(tuple),
        _syncs,
        st.just(()) | st.just(()) | st.lists(_damage, max_size=2).map(tuple),
        st.just(()) | st.just(()) | st.tuples(*[_apis] * locations),
    )
    return st.builds(
        History,
        st.integers(0, 1_000),
        st.just(locations),
        _switches,
        st.lists(each, min_size=1, max_size=rounds).map(tuple),
        st.booleans(),
        st.sampled_from(amount([0], [0, 0, 0, 1, 2])),
        st.just(()) | st.tuples(*[_apis] * locations),
    ).map(_all_of_v1_until_the_upgrade)


def _all_of_v1_until_the_upgrade(history: History) -> History:
    """The older program may not know v2."""
    if not history.older:
        return history
    rounds = tuple(replace(each, apis=()) if n < history.older else each for n, each in enumerate(history.rounds))
    return replace(history, rounds=rounds, apis=())
