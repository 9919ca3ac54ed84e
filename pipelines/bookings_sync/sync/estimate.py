"""Estimates what the first sync of a location costs, from a few of its requests.

Input:  a client of the location, settings and the time. Only reads are sent: the lists, and the first window of some
        calendars, as a first sync does.
Output: `Estimate`. The plan (`planning.plan`) does the calculation, with the density of the windows that were read.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from pendulum import DateTime

from bookings_sync.api import Client, Reply
from bookings_sync.api.listing import Listing
from bookings_sync.config.settings import Settings
from bookings_sync.planning.calendar import Calendar
from bookings_sync.planning.ledger import Ledger, Read
from bookings_sync.planning.plan import PlannedRead, Span, plan_appointments, plan_slots, window_of
from bookings_sync.planning.windows import to_ms
from bookings_sync.records.listed import listed_services, listed_teams, objects

_TRIED = 10
"""Calendars that are read. The others count as their average: more precision is not worth more of a rate limit."""

_LOCATION, _RUN = "", "estimate"
"""Names in the ledger of the estimate, which nothing else sees."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the location has, and the `requests` of its first sync. `contacts` is None unless the API lists contacts on
    their own and counts them."""

    teams: int
    services: int
    contacts: int | None
    requests: int


def estimate_first_sync(client: Client, settings: Settings, now: DateTime) -> Estimate:
    """Raises ApiError if the API refuses a request that every sync needs."""
    teams, services = client.list_teams(), client.list_services()
    in_teams, in_services = listed_teams(objects(teams.records)), listed_services(objects(services.records))
    calendar = Calendar().with_teams(in_teams.ids, in_teams.users)
    calendar = calendar.with_services(in_services.ids, in_services.users, in_services.notice_ms)
    scopes = calendar.scopes(settings.scopes)
    span = Span(_RUN, now)
    first = plan_appointments(Ledger(), settings, _LOCATION, scopes, span)
    tried = first[:: ceil(len(first) / _TRIED)] if first else []
    ledger = Ledger(_read(client, each, now) for each in tried)
    rest = plan_appointments(ledger, settings, _LOCATION, [each.scope for each in tried], span)
    lists = (len(tried) + sum(each.requests for each in rest)) * client.dialect.lists_cost
    slots = sum(each.requests for each in plan_slots(settings, _LOCATION, calendar.services, now))
    contacts, pages = _contacts(client) if settings.include_contacts else (None, 0)
    each_scope = lists / len(tried) if tried else 0
    requests = teams.requests + services.requests + ceil(each_scope * len(scopes)) + slots + pages
    return Estimate(len(calendar.teams), len(calendar.services), contacts, requests)


def _read(client: Client, planned: PlannedRead, now: DateTime) -> Read:
    reply: Reply[Listing] = client.list_appointments(planned.scope, window_of(planned))
    rows = len(objects(reply.records.records if reply.records else None))
    return Read(
        _LOCATION, "appointments", planned.scope, planned.window, to_ms(now), _RUN, "", None, reply.bytes, rows, 0.0
    )


def _contacts(client: Client) -> tuple[int | None, int]:
    """The number of contacts if the API lists and counts them, and the requests for all of their pages."""
    if client.contacts is None:
        return None, 0
    page = client.contacts.list_contacts(None).records
    if page is None or page.total is None or not page.records:
        return None, 1
    return page.total, ceil(page.total / len(page.records))
