"""The calendar API: typed calls, within each location's rate limit, with retries.

Input:  `Settings`, and what to read or write.
Output: `Reply`, or an error of the tree in `errors`. Comes after `planning` and before `records` in the flow.
"""

from bookings_sync.api.client import Client
from bookings_sync.api.connections import ConnectionPool, open_http
from bookings_sync.api.writes import Writer
from bookings_sync.dialects.replies import FreeSlots, Reply
from bookings_sync.dialects.writes import (
    BlockOffRequest,
    Booked,
    BookingRequest,
    Opening,
    Saved,
    Schedule,
    ServiceMember,
    ServiceRequest,
    TeamRequest,
)
from bookings_sync.planning.scopes import Scope
from bookings_sync.records.json_text import Record, Records

__all__ = [
    "BlockOffRequest",
    "Booked",
    "BookingRequest",
    "Client",
    "ConnectionPool",
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
