"""A server with the booking calendar's API. Tests, the demo and benchmarks use it instead of the real API.

```python
world = generate(WorldSpec(now=datetime.now(UTC), seed=1))   # a simulated business
with SandboxServer(world) as server:
    ...                                                      # sync from server.base_url
    world.advance(timedelta(days=14))                        # two weeks of bookings, changes and deletions
    world.truth(location_id)                                 # the data that a synced warehouse must hold
```

It serves both versions of the API over the same data: v1 at `server.base_url` with `location.key`, v2 at
`server.base_url_v2` with `location.pit`.

The sandbox is written from the API's reference. It imports nothing from the connector: shared code could misread the
API on both sides, and the tests would pass.

Where to look: `app` and `endpoint` take requests, `calendar_routes` and `appointment_routes` answer them, `world` holds
the data, `generate` creates it, `simulation` changes it. `switches` decides the unknowns of the API, `faults` and
`quota` decide what goes wrong. `v2` has the handlers and records of v2.
"""

from bookings_sync.sandbox.calendar_json import office_hours
from bookings_sync.sandbox.calendars import ALL_SCOPES
from bookings_sync.sandbox.faults import BrokenKind, FalseKind, Fault, FaultKind, Faults
from bookings_sync.sandbox.generate import WorldSpec, generate
from bookings_sync.sandbox.model import Appointment, Change, Contact, Location, Service, Team
from bookings_sync.sandbox.quota import Quota
from bookings_sync.sandbox.request_log import LoggedRequest, RequestLog
from bookings_sync.sandbox.server import SandboxServer, run
from bookings_sync.sandbox.switches import Switches
from bookings_sync.sandbox.v2.truth import truth_v2
from bookings_sync.sandbox.world import SlotTakenError, World

__all__ = [
    "ALL_SCOPES",
    "Appointment",
    "BrokenKind",
    "Change",
    "Contact",
    "FalseKind",
    "Fault",
    "FaultKind",
    "Faults",
    "Location",
    "LoggedRequest",
    "Quota",
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
    "truth_v2",
]
