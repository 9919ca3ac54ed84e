"""Generates a world from a seed.

Input:  a `WorldSpec`. The same spec gives the same world, byte for byte.
Output: a `World` with locations, members, teams, services, contacts, and appointments in the past and future.
"""

from __future__ import annotations

import gc
import heapq
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from bookings_sync.sandbox import sample_data
from bookings_sync.sandbox.appointment_generator import AppointmentGenerator, split_by_shares
from bookings_sync.sandbox.model import (
    LocationData,
)
from bookings_sync.sandbox.switches import Switches
from bookings_sync.sandbox.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSpec:
    """The size of a world. `now` is where its clock starts. `appointments` is the total of all locations."""

    now: datetime
    seed: int = 1
    locations: int = 3
    teams_per_location: int = 3
    services_per_location: int = 6
    members_per_location: int = 8
    appointments: int = 20_000
    past_days: int = 400
    future_days: int = 120
    contacts_per_appointment: float = 0.3
    opaque_key_share: float = 0.34
    """The share of locations with an opaque key of the old form. Their number is rounded down."""
    switches: Switches = field(default_factory=Switches)


def generate(spec: WorldSpec) -> World:
    """Generates the world. Takes about 25 µs and 1 kB per appointment."""
    with _garbage_collection_off():
        world = World(seed=spec.seed, now=spec.now, switches=spec.switches)
        rng = random.Random(f"{spec.seed}/world")
        shares = [rng.uniform(0.5, 1.5) for _ in range(spec.locations)]
        opaque = int(spec.locations * spec.opaque_key_share)
        for number, rows in enumerate(split_by_shares(spec.appointments, shares)):
            repetition, position = divmod(number, len(sample_data.LOCATION_NAMES))
            name = sample_data.LOCATION_NAMES[position] + (f"-{repetition + 1}" if repetition else "")
            zone = sample_data.LOCATION_ZONES[number % len(sample_data.LOCATION_ZONES)]
            location = world.add_location(name, zone, opaque=number >= spec.locations - opaque)
            data = world.data[location.id]
            _add_calendars(world, data, spec, rng)
            if data.services:
                AppointmentGenerator(world, data, spec, rng).fill(rows)
        heapq.heapify(world.pending_marks)
        world.journal.clear()
    return world


@contextmanager
def _garbage_collection_off() -> Iterator[None]:
    """Without this, the collector would walk the growing number of objects repeatedly. None of them is in a cycle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _add_calendars(world: World, data: LocationData, spec: WorldSpec, rng: random.Random) -> None:
    """Adds members, teams and services.

    Some have unusual forms: a member twice in a team, no members key, undocumented fields.
    """
    location_id = data.location.id
    for number in range(spec.members_per_location):
        first, last = rng.choice(sample_data.FIRST_NAMES), rng.choice(sample_data.LAST_NAMES)
        world.add_member(location_id, f"{first} {last}", f"member.{number}@{data.location.name}.example.com")
    users = list(data.members)
    for number in range(spec.teams_per_location):
        name = sample_data.TEAM_NAMES[number % len(sample_data.TEAM_NAMES)]
        chosen = rng.sample(users, min(len(users), rng.randint(3, 6)))
        if number == 0 and chosen:
            chosen.append(chosen[0])
        team = world.add_team(
            location_id, name, f"team-{number}", chosen, description=f"{name} of {data.location.name}"
        )
        if number == 1:
            team.body["teamColour"] = {"hex": "#00AAFF", "shades": [1, 2, 3]}
        if number >= 2:
            _hide_members(team.body, rng)
    teams = list(data.teams)
    for number in range(spec.services_per_location if teams else 0):
        repetition, position = divmod(number, len(sample_data.SERVICES))
        plan = sample_data.SERVICES[position]
        service = world.add_service(
            location_id,
            teams[number % len(teams)],
            f"{plan.name} {repetition + 1}" if repetition else plan.name,
            f"service-{number}",
            duration_min=plan.duration_min,
            interval_min=plan.interval_min,
            per_slot=plan.per_slot,
            per_day=20 if number % 4 == 3 else None,
            buffer_min=10 if number % 5 == 4 else 0,
            hours=plan.hours,
        )
        service.weight = plan.weight
        if number % 6 == 1:
            service.body["widget"] = {"theme": "neo", "steps": ["slot", "form"]}
        if number % 6 == 2:
            del service.body["linkedCalendars"]
            service.body["meetingLocation"] = None


def _hide_members(body: dict[str, object], rng: random.Random) -> None:
    """Removes the members from a team's JSON: no key, an empty list, or null."""
    kind = rng.randrange(3)
    if kind == 0:
        del body["members"]
    else:
        body["members"] = [] if kind == 1 else None
