"""The state of one location's check: what earlier steps learnt, and all findings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pendulum import DateTime

from bookings_sync.api import Client, Records, Scope
from bookings_sync.config.keys import LOCATIONS_SECTION
from bookings_sync.config.settings import Location, ScopeKind, Settings
from bookings_sync.dialects import AboutLocation
from bookings_sync.dialects.findings import Finding, Verdict
from bookings_sync.errors import ApiError
from bookings_sync.planning.windows import Window
from bookings_sync.records.listed import objects
from bookings_sync.records.values import usable_id

T = TypeVar("T")


class State:
    """What is known of one location, and how to ask for more."""

    def __init__(self, settings: Settings, location: Location, client: Client, now: DateTime) -> None:
        self.settings = settings
        self.location = location
        self.client = client
        self.now = now
        self.findings: list[Finding] = []
        self.record: AboutLocation | None = None
        """What the API says about the location itself."""
        self.teams: Records = []
        self.services: Records = []
        self.appointments: dict[str, dict[str, Any]] = {}
        """Those that the configured scopes list, by id."""
        self.longest: tuple[Scope, Records] | None = None
        """The longest list, and what it is asked by."""

    @property
    def section(self) -> str:
        """The location's section in the configuration."""
        return f"[{LOCATIONS_SECTION}.{self.location.name}]"

    def find(self, subject: str, verdict: Verdict, what: str, fix: str | None = None) -> None:
        self.findings.append(Finding(subject, verdict, what, fix))

    def attempt(self, subject: str, call: Callable[[], T], *, fix: str, verdict: Verdict = "failed") -> T | None:
        """The call's result. An error of the API becomes a finding, and the result is None."""
        try:
            return call()
        except ApiError as error:
            self.find(subject, verdict, str(error), fix)
            return None

    def listed(self, scope: Scope, window: Window) -> Records:
        """The appointments of a list. Raises ApiError."""
        listing = self.client.list_appointments(scope, window).records
        return objects(listing.records if listing else None)

    def ids(self, kind: ScopeKind) -> list[str]:
        """The ids that appointments can be listed by."""
        if kind != "user":
            records = self.services if kind == "service" else self.teams
            return list(filter(None, (usable_id(each.get("id")) for each in records)))
        members = [(team.get("members"), "id") for team in self.teams]
        members += [(service.get("teamMembers"), "userId") for service in self.services]
        users = (usable_id(each.get(key)) for listed, key in members for each in objects(listed))
        return list(dict.fromkeys(filter(None, users)))
