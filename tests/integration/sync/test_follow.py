"""Runs of `bookings follow`: few requests each, and together all that a sync does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bookings_sync.sandbox import Fault, Faults
from bookings_sync.sync import pipeline
from bookings_sync.sync.follower import Follower
from bookings_sync.sync.pipeline import SyncResult
from bookings_sync.warehouse.dataset import open_client, open_pipeline
from bookings_sync.warehouse.unseen_changes import unseen_changes

from .conftest import Site, both_apis, small

READS = 8


class Followed:
    """A site that is followed. Time passes only if a test says so; the follower's clock is the sandbox's."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.follower = Follower(site.settings, monotonic=lambda: site.world.now.timestamp())

    def round(self, reads: int = READS) -> SyncResult:
        names = list(self.site.settings.locations)
        self.follower.reads = dict.fromkeys(names, reads)
        return pipeline.sync(self.site.settings, clock=self.site.clock, follower=self.follower)

    def rounds(self, count: int, reads: int = READS) -> list[SyncResult]:
        found = []
        for _ in range(count):
            self.site.world.now_ms += 5_000
            found.append(self.round(reads))
        return found


@pytest.fixture
def follow(open_site: Callable[..., Site]) -> Iterator[Callable[..., Followed]]:
    opened: list[Followed] = []

    def start(**knobs: object) -> Followed:
        site = open_site(small(appointments=300), **knobs)
        opened.append(Followed(site))
        return opened[-1]

    yield start
    for each in opened:
        each.follower.close()


@both_apis
def test_each_round_sends_few_requests_and_a_change_is_seen_soon(follow: Callable[..., Followed]) -> None:
    followed = follow()
    site = followed.site
    site.sync()
    followed.rounds(3)
    row = min(
        (each for each in site.world.data[site.location_id].by_start if each.active and not each.block),
        key=lambda each: abs(each.start_ms - site.world.now_ms),
    )
    site.world.cancel(site.location_id, row.id)
    found = followed.rounds(4)
    assert sum(each.changes.changed for each in found) == 1
    assert max(each.row["requests"] for each in found) <= READS + 1
    assert site.live("appointments", "id = ?", row.id)[0]["appoinment_status"] == "cancelled"
    with open_pipeline(site.settings) as dlt_pipeline, open_client(dlt_pipeline, site.settings) as client:
        unseen = unseen_changes(client, now=site.clock())[site.location_id]
    assert (unseen.changes, unseen.at_most_p95) <= (1, 20)


def test_rounds_without_news_write_nothing(follow: Callable[..., Followed]) -> None:
    followed = follow()
    site = followed.site
    site.sync()
    followed.rounds(2, reads=40)  # what the first sync has left, and free slots
    loads = "SELECT count(*) AS n FROM _dlt_loads"
    before = site.query(loads)[0]["n"]
    followed.rounds(10)
    assert site.query(loads)[0]["n"] - before <= 1
    followed.rounds(4)
    assert site.query(loads)[0]["n"] - before >= 1  # a minute has passed, and `reads` says so


@both_apis
def test_all_changes_of_days_are_found_in_time(follow: Callable[..., Followed]) -> None:
    followed = follow(cold_reread_days=2, lookback_days=5, horizon_days=30)
    site = followed.site
    site.sync()
    for _ in range(4):
        site.world.advance(timedelta(hours=18))
        followed.round(READS)
    followed.rounds(20)
    site.world.advance(timedelta(days=2))
    followed.rounds(60)
    site.sync()
    assert site.differences() == []


@both_apis
def test_a_warehouse_that_was_never_synced_is_filled(follow: Callable[..., Followed]) -> None:
    followed = follow()
    followed.rounds(6, reads=40)
    assert followed.site.differences() == []


def test_a_failing_location_says_so_and_the_rest_is_loaded(open_site: Callable[..., Site]) -> None:
    site = open_site(small(appointments=200, locations=2), attempts=1)
    site.sync()
    failing = site.world.locations[0]
    followed = Followed(site)
    site.server.faults = Faults([Fault(kind="503", location_id=failing.id)])
    site.world.advance(timedelta(hours=6))
    found = followed.rounds(3)
    followed.follower.close()
    assert {each.outcome for each in found} == {"partial"}
    assert site.query("SELECT count(*) AS n FROM runs WHERE outcome = 'partial'")[0]["n"] == 3


def test_a_key_of_another_location_writes_nothing_in_any_round(open_site: Callable[..., Site]) -> None:
    site = open_site(small(appointments=60, locations=2), slots=False)
    site.sync()
    first, second = site.settings.locations.values()
    swapped = {
        first.name: replace(first, api_key=second.api_key, location_id=site.world.locations[0].id),
        second.name: replace(second, api_key=first.api_key, location_id=site.world.locations[1].id),
    }
    site.knobs["locations"] = swapped
    followed = Followed(site)
    site.world.advance(timedelta(hours=30))
    found = followed.rounds(3, reads=40)
    followed.follower.close()
    assert [each.outcome for each in found] == ["failed"] * 3
    assert sum(each.changes.total for each in found) == 0
