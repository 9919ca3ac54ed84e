"""Check: tries each location's key, and each endpoint that a sync reads.

Input:  settings, and the live API, which is only read.
Output: `LocationCheck`s: findings, each with a fix if something is wrong. A check also answers for one host what the
        documentation leaves open (UNK): which scopes list everything, and how an unknown id is refused.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, TypeVar

from pendulum import DateTime

from bookings_sync.api import Client, ConnectionPool, Records, Scope, open_http
from bookings_sync.config.keys import CONFIG_FILE, LOCATIONS_SECTION, SECRETS_FILE
from bookings_sync.config.settings import Location, ScopeKind, Settings, location_id_from_key
from bookings_sync.errors import (
    MISTAKES,
    ApiError,
    AuthenticationFailed,
    ConnectionFailed,
    RequestRefused,
    TimedOut,
    mistake,
)
from bookings_sync.planning.windows import FAR_DAYS, Window
from bookings_sync.records.columns import value_at
from bookings_sync.records.deletion_marks import DeletionMarks
from bookings_sync.records.instants import instant_ms
from bookings_sync.records.listed import objects
from bookings_sync.records.values import usable_id

Verdict = Literal["ok", "note", "failed"]
"""`note`: a sync works, but users should know something."""

T = TypeVar("T")

_DAYS_BACK, _DAYS_AHEAD = 24, 7
"""Days before and after now in the window that is tried: 31 together, which every API of this kind allows."""
_ATTEMPTS = 2
"""Attempts per request. A check reports an error that a sync would meet, instead of waiting until it is over."""
_DELETED = re.compile(r"delete|removed|archived|trash", re.IGNORECASE)
"""Words in the names of fields, or in a status, that may mean a deletion."""
_KINDS: tuple[ScopeKind, ...] = ("service", "team", "user")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried: the result, and a fix if it is bad."""

    subject: str
    verdict: Verdict
    what: str
    fix: str | None = None


@dataclass(slots=True)
class LocationCheck:
    """Everything found for one location. `requests` is the number of requests that the check sent."""

    name: str
    findings: list[Finding] = field(default_factory=list)
    requests: int = 0

    @property
    def passed(self) -> bool:
        return all(finding.verdict != "failed" for finding in self.findings)


def check(settings: Settings, *, clock: Callable[[], DateTime]) -> Iterator[LocationCheck]:
    """Checks all locations at the same time, and yields them in the order of the configuration. Errors of the API
    become findings and are not raised."""
    # No status counts as "there is no such id", so that the status for an unknown id shows.
    careful = replace(settings, attempts=min(settings.attempts, _ATTEMPTS), unknown_id_statuses=())
    with open_http(settings) as http, ThreadPoolExecutor(settings.concurrency, thread_name_prefix="check") as pool:
        yield from pool.map(partial(_check_location, settings, careful, http, clock), settings.locations.values())


def _check_location(
    settings: Settings, careful: Settings, http: ConnectionPool, clock: Callable[[], DateTime], location: Location
) -> LocationCheck:
    client = Client(location, careful, http, clock=clock)
    client.limit_requests(settings.request_budget)
    checking = _Checking(settings, location, client, clock())
    try:
        checking.run()
    except MISTAKES as error:
        checking.findings.append(Finding("check", "failed", mistake(error)))
    return LocationCheck(location.name, checking.findings, client.requests_sent)


class _Checking:
    """The check of one location, step by step. Later steps use what earlier ones learnt."""

    def __init__(self, settings: Settings, location: Location, client: Client, now: DateTime) -> None:
        self.findings: list[Finding] = []
        self._settings = settings
        self._location = location
        self._client = client
        self._now = now
        self._teams: Records = []
        self._services: Records = []
        self._appointments: dict[str, dict[str, Any]] = {}
        self._longest: tuple[Scope, Records] | None = None
        """The longest list, and what it is asked by."""

    def run(self) -> None:
        if not self._key():
            return
        self._list_services()
        self._list_appointments()
        self._windows()
        self._location_id()
        self._time_zone()
        self._one_appointment()
        self._soft_deletion()
        self._unknown_id()
        if self._settings.slots:
            self._slots()
        self._slug()

    def _find(self, subject: str, verdict: Verdict, what: str, fix: str | None = None) -> None:
        self.findings.append(Finding(subject, verdict, what, fix))

    def _try(self, subject: str, call: Callable[[], T], *, fix: str, verdict: Verdict = "failed") -> T | None:
        try:
            return call()
        except ApiError as error:
            self._find(subject, verdict, str(error), fix)
            return None

    def _key(self) -> bool:
        """Tries the key with the list of teams. Returns False if further requests would fail in the same way."""
        try:
            self._teams = objects(self._client.list_teams().records)
        except AuthenticationFailed as error:
            where = (
                f"[{LOCATIONS_SECTION}.{self._location.name}] api_key in {SECRETS_FILE}, or its environment variable"
            )
            self._find("key", "failed", str(error), f"Paste the location's API key again: {where}.")
            return False
        except (ConnectionFailed, TimedOut) as error:
            fix = f"Check base_url in {CONFIG_FILE}, and that this machine reaches it."
            self._find("host", "failed", str(error), fix)
            return False
        except ApiError as error:
            self._find("teams", "failed", str(error), f"Check base_url in {CONFIG_FILE}: is it the API's, with /v1?")
            return False
        self._find("key", "ok", "accepted")
        self._find("teams", "ok", f"{len(self._teams):,} listed")
        return True

    def _list_services(self) -> None:
        reply = self._try(
            "services", self._client.list_services, fix="Ask the host's support to enable the list of services."
        )
        if reply is None:
            return
        self._services = objects(reply.records)
        self._find("services", "ok", f"{len(self._services):,} listed")

    def _listed(self, scope: Scope, window: Window) -> Records:
        listing = self._client.list_appointments(scope, window).records
        return objects(listing.records if listing else None)

    def _list_appointments(self) -> None:
        """Lists the same days by service, team and user, to see whether the configured scopes miss any appointment."""
        window = Window.between(self._now.subtract(days=_DAYS_BACK), self._now.add(days=_DAYS_AHEAD))
        found: dict[ScopeKind, dict[str, dict[str, Any]]] = {}
        failed: dict[ScopeKind, ApiError] = {}
        for kind in _KINDS:
            found[kind] = {}
            for scope_id in self._ids(kind):
                try:
                    records = self._listed(Scope(kind, scope_id), window)
                except ApiError as error:
                    failed[kind] = error
                    break
                if records and (self._longest is None or len(records) > len(self._longest[1])):
                    self._longest = Scope(kind, scope_id), records
                found[kind].update({str(each["id"]): each for each in records if "id" in each})
        for kind in self._settings.scopes:
            if kind in failed:
                fix = f"Choose other scopes in {CONFIG_FILE}, or correct service_id_parameter."
                self._find("appointments", "failed", f"by {kind}: {failed[kind]}", fix)
            self._appointments.update(found[kind])
        counts = ", ".join(f"{len(found[kind]):,} by {kind}" for kind in _KINDS if kind not in failed)
        lacking, listed = [], set(self._appointments)
        for kind in sorted(_KINDS, key=lambda kind: len(found[kind].keys() - listed), reverse=True):
            if found[kind].keys() - listed:
                lacking.append(kind)
                listed |= found[kind].keys()
        self._find_unread_starts()
        if lacking:
            scopes = ", ".join(f'"{kind}"' for kind in (*self._settings.scopes, *lacking))
            missed = len(listed) - len(self._appointments)
            self._find(
                "appointments",
                "note" if self._appointments else "failed",
                f"{counts}: the configured scopes miss {missed:,} of these 31 days",
                f"Write scopes = [{scopes}] in {CONFIG_FILE}, or correct service_id_parameter.",
            )
        elif not any(kind in failed for kind in self._settings.scopes):
            self._find("appointments", "ok", f"{counts}, in 31 days: the configured scopes miss none")

    def _find_unread_starts(self) -> None:
        """Starts that a sync cannot read: the appointments would be in no report by day."""
        zone = self._location.timezone
        starts = {key: each.get("startTime") for key, each in self._appointments.items()}
        unread = sorted(key for key, start in starts.items() if start is not None and instant_ms(start, zone) is None)
        if unread:
            what = f"{len(unread):,} appointments have a start that cannot be read, such as {unread[0]}"
            fix = "Correct the record." if zone else f"If these are local times, set timezone in {CONFIG_FILE}."
            self._find("times", "note", what, fix)

    def _time_zone(self) -> None:
        if zone := self._location.timezone:
            self._find("time zone", "ok", f"{zone}, as configured")
            return
        where = f"[{LOCATIONS_SECTION}.{self._location.name}] in {CONFIG_FILE}"
        what = "not configured: reports guess it from opening hours and bookings. bookings status shows the guess"
        self._find("time zone", "note", what, f'Write timezone, such as "Europe/Berlin", under {where}.')

    def _windows(self) -> None:
        """Asks for days on which no calendar has appointments: do lists heed the days they are asked for?"""
        if self._longest is None:
            self._find("windows", "note", "not tried: these days hold no appointment")
            return
        scope, listed = self._longest
        fix = "A sync needs lists of past and future days. Ask the host's support."
        replies = [
            self._try("windows", partial(self._listed, scope, days), fix=fix, verdict="note") for days in FAR_DAYS
        ]
        if any(reply is None for reply in replies):
            return
        if all(replies):
            what = f"lists ignore the days they are asked for: {len(listed):,} appointments came for days without any"
            self._find("windows", "note", what, "A sync reads each list once and takes it for the whole calendar.")
        elif any(replies):
            self._find("windows", "note", "lists heed only one end of the days they are asked for")
        else:
            overlap = self._lists_by_overlap(scope, listed)
            also = ", and contain appointments that began before, and still take time then" if overlap else ""
            self._find("windows", "ok", f"lists heed the days they are asked for{also}")

    def _lists_by_overlap(self, scope: Scope, listed: Records) -> bool:
        """Asks for the second half of one appointment. A sync reads both kinds of lists rightly (UNK which it is)."""
        spans = ((each, instant_ms(each.get("startTime")), instant_ms(each.get("endTime"))) for each in listed)
        wanted, start, end = next(
            (each for each in spans if each[1] and each[2] and each[2] > each[1] + 1), (None, 0, 0)
        )
        if wanted is None or start is None or end is None:
            return False
        try:
            return wanted in self._listed(scope, Window((start + end) // 2, end))
        except ApiError:
            return False

    def _ids(self, kind: ScopeKind) -> list[str]:
        if kind != "user":
            records = self._services if kind == "service" else self._teams
            return list(filter(None, (usable_id(each.get("id")) for each in records)))
        members = [(team.get("members"), "id") for team in self._teams]
        members += [(service.get("teamMembers"), "userId") for service in self._services]
        users = (usable_id(each.get(key)) for listed, key in members for each in objects(listed))
        return list(dict.fromkeys(filter(None, users)))

    def _location_id(self) -> None:
        named = (usable_id(each.get("locationId")) for each in self._appointments.values())
        from_data = next(filter(None, named), "")
        configured, from_key = self._location.location_id, location_id_from_key(self._location.api_key)
        found = configured or from_key or from_data
        if not found:
            fix = f"Write location_id under [{LOCATIONS_SECTION}.{self._location.name}] in {SECRETS_FILE}."
            what = "not found in the configuration, in the key or in these appointments"
            self._find("location id", "failed", what, fix)
        elif configured and from_key and configured != from_key:
            what = f"the configuration says {configured}, the key says {from_key}"
            self._find("location id", "failed", what, "Check whose key it is, then correct the key or the location_id.")
        elif from_data and from_data != found:
            names = {
                each.location_id or location_id_from_key(each.api_key): each.name
                for each in self._settings.locations.values()
                if each.name != self._location.name
            }
            whose = f", which is `{names[from_data]}`" if from_data in names else ""
            what = (
                f"the {'configuration' if configured else 'key'} says {found}, its appointments say {from_data}{whose}"
            )
            self._find("location id", "failed", what, "Check whose key it is, then correct the key or the location_id.")
        else:
            source = "configuration" if configured else "key" if from_key else "data"
            self._find("location id", "ok", f"{found}, from the {source}")

    def _one_appointment(self) -> None:
        if not self._appointments:
            self._find("one by id", "note", "not tried: these days hold no appointment")
            return
        wanted = next(iter(self._appointments))
        fix = "A sync asks by id to tell moved from deleted appointments. Ask the host's support."
        reply = self._try("one by id", lambda: self._client.get_appointment(wanted), fix=fix)
        if reply is not None and not reply.records:
            self._find("one by id", "failed", "a listed appointment is not found by its id", fix)
        elif reply is not None:
            self._find("one by id", "ok", "found")

    def _soft_deletion(self) -> None:
        """Looks for fields that may mark deleted records (UNK). For a sync, those of `deleted_when` do."""
        marks = DeletionMarks.of(self._settings.deleted_when)
        records = list(self._appointments.values())
        marked = len(records) - len(marks.unmarked(records))
        likely = {
            f"{name}={str(value).lower()}"
            for record in marks.unmarked(records)
            for name, value in record.items()
            if _may_mark_a_deletion(name, value)
        }
        if likely:
            fix = f"If they are deleted, add to deleted_when in {CONFIG_FILE}: {', '.join(sorted(likely)[:5])}."
            self._find("soft deletion", "note", "some listed appointments look deleted, and count as existing", fix)
        elif marked:
            what = f"{marked:,} listed appointments are marked as deleted, and count as deleted"
            self._find("soft deletion", "ok", what)
        elif records:
            self._find("soft deletion", "ok", "no listed appointment is marked as deleted")

    def _unknown_id(self) -> None:
        """Asks for an id that never existed. A sync takes the same refusal for a deletion (UNK which one it is)."""
        known = self._settings.unknown_id_statuses
        try:
            records = self._client.get_appointment(uuid.uuid4().hex[:20]).records
        except RequestRefused as error:
            status = error.status or 0
            if status in known:
                self._find("unknown id", "ok", f"refused with {status}, which counts as deleted")
            else:
                fix = f"Add {status} to unknown_id_statuses in {CONFIG_FILE}."
                self._find("unknown id", "failed", f"refused with {status}: a sync would miss deletions", fix)
        except ApiError as error:
            self._find("unknown id", "failed", str(error), "Without a clear refusal, a sync cannot see deletions.")
        else:
            if records:
                fix = "A sync cannot see deletions. Ask the host's support."
                self._find("unknown id", "failed", "answered with a record that cannot exist", fix)
            else:
                self._find("unknown id", "ok", "answered with an empty body, which counts as deleted")

    def _slots(self) -> None:
        services = self._ids("service")
        if not services:
            self._find("slots", "note", "not tried: there is no service")
            return
        days = min(self._settings.slots_days_per_call, self._settings.slots_horizon_days)
        window = Window.between(self._now, self._now.add(days=days))
        fix = f"Correct service_id_parameter, lower slots_days_per_call, or set slots = false, in {CONFIG_FILE}."
        reply = self._try("slots", lambda: self._client.list_slots(services[0], window), fix=fix)
        if reply is not None:
            free = sum(len(starts) for starts in (reply.records or {}).values())
            self._find("slots", "ok", f"{free:,} free in {days} days, of one service")

    def _slug(self) -> None:
        """Tries the slug check. A sync does not need it, programs that write through the client do."""
        slugs = [value_at(team, "calendarConfig.slug") for team in self._teams]
        if slug := next((str(each) for each in slugs if each), None):
            fix = "No sync needs this endpoint. There is nothing to do."
            if self._try("slug", lambda: self._client.check_slug(slug), fix=fix, verdict="note") is not None:
                self._find("slug", "ok", "answered")


def _may_mark_a_deletion(name: str, value: object) -> bool:
    """Whether a field looks as if it said that its record is deleted."""
    if isinstance(value, str) and "status" in name.lower():
        return bool(_DELETED.search(value))
    is_set = bool(value) and str(value).lower() != "false" and not isinstance(value, dict | list)
    return is_set and bool(_DELETED.search(name))
