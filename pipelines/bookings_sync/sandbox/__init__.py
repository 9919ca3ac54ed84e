"""The booking-calendar API itself, as a real HTTP server: the oracle of tests, the demo's world, the benchmarks' load.

Input:  `generate(WorldSpec(now=…, seed=…))` makes a world.
Output: `with SandboxServer(world) as server:` serves it at `server.base_url`; `world.truth(location_id)` tells what a
        synced warehouse must hold; `world.advance(timedelta(days=14))` lets life go on.

It is written from the API's reference alone and imports nothing from the connector, so that a misreading cannot stand
on both sides and pass.
"""

from bookings_sync.sandbox.bodies import office_hours
from bookings_sync.sandbox.faults import Fault, FaultKind, Faults
from bookings_sync.sandbox.generate import WorldSpec, generate
from bookings_sync.sandbox.limits import RateLimit
from bookings_sync.sandbox.model import Appointment, Change, Contact, Location, Service, Team
from bookings_sync.sandbox.requests import Request, RequestLog
from bookings_sync.sandbox.server import SandboxServer, run
from bookings_sync.sandbox.switches import Switches
from bookings_sync.sandbox.world import SlotTakenError, World

__all__ = [
    "Appointment",
    "Change",
    "Contact",
    "Fault",
    "FaultKind",
    "Faults",
    "Location",
    "RateLimit",
    "Request",
    "RequestLog",
    "SandboxServer",
    "Service",
    "SlotTakenError",
    "Switches",
    "Team",
    "World",
    "WorldSpec",
    "generate",
    "office_hours",
    "run",
]
