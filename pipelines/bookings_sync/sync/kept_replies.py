"""Kept replies: lists that were read to find out which calendar a key opens, and that the run needs anyway.

Input:  replies.
Output: each reply once, so that no list is requested twice.
"""

from __future__ import annotations

from bookings_sync.api.client import Client
from bookings_sync.changes.owners import Listed
from bookings_sync.dialects.replies import Reply
from bookings_sync.errors import ApiError
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.json_text import Records

_MOST_BYTES = 24_000_000
"""Bytes of all kept bodies together. Lists beyond this are requested again: memory stays bounded."""


class KeptReplies:
    """Lists of teams and services by location name, and bodies of lists of appointments by name, scope and window."""

    def __init__(self) -> None:
        self._lists: dict[tuple[str, Listed], Reply[Records] | ApiError] = {}
        self._kept: dict[tuple[str, Scope, Window], Reply[bytes]] = {}
        self._bytes = 0

    def list_of(self, client: Client, endpoint: Listed) -> Reply[Records]:
        """All teams or services, requested if they were not kept. The reply is kept, a failure too. Raises ApiError."""
        key = client.location.name, endpoint
        if key not in self._lists:
            try:
                self._lists[key] = client.list_teams() if endpoint == "teams" else client.list_services()
            except ApiError as error:
                self._lists[key] = error
        reply = self._lists[key]
        if isinstance(reply, ApiError):
            raise reply
        return reply

    def known_list(self, name: str, endpoint: Listed) -> Records:
        """The records of a kept list; none if there is no such reply."""
        reply = self._lists.get((name, endpoint))
        return [] if reply is None or isinstance(reply, ApiError) else reply.records or []

    def drop_list(self, name: str, endpoint: Listed) -> None:
        """The list has been used."""
        self._lists.pop((name, endpoint), None)

    def add(self, name: str, scope: Scope, window: Window, reply: Reply[bytes]) -> None:
        if self._bytes + reply.bytes <= _MOST_BYTES and (name, scope, window) not in self._kept:
            self._bytes += reply.bytes
            self._kept[name, scope, window] = reply

    def look_at(self, name: str, scope: Scope, window: Window) -> bytes | None:
        """The body of a kept reply."""
        reply = self._kept.get((name, scope, window))
        return None if reply is None else reply.records

    def take(self, name: str, scope: Scope, window: Window) -> Reply[bytes] | None:
        """The reply, which is then no longer kept."""
        reply = self._kept.pop((name, scope, window), None) if self._kept else None
        if reply is not None:
            self._bytes -= reply.bytes
        return reply
