"""Every broken reply of the sandbox, alone and together: the result is the faultless one, nothing is taken for deleted,
the rate limit holds, and who asks to be left alone is left alone.

`make chaos` runs the same with ten thousand requests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any, get_args

import pytest
import stamina

from bookings_sync.sandbox import BrokenKind, Fault, FaultKind, Faults, Quota, Switches

from .conftest import Site, Tally, both_apis, small

SEED = int(os.environ.get("CHAOS") or 0)
LONG = bool(SEED)
KINDS: tuple[FaultKind, ...] = tuple(kind for kind in get_args(BrokenKind) if kind != "slow")
QUICK: dict[str, Any] = {"rate_period_seconds": 0.02, "attempts": 12, "contacts_changed_filter": True}
"""A 429 that names no time pauses for a period. Twelve attempts: at 30 % one request in two million fails. A sync asks
for v2's contacts that changed, since the warehouse must equal the calendar after it."""


@pytest.fixture
def no_backoff() -> Iterator[None]:
    """Removes the pauses between attempts. Those of the rate limit stay."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


def seconds_of(kind: FaultKind) -> float:
    """Retry-After in whole seconds: zero, to keep the tests fast."""
    return 0.0 if kind.startswith("429") else 0.05


@both_apis
@pytest.mark.usefixtures("no_backoff")
def test_each_kind_alone(open_site: Callable[..., Site], tally: Tally) -> None:
    """Each sync meets one kind of fault in 30 % of its requests."""
    site = open_site(small(appointments=80, services_per_location=1), window_days=16, max_window_days=16, **QUICK)
    for kind in KINDS:
        times = 5 if kind == "429_date" else None  # each costs a second, the resolution of a date
        site.server.faults = Faults([Fault(kind=kind, rate=0.3, times=times, seconds=seconds_of(kind))], seed=SEED)
        result = site.sync()
        assert result.row["errors"] == "[]", kind
        assert site.differences() == [], kind
        assert site.server.faults.met[kind] > 1
        tally("faults met", site.server.faults.met[kind])
        site.world.advance(timedelta(days=1))


@both_apis
@pytest.mark.usefixtures("no_backoff")
def test_all_kinds_together(open_site: Callable[..., Site], tally: Tally) -> None:
    """30 % of all requests meet some fault."""
    # Some 500 requests, or 10,000: the longer the history, the more windows.
    spec = small(appointments=3_000 if LONG else 300, past_days=1_500 if LONG else 120)
    site = open_site(
        spec, max_window_days=4, window_days=4, rows_per_reply=20, lookback_days=1_600 if LONG else 130, **QUICK
    )
    rate = 0.3 / len(KINDS)
    site.server.faults = Faults([Fault(kind=kind, rate=rate, seconds=seconds_of(kind)) for kind in KINDS], seed=SEED)
    requests = 0
    while requests < (10_000 if LONG else 400):
        result = site.sync()
        requests += result.row["requests"]
        assert result.row["errors"] == "[]"
        assert site.differences() == []
        site.world.advance(timedelta(days=2))
    met = sum(site.server.faults.met.values())
    assert 0.2 < met / requests < 0.4
    tally("faults met", met)
    tally("requests under faults of all kinds", requests)


def test_the_rate_limit_holds(open_site: Callable[..., Site]) -> None:
    """Sandbox and connector have the same limit, so a 429 is rare, with and without faults."""
    limit = Quota(50, 0.5)
    site = open_site(
        small(appointments=400, locations=2, opaque_key_share=0),
        max_window_days=2,
        window_days=2,
        rate_limit=limit.requests,
        rate_period_seconds=limit.seconds,
    )
    site.server.quota = limit
    result = site.sync()
    assert result.row["errors"] == "[]"
    assert result.row["requests"] > 500
    assert site.server.rate_limited <= result.row["requests"] / 100
    assert site.differences() == []


@pytest.mark.parametrize("kind", ["429_seconds", "429_date", "503"])
def test_retry_after_is_never_undercut(open_site: Callable[..., Site], kind: FaultKind) -> None:
    """After a 429, the connector waits as long as the reply asks, for this location only."""
    site = open_site(small(appointments=60, locations=2, opaque_key_share=0), attempts=8, concurrency=8)
    asking = site.world.locations[0].id
    rule = Fault(kind=kind, rate=0.5, times=3, seconds=1, location_id=asking)
    site.server.faults = Faults([rule], seed=4)
    assert site.sync().row["errors"] == "[]"
    assert site.differences() == []
    log = [request for request in site.world.requests.records if request.location_id == asking]
    refused = [number for number, request in enumerate(log) if request.status in (429, 503)]
    assert len(refused) == 3
    if kind != "503":
        for number in refused:
            in_flight = site.settings.concurrency  # sent before the answer arrived
            later = [each.at for each in log[number + 1 :] if each.at > log[number].at][in_flight:]
            assert all(at - log[number].at > 0.9 for at in later)
    assert all(before.at <= after.at for before, after in pairwise(log))


@pytest.mark.usefixtures("no_backoff")
def test_one_location_fails(open_site: Callable[..., Site]) -> None:
    """One location fails at every request. The others are complete, and its own rows stay."""
    site = open_site(small(locations=3, appointments=150, opaque_key_share=0), attempts=2)
    site.sync()
    failing, *others = (each.id for each in site.world.locations)
    for fault in ("401", "truncated", "cut", "list", "null", "string", "html", "500", "reset")[:: 1 if LONG else 2]:
        held = rows_of(site, failing)
        site.world.advance(timedelta(days=2))
        if fault == "401":
            site.world.revoke_key(failing)
        else:
            site.server.faults = Faults([Fault(kind=fault, location_id=failing)])
        assert site.sync().outcome == "partial"
        assert site.differences(*others) == []
        assert rows_of(site, failing) == held
        site.server.faults = Faults()
        site.world.keys[site.world.locations[0].key] = failing
    assert site.sync().row["errors"] == "[]"
    assert site.differences() == []


def rows_of(site: Site, location_id: str) -> list[dict[str, Any]]:
    return site.query("SELECT * FROM appointments WHERE location_id = ? ORDER BY id, _dlt_valid_from", location_id)


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize("unknown_id", ["404", "empty", "400", "422"][: 4 if LONG else 2])
def test_faults_delete_nothing(open_site: Callable[..., Site], unknown_id: Any) -> None:
    """While replies break in every way, only deleted appointments count as deleted."""
    world = small(appointments=150, services_per_location=1)
    site = open_site(world, switches=Switches(unknown_id=unknown_id), attempts=2)
    site.sync()
    gone = next(iter(site.world.data[site.location_id].by_start.all())).id
    site.world.delete(site.location_id, gone)
    kinds = [kind for kind in KINDS if kind != "429_date"]
    for number in range(6 if LONG else 2):
        rate = 0.5 / len(kinds)
        site.server.faults = Faults([Fault(kind=kind, rate=rate, seconds=0) for kind in kinds], seed=SEED + number)
        site.sync()
        tombstones = site.query("SELECT id FROM appointments WHERE deleted_at IS NOT NULL")
        assert {row["id"] for row in tombstones} <= {gone}
    site.server.faults = Faults()
    site.sync(full=True)
    assert site.differences() == []
