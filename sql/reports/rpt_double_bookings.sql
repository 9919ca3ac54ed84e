/*
Grain: one row per location, member and pair of bookings that overlap.
Question: Where is a member booked twice at the same time?
Key: location_id, appointment_id, other_appointment_id
Clock: day
Notes: Both bookings take time (fct_appointments.takes_time), have the same member, and start on one of the 28 local
  days before today, today or later. Bookings of one service with the same start are a class, not a double booking, if
  the service has several seats per slot. The pair is named once: the earlier booking first.
Audits:
  not null: location_id, member_id, appointment_id, other_appointment_id
  references: location_id, member_id -> marts.dim_member (location_id, member_id)
  check in_order: starts_at <= other_starts_at
  range: overlap_minutes from 0
Columns:
  service_id: The service of the earlier booking.
  starts_at: Start of the earlier booking, UTC.
  other_appointment_id: The later booking.
  other_service_id: The service of the later booking.
  other_starts_at: Start of the later booking, UTC.
  overlap_minutes: Minutes for which both take place.
*/
WITH todays AS (
  SELECT location_id, CAST($now AT TIME ZONE timezone AS DATE) AS today FROM marts.dim_location
), bookings AS (
  SELECT
    bookings.location_id,
    bookings.appointment_id,
    bookings.member_id,
    bookings.service_id,
    bookings.starts_at,
    bookings.local_start,
    CAST(EXTRACT(EPOCH FROM bookings.starts_at) AS DOUBLE) / 60 AS from_minute,
    CAST(EXTRACT(EPOCH FROM bookings.starts_at) AS DOUBLE) / 60 + bookings.duration_minutes AS to_minute,
    CAST(FLOOR(EXTRACT(EPOCH FROM bookings.starts_at) / 86400.0) AS BIGINT) AS utc_day,
    COALESCE(service.appointments_per_slot > 1, FALSE) AS is_class
  FROM marts.fct_appointments AS bookings
  JOIN todays ON todays.location_id = bookings.location_id
  LEFT JOIN marts.dim_service AS service
    ON service.location_id = bookings.location_id AND service.service_id = bookings.service_id
  WHERE bookings.takes_time
    AND bookings.member_id IS NOT NULL
    AND bookings.duration_minutes > 0
    AND bookings.duration_minutes <= 1440 -- a longer one is an error in its end, and overlaps everything
    AND bookings.local_date >= todays.today - 28
), earlier_bookings AS (
  -- A booking lasts a day at most, so what overlaps it begins on the same day or on the next.
  SELECT bookings.*, bookings.utc_day + following.days AS day_of_later
  FROM bookings
  CROSS JOIN (VALUES (0), (1)) AS following (days)
)
SELECT
  earlier.location_id,
  earlier.member_id,
  earlier.appointment_id,
  earlier.service_id,
  earlier.starts_at,
  earlier.local_start,
  later.appointment_id AS other_appointment_id,
  later.service_id AS other_service_id,
  later.starts_at AS other_starts_at,
  CAST(FLOOR(LEAST(earlier.to_minute, later.to_minute) - later.from_minute) AS BIGINT) AS overlap_minutes
FROM earlier_bookings AS earlier
JOIN bookings AS later
  ON later.location_id = earlier.location_id
  AND later.member_id = earlier.member_id
  AND later.utc_day = earlier.day_of_later
  AND later.from_minute >= earlier.from_minute
  AND later.from_minute < earlier.to_minute
  AND (later.from_minute > earlier.from_minute OR later.appointment_id > earlier.appointment_id)
WHERE NOT (
  earlier.is_class AND earlier.from_minute = later.from_minute
  AND earlier.service_id IS NOT DISTINCT FROM later.service_id
)
