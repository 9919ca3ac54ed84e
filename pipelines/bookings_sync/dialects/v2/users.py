"""v2's list of users, which has the names and e-mail addresses of members.

Input:  the ids of a location's members.
Output: the users with these ids. A list that is cut off or empty is refused, because members would lose their names.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from bookings_sync.dialects.dialect import ApiCall, Send
from bookings_sync.dialects.replies import Reply, decode_object
from bookings_sync.dialects.v2.versions import VERSION, get
from bookings_sync.records.json_text import Record, Unreadable
from bookings_sync.records.listed import objects
from bookings_sync.records.values import usable_id

_PER_PAGE = 100


class Users:
    """The users of one location, read page by page until all are read.

    How the API ends its pages is UNK. So a page is the last one if it is short, if it brings no user that is new, or if
    as many users are known as `count` states.
    """

    def __init__(self, location_id: str, members: Collection[str], send: Send) -> None:
        self._location_id = location_id
        self._members = members
        self._send = send
        self.by_id: dict[str, Record] = {}
        self.replies: list[Reply[_Page]] = []

    def read(self, company_id: str | None) -> None:
        """Reads all users. Without the company's id, only the deprecated call can be sent (DOC)."""
        params = {"locationId": self._location_id}
        if company_id is None:
            self._read_page(get("/users/", params, version=VERSION))
            return
        params |= {"companyId": company_id, "limit": str(_PER_PAGE)}
        while self._read_page(get("/users/search", {**params, "skip": str(len(self.by_id))}, version=VERSION)):
            pass

    def _read_page(self, call: ApiCall) -> bool:
        """Reads a page. Returns whether another one may follow."""
        reply = self._send(call, self._decode)
        self.replies.append(reply)
        if reply.records is None:
            return False
        self.by_id |= reply.records.by_id
        return not reply.records.is_last

    def _decode(self, body: bytes) -> _Page:
        value = decode_object(body)
        records, count = value.get("users"), value.get("count")
        if not isinstance(records, list):
            raise Unreadable('expected a list under "users" in the JSON object')
        page = {key: each for each in objects(records) if (key := usable_id(each.get("id")))}
        known = self.by_id | page
        count = count if type(count) is int else None
        is_short = len(records) < _PER_PAGE if count is None else len(known) >= count
        is_last = is_short or len(known) == len(self.by_id)
        if is_last:
            self._check(known, count)
        return _Page(page, is_last)

    def _check(self, known: dict[str, Record], count: int | None) -> None:
        missing = sum(each not in known for each in self._members)
        if missing and count is not None and len(known) < count:
            raise Unreadable(f"the list of users ends after {len(known)} of {count} users")
        if missing and missing == len(self._members) and not any(map(self._is_of_location, known.values())):
            raise Unreadable("the list of users has no user of this location")

    def _is_of_location(self, user: Record) -> bool:
        """Whether a user's roles name this location (DOC). Without roles, nothing is known."""
        roles = user.get("roles")
        ids = roles.get("locationIds") if isinstance(roles, dict) else None
        return isinstance(ids, list) and self._location_id in ids


class _Page(NamedTuple):
    by_id: dict[str, Record]
    is_last: bool
