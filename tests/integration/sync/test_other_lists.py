"""A calendar that looks empty because its appointments are asked for by the wrong kind of list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bookings_sync.sandbox import Switches
from bookings_sync.sync import pipeline
from bookings_sync.sync.follower import Follower
from support.apis import Api

from .conftest import Site, both_apis, small

WRONG: dict[str, tuple[Api, Switches, dict[str, Any]]] = {
    "lists-by-group-are-empty": ("v2", Switches(lists_by_group="empty"), {"scopes": ("team",)}),
    "lists-by-user-are-empty": ("v2", Switches(lists_by_user="empty"), {"scopes": ("user",)}),
    "the-parameter-means-a-team": ("v1", Switches(calendar_id_means="team"), {"slots": False}),
}


@pytest.mark.parametrize("case", WRONG)
def test_empty_lists_of_the_wrong_kind_are_an_error(open_site: Callable[..., Site], case: str) -> None:
    api, switches, settings = WRONG[case]
    site = open_site(apis=api, switches=switches, **settings)
    for _ in range(2):
        result = site.sync()
        assert result.outcome == "partial"
        assert "contain no appointment, but lists by" in result.row["errors"]


@both_apis
def test_a_calendar_that_is_really_empty(open_site: Callable[..., Site]) -> None:
    site = open_site(small(appointments=0))
    for _ in range(2):
        assert site.sync().outcome == "ok"
    assert site.differences() == []


@both_apis
def test_appointments_of_services_that_disappeared_are_no_error(open_site: Callable[..., Site]) -> None:
    """They are in no list by service. Lists by team or user may still show them."""
    site = open_site()
    for service_id in list(site.world.data[site.location_id].services):
        site.world.delete_service(site.location_id, service_id)
    assert site.sync().outcome == "ok"


def test_a_round_of_follow_does_not_look_there(open_site: Callable[..., Site]) -> None:
    """It reads a few windows, which may be empty, and would spend its requests on these lists in every round."""
    api, switches, settings = WRONG["lists-by-group-are-empty"]
    site = open_site(apis=api, switches=switches, **settings)
    follower = Follower(site.settings)
    follower.reads = dict.fromkeys(site.settings.locations, 10)
    assert pipeline.sync(site.settings, clock=site.clock, follower=follower).outcome == "ok"
    follower.close()
