"""Today: what the page shows first. Bookings of today and tomorrow, work left over, and the next free times.

Input:  the published marts, and the index that numbers locations, services and members.
Output: `Today`. It holds times, services, members and statuses; no contact, no title and no appointment's id.

Days are each location's own: age 0 is its today, 1 its tomorrow. A minute counts from local midnight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bookings_sync.report.marts import Marts

if TYPE_CHECKING:
    from bookings_sync.report.index import CountTable, Index

NEEDED = ("rpt_worklist", "rpt_coverage")
"""The most downstream marts that only this section reads."""
FREE_DAYS = 28
"""Days in which free times are looked for, including today."""
FREE_TIMES = 3
"""Free times shown for each service."""
_SLOTS_COMPARED = 60
"""Free slots of each service that are compared with its members' bookings. Members who are free in none have no row."""
_LONGEST_DAYS = 31
"""A booking or time off that began longer ago than this is taken to have ended."""

STATUSES = ("new", "confirmed", "showed", "noshow", "booked", "other", "unknown")
"""The statuses of bookings that are neither cancelled nor invalid, as in `fct_appointments`."""


@dataclass(frozen=True, slots=True)
class Today:
    """The tables of the section, of whole numbers. `status` is an index into `statuses`.

    - `zones`: (time zone, its source) of each location, as in `dim_location`.
    - `bookings`: today's and tomorrow's that are neither cancelled nor invalid. `begun` is 1 or 0.
    - `duty`: hours in which a member works. `free` is 0 if the whole hour is blocked off.
    - `to_mark`: bookings of the last 28 days that nobody marked.
    - `free`: the next free times of each service. `read` is how long ago they were read, in minutes; -1 if unknown.
    - `free_members`: the next free time of each member of a service.
    """

    zones: list[tuple[str, str]]
    statuses: tuple[str, ...]
    bookings: CountTable
    duty: CountTable
    to_mark: CountTable
    free: CountTable
    free_members: CountTable


_ZONES = "SELECT location_id, timezone, timezone_source FROM marts.dim_location"
_HERE = """
  SELECT location_id, CAST($now AT TIME ZONE timezone AS DATE) AS today, $now AS now FROM marts.dim_location
"""
_STATUS = "CASE bookings.status " + " ".join(f"WHEN '{name}' THEN {at}" for at, name in enumerate(STATUSES)) + " END"
_MINUTE = "CAST(EXTRACT(HOUR FROM local_start) * 60 + EXTRACT(MINUTE FROM local_start) AS INTEGER)"

_BOOKINGS = f"""
WITH here AS ({_HERE})
SELECT bookings.location_id, bookings.team_id, bookings.service_id, bookings.local_date - here.today,
  bookings.member_id, {_MINUTE}, CAST(COALESCE(bookings.duration_minutes, 0) AS INTEGER), {_STATUS},
  CASE WHEN bookings.starts_at <= $now THEN 1 ELSE 0 END
FROM marts.fct_appointments AS bookings
JOIN here ON here.location_id = bookings.location_id
WHERE bookings.is_expected AND bookings.local_date BETWEEN here.today AND here.today + 1
"""  # noqa: S608 - our own names
_DUTY = f"""
WITH here AS ({_HERE})
SELECT worked.location_id, worked.member_id, worked.local_date - here.today, worked.local_hour,
  CASE WHEN worked.office_minutes > worked.blocked_minutes THEN 1 ELSE 0 END
FROM marts.fct_staff_hours AS worked
JOIN here ON here.location_id = worked.location_id
WHERE worked.local_date BETWEEN here.today AND here.today + 1 AND worked.office_minutes > 0
"""  # noqa: S608 - our own names
_TO_MARK = f"""
SELECT bookings.location_id, bookings.team_id, bookings.service_id, -work.days_since, bookings.member_id,
  {_MINUTE.replace("local_start", "bookings.local_start")}, {_STATUS}
FROM marts.rpt_worklist AS work
JOIN marts.fct_appointments AS bookings
  ON bookings.location_id = work.location_id AND bookings.appointment_id = work.appointment_id
WHERE work.task = 'to mark'
"""  # noqa: S608 - our own names
# Slots that can still be booked. The two queries of free times begin with them.
_FREE_SLOTS = f"""
WITH here AS ({_HERE}), free_slots AS (
  SELECT slots.location_id, service.team_id, slots.service_id, slots.local_date, slots.local_date - here.today AS age,
    here.now,
    {_MINUTE} AS start_minute, slots.starts_at, slots.free_seats, slots.slot_duration_minutes,
    ROW_NUMBER() OVER (PARTITION BY slots.location_id, slots.service_id ORDER BY slots.starts_at) AS place
  FROM marts.fct_slots AS slots
  JOIN here ON here.location_id = slots.location_id
  JOIN marts.dim_service AS service
    ON service.location_id = slots.location_id AND service.service_id = slots.service_id
  WHERE slots.state = 'free' AND slots.gone_at IS NULL AND NOT service.is_deleted
    AND slots.starts_at > $now AND slots.local_date < here.today + {FREE_DAYS}
    AND EXTRACT(EPOCH FROM slots.starts_at) - EXTRACT(EPOCH FROM here.now) >= service.booking_notice_minutes * 60
)
"""  # noqa: S608 - our own names
_FREE = f"""{_FREE_SLOTS}
SELECT free_slots.location_id, free_slots.team_id, free_slots.service_id, free_slots.age, free_slots.start_minute,
  free_slots.free_seats,
  COALESCE(CAST(FLOOR((EXTRACT(EPOCH FROM free_slots.now) - EXTRACT(EPOCH FROM coverage.fresh_at)) / 60) AS BIGINT), -1)
FROM free_slots
LEFT JOIN marts.rpt_coverage AS coverage
  ON coverage.location_id = free_slots.location_id AND coverage.endpoint = 'slots' AND coverage.scope = 'service'
  AND coverage.scope_id = free_slots.service_id
WHERE free_slots.place <= {FREE_TIMES}
"""  # noqa: S608 - our own names
_FREE_MEMBERS = f"""{_FREE_SLOTS}
, member_slots AS (
  SELECT free_slots.*, assigned.member_id,
    EXTRACT(EPOCH FROM free_slots.starts_at) AS start_second,
    EXTRACT(EPOCH FROM free_slots.starts_at) + COALESCE(free_slots.slot_duration_minutes, 1) * 60 AS end_second
  FROM free_slots
  JOIN marts.dim_service_member AS assigned
    ON assigned.location_id = free_slots.location_id AND assigned.service_id = free_slots.service_id
    AND (assigned.from_date IS NULL OR assigned.from_date <= free_slots.local_date)
    AND (assigned.before_date IS NULL OR assigned.before_date > free_slots.local_date)
  WHERE free_slots.place <= {_SLOTS_COMPARED}
), busy_times AS (
  SELECT location_id, member_id, EXTRACT(EPOCH FROM starts_at) AS start_second,
    EXTRACT(EPOCH FROM starts_at) + COALESCE(duration_minutes, 1) * 60 AS end_second,
    CASE WHEN takes_time THEN service_id END AS own_service_id
  FROM marts.fct_appointments
  WHERE (takes_time OR blocks_time) AND member_id IS NOT NULL
    AND starts_at >= $now - INTERVAL {_LONGEST_DAYS} DAY
), busy_slots AS (
  -- A booking of the same class is no obstacle: the slot is listed, so the class has a seat.
  SELECT DISTINCT slots.location_id, slots.service_id, slots.member_id, slots.starts_at
  FROM member_slots AS slots
  JOIN busy_times AS busy ON busy.location_id = slots.location_id AND busy.member_id = slots.member_id
  WHERE busy.start_second < slots.end_second AND busy.end_second > slots.start_second
    AND NOT (busy.start_second = slots.start_second AND COALESCE(busy.own_service_id = slots.service_id, FALSE))
), first_slots AS (
  SELECT slots.location_id, slots.team_id, slots.service_id, slots.age, slots.member_id, slots.start_minute,
    ROW_NUMBER() OVER (
      PARTITION BY slots.location_id, slots.service_id, slots.member_id ORDER BY slots.starts_at
    ) AS place
  FROM member_slots AS slots
  LEFT JOIN busy_slots AS busy
    ON busy.location_id = slots.location_id AND busy.service_id = slots.service_id
    AND busy.member_id = slots.member_id AND busy.starts_at = slots.starts_at
  WHERE busy.location_id IS NULL
)
SELECT location_id, team_id, service_id, age, member_id, start_minute FROM first_slots WHERE place = 1
"""  # noqa: S608 - our own names


def read_today(marts: Marts, index: Index) -> Today:
    """Reads the section's tables at the time of `marts`."""
    zones = {location_id: (zone, source) for location_id, zone, source in marts.rows(_ZONES)}
    return Today(
        zones=[zones[location_id] for location_id in index.location_ids],
        statuses=STATUSES,
        bookings=index.by_combo(
            marts.rows(_BOOKINGS), ("combo", "age", "member", "minute", "minutes", "status", "begun")
        ),
        duty=index.by_location(marts.rows(_DUTY), ("location", "member", "age", "hour", "free")),
        to_mark=index.by_combo(marts.rows(_TO_MARK), ("combo", "age", "member", "minute", "status")),
        free=index.by_combo(marts.rows(_FREE), ("combo", "age", "minute", "seats", "read")),
        free_members=index.by_combo(marts.rows(_FREE_MEMBERS), ("combo", "age", "member", "minute")),
    )
