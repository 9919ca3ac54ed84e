"""The calendar's API: every call of api.md's table, typed, at the location's rate limit, retried where it is safe.

Input:  `Settings`, and what to read or write.
Output: `Reply`, or an error of the tree in `errors`. Between `plan` and `records` in the flow.
"""

from bookings_sync.api.client import Client
from bookings_sync.api.connections import Connections, open_http
from bookings_sync.api.replies import FreeSlots, Reply
from bookings_sync.api.writes import (
    BlockOffRequest,
    Booked,
    BookingRequest,
    Opening,
    Saved,
    Schedule,
    ServiceMember,
    ServiceRequest,
    TeamRequest,
    Writer,
)
from bookings_sync.planning.scopes import Scope
from bookings_sync.records.json_text import Record, Records

__all__ = [
    "BlockOffRequest",
    "Booked",
    "BookingRequest",
    "Client",
    "Connections",
    "FreeSlots",
    "Opening",
    "Record",
    "Records",
    "Reply",
    "Saved",
    "Schedule",
    "Scope",
    "ServiceMember",
    "ServiceRequest",
    "TeamRequest",
    "Writer",
    "open_http",
]
