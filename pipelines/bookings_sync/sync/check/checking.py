"""Checks every location: the steps, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from pendulum import DateTime

from bookings_sync.api import Client, ConnectionPool, open_http
from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects import dialect_of
from bookings_sync.dialects.findings import Finding
from bookings_sync.error_text import MISTAKES, mistake
from bookings_sync.errors import ConfigurationError
from bookings_sync.sync.check import access, by_id, extras, lists, windows
from bookings_sync.sync.check.state import State

_ATTEMPTS = 2
"""Attempts per request. A check reports an error that a sync would meet, instead of waiting until it is over."""


@dataclass(slots=True)
class LocationCheck:
    """Everything found for one location. `api` is the dialect, `base_url` its address. `requests` is the number of
    requests that the check sent."""

    name: str
    api: str
    base_url: str
    findings: list[Finding] = field(default_factory=list)
    requests: int = 0

    @property
    def passed(self) -> bool:
        return all(finding.verdict != "failed" for finding in self.findings)


def check(settings: Settings, *, clock: Callable[[], DateTime]) -> Iterator[LocationCheck]:
    """Checks all locations at the same time, and yields them in the order of the configuration. Errors of the API, and
    settings that a location lacks, become findings and are not raised."""
    # No status counts as "there is no such id", so that the status for an unknown id shows.
    careful = replace(settings, attempts=min(settings.attempts, _ATTEMPTS), unknown_id_statuses=())
    with open_http(settings) as http, ThreadPoolExecutor(settings.concurrency, thread_name_prefix="check") as pool:
        yield from pool.map(partial(_check_location, settings, careful, http, clock), settings.locations.values())


def _check_location(
    settings: Settings, careful: Settings, http: ConnectionPool, clock: Callable[[], DateTime], location: Location
) -> LocationCheck:
    dialect = dialect_of(location)
    checked = LocationCheck(location.name, dialect.name, dialect.base_url(settings))
    try:
        client = Client(location, careful, http, clock=clock)
    except ConfigurationError as error:
        what = f"{error.key} is {error.problem}"
        checked.findings.append(Finding("configuration", "failed", what, f"{error.fix} The file is {error.where}."))
        return checked
    client.limit_requests(settings.request_budget)
    state = State(settings, location, client, clock())
    try:
        _run(state)
    except MISTAKES as error:
        state.find("check", "failed", mistake(error))
    checked.findings, checked.requests = state.findings, client.requests_sent
    return checked


def _run(state: State) -> None:
    if not access.try_key(state):
        return
    access.describe_location(state)
    access.list_services(state)
    lists.list_appointments(state)
    windows.try_windows(state)
    access.find_location_id(state)
    access.find_time_zone(state)
    by_id.find_one(state)
    lists.find_update_times(state)
    lists.find_soft_deletion(state)
    by_id.find_unknown(state)
    if state.settings.slots:
        extras.try_slots(state)
    if state.client.contacts is not None and state.settings.include_contacts:
        extras.try_contacts(state, state.client.contacts)
    if state.client.probes is not None:
        state.findings += state.client.probes.behavior(state.now)
    extras.try_slug(state)
    extras.find_rate_limit(state)
