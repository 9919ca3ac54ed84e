"""The read calls of v2.

Each list names the location, because a token does not (DOC).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from bookings_sync.config.locations import is_timezone
from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects.dialect import AboutLocation, ApiCall, Send, path_segment
from bookings_sync.dialects.replies import (
    FreeSlots,
    OtherAnswer,
    Reply,
    decode_object,
    list_under,
    one_under,
    slots_around,
)
from bookings_sync.dialects.v2.calendars import members_of, service, team
from bookings_sync.dialects.v2.fields import EVENTS, appointments_body, texts_under
from bookings_sync.dialects.v2.users import Users
from bookings_sync.dialects.v2.versions import CALENDARS_VERSION, VERSION, get
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.digests import digest_of
from bookings_sync.records.json_text import Records
from bookings_sync.records.listed import objects
from bookings_sync.records.values import canonical

_decode_groups = list_under("groups")
_decode_calendars = list_under("calendars")
_decode_events = texts_under("events")

T = TypeVar("T")


class V2Calls:
    """The read calls of one location.

    A list of appointments takes two requests, one of events and one of blocked slots. Teams take four: members' names
    are in the list of users, and who is a member in the list of calendars, which is then kept for the services.
    """

    def __init__(self, location: Location, settings: Settings, send: Send) -> None:
        self._location_id = location.location_id or ""
        self._settings = settings
        self._send = send
        self._calendars: Reply[Records] | None = None
        self._location: Reply[AboutLocation] | None = None

    def get_location(self) -> Reply[AboutLocation]:
        """The location's name, IANA time zone and company (DOC)."""
        if self._location is None:
            call = get(f"/locations/{path_segment(self._location_id)}", version=VERSION)
            self._location = self._send(call, location_with(self._location_id))
        return self._location

    def list_teams(self) -> Reply[Records]:
        """All groups (DOC), with the members of their calendars."""
        groups = self._send(get("/calendars/groups", {"locationId": self._location_id}), _decode_groups)
        calendars = self._calendars = self._list_calendars()
        users = Users(self._location_id, members_of(objects(calendars.records)), self._send)
        if groups.records:
            location = self.get_location().records
            users.read(location.company_id if location else None)
        records = [team(each, calendars.records or [], users.by_id) for each in groups.records or []]
        return joined([groups, calendars, *users.replies], records)

    def list_services(self) -> Reply[Records]:
        """All calendars (DOC), drafts included."""
        reply, self._calendars = self._calendars or self._list_calendars(), None
        sunday = self._settings.v2_sunday
        return joined([reply], [service(each, sunday=sunday) for each in reply.records or []])

    def _list_calendars(self) -> Reply[Records]:
        return self._send(get("/calendars/", {"locationId": self._location_id}), _decode_calendars)

    def list_appointments(
        self, scope: Scope, window: Window, known_digest: str | None, decode: Callable[[bytes], T]
    ) -> Reply[T]:
        """The events and the blocked slots of a scope in a window, cancelled ones included (DOC).

        UNK: whether the window selects by start or by overlap, whether its end is inclusive, whether the API caps the
        list, and whether lists by group or user contain anything.
        """
        parameter = {"service": "calendarId", "team": "groupId", "user": "userId"}[scope.kind]
        params = {
            "locationId": self._location_id,
            parameter: scope.id,
            "startTime": str(window.start_ms),  # milliseconds as text: other forms bring empty lists (CODE)
            "endTime": str(window.end_ms),
        }
        call = get("/calendars/events", params, self._settings.v2_events_version)
        call = replace(call, window=window, can_halve_window=True)
        events = self._send(call, _decode_events)
        digest = ""

        def decode_both(body: bytes) -> T | None:
            nonlocal digest
            blocked = _decode_events(body)
            digest = _digest_of_texts([*(events.records or []), *blocked])
            return None if digest == known_digest else decode(appointments_body(events.records or [], blocked))

        reply = self._send(replace(call, path="/calendars/blocked-slots"), decode_both)
        return replace(joined([events, reply], reply.records), digest=digest)

    def get_appointment(self, appointment_id: str) -> Reply[Records]:
        """One event, `{"event": {…}}` (DOC), or an empty list if the API has no such event.

        How the API reports an unknown or deleted id is UNK. Accepted are a status of `unknown_id_statuses` with a JSON
        object, and a 200 with an empty body or object. An event with `deleted: true` is returned as it is. Raises
        OtherReply if the API answers with another event.
        """
        path = f"/calendars/events/appointments/{path_segment(appointment_id)}"
        call = get(path, version=self._settings.v2_events_version)
        call = replace(call, not_found_statuses=self._settings.unknown_id_statuses)
        reply = self._send(call, one_under(("event", "appointment"), appointment_id))
        return replace(reply, records=[EVENTS.renamed(each) for each in reply.records or []])

    def list_slots(
        self, service_id: str, window: Window, timezone: str | None, known_digest: str | None
    ) -> Reply[FreeSlots]:
        """The free slots of a calendar in a window of at most 31 days, by local date in `timezone` (DOC)."""
        params = {"startDate": str(window.start_ms), "endDate": str(window.end_ms)}
        if timezone is not None:
            params["timezone"] = timezone
        path = f"/calendars/{path_segment(service_id)}/free-slots"
        reply = self._send(replace(get(path, params), window=window), slots_around(window))
        digest = digest_of(canonical(reply.records))  # the reply has a trace id, which differs each time (OBS)
        return replace(reply, records=None if digest == known_digest else reply.records, digest=digest)

    def check_slug(self, slug: str) -> Reply[dict[str, Any]]:
        """`{"available"}` (DOC), as the first API says it: `{"slug", "isSlugAvailable"}`."""
        call = ApiCall(
            "POST",
            "/calendars/groups/validate-slug",
            headers={"Version": CALENDARS_VERSION},
            body={"locationId": self._location_id, "slug": slug},
            is_read=True,
        )
        reply = self._send(call, decode_object)
        return replace(reply, records={"slug": slug, "isSlugAvailable": (reply.records or {}).get("available")})


def location_with(location_id: str) -> Callable[[bytes], AboutLocation]:
    """Returns a decoder of a location's record, which may stand under `location` (UNK).

    A zone that is no IANA zone counts as none. The decoder raises OtherAnswer for another location's record.
    """

    def decode_location(body: bytes) -> AboutLocation:
        value = decode_object(body)
        inside = value.get("location")
        record = inside if isinstance(inside, dict) else value
        fields = (record.get(name) for name in ("id", "name", "timezone", "companyId"))
        found = AboutLocation(*(field if isinstance(field, str) and field.strip() else None for field in fields))
        if found.id not in {None, location_id}:
            raise OtherAnswer("the reply holds the record of another location")
        return found if found.timezone and is_timezone(found.timezone) else found._replace(timezone=None)

    return decode_location


def joined(replies: Sequence[Reply[Any]], records: T | None) -> Reply[T]:
    """Several replies as one, with these records."""
    first, last = replies[0], replies[-1]
    return Reply(
        records,
        first.digest if len(replies) == 1 else digest_of("".join(each.digest for each in replies).encode()),
        sum(each.bytes for each in replies),
        first.sent_at,
        sum(each.seconds for each in replies),
        sum(each.requests for each in replies),
        last.status,
    )


def _digest_of_texts(texts: list[msgspec.Raw]) -> str:
    return digest_of(b"\n".join(texts))
