"""Windows: do lists heed the days that they are asked for, what do their edges contain, and are long lists capped?"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from bookings_sync.api import Record, Records, Scope
from bookings_sync.config.keys import CONFIG_FILE
from bookings_sync.errors import ApiError
from bookings_sync.planning.windows import DAY_MS, FAR_DAYS, Window, to_ms
from bookings_sync.records.instants import instant_ms
from bookings_sync.records.values import usable_id
from bookings_sync.sync.check.state import State


def try_windows(state: State) -> None:
    """Asks for days on which no calendar has appointments, then for the edges of windows that have some."""
    if state.longest is None:
        state.find("windows", "note", "not tried: these days hold no appointment")
        return
    scope, listed = state.longest
    fix = "A sync needs lists of past and future days. Ask the host's support."
    replies = [
        state.attempt("windows", partial(state.listed, scope, days), fix=fix, verdict="note") for days in FAR_DAYS
    ]
    if any(reply is None for reply in replies):
        return
    if all(replies):
        what = f"lists ignore the days they are asked for: {len(listed):,} appointments came for days without any"
        state.find("windows", "note", what, "A sync reads each list once and takes it for the whole calendar.")
    elif any(replies):
        state.find("windows", "note", "lists heed only one end of the days they are asked for")
    else:
        overlap = _lists_by_overlap(state, scope, listed)
        also = ", and contain appointments that began before, and still take time then" if overlap else ""
        state.find("windows", "ok", f"lists heed the days they are asked for{also}")
        _try_edges(state, scope, listed)
        _try_cap(state, scope)


def _lists_by_overlap(state: State, scope: Scope, listed: Records) -> bool:
    """Asks for the second half of one appointment. A sync reads both kinds of lists rightly (UNK which it is)."""
    spans = ((each, instant_ms(each.get("startTime")), instant_ms(each.get("endTime"))) for each in listed)
    wanted, start, end = next((each for each in spans if each[1] and each[2] and each[2] > each[1] + 1), (None, 0, 0))
    if wanted is None or start is None or end is None:
        return False
    try:
        return usable_id(wanted.get("id")) in _ids(state.listed(scope, Window((start + end) // 2, end)))
    except ApiError:
        return False


def _try_edges(state: State, scope: Scope, listed: Records) -> None:
    """Asks for windows that end, and that begin, exactly when an appointment starts (UNK what they contain)."""
    starts = ((usable_id(each.get("id")), instant_ms(each.get("startTime"))) for each in listed)
    wanted, start = next((each for each in starts if each[0] and each[1]), (None, None))
    if wanted is None or start is None:
        return
    try:
        at_end = wanted in _ids(state.listed(scope, Window(start - DAY_MS, start)))
        at_start = wanted in _ids(state.listed(scope, Window(start, start + DAY_MS)))
    except ApiError as error:
        state.find("window edges", "note", f"not tried: {error}")
        return
    says = (
        f"an appointment that starts at a window's end is {'listed' if at_end else 'not listed'}, one at its start is"
    )
    if at_start:
        state.find("window edges", "ok", f"{says} listed")
    elif at_end:
        state.find("window edges", "note", f"{says} not listed: the window before contains it")
    else:
        fix = "A sync would miss appointments that start at midnight UTC. Ask the host's support."
        state.find("window edges", "failed", f"{says} not listed: no window contains it", fix)


def _try_cap(state: State, scope: Scope) -> None:
    """Compares the longest window that a sync asks for with its halves: a cap cuts replies off without notice (UNK)."""
    days = state.settings.max_window_days
    middle = to_ms(state.now)
    halves = Window(middle - days * DAY_MS // 2, middle), Window(middle, middle + days * DAY_MS // 2)
    whole = Window(halves[0].start_ms, halves[1].end_ms)
    try:
        listed = _ids(state.listed(scope, whole))
        parts = set[str]()
        for half in halves:
            parts |= _ids(each for each in state.listed(scope, half) if _starts_in(each, half))
        # Asked again, because a booking may have been made in between.
        left_out = parts - listed and parts - listed - _ids(state.listed(scope, whole))
    except ApiError as error:
        state.find("caps", "note", f"not tried with {days} days: {error}")
        return
    if left_out:
        what = f"a list of {days} days holds {len(listed):,} appointments, its halves hold {len(left_out):,} more"
        fix = "A sync reads cut lists again in halves. There is nothing to do."
        if state.client.dialect.lists_cost == 1:
            fix = f"Write reply_cap = {len(listed)} in {CONFIG_FILE}: a sync then sends fewer requests."
        state.find("caps", "note", f"lists are cut off: {what}", fix)
    else:
        state.find("caps", "ok", f"a list of {days} days holds all {len(listed):,} appointments of its halves")


def _ids(records: Iterable[Record]) -> set[str]:
    return set(filter(None, (usable_id(each.get("id")) for each in records)))


def _starts_in(record: Record, window: Window) -> bool:
    start = instant_ms(record.get("startTime"))
    return start is not None and window.holds(start)
