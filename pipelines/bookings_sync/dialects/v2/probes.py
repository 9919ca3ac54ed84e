"""What only `bookings check` asks v2: which scopes a token lacks, which number Sunday has, which version marks deleted
events.

Input:  one location's token.
Output: `Finding`s. `sync.check` carries out everything that all APIs can be asked.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from pendulum import DateTime

from bookings_sync.config.checks import SUNDAYS
from bookings_sync.config.keys import CONFIG_FILE, LOCATIONS_SECTION, SECRETS_FILE
from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects.dialect import ApiCall, Send, path_segment
from bookings_sync.dialects.findings import Finding
from bookings_sync.dialects.replies import decode_object, decode_slots
from bookings_sync.dialects.v2.errors import scope_of
from bookings_sync.dialects.v2.versions import CALENDARS_VERSION, VERSION, get
from bookings_sync.errors import (
    ApiError,
    AuthenticationFailed,
    ConnectionFailed,
    MissingScope,
    TimedOut,
    UnknownPath,
    WrongLocation,
)
from bookings_sync.planning.windows import DAY_MS, to_ms
from bookings_sync.records.json_text import Record, Records
from bookings_sync.records.listed import objects
from bookings_sync.records.values import usable_id

_NEWEST = "v3"

_DAYS = 28
"""Days of free slots that are compared with opening hours: each weekday four times; and of events around now."""
_CALENDARS = 5
"""Calendars that are compared at most. One that is closed on some weekday can be enough."""


class V2Probes:
    """The probes of one location."""

    def __init__(self, location: Location, settings: Settings, send: Send) -> None:
        self._location = location
        self._settings = settings
        self._send = send
        self._calendars: Records = []

    def access(self) -> Iterator[Finding]:
        """Tries every list that a sync reads, so that one check names all missing scopes."""
        lacking: list[str] = []
        for call in self._calls():
            try:
                reply = self._send(call, decode_object)
            except MissingScope:
                lacking.append(scope_of(call))
            except WrongLocation:
                yield self._wrong_location()
                return
            except AuthenticationFailed as error:
                yield Finding("key", "failed", str(error), _paste(self._location.name))
                return
            except UnknownPath as error:
                yield Finding("host", "failed", str(error), f"Check v2_base_url in {CONFIG_FILE}.")
                return
            except (ConnectionFailed, TimedOut):
                raise
            except ApiError:
                continue  # refused for another reason, so the scope is there; the check's own calls report the failure
            else:
                if call.path == "/calendars/":
                    self._calendars = objects((reply.records or {}).get("calendars"))
        yield Finding("key", "ok", "accepted")
        if lacking:
            scopes = ", ".join(dict.fromkeys(lacking))
            fix = f"Edit the private integration, enable {scopes}, and paste the token again if it changed."
            yield Finding("scopes", "failed", f"the token lacks {scopes}", fix)
        else:
            yield Finding("scopes", "ok", "the token has every scope that a sync needs")

    def _calls(self) -> Iterator[ApiCall]:
        """The cheapest call of each family of paths. The calendars come before the lists that name one."""
        location_id = self._location.location_id or ""
        here = {"locationId": location_id}
        yield get(f"/locations/{path_segment(location_id)}", version=VERSION)
        yield get("/calendars/", here)
        yield get("/calendars/groups", here)
        # Without any calendar, an unknown one shows too whether the token may list its events.
        one = {
            **here,
            "calendarId": next(iter(self._ids()), uuid.uuid4().hex[:20]),
            "startTime": "0",
            "endTime": str(DAY_MS),
        }
        yield get("/calendars/events", one)
        yield get("/calendars/blocked-slots", one)
        if self._settings.include_contacts:
            body = {**here, "pageLimit": 1}
            yield ApiCall("POST", "/contacts/search", headers={"Version": VERSION}, body=body, is_read=True)
        yield get("/users/", here, version=VERSION)

    def _wrong_location(self) -> Finding:
        what = f"the token belongs to another location than {self._location.location_id}"
        where = f"[{LOCATIONS_SECTION}.{self._location.name}] in {SECRETS_FILE}"
        return Finding(
            "location", "failed", what, f"Correct location_id, or paste that location's token, under {where}."
        )

    def behavior(self, now: DateTime) -> Iterator[Finding]:
        """Tries the settings whose value is UNK: `v2_sunday` and `v2_events_version`."""
        yield self._weekdays(now)
        yield self._deleted_events(now)

    def _weekdays(self, now: DateTime) -> Finding:
        """Compares the weekdays of free slots with the opening hours."""
        shut = [each for each in self._calendars if 0 < len(_open_days(each)) < 7 and usable_id(each.get("id"))]
        fits = Fits()
        for calendar in shut[:_CALENDARS]:
            try:
                fits = fits.with_days(_open_days(calendar), self._free_days(calendar, now))
            except ApiError:
                continue  # the check's own call for slots reports the failure
        return fits.finding(self._settings.v2_sunday)

    def _deleted_events(self, now: DateTime) -> Finding:
        """Compares the deleted events that two versions show: only the newest one's reference has a mark (DOC)."""
        asked = self._settings.v2_events_version
        by_newest = self._marked_as_deleted(now, _NEWEST)
        if by_newest and asked != _NEWEST and (hidden := by_newest - self._marked_as_deleted(now, asked)):
            what = f"version {asked} lists {len(hidden):,} deleted events without the mark that version {_NEWEST} has"
            fix = f'Write v2_events_version = "{_NEWEST}" in {CONFIG_FILE}.'
            return Finding("deleted events", "failed", what, fix)
        return Finding("deleted events", "ok", f"marked by version {asked} as by {_NEWEST}, or not listed")

    def _marked_as_deleted(self, now: DateTime, version: str) -> set[str]:
        """The ids of the events near now that this version lists and marks."""
        start = to_ms(now) - _DAYS // 2 * DAY_MS
        params = {"locationId": self._location.location_id or "", "startTime": str(start)}
        params["endTime"] = str(start + _DAYS * DAY_MS)
        marked: set[str] = set()
        for calendar_id in self._ids()[:_CALENDARS]:
            try:
                call = get("/calendars/events", {**params, "calendarId": calendar_id}, version)
                events = objects((self._send(call, decode_object).records or {}).get("events"))
            except ApiError:
                continue  # the check's own call for lists reports the failure
            marked.update(usable_id(each.get("id")) or "" for each in events if each.get("deleted") is True)
        return marked

    def _ids(self) -> list[str]:
        return list(filter(None, (usable_id(each.get("id")) for each in self._calendars)))

    def _free_days(self, calendar: Record, now: DateTime) -> list[date]:
        """Local dates with a free slot, without those on which the calendar has special hours."""
        start = to_ms(now)
        params = {"startDate": str(start), "endDate": str(start + _DAYS * DAY_MS)}
        call = get(f"/calendars/{path_segment(str(usable_id(calendar['id'])))}/free-slots", params, CALENDARS_VERSION)
        days = self._send(call, decode_slots).records or {}
        special = {str(each.get("date"))[:10] for each in objects(calendar.get("availabilities"))}
        return [date.fromisoformat(day) for day, starts in days.items() if starts and day not in special]


@dataclass(frozen=True, slots=True)
class Fits:
    """Weekdays with free slots on which a calendar is closed, by the number that Sunday would have.

    `compared` counts the weekdays with free slots.
    """

    compared: int = 0
    closed: Mapping[int, int] = field(default_factory=lambda: dict.fromkeys(SUNDAYS, 0))

    def with_days(self, open_days: set[int], free: list[date]) -> Fits:
        """These, and those of one more calendar. `open_days` are numbers of `daysOfTheWeek`."""
        weekdays = {day.isoweekday() % 7 for day in free}  # 0 is Sunday
        is_open = {sunday: {(day - sunday) % 7 for day in open_days} for sunday in SUNDAYS}
        closed = {sunday: self.closed[sunday] + len(weekdays - is_open[sunday]) for sunday in SUNDAYS}
        return Fits(self.compared + len(weekdays), closed)

    def finding(self, configured: int) -> Finding:
        fewest = min(self.closed.values())
        best = [sunday for sunday in SUNDAYS if self.closed[sunday] == fewest]
        if best == [configured]:
            return Finding("weekdays", "ok", f"free slots fit the opening hours with v2_sunday = {configured}")
        if configured in best:
            what = "free slots do not show which number Sunday has"
            why = "" if self.compared else ": no calendar that is closed on some weekday has free slots"
            fix = "Compare one calendar's opening hours in stg_service_hours with those that the calendar shows."
            return Finding("weekdays", "note", what + why, fix)
        fitting = " or ".join(map(str, best))
        what = f"free slots fit the opening hours with v2_sunday = {fitting}, not with {configured}"
        return Finding("weekdays", "failed", what, f"Write v2_sunday = {fitting} in {CONFIG_FILE}.")


def _open_days(calendar: Record) -> set[int]:
    """The numbers of the weekdays on which a calendar is open."""
    listed = (each.get("daysOfTheWeek") for each in objects(calendar.get("openHours")) if each.get("hours"))
    return {day for days in listed if isinstance(days, list) for day in days if type(day) is int}


def _paste(name: str) -> str:
    where = f"[{LOCATIONS_SECTION}.{name}] api_key in {SECRETS_FILE}, or its environment variable"
    return f"Paste the location's private integration token again: {where}."
