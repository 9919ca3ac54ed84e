"""Whether a calendar without any appointment is really empty, or asked for by the wrong kind of list.

Input:  the locations without any appointment, in the warehouse or in a list of the run.
Output: an error for each location if its lists of another kind contain appointments that name a service, team or user
        of the calendar. Appointments of a service that disappeared prove nothing.

Which kind of list is complete is UNK, and so is the parameter that a service's list is asked by. With a wrong one, all
lists are empty and read well. Only locations without any appointment cost these requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from bookings_sync.errors import ApiError, BookingsError
from bookings_sync.planning.calendar import Calendar
from bookings_sync.planning.plan import hot_range
from bookings_sync.planning.scopes import COLUMN, Kind, Scope
from bookings_sync.records.listed import objects
from bookings_sync.records.tables import APPOINTMENTS
from bookings_sync.records.values import usable_id
from bookings_sync.sync.identity_search import Search
from bookings_sync.sync.kept_replies import KeptReplies
from bookings_sync.sync.run import Run

_MOST_LISTS = 3
"""Lists of each kind that are tried for a location."""

_FIELDS: dict[Kind, tuple[str, ...]] = {
    "service": ("calendarServiceId", "calendarId"),
    "team": ("calendarProviderId",),
    "user": ("userId", "assignedUserId"),
}
"""The fields of an appointment that name what lists it. Some clients read the service from `calendarId` (CODE)."""


def look_into_other_lists(run: Run) -> None:
    """Notes an error for each location that looks empty only because of how its appointments are asked for.

    A run that reads only the windows of a range, or those that `follow` chose, proves nothing: they may be empty.
    """
    if run.span.asked is not None or run.follower is not None:
        return
    holding = {each.location_id for each in run.snapshot.counted if each.table == APPOINTMENTS.name and each.versions}
    for location_id in run.findings.active:
        findings = run.findings.of(location_id)
        if location_id in holding or run.listed.of(location_id) or findings.errors or findings.left_out:
            continue
        for kind in (each for each in COLUMN if each not in run.settings.scopes):
            try:
                found = _any_in_lists(run, location_id, kind)
            except ApiError as error:
                run.findings.failed(location_id, error)
                break
            if found:
                findings.note(BookingsError(_message(findings.name, kind, run.settings.scopes)))
                break


def _any_in_lists(run: Run, location_id: str, kind: Kind) -> bool:
    name = run.findings.of(location_id).name
    search = Search(run.client(location_id), KeptReplies(), lambda: run.budget.left_for(name))
    window = hot_range(run.settings, run.span.now)
    calendar = run.calendars.of(location_id)
    scopes = [Scope(kind, each) for each in calendar.ids(kind)[:_MOST_LISTS]]
    should_be_listed = partial(_names_any, calendar, run.settings.scopes)
    return search.first(((scope, window) for scope in scopes), should_be_listed) is not None


def _names_any(calendar: Calendar, kinds: Iterable[Kind], records: list[Any]) -> bool | None:
    """True if some record names a service, team or user of these kinds that exists, else None."""
    fields = [(field, set(calendar.ids(kind))) for kind in kinds for field in _FIELDS[kind]]
    return any(usable_id(each.get(field)) in ids for each in objects(records) for field, ids in fields) or None


def _message(name: str, kind: Kind, asked: Iterable[Kind]) -> str:
    return (
        f"{name}: lists by {' and by '.join(asked)} contain no appointment, but lists by {kind} do. "
        "Run `bookings check`, which compares the lists and names the setting to change"
    )
