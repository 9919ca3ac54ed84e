"""Which API serves each location of a world.

Input:  the sandbox's world, and the API of all locations, or of each by its id.
Output: the locations as the connector's settings name them, and the truth of each in the form of its API.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Literal

from bookings_sync.config.settings import Location
from bookings_sync.sandbox import World, truth_v2
from bookings_sync.sandbox.model import Location as Place
from support.truth_v2 import DAYS

Api = Literal["v1", "v2"]

Apis = Api | Mapping[str, Api]
"""One API for all locations, or one by each location's id."""

BOTH: tuple[Api, Api] = ("v1", "v2")


def alternating(world: World) -> dict[str, Api]:
    """v1 and v2 in turn."""
    return {each.id: BOTH[number % 2] for number, each in enumerate(world.locations)}


def api_of(apis: Apis, location_id: str) -> Api:
    return apis if isinstance(apis, str) else apis[location_id]


def locations(world: World, apis: Apis, *, zones_named: bool = True) -> dict[str, Location]:
    """Every location of the world, by its name. `zones_named`: with its time zone."""
    return {each.name: location(each, api_of(apis, each.id), zones_named=zones_named) for each in world.locations}


def location(place: Place, api: Api, *, zones_named: bool = True) -> Location:
    zone = place.timezone if zones_named else None
    if api == "v1":
        return Location(place.name, place.key, timezone=zone)
    return Location(place.name, place.pit, location_id=place.id, timezone=zone)


def truths(world: World, apis: Apis, end: datetime, chosen: Collection[str] = ()) -> list[dict[str, Any]]:
    """The truth of the chosen locations, or of all, with the slots until `end`."""
    told = {"v1": world.truth, "v2": partial(truth_v2, world)}
    days = {"days": DAYS[world.switches.days_of_week]}
    ids = chosen or [each.id for each in world.locations]
    return [told[api_of(apis, each)](each, end=end) | days for each in ids]
