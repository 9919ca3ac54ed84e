"""Troubles: the API answers falsely, or in another way, for the length of one sync.

Input:  a trouble's name, and the served world.
Output: `troubled`, a context in which the server has the trouble's faults and switches.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bookings_sync.sandbox import BrokenKind, FalseKind, Fault, Faults, SandboxServer

_BY_ID = ("GET /appointments/:id", "GET /calendars/events/appointments/:id")
_LISTS = ("GET /appointments/", "GET /calendars/events", "GET /calendars/blocked-slots")
_CALENDARS = ("GET /calendars/teams", "GET /calendars/services", "GET /calendars/groups", "GET /calendars/")
_BROKEN: tuple[BrokenKind, ...] = ("503", "reset", "truncated", "cut", "list", "html")


@dataclass(frozen=True, slots=True)
class Trouble:
    """False replies as fault rules, other forms of replies as switches."""

    faults: tuple[Fault, ...] = ()
    switches: dict[str, Any] = field(default_factory=dict)


def _outage(gone: FalseKind) -> Trouble:
    return Trouble((Fault(kind="empty_list"), Fault(kind=gone)))


TROUBLES: dict[str, Trouble] = {
    "outage 404": _outage("gone_404"),
    "outage 400": _outage("gone_400"),
    "outage 422": _outage("gone_422"),
    "outage empty": _outage("gone_empty"),
    "outage object": _outage("gone_object"),
    "storm": Trouble(tuple(Fault(kind=kind, rate=0.11) for kind in _BROKEN)),
    "lists are empty": Trouble((Fault(kind="empty_list"),)),
    "calendars are empty": Trouble((Fault(kind="empty_list", endpoints=_CALENDARS),)),
    "some lists are empty": Trouble((Fault(kind="empty_list", rate=0.3, endpoints=_LISTS),)),
    "ids are unknown": Trouble((Fault(kind="gone_404"),)),
    "another tenant": Trouble((Fault(kind="other_tenant"),)),
    "another tenant's lists": Trouble((Fault(kind="other_tenant", rate=0.3, endpoints=_LISTS),)),
    "another tenant's ids": Trouble((Fault(kind="other_tenant", endpoints=_BY_ID),)),
    "masters": Trouble(switches={"instance_reply": "master"}),
    "lower case": Trouble(switches={"id_case": "lower"}),
    "rows twice": Trouble(switches={"repeated_rows": "same"}),
    "stale rows first": Trouble(switches={"repeated_rows": "stale"}),
    "stale rows last": Trouble(switches={"repeated_rows": "stale_last"}),
    "contacts by list": Trouble(switches={"contact_variants": "by_scope"}),
    "two services": Trouble(switches={"two_services": True}),
    "moving fields": Trouble(switches={"moving_field": "all"}),
    "missing ids": Trouble(switches={"missing_service_ids": True}),
    "clients' fields": Trouble(switches={"client_field_names": True}),
    "fractions": Trouble(switches={"fractional_numbers": True}),
    "windows are ignored": Trouble(switches={"ignores_window": 5}),
    "three rows a reply": Trouble(switches={"max_rows": 3}),
}

LASTING: tuple[tuple[str, Any], ...] = (
    ("repeated_rows", "same"),
    ("repeated_rows", "stale"),
    ("repeated_rows", "stale_last"),
    ("contact_variants", "by_scope"),
    ("two_services", True),
    ("moving_field", "all"),
    ("missing_service_ids", True),
    ("client_field_names", True),
    ("fractional_numbers", True),
    ("instance_reply", "master"),
    ("deleted_id", "flag"),
    ("deleted_id", "status"),
    ("unknown_id", "object"),
)
"""Switches that may be set for good: other forms of replies that do not hide anything."""


@contextmanager
def troubled(server: SandboxServer, name: str) -> Iterator[None]:
    """The server has this trouble. An empty name is none."""
    if not name:
        yield
        return
    trouble, faults, switches = TROUBLES[name], server.faults, server.world.switches
    server.world.switches = switches.changed(trouble.switches)
    server.faults = Faults((*trouble.faults, *faults.rules), seed=faults.seed)
    try:
        yield
    finally:
        server.faults, server.world.switches = faults, switches
