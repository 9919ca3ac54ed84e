/*
Grain: one row per location, service and start of a slot.
Question: How many more bookings could the members of a service take in each slot?
Key: location_id, service_id, starts_at
Notes: The step before fct_slots, which says what became of each slot. A member has a calendar: their bookings and
  time off in all services. A member is busy elsewhere if more entries of the calendar overlap the slot than bookings
  of the slot itself. Else the member has seats_per_slot minus these bookings left. Bookings and time off that name no
  member are in a calendar of the service; each takes the seat of some member. A service without members has that
  calendar only. A slot that disappeared before it began, other than within the booking notice that the service had
  then, has no seats: the API stops listing slots that are too late to book. Members, seats and durations are those of
  the day (fct_service_days).
Audits:
  not null: location_id, service_id, starts_at, local_date, free_seats, bookings, has_booked_member
  range: free_seats from 0
  range: free_seat_minutes from 0
Columns:
  service_id: The service.
  local_start: Start, on the location's clock.
  local_date: Local day of the start.
  free_seats: Bookings that the service's members could still take.
  free_seat_minutes: Minutes of these seats; a member's seat ends where the next free slot of the same member begins. Null
    if the slot duration is not known.
  bookings: Bookings of the service that begin with the slot.
  has_booked_member: Whether a member of the service has a booking during the slot, of this or another service.
  first_seen_at: When the slot's current version was first seen, UTC.
  gone_at: When the slot was found to be gone, UTC; null if it never disappeared before it began.
*/
WITH distinct_starts AS (
  -- Time zone conversion is slow and many slots share a start, so each start is converted once.
  SELECT DISTINCT location.timezone, slots.starts_at
  FROM staging.stg_slots AS slots
  JOIN marts.dim_location AS location ON location.location_id = slots.location_id
), local_starts AS (
  SELECT
    timezone,
    starts_at,
    CAST(FLOOR(EXTRACT(EPOCH FROM starts_at)) AS BIGINT) AS start_second,
    starts_at AT TIME ZONE timezone AS local_start
  FROM distinct_starts
), members AS (
  -- Calendars are numbered: sorting and joining by text ids takes three times as long.
  SELECT location_id, member_id, ROW_NUMBER() OVER (ORDER BY location_id, member_id) AS calendar
  FROM marts.dim_member
), services AS (
  -- The service's own calendar; its number is negative and stands for the service too.
  SELECT
    service.location_id,
    service.service_id,
    location.timezone,
    service.booking_notice_minutes,
    -ROW_NUMBER() OVER (ORDER BY service.location_id, service.service_id) AS service
  FROM marts.dim_service AS service
  JOIN marts.dim_location AS location ON location.location_id = service.location_id
), service_rules AS (
  SELECT
    location_id,
    service_id,
    COALESCE(booking_notice_minutes, 0) AS booking_notice_minutes,
    valid_from,
    COALESCE(valid_to, CAST('9999-01-01' AS TIMESTAMPTZ)) AS valid_until
  FROM staging.stg_service_versions
), slots AS (
  SELECT
    slots.location_id,
    slots.service_id,
    services.service,
    slots.starts_at,
    local_starts.local_start,
    CAST(local_starts.local_start AS DATE) AS local_date,
    local_starts.start_second,
    local_starts.start_second + CAST(COALESCE(days.slot_duration_minutes, 0) * 60 AS BIGINT) AS end_second,
    days.slot_duration_minutes,
    COALESCE(days.seats_per_slot, 1) AS seats_per_slot,
    COALESCE(days.members, 0) AS members,
    COALESCE(
      EXTRACT(EPOCH FROM slots.starts_at) - EXTRACT(EPOCH FROM slots.deleted_at)
        <= COALESCE(rules.booking_notice_minutes, services.booking_notice_minutes) * 60,
      TRUE
    ) AS is_listed,
    slots.valid_from AS first_seen_at,
    slots.deleted_at AS gone_at
  FROM staging.stg_slots AS slots
  JOIN services ON services.location_id = slots.location_id AND services.service_id = slots.service_id
  JOIN local_starts ON local_starts.timezone = services.timezone AND local_starts.starts_at = slots.starts_at
  LEFT JOIN marts.fct_service_days AS days
    ON days.location_id = slots.location_id
    AND days.service_id = slots.service_id
    AND days.local_date = CAST(local_starts.local_start AS DATE)
  LEFT JOIN service_rules AS rules -- those of the time when the slot disappeared
    ON rules.location_id = slots.location_id
    AND rules.service_id = slots.service_id
    AND rules.valid_from <= slots.deleted_at
    AND rules.valid_until > slots.deleted_at
), slot_calendars AS (
  -- A bucket is six hours: slots and entries are joined by it, so each slot meets the entries of a few hours only.
  SELECT
    slots.service,
    members.calendar,
    slots.start_second,
    slots.end_second,
    slots.seats_per_slot AS seats,
    slots.is_listed,
    CAST(FLOOR(slots.start_second / 21600.0) AS BIGINT) AS bucket
  FROM slots
  JOIN marts.dim_service_member AS assigned
    ON assigned.location_id = slots.location_id
    AND assigned.service_id = slots.service_id
    AND (assigned.from_date IS NULL OR assigned.from_date <= slots.local_date)
    AND (assigned.before_date IS NULL OR assigned.before_date > slots.local_date)
  JOIN members ON members.location_id = assigned.location_id AND members.member_id = assigned.member_id
  UNION ALL
  SELECT
    service,
    service,
    start_second,
    end_second,
    CASE WHEN members = 0 THEN seats_per_slot ELSE 0 END,
    is_listed,
    CAST(FLOOR(start_second / 21600.0) AS BIGINT)
  FROM slots
), entries AS (
  -- An entry without a duration lasts a second, so that it still overlaps the slot that it begins in.
  SELECT
    COALESCE(members.calendar, services.service) AS calendar,
    services.service,
    appointments.takes_time,
    CAST(FLOOR(EXTRACT(EPOCH FROM appointments.starts_at)) AS BIGINT) AS start_second,
    CAST(FLOOR(EXTRACT(EPOCH FROM appointments.starts_at)) AS BIGINT)
      + GREATEST(COALESCE(CAST(appointments.duration_minutes * 60 AS BIGINT), 1), 1) AS end_second
  FROM marts.fct_appointments AS appointments
  LEFT JOIN members
    ON members.location_id = appointments.location_id AND members.member_id = appointments.member_id
  LEFT JOIN services
    ON services.location_id = appointments.location_id AND services.service_id = appointments.service_id
  WHERE (appointments.takes_time OR appointments.blocks_time) AND appointments.starts_at IS NOT NULL
), longest_slots AS (
  SELECT calendar, MAX(end_second - start_second) AS seconds FROM slot_calendars GROUP BY calendar
), entry_ranges AS (
  SELECT
    entries.*,
    -- A slot is in the bucket of its start, which may be that much before the entry.
    CAST(FLOOR((entries.start_second - longest_slots.seconds) / 21600.0) AS BIGINT) AS first_bucket,
    CAST(FLOOR((entries.end_second - 1) / 21600.0) AS BIGINT) AS last_bucket
  FROM entries
  JOIN longest_slots ON longest_slots.calendar = entries.calendar
), slot_buckets AS (
  SELECT DISTINCT calendar, bucket FROM slot_calendars
), entry_buckets AS (
  -- Each entry once per bucket: the first, the last, and those between that have slots.
  SELECT entry_ranges.*, first_bucket AS bucket FROM entry_ranges
  UNION ALL
  SELECT entry_ranges.*, last_bucket FROM entry_ranges WHERE last_bucket > first_bucket
  UNION ALL
  SELECT entry_ranges.*, slot_buckets.bucket
  FROM entry_ranges
  JOIN slot_buckets
    ON slot_buckets.calendar = entry_ranges.calendar
    AND slot_buckets.bucket > entry_ranges.first_bucket
    AND slot_buckets.bucket < entry_ranges.last_bucket
  WHERE entry_ranges.last_bucket > entry_ranges.first_bucket + 1
), overlapped AS (
  SELECT
    slots.service,
    slots.calendar,
    slots.start_second,
    MAX(slots.seats) AS seats,
    COUNT(*) AS entries,
    CAST(COUNT_IF(entries.takes_time) AS BIGINT) AS bookings,
    CAST(COUNT_IF(COALESCE(
      entries.takes_time AND entries.service = slots.service AND entries.start_second = slots.start_second, FALSE
    )) AS BIGINT) AS own_bookings
  FROM slot_calendars AS slots
  JOIN entry_buckets AS entries
    ON entries.calendar = slots.calendar
    AND entries.bucket = slots.bucket
    AND entries.start_second < GREATEST(slots.end_second, slots.start_second + 1)
    AND entries.end_second > slots.start_second
  GROUP BY slots.service, slots.calendar, slots.start_second
), calendar_seats AS (
  SELECT
    slots.service,
    slots.calendar,
    slots.start_second,
    slots.end_second,
    CASE
      WHEN overlapped.entries > overlapped.own_bookings THEN 0 -- busy elsewhere
      ELSE GREATEST(slots.seats - COALESCE(overlapped.own_bookings, 0), 0)
    END AS seats_left
  FROM slot_calendars AS slots
  LEFT JOIN overlapped
    ON overlapped.service = slots.service
    AND overlapped.calendar = slots.calendar
    AND overlapped.start_second = slots.start_second
  WHERE slots.is_listed AND slots.seats > 0
), bookings_of_nobody AS (
  -- In the calendar of a service that has members, which therefore has no seats of its own.
  SELECT service, start_second, own_bookings + CASE WHEN entries > own_bookings THEN 1 ELSE 0 END AS bookings
  FROM overlapped
  WHERE calendar < 0 AND seats = 0
), seats_in_turn AS (
  -- The bookings of nobody take the seats of the first members.
  SELECT
    seats.service,
    seats.calendar,
    seats.start_second,
    seats.end_second,
    seats.seats_left,
    SUM(seats.seats_left) OVER (
      PARTITION BY seats.service, seats.start_second ORDER BY seats.calendar
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) - nobody.bookings AS seats_so_far
  FROM calendar_seats AS seats
  JOIN bookings_of_nobody AS nobody ON nobody.service = seats.service AND nobody.start_second = seats.start_second
  WHERE seats.seats_left > 0
), free_seats AS (
  SELECT seats.service, seats.calendar, seats.start_second, seats.end_second, seats.seats_left AS seats
  FROM calendar_seats AS seats
  LEFT JOIN bookings_of_nobody AS nobody
    ON nobody.service = seats.service AND nobody.start_second = seats.start_second
  WHERE seats.seats_left > 0 AND nobody.service IS NULL
  UNION ALL
  SELECT service, calendar, start_second, end_second, LEAST(seats_left, seats_so_far)
  FROM seats_in_turn
  WHERE seats_so_far > 0
), free_times AS (
  SELECT
    *,
    LEAD(start_second) OVER (PARTITION BY service, calendar ORDER BY start_second) AS next_start_second
  FROM free_seats
), slot_sums AS (
  SELECT
    service,
    start_second,
    CAST(SUM(seats) AS BIGINT) AS seats,
    SUM(seats * (LEAST(end_second, COALESCE(next_start_second, end_second)) - start_second)) AS seconds
  FROM free_times
  GROUP BY service, start_second
), booked_slots AS (
  SELECT DISTINCT service, start_second FROM overlapped WHERE bookings > 0
), service_bookings AS (
  SELECT service, start_second, COUNT(*) AS bookings
  FROM entries
  WHERE takes_time AND service IS NOT NULL
  GROUP BY service, start_second
)
SELECT
  slots.location_id,
  slots.service_id,
  slots.starts_at,
  slots.local_start,
  slots.local_date,
  slots.slot_duration_minutes,
  COALESCE(slot_sums.seats, 0) AS free_seats,
  CASE
    WHEN slots.slot_duration_minutes IS NOT NULL THEN CAST(FLOOR(COALESCE(slot_sums.seconds, 0) / 60.0) AS BIGINT)
  END AS free_seat_minutes,
  COALESCE(service_bookings.bookings, 0) AS bookings,
  booked_slots.service IS NOT NULL AS has_booked_member,
  slots.first_seen_at,
  slots.gone_at
FROM slots
LEFT JOIN slot_sums ON slot_sums.service = slots.service AND slot_sums.start_second = slots.start_second
LEFT JOIN booked_slots ON booked_slots.service = slots.service AND booked_slots.start_second = slots.start_second
LEFT JOIN service_bookings
  ON service_bookings.service = slots.service AND service_bookings.start_second = slots.start_second
